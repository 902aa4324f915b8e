//! What has been told lately: a repeat is counted in the Event that is there, instead of being one more.

use std::collections::HashMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;

use crate::domain::Timestamp;

/// A repeat counts as one for so long.
const LASTS: Duration = Duration::from_secs(6 * 60);

/// How many are remembered at most.
const MOST: usize = 4_096;

/// What an Event is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Subject {
    kind: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    uid: Option<String>,
}

impl Subject {
    pub(super) fn of(object: &ObjectReference) -> Self {
        let ObjectReference { kind, namespace, name, uid, .. } = object.clone();
        Self { kind, namespace, name, uid }
    }
}

/// Something that happens; what is equal is the same again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Occurrence {
    pub(super) about: Subject,
    pub(super) warning: bool,
    pub(super) reason: &'static str,
    pub(super) action: &'static str,
    pub(super) note: String,
}

struct Series {
    /// The Event's name.
    event: String,
    count: i32,
    last: Timestamp,
}

/// What has been told lately.
#[derive(Default)]
pub(super) struct SeriesTable(HashMap<Occurrence, Series>);

impl SeriesTable {
    /// Counts a repeat. Returns the name of its Event, and how often it has happened by now.
    pub(super) fn repeated(&mut self, occurrence: &Occurrence, now: Timestamp) -> Option<(String, i32)> {
        let series = self.0.get_mut(occurrence).filter(|series| is_fresh(series, now))?;
        series.count = series.count.saturating_add(1);
        series.last = now;
        Some((series.event.clone(), series.count))
    }

    /// The first of its kind has been told.
    pub(super) fn begin(&mut self, occurrence: Occurrence, event: String, now: Timestamp) {
        if self.0.len() >= MOST {
            self.0.retain(|_, series| is_fresh(series, now));
            if self.0.len() >= MOST {
                // So much happens that hardly any of it is a repeat.
                self.0.clear();
            }
        }
        self.0.insert(occurrence, Series { event, count: 1, last: now });
    }

    /// Its Event does not exist any more.
    pub(super) fn forget(&mut self, occurrence: &Occurrence) {
        self.0.remove(occurrence);
    }
}

fn is_fresh(series: &Series, now: Timestamp) -> bool {
    (now - series.last).to_std().is_ok_and(|age| age < LASTS)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn occurrence(note: &str) -> Occurrence {
        let about = Subject::of(&ObjectReference::default());
        Occurrence { about, warning: false, reason: "SuccessfulRescale", action: "Scale", note: note.to_owned() }
    }

    #[test]
    fn a_repeat_is_counted_until_nothing_came_for_a_while() {
        let mut table = SeriesTable::default();
        let (it, mut now) = (occurrence("a"), Timestamp::UNIX_EPOCH);
        assert_eq!(table.repeated(&it, now), None);
        table.begin(it.clone(), "first".to_owned(), now);
        for count in 2..5 {
            now += TimeDelta::minutes(5);
            assert_eq!(table.repeated(&it, now), Some(("first".to_owned(), count)));
        }
        assert_eq!(table.repeated(&occurrence("b"), now), None, "it says something else");
        assert_eq!(table.repeated(&it, now + TimeDelta::minutes(6)), None);
    }

    #[test]
    fn the_table_does_not_grow_for_ever() {
        let mut table = SeriesTable::default();
        let now = Timestamp::UNIX_EPOCH;
        for number in 0..MOST {
            table.begin(occurrence(&number.to_string()), "event".to_owned(), now);
        }
        assert_eq!(table.repeated(&occurrence("0"), now + TimeDelta::minutes(5)), Some(("event".to_owned(), 2)));
        table.begin(occurrence("new"), "event".to_owned(), now + TimeDelta::minutes(7));
        assert_eq!(table.0.len(), 2, "the old ones are forgotten first");
        for number in 0..2 * MOST {
            table.begin(occurrence(&number.to_string()), "event".to_owned(), now);
            assert!(table.0.len() <= MOST);
        }
    }
}
