//! A sign of life while something takes long: on standard error, and only on a terminal.

use std::time::Duration;

use indicatif::ProgressBar;

use crate::clock::Clock;

/// What is answered within this time needs no sign.
const PATIENCE: Duration = Duration::from_secs(1);

/// Waits for `work`; after a second says what is waited for.
pub async fn patiently<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    let clock = Clock::wall();
    tokio::select! {
        biased;
        done = &mut work => return done,
        () = clock.sleep(PATIENCE) => {}
    }
    // Draws nothing where standard error is no terminal.
    let spinner = ProgressBar::new_spinner();
    spinner.set_message(what.to_owned());
    spinner.enable_steady_tick(Duration::from_millis(100));
    let done = work.await;
    spinner.finish_and_clear();
    done
}
