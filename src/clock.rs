//! The one place that reads time.
//!
//! On a real cluster the clock is the wall clock, because its readings are compared with the API server's timestamps.
//! On a simulated cluster it runs `speed` times as fast as tokio's clock, so that a whole day can pass in minutes and
//! a test that pauses tokio's clock controls everything.
#![allow(clippy::disallowed_methods)]

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

/// Tells what time it is in the cluster, and waits by that time. Cheap to clone.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Source);

#[derive(Clone, Copy, Debug)]
enum Source {
    Wall { epoch: DateTime<Utc>, started: Duration },
    Scaled { epoch: DateTime<Utc>, started: Instant, speed: f64 },
}

impl Clock {
    /// The machine's wall clock.
    pub fn wall() -> Self {
        Self(Source::Wall { epoch: Utc::now(), started: since_boot() })
    }

    /// A clock that shows `epoch` now and runs `speed` times as fast as tokio's clock (which a test can pause).
    /// A speed that is not a positive number counts as 1.
    pub fn scaled(epoch: DateTime<Utc>, speed: f64) -> Self {
        let speed = if speed.is_finite() && speed > 0.0 { speed } else { 1.0 };
        Self(Source::Scaled { epoch, started: Instant::now(), speed })
    }

    /// A clock that starts at the wall clock's present time and runs `speed` times as fast.
    pub fn scaled_from_now(speed: f64) -> Self {
        Self::scaled(Utc::now(), speed)
    }

    /// The present time in the cluster.
    pub fn now(&self) -> DateTime<Utc> {
        match self.0 {
            Source::Wall { .. } => Utc::now(),
            Source::Scaled { .. } => self.steady(),
        }
    }

    /// The present time by a clock that began with the wall clock and never jumps since, whatever is done to that:
    /// for everything that measures how much time has passed. It goes on while the machine sleeps.
    pub fn steady(&self) -> DateTime<Utc> {
        let (epoch, elapsed) = match self.0 {
            Source::Wall { epoch, started } => (epoch, since_boot().saturating_sub(started)),
            Source::Scaled { epoch, started, speed } => (epoch, started.elapsed().mul_f64(speed)),
        };
        epoch + TimeDelta::from_std(elapsed).unwrap_or(TimeDelta::MAX)
    }

    /// What a moment of [`Self::steady`] is by [`Self::now`], as far as the two agree at present.
    pub fn to_wall(&self, steady: DateTime<Utc>) -> DateTime<Utc> {
        steady + (self.now() - self.steady())
    }

    /// The reverse of [`Self::to_wall`].
    pub fn to_steady(&self, wall: DateTime<Utc>) -> DateTime<Utc> {
        wall - (self.now() - self.steady())
    }

    /// How long `span` of the cluster's time takes on this machine.
    pub fn real(&self, span: Duration) -> Duration {
        match self.0 {
            Source::Wall { .. } => span,
            Source::Scaled { speed, .. } => span.div_f64(speed),
        }
    }

    /// Waits for `span` of the cluster's time.
    pub async fn sleep(&self, span: Duration) {
        tokio::time::sleep(self.real(span)).await;
    }

    /// Waits until the cluster's time is `at`; returns at once if that has passed.
    pub async fn sleep_until(&self, at: DateTime<Utc>) {
        while let Ok(left) = (at - self.now()).to_std() {
            if left.is_zero() {
                return;
            }
            // Tokio's timer has a resolution of 1 ms, so the wait may end a little early.
            tokio::time::sleep(self.real(left).max(Duration::from_millis(1))).await;
        }
    }
}

/// Measures how long something takes on this machine, however fast a simulated cluster runs.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Begins to measure.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since then.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// The moment when `span` has passed since then, for tokio's timers.
    pub fn after(&self, span: Duration) -> Instant {
        self.0 + span
    }
}

/// The time since the machine started, its sleep included.
fn since_boot() -> Duration {
    #[cfg(target_os = "linux")]
    let clock = rustix::time::ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let clock = rustix::time::ClockId::Monotonic;
    Duration::try_from(rustix::time::clock_gettime(clock)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_scaled_clock_runs_as_many_times_as_fast() {
        let epoch = DateTime::UNIX_EPOCH;
        let clock = Clock::scaled(epoch, 60.0);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(clock.now(), epoch + TimeDelta::minutes(2));
        assert_eq!(clock.real(Duration::from_secs(60)), Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_until_a_time_ends_at_that_time_and_not_before() {
        let clock = Clock::scaled(DateTime::UNIX_EPOCH, 7.0);
        let at = DateTime::UNIX_EPOCH + TimeDelta::seconds(100);
        clock.sleep_until(at).await;
        assert!(clock.now() >= at);
        assert!(clock.now() < at + TimeDelta::milliseconds(20));
        clock.sleep_until(DateTime::UNIX_EPOCH).await;
    }

    #[test]
    fn the_steady_clock_begins_with_the_wall_clock_and_goes_on_with_the_machine() {
        let clock = Clock::wall();
        assert!((clock.now() - clock.steady()).abs() < TimeDelta::seconds(1));
        let (first, boot) = (clock.steady(), since_boot());
        while since_boot() - boot < Duration::from_millis(5) {
            std::hint::spin_loop();
        }
        let passed = clock.steady() - first;
        assert!(passed >= TimeDelta::milliseconds(5) && passed < TimeDelta::seconds(5), "{passed}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_senseless_speed_counts_as_one() {
        for speed in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let clock = Clock::scaled(DateTime::UNIX_EPOCH, speed);
            assert_eq!(clock.real(Duration::from_secs(3)), Duration::from_secs(3));
        }
    }
}
