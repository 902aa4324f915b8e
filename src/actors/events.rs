//! What happens to the autoscalers beyond mere evaluation, in order, for those who follow it: a bounded journal that a
//! reader who was away can catch up with.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::domain::Timestamp;
use crate::domain::access::CallerName;
use crate::domain::autoscaler::WorkloadRef;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A workload was put under autoscaling.
    Created,
    /// The definition was changed.
    Updated,
    /// It was paused.
    Paused,
    /// It was resumed.
    Resumed,
    /// It was deleted.
    Deleted,
    /// The workload was scaled.
    Scaled,
    /// It failed.
    Failed,
    /// Its failure is over.
    Recovered,
    /// Somebody else changed the workload's replicas.
    Conflict,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Created,
        Self::Updated,
        Self::Paused,
        Self::Resumed,
        Self::Deleted,
        Self::Scaled,
        Self::Failed,
        Self::Recovered,
        Self::Conflict,
    ];

    /// The kind's name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Deleted => "deleted",
            Self::Scaled => "scaled",
            Self::Failed => "failed",
            Self::Recovered => "recovered",
            Self::Conflict => "conflict",
        }
    }
}

/// Something that happened to an autoscaler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What.
    pub kind: EventKind,
    /// When, by the cluster's clock.
    pub at: Timestamp,
    /// The autoscaler's id.
    pub autoscaler: String,
    /// Its workload.
    pub workload: WorkloadRef,
    /// The replicas before and after, when it was scaled.
    pub change: Option<(u32, u32)>,
    /// Who did it, if somebody did and that is known.
    pub by: Option<CallerName>,
    /// What happened, for people.
    pub message: String,
}

/// Events that are not kept any more, or that this journal never had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("events were missed that are not kept any more")]
pub struct Missed;

/// The latest events. Each has a number, the first is 1.
#[derive(Debug)]
pub struct Journal {
    bound: usize,
    events: Mutex<VecDeque<Arc<Event>>>,
    /// The number of the latest event; 0 before the first.
    latest: watch::Sender<u64>,
}

impl Journal {
    /// A journal that keeps so many events.
    pub fn new(bound: usize) -> Self {
        Self { bound, events: Mutex::default(), latest: watch::Sender::new(0) }
    }

    pub(super) fn record(&self, event: Event) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        if events.len() == self.bound {
            events.pop_front();
        }
        events.push_back(Arc::new(event));
        // Within the lock, so that whoever reads a number finds its event.
        self.latest.send_modify(|latest| *latest += 1);
    }

    /// The number of the latest event, and a way to wait for the next.
    pub fn follow(&self) -> watch::Receiver<u64> {
        self.latest.subscribe()
    }

    /// The events after the one with this number, each with its own.
    pub fn since(&self, number: u64) -> Result<Vec<(u64, Arc<Event>)>, Missed> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let latest = *self.latest.borrow();
        let kept = events.len() as u64;
        let missing = latest.checked_sub(number).ok_or(Missed)?;
        let skipped = kept.checked_sub(missing).ok_or(Missed)?;
        let after = events.iter().skip(usize::try_from(skipped).unwrap_or(usize::MAX));
        Ok((number + 1..).zip(after.cloned()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::autoscaler::WorkloadKind;

    fn event(message: &str) -> Event {
        Event {
            kind: EventKind::Scaled,
            at: Timestamp::UNIX_EPOCH,
            autoscaler: "autoscaler-1".to_owned(),
            workload: WorkloadRef { kind: WorkloadKind::Deployment, namespace: "a".into(), name: "b".into() },
            change: Some((1, 2)),
            by: None,
            message: message.to_owned(),
        }
    }

    fn since(journal: &Journal, number: u64) -> Result<Vec<(u64, String)>, Missed> {
        let events = journal.since(number)?;
        Ok(events.into_iter().map(|(number, event)| (number, event.message.clone())).collect())
    }

    #[test]
    fn a_reader_gets_what_came_after_the_last_event_that_it_knows() {
        let journal = Journal::new(3);
        assert_eq!(since(&journal, 0), Ok(vec![]));
        for message in ["a", "b", "c"] {
            journal.record(event(message));
        }
        assert_eq!(since(&journal, 1), Ok(vec![(2, "b".into()), (3, "c".into())]));
        assert_eq!(since(&journal, 3), Ok(vec![]));
    }

    #[test]
    fn a_reader_who_was_away_for_too_long_is_told() {
        let journal = Journal::new(2);
        for message in ["a", "b", "c"] {
            journal.record(event(message));
        }
        assert_eq!(since(&journal, 0), Err(Missed));
        assert_eq!(since(&journal, 1), Ok(vec![(2, "b".into()), (3, "c".into())]));
        assert_eq!(since(&journal, 4), Err(Missed), "of another life of the service");
    }

    #[tokio::test]
    async fn a_reader_is_woken_by_the_next_event() {
        let journal = Journal::new(2);
        let mut follower = journal.follow();
        journal.record(event("a"));
        follower.changed().await.unwrap();
        assert_eq!(*follower.borrow(), 1);
    }
}
