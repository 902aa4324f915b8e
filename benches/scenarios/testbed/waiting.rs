//! Waiting for a state.

use std::time::{Duration, Instant};

use anyhow::ensure;
use tokio::time::sleep;

/// Waits until something is so, looking once in `pace`; returns how long that took.
pub async fn until(
    what: &str,
    limit: Duration,
    pace: Duration,
    mut is_so: impl AsyncFnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    while !is_so().await? {
        ensure!(begun.elapsed() < limit, "not within {limit:?}: {what}");
        sleep(pace).await;
    }
    Ok(begun.elapsed())
}
