//! Sums over all autoscalers, which are kept as each of them changes: reading them costs the same for one as for fifty
//! thousand.

use std::sync::atomic::{AtomicU64, Ordering};

/// The sums.
#[derive(Debug, Default)]
pub struct Sums {
    active: AtomicU64,
    measured: AtomicU64,
    cpu_percent: AtomicU64,
}

/// What one autoscaler is of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Share {
    /// Whether it is active.
    pub active: bool,
    /// Its CPU utilisation in percent, if it is active and that is known.
    pub cpu_percent: Option<u32>,
}

impl Sums {
    /// How many are active.
    pub fn active(&self) -> usize {
        usize::try_from(self.active.load(Ordering::Acquire)).unwrap_or(usize::MAX)
    }

    /// The mean CPU utilisation of those that are active and whose CPU is known; `None` when there is none.
    pub fn average_cpu_percent(&self) -> Option<f64> {
        let measured = self.measured.load(Ordering::Acquire);
        (measured > 0).then(|| self.cpu_percent.load(Ordering::Acquire) as f64 / measured as f64)
    }

    /// One share takes another's place. One that nobody has yet, or any more, is the default.
    pub(super) fn replace(&self, before: Share, now: Share) {
        if before == now {
            return;
        }
        let (was, is) = (before.parts(), now.parts());
        for (index, sum) in [&self.active, &self.measured, &self.cpu_percent].into_iter().enumerate() {
            // Adding a wrapped difference subtracts. What goes was added before, so no sum falls below zero.
            sum.fetch_add(is[index].wrapping_sub(was[index]), Ordering::AcqRel);
        }
    }
}

impl Share {
    fn parts(self) -> [u64; 3] {
        let percent = self.cpu_percent;
        [u64::from(self.active), u64::from(percent.is_some()), percent.map_or(0, u64::from)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn active(cpu_percent: Option<u32>) -> Share {
        Share { active: true, cpu_percent }
    }

    #[test]
    fn the_sums_are_those_of_the_shares_that_there_are() {
        let (sums, none) = (Sums::default(), Share::default());
        assert_eq!((sums.active(), sums.average_cpu_percent()), (0, None));
        sums.replace(none, active(Some(50)));
        sums.replace(none, active(None));
        sums.replace(none, active(Some(100)));
        assert_eq!((sums.active(), sums.average_cpu_percent()), (3, Some(75.0)));
        sums.replace(active(Some(50)), active(Some(20)));
        assert_eq!((sums.active(), sums.average_cpu_percent()), (3, Some(60.0)));
        sums.replace(active(Some(100)), none);
        assert_eq!((sums.active(), sums.average_cpu_percent()), (2, Some(20.0)));
        sums.replace(active(Some(20)), active(None));
        assert_eq!((sums.active(), sums.average_cpu_percent()), (2, None), "unknown is not zero");
    }
}
