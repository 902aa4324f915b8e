//! Another writer of the same workload's replicas: an HPA, a GitOps tool, a person. Two of them without end would pull the
//! workload to and fro, so an autoscaler whose changes are reversed again and again leaves the workload to the other.

use std::time::Duration;

use super::autoscaler::OnConflict;
use super::limits::direction;
use super::{Timestamp, is_younger};

/// So many reversals within [`REVERSALS_WITHIN`] are a fight.
pub const REVERSALS: usize = 3;

/// See [`REVERSALS`].
pub const REVERSALS_WITHIN: Duration = Duration::from_secs(600);

/// What an autoscaler remembers of other writers.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Conflicts {
    /// The last change of its own, unless that has been reversed.
    pub own: Option<OwnChange>,
    /// When its changes were reversed of late, oldest first.
    pub reversals: Vec<Timestamp>,
    /// Whom it has left the workload to.
    pub yielded: Option<Yielded>,
}

/// A change that the autoscaler made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnChange {
    /// The replicas before.
    pub from: u32,
    /// The replicas after.
    pub to: u32,
}

/// The end of a fight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Yielded {
    /// Since when.
    pub at: Timestamp,
    /// To whom, as far as that is known.
    pub to: String,
}

/// A change that somebody else made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intrusion {
    /// The replicas before.
    pub from: u32,
    /// The replicas after.
    pub to: u32,
    /// Whether it goes against the last change that was made here.
    pub reverses: bool,
}

impl Conflicts {
    /// The autoscaler has changed the replicas.
    pub fn scaled(&mut self, from: u32, to: u32) {
        self.own = Some(OwnChange { from, to });
    }

    /// Somebody else (`by`) has changed the replicas. One reversal is counted for each change of the autoscaler's own.
    pub fn intruded(&mut self, from: u32, to: u32, by: &str, rule: OnConflict, now: Timestamp) -> Intrusion {
        let theirs = direction(from, to);
        let reverses = self.own.is_some_and(|own| theirs.is_some() && theirs != direction(own.from, own.to));
        if reverses {
            self.own = None;
            self.reversals.retain(|at| is_younger(*at, now, REVERSALS_WITHIN));
            self.reversals.push(now);
            if self.reversals.len() >= REVERSALS && rule == OnConflict::Yield && self.yielded.is_none() {
                self.yielded = Some(Yielded { at: now, to: by.to_owned() });
            }
        }
        Intrusion { from, to, reverses }
    }

    /// Somebody wants the autoscaler to try again.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

impl Yielded {
    /// Why nothing is scaled, and what to do about it.
    pub fn sentence(&self) -> String {
        format!(
            "{} reversed {REVERSALS} changes within {} min, so the workload is left to it: remove it and resume the \
             autoscaler, or set on_conflict to insist",
            self.to,
            REVERSALS_WITHIN.as_secs() / 60
        )
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    /// Scales 2 -> 4 and has it reversed, at each of these times.
    fn fight(rule: OnConflict, times: &[i64]) -> Conflicts {
        let mut conflicts = Conflicts::default();
        for second in times {
            conflicts.scaled(2, 4);
            assert!(conflicts.intruded(4, 2, "kubectl", rule, at(*second)).reverses);
        }
        conflicts
    }

    #[test]
    fn it_yields_at_the_third_reversal_within_ten_minutes() {
        assert_eq!(fight(OnConflict::Yield, &[0, 300]).yielded, None);
        let yielded = fight(OnConflict::Yield, &[0, 300, 599]).yielded.unwrap();
        assert_eq!((yielded.at, &*yielded.to), (at(599), "kubectl"));
        assert!(yielded.sentence().starts_with("kubectl reversed 3 changes within 10 min"), "{}", yielded.sentence());
        assert_eq!(fight(OnConflict::Yield, &[0, 300, 600]).yielded, None, "the first is too old");
    }

    #[test]
    fn it_insists_when_it_is_told_to() {
        assert_eq!(fight(OnConflict::Insist, &[0, 1, 2, 3, 4]).yielded, None);
    }

    #[test]
    fn a_change_in_the_same_direction_and_one_without_a_change_of_its_own_reverse_nothing() {
        let mut conflicts = Conflicts::default();
        assert!(!conflicts.intruded(4, 2, "a person", OnConflict::Yield, at(0)).reverses);
        conflicts.scaled(2, 4);
        assert!(!conflicts.intruded(4, 6, "a person", OnConflict::Yield, at(1)).reverses);
        assert!(conflicts.intruded(6, 5, "a person", OnConflict::Yield, at(2)).reverses);
        assert!(!conflicts.intruded(5, 3, "a person", OnConflict::Yield, at(3)).reverses, "it was counted already");
    }

    #[test]
    fn who_tries_again_begins_without_a_past() {
        let mut conflicts = fight(OnConflict::Yield, &[0, 1, 2]);
        conflicts.forget();
        assert_eq!(conflicts, Conflicts::default());
    }
}
