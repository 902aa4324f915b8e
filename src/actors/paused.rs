//! Where actors are tested: on one thread, with a paused clock.

use chrono::TimeDelta;
use tokio::task::LocalSet;

use crate::clock::Clock;
use crate::domain::Timestamp;

/// Runs a test. Time passes when everybody waits.
pub(super) fn play(test: impl AsyncFnOnce(Clock)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        // Made here: elsewhere it would be the machine's.
        test(Clock::scaled(Timestamp::UNIX_EPOCH + TimeDelta::days(20_000), 1.0)).await;
    });
}
