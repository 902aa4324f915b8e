//! Does to the Lease what the candidate may do.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::api::ObjectMeta;

use super::super::outage::Outage;
use super::Shared;
use super::candidate::{Candidate, Step};
use super::record::{Record, confirm, release, renew, take, want_mode, wanted_mode};
use crate::ports::ClusterError;

/// How often a change is tried again at once that somebody else's came before. A conflict is no trouble: the Lease has
/// annotations that others may write at any time.
const TRIES: usize = 3;

/// Tokio's timer may end a little early.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);

/// The candidate, and the Lease as it knows it.
pub(super) struct Keeper {
    candidate: Candidate,
    lasts: Duration,
    /// The Lease as it was answered last, if it is this process's, and how often this process had switched the mode when
    /// it was asked for; `None` when it has to be read first.
    known: Option<(Lease, u64)>,
    /// Whether the last turn did what it was to do.
    worked: bool,
    outage: Outage,
}

impl Keeper {
    pub(super) fn new(identity: Arc<str>, lasts: Duration) -> Self {
        let outage = Outage::new("The election of the leader");
        Self { candidate: Candidate::new(identity, lasts), lasts, known: None, worked: false, outage }
    }

    /// Looks at the Lease, and takes or renews it if that is this process's.
    pub(super) async fn turn(&mut self, shared: &Shared) {
        self.worked = false;
        for _ in 0..TRIES {
            match self.try_turn(shared).await {
                Ok(()) => {
                    self.worked = true;
                    self.outage.worked();
                    return;
                }
                // Somebody else was faster: what is it now?
                Err(ClusterError::Conflict(_)) => {}
                Err(error) => {
                    self.outage.failed(&error);
                    return;
                }
            }
        }
    }

    /// How long to wait before the next turn. A Lease that is to be taken is taken as soon as it is free: whoever looks only
    /// now and then has the leader missing for longer.
    pub(super) fn pause(&self, shared: &Shared) -> Duration {
        let pause = self.period(shared).mul_f64(0.8 + 0.4 * fastrand::f64());
        let until_free = self.candidate.free_at().map(|at| (at - shared.clock.steady()).to_std().unwrap_or_default());
        // What is free already was asked for in this turn.
        until_free.filter(|until| !until.is_zero()).map_or(pause, |until| pause.min(until.max(SHORTEST_PAUSE)))
    }

    fn period(&self, shared: &Shared) -> Duration {
        let usual = shared.settings.period();
        if self.worked && shared.is_watched() {
            return shared.settings.period_while_watched();
        }
        if self.worked || !shared.leads() {
            return usual;
        }
        // What is left of the claim must be enough for another try, and for its answer.
        (shared.left() / 2).clamp(usual / 8, usual)
    }

    async fn try_turn(&mut self, shared: &Shared) -> Result<(), ClusterError> {
        let switches = shared.local().switches;
        // One from before a switch has the mode from before it, which would pass for somebody else's will.
        let lease = match self.known.take().filter(|(_, at)| *at == switches) {
            Some((lease, _)) => Some(lease),
            None => shared.read().await?,
        };
        let record = lease.as_ref().map(Record::of).transpose()?;
        let now = shared.clock.steady();
        let step = self.candidate.look(record.as_ref(), now);
        shared.publish(lease.as_ref(), switches, self.candidate.ours_until(now));
        // Who knows nothing yet leaves the lead to another, but does not give up what it has.
        let waits = step == Step::Wait || (step != Step::Renew && !shared.is_ready());
        if waits || shared.has_resigned() {
            return Ok(());
        }

        let mut lease = lease.unwrap_or_else(|| Lease {
            metadata: ObjectMeta { name: Some(shared.settings.name.clone()), ..ObjectMeta::default() },
            spec: None,
        });
        let time = shared.clock.now();
        if step != Step::Renew {
            take(&mut lease, &shared.identity, self.candidate.term(time));
        }
        renew(&mut lease, time, self.lasts);
        let known_mode = shared.claim.borrow().mode;
        if let Some(mode) = known_mode.filter(|_| wanted_mode(&lease).is_none()) {
            // Whoever deletes the Lease or its annotation has not switched the mode.
            want_mode(&mut lease, mode);
        }
        let switches = {
            let local = shared.local();
            confirm(&mut lease, local.confirmed, &shared.identity);
            local.switches
        };
        // Before it is sent: from when it is accepted others wait for it, so this must not count from later.
        let sent = shared.clock.steady();
        let written = match step {
            Step::Create => shared.create(&lease).await?,
            _ => shared.replace(&lease).await?,
        };
        let now = shared.clock.steady();
        self.candidate.accepted(Record::of(&written)?, sent, now);
        shared.publish(Some(&written), switches, self.candidate.ours_until(now));
        self.known = Some((written, switches));
        Ok(())
    }

    /// Lets go of the Lease, if it is this process's.
    pub(super) async fn release(&mut self, shared: &Shared) {
        self.candidate.stop();
        for _ in 0..TRIES {
            match self.try_release(shared).await {
                Ok(()) => break,
                Err(ClusterError::Conflict(_)) => {}
                Err(error) => {
                    log::warn!("{} could not give up the leadership, so the others wait: {error}", shared.identity);
                    break;
                }
            }
        }
    }

    async fn try_release(&mut self, shared: &Shared) -> Result<(), ClusterError> {
        let switches = shared.local().switches;
        let lease = match self.known.take() {
            Some((lease, _)) => Some(lease),
            None => shared.read().await?,
        };
        let Some(mut lease) = lease else { return Ok(()) };
        if !self.candidate.is_mine(&Record::of(&lease)?) {
            return Ok(());
        }
        release(&mut lease, shared.clock.now());
        let written = shared.replace(&lease).await?;
        shared.publish(Some(&written), switches, None);
        Ok(())
    }
}
