//! What will happen in the cluster, and when.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use chrono::{DateTime, Utc};

/// Events in the order of their times; those of the same time in the order in which they were planned.
#[derive(Debug)]
pub(super) struct Agenda<E> {
    entries: BinaryHeap<Entry<E>>,
    planned: u64,
}

#[derive(Debug)]
struct Entry<E> {
    at: DateTime<Utc>,
    number: u64,
    event: E,
}

impl<E> Agenda<E> {
    pub fn new() -> Self {
        Self { entries: BinaryHeap::new(), planned: 0 }
    }

    pub fn plan(&mut self, at: DateTime<Utc>, event: E) {
        self.planned += 1;
        self.entries.push(Entry { at, number: self.planned, event });
    }

    /// When the next event is due.
    pub fn next_at(&self) -> Option<DateTime<Utc>> {
        self.entries.peek().map(|entry| entry.at)
    }

    /// Takes the next event if it is due by `now`.
    pub fn take_due(&mut self, now: DateTime<Utc>) -> Option<(DateTime<Utc>, E)> {
        if self.next_at()? > now {
            return None;
        }
        self.entries.pop().map(|entry| (entry.at, entry.event))
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        // The heap gives its greatest entry first: the earliest must be the greatest.
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E> Eq for Entry<E> {}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn events_come_by_time_and_then_as_they_were_planned() {
        let at = |seconds| DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds);
        let mut agenda = Agenda::new();
        for (second, event) in [(5, "c"), (1, "a"), (5, "d"), (2, "b")] {
            agenda.plan(at(second), event);
        }
        assert_eq!(agenda.next_at(), Some(at(1)));
        let mut taken = Vec::new();
        while let Some((_, event)) = agenda.take_due(at(5)) {
            taken.push(event);
        }
        assert_eq!(taken, ["a", "b", "c", "d"]);
        agenda.plan(at(9), "e");
        assert_eq!(agenda.take_due(at(8)), None);
    }
}
