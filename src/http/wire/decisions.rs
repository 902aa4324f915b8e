//! The latest decisions of one autoscaler.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use super::decision::DecisionBody;
use crate::domain::Timestamp;
use crate::domain::decision::Outcome;
use crate::domain::decision_log::Entry;

/// Which decisions are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecisionFilter {
    /// At most this many, the newest.
    pub limit: Option<usize>,
    /// Only those of which this came.
    pub outcome: Option<Outcome>,
    /// Only those that were made, or made again, at this time or later.
    pub since: Option<Timestamp>,
}

impl DecisionFilter {
    fn lets_through(&self, entry: &Entry) -> bool {
        self.outcome.is_none_or(|outcome| entry.outcome == outcome) && self.since.is_none_or(|at| entry.last_at >= at)
    }
}

/// Decisions, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Decisions)]
pub struct DecisionsBody {
    /// Newest first.
    decisions: Vec<DecisionBody>,
    /// The number of items in this answer.
    count: usize,
}

impl DecisionsBody {
    /// Those of `entries` that are wanted; they come newest first.
    pub fn new(entries: &[Arc<Entry>], filter: &DecisionFilter) -> Self {
        let wanted = entries.iter().filter(|entry| filter.lets_through(entry)).take(filter.limit.unwrap_or(usize::MAX));
        let decisions: Vec<_> = wanted.map(|entry| DecisionBody::logged(entry)).collect();
        Self { count: decisions.len(), decisions }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixtures::at;
    use crate::domain::reason::Reason;

    fn entry(last_at: i64, outcome: Outcome) -> Arc<Entry> {
        let entry = Entry::undecided(at(last_at), Reason::FailedGetPods, String::new());
        Arc::new(Entry { outcome, ..entry })
    }

    #[test]
    fn each_filter_narrows_and_the_newest_are_kept() {
        let entries = [(30, Outcome::Held), (20, Outcome::Failed), (10, Outcome::Held), (0, Outcome::Held)];
        let entries = entries.map(|(at, outcome)| entry(at, outcome));
        let last = |filter: DecisionFilter| {
            let body = serde_json::to_value(DecisionsBody::new(&entries, &filter)).unwrap();
            let decisions = body["decisions"].as_array().unwrap().clone();
            assert_eq!(body["count"], decisions.len());
            decisions
                .iter()
                .map(|decision| decision["last_at"].as_str().unwrap()[17..19].to_owned())
                .collect::<Vec<_>>()
        };
        let all = DecisionFilter::default();
        assert_eq!(last(all), ["30", "20", "10", "00"]);
        assert_eq!(last(DecisionFilter { limit: Some(2), ..all }), ["30", "20"]);
        assert_eq!(last(DecisionFilter { outcome: Some(Outcome::Held), limit: Some(2), ..all }), ["30", "10"]);
        assert_eq!(last(DecisionFilter { since: Some(at(10)), ..all }), ["30", "20", "10"], "that moment included");
    }
}
