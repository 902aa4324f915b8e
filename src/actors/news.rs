//! Whether what readers have made of the autoscalers still holds.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts what happens to the autoscalers: one is made, changed or ended, scales, fails or recovers. That one was
/// evaluated with no other result than before, on newer readings, is no news.
#[derive(Debug, Default)]
pub struct News(AtomicU64);

impl News {
    /// Something happened, and is to be seen already.
    pub(super) fn happened(&self) {
        self.0.fetch_add(1, Ordering::Release);
    }

    /// How much happened. Whoever has read the same number twice has missed nothing in between.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}
