//! The requests that the API has been asked, for those who want to know what a client really does.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};

/// A request that somebody made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedRequest {
    /// The HTTP method.
    pub method: String,
    /// The path of its address.
    pub path: String,
    /// The parameters of its address, as they were written.
    pub query: String,
    /// Who says to have made it.
    pub user_agent: Option<String>,
    /// When it arrived, by the cluster's clock.
    pub at: DateTime<Utc>,
}

/// How many requests are remembered: enough for a test, little enough for a demonstration that runs for weeks.
const REMEMBERED: usize = 10_000;

/// The latest requests, and how many there have been.
#[derive(Debug, Default)]
pub(super) struct RequestLog {
    latest: VecDeque<RecordedRequest>,
    total: u64,
}

impl RequestLog {
    pub fn record(&mut self, request: RecordedRequest) {
        self.total += 1;
        self.latest.push_back(request);
        if self.latest.len() > REMEMBERED {
            self.latest.pop_front();
        }
    }

    pub fn latest(&self) -> Vec<RecordedRequest> {
        self.latest.iter().cloned().collect()
    }

    pub fn total(&self) -> u64 {
        self.total
    }

    pub fn forget(&mut self) {
        self.latest.clear();
    }
}
