//! What a scenario can ask of the simulator, over a socket of its own so that it is not counted: an order as JSON, and the
//! answer as JSON.

use serde::{Deserialize, Serialize};

use super::counts::{Counted, Patched};

/// An order.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum Order {
    /// Tell what was counted since the last reset.
    Counts,
    /// Count anew.
    Reset,
    /// Let all workloads use this share of the CPU that they request with two pods each.
    Load {
        /// In percent.
        percent: f64,
    },
    /// Answer 429 with Retry-After for a time to everything but watches and Leases.
    Refuse {
        /// In seconds.
        seconds: u32,
    },
    /// Replace the pods of some workloads, as a rollout does it.
    Replace {
        /// How many workloads.
        workloads: usize,
    },
    /// Make workloads, and autoscalers for them.
    Add {
        /// How many.
        workloads: usize,
    },
    /// Delete the workloads that were made first, and their autoscalers.
    Remove {
        /// How many.
        workloads: usize,
    },
    /// Tell how the objects are.
    Objects,
}

/// An answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "told", rename_all = "snake_case")]
pub enum Told {
    /// It was done.
    Done,
    /// What was counted.
    Counts {
        /// By whom, what and of what.
        requests: Vec<Counted>,
        /// Each workload's first patch of its scale.
        patched: Vec<Patched>,
        /// When requests were refused, in milliseconds since 1970.
        refused: Vec<i64>,
    },
    /// The load is another.
    Load {
        /// When the metrics server will show it, in milliseconds since 1970.
        visible_at: i64,
    },
    /// How the objects are.
    Objects {
        /// Deployments that want another number of pods than they began with.
        scaled: usize,
        /// Autoscalers.
        autoscalers: usize,
        /// Autoscalers that have a status.
        with_status: usize,
    },
    /// It could not be done.
    Failed {
        /// Why.
        why: String,
    },
}
