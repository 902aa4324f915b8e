//! How fast the API server is asked.

use std::time::Duration;

use chrono::TimeDelta;

use crate::domain::Timestamp;

/// Some requests in a row, and then as many in a second as are regained.
pub(super) struct Pace {
    interval: TimeDelta,
    burst: TimeDelta,
    /// When the next request would be made if all were made at equal intervals.
    due: Option<Timestamp>,
}

impl Pace {
    pub(super) fn new(burst: u32, per_second: u32) -> Self {
        let interval = TimeDelta::microseconds(1_000_000 / i64::from(per_second.max(1)));
        // The burst's first request is due at once.
        Self { interval, burst: interval * i32::try_from(burst).unwrap_or(i32::MAX).saturating_sub(1), due: None }
    }

    /// How long to wait for the next request, which is taken to be made then.
    pub(super) fn next(&mut self, now: Timestamp) -> Duration {
        let earliest = now - self.burst;
        let at = self.due.map_or(earliest, |due| due.max(earliest));
        self.due = Some(at + self.interval);
        (at - now).to_std().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_then_each_waits_for_its_turn() {
        let mut pace = Pace::new(3, 10);
        let mut now = Timestamp::UNIX_EPOCH;
        let waits: Vec<_> = (0..5).map(|_| pace.next(now).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 100, 200]);
        // All is regained, but no more than that.
        now += TimeDelta::seconds(60);
        let waits: Vec<_> = (0..5).map(|_| pace.next(now).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 100, 200]);
        now += TimeDelta::milliseconds(300);
        assert_eq!(pace.next(now).as_millis(), 0);
        assert_eq!(pace.next(now).as_millis(), 100);
    }
}
