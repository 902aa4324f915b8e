//! Waiting for a state.

use std::time::{Duration, Instant};

/// How long anything may take on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(120);

/// Waits until something is so.
pub async fn eventually(what: &str, is_so: impl AsyncFnMut() -> bool) {
    within(LIMIT, what, is_so).await;
}

/// Waits until something is so that may take longer, or must not take as long.
pub async fn within(limit: Duration, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
