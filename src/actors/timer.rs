//! When an autoscaler is evaluated: at a fixed phase of its interval, so that ten thousand do not fire at once and a
//! late one does not catch up in a burst.

use std::time::Duration;

use crate::domain::Timestamp;

/// All ticks are at multiples of this: a thread that is woken for each of ten thousand spends more on waking than on ticks,
/// and those of one beat are done before anybody would call them late.
const BEAT: Duration = Duration::from_millis(50);

/// Shorter intervals than this have no beat.
const SHORT: Duration = Duration::from_secs(1);

/// Gives the times of evaluation of one autoscaler.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timer {
    interval: Duration,
    phase: Duration,
}

impl Timer {
    /// A timer whose phase within the interval follows from `seed`; the same seed always gives the same phase.
    pub(super) fn new(interval: Duration, seed: u64) -> Self {
        let phase = interval.mul_f64(fastrand::Rng::with_seed(seed).f64());
        let beat = if interval < SHORT { Duration::from_millis(1) } else { BEAT };
        let beats = phase.as_millis() / beat.as_millis().max(1);
        Self { interval, phase: beat * u32::try_from(beats).unwrap_or(0) }
    }

    /// How long to wait after an evaluation at `now`: until the next time at the phase that is at least half an
    /// interval away, so that neither a timer that fires early nor the first evaluation is followed too closely.
    pub(super) fn next_after(&self, now: Timestamp) -> Duration {
        let since_epoch = Duration::from_millis(u64::try_from(now.timestamp_millis()).unwrap_or(0));
        let into_interval = since_epoch.as_millis() % self.interval.as_millis().max(1);
        let position = Duration::from_millis(u64::try_from(into_interval).unwrap_or(0));
        let wait = (self.phase + self.interval).saturating_sub(position);
        let wait = if wait >= self.interval { wait - self.interval } else { wait };
        if wait < self.interval / 2 { wait + self.interval } else { wait }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    fn at(millis: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::milliseconds(millis)
    }

    #[test]
    fn ticks_keep_their_phase_and_are_one_interval_apart() {
        let timer = Timer::new(Duration::from_secs(15), 7);
        let mut now = at(1_234);
        now += timer.next_after(now);
        for _ in 0..20 {
            let wait = timer.next_after(now);
            assert!(wait.abs_diff(Duration::from_secs(15)) < Duration::from_millis(2), "{wait:?}");
            now += wait;
        }
    }

    #[test]
    fn a_late_or_early_tick_is_followed_by_one_at_the_phase_and_not_by_a_burst() {
        let timer = Timer::new(Duration::from_secs(10), 3);
        let start = at(0) + timer.next_after(at(0));
        let late = timer.next_after(start + TimeDelta::milliseconds(3_000));
        assert!(late.abs_diff(Duration::from_millis(7_000)) < Duration::from_millis(2), "{late:?}");
        let early = timer.next_after(start - TimeDelta::milliseconds(1));
        assert!(early > Duration::from_secs(9), "{early:?}");
        let very_late = timer.next_after(start + TimeDelta::milliseconds(95_000));
        assert!(very_late >= Duration::from_secs(5) && very_late <= Duration::from_secs(15));
    }

    #[test]
    fn ticks_fall_on_beats_that_all_have_in_common() {
        for seed in 0..100 {
            let now = at(1_234 + 7 * seed);
            let tick = now + Timer::new(Duration::from_secs(15), u64::try_from(seed).unwrap()).next_after(now);
            assert_eq!(tick.timestamp_millis() % 50, 0, "{tick}");
        }
        let short = Timer::new(Duration::from_millis(15), 7);
        assert!(short.next_after(at(0)) <= Duration::from_millis(23), "{short:?}");
    }

    #[test]
    fn phases_are_spread_over_the_interval() {
        let interval = Duration::from_secs(15);
        let mut buckets = [0u32; 15];
        for seed in 0..15_000u64 {
            let second = Timer::new(interval, seed).phase.as_secs() as usize;
            buckets[second] += 1;
        }
        assert!(buckets.iter().all(|&count| (800..1_200).contains(&count)), "{buckets:?}");
    }
}
