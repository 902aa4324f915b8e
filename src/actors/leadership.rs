//! Whether this replica of the service may act.

use std::sync::Arc;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::ports::election::Claim;

/// The leadership as the autoscalers see it.
#[derive(Clone)]
pub struct Leadership(Kind);

#[derive(Clone)]
enum Kind {
    /// There are no other replicas.
    Alone,
    Elected {
        claim: watch::Receiver<Claim>,
        clock: Clock,
        identity: Arc<str>,
    },
}

impl Leadership {
    /// That of the only replica.
    pub fn alone() -> Self {
        Self(Kind::Alone)
    }

    /// That of one of several, which is named `identity`.
    pub fn elected(claim: watch::Receiver<Claim>, clock: Clock, identity: Arc<str>) -> Self {
        Self(Kind::Elected { claim, clock, identity })
    }

    /// Whether it is certain that this replica leads: no other one can at this moment.
    pub fn is_ours(&self) -> bool {
        self.term().is_some()
    }

    /// The term in which this replica leads, which is another one each time that the leadership changes hands; `None` when
    /// it does not lead for certain.
    pub(super) fn term(&self) -> Option<u64> {
        match &self.0 {
            Kind::Alone => Some(0),
            Kind::Elected { claim, clock, .. } => {
                let claim = claim.borrow();
                claim.ours_until.filter(|until| clock.steady() < *until).map(|_| claim.transitions)
            }
        }
    }

    /// Who leads, as far as is known; `None` when there are no other replicas, or none leads.
    pub fn leader(&self) -> Option<Arc<str>> {
        match &self.0 {
            Kind::Alone => None,
            Kind::Elected { claim, .. } => claim.borrow().holder.clone(),
        }
    }

    /// Whether another replica leads, as far as is known.
    pub fn is_led_by_another(&self) -> bool {
        self.leader().is_some_and(|leader| !leader.is_empty() && *leader != *self.identity())
    }

    /// The name of this replica; empty when there are no others.
    pub fn identity(&self) -> &str {
        match &self.0 {
            Kind::Alone => "",
            Kind::Elected { identity, .. } => identity,
        }
    }

    /// Why this replica does not act.
    pub(super) fn why_not(&self) -> String {
        match self.leader() {
            Some(leader) if self.is_led_by_another() => format!("{leader} leads, and scales"),
            _ => "no replica of the service is known to lead at present".to_owned(),
        }
    }

    /// Completes when something about the leadership has changed; never when there are no other replicas.
    pub(super) async fn changed(&mut self) {
        match &mut self.0 {
            Kind::Alone => std::future::pending().await,
            Kind::Elected { claim, .. } => {
                if claim.changed().await.is_err() {
                    // The election has ended with the service.
                    std::future::pending().await
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::TimeDelta;

    use super::*;
    use crate::domain::Timestamp;

    #[tokio::test(start_paused = true)]
    async fn a_claim_ends_by_itself_when_it_is_not_renewed() {
        let clock = Clock::scaled(Timestamp::UNIX_EPOCH, 1.0);
        let until = |seconds| Some(clock.steady() + TimeDelta::seconds(seconds));
        let (claims, claim) = watch::channel(Claim { ours_until: until(10), ..Claim::default() });
        let leadership = Leadership::elected(claim, clock, "me".into());
        assert!(leadership.is_ours());
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(!leadership.is_ours(), "at the very end it is over");
        claims.send_modify(|claim| claim.ours_until = until(1));
        assert!(leadership.is_ours());
        claims.send_replace(Claim { holder: Some("another".into()), ..Claim::default() });
        assert!(!leadership.is_ours());
        assert_eq!(leadership.why_not(), "another leads, and scales");
    }
}
