//! The latest decisions of one autoscaler.

use std::sync::Arc;

use serde::Serialize;

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
#[derive(Debug, Serialize)]
pub struct DecisionsBody {
    decisions: Vec<DecisionBody>,
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
