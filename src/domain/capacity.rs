//! How many more pods the nodes can hold.

use std::sync::Arc;

/// Room for more pods of a workload.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Room {
    /// Nobody asked: it does not matter for the decision.
    #[default]
    NotAsked,
    /// It is known.
    Known {
        /// How many more pods fit on the nodes, those that wait for a node included.
        more: u32,
        /// What the next one would lack, in the scheduler's words.
        blocked_by: Arc<str>,
    },
    /// It is not known; nothing is limited by it.
    Unknown {
        /// Why.
        error: Arc<str>,
    },
}
