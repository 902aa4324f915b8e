//! Waiting for a state.

use std::time::{Duration, Instant};

/// How long anything may take on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(120);

/// Waits until something is so.
pub async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
