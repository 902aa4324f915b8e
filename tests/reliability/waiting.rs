//! Waiting for a state.

use std::time::{Duration, Instant};

/// How long anything may take that has no bound of its own: metrics-server's two readings, decisions, and a busy machine.
pub const LIMIT: Duration = Duration::from_secs(150);

/// Waits until something is so; returns how long that took.
pub async fn eventually(what: &str, limit: Duration, mut is_so: impl AsyncFnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    begun.elapsed()
}
