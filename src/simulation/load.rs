//! Load curves: how much a workload's clients ask of it, as a function of time.

use chrono::{DateTime, Utc};
use serde::Deserialize;

/// What a workload's clients ask for over time, of the workload as a whole: CPU in thousandths of a core, or GPUs in
/// percent of one GPU.
///
/// Its ready pods share the load evenly, so scaling out lowers the use of each. Time counts in seconds from the moment
/// the curve was set; a curve with a period begins again after it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "curve", rename_all = "snake_case", deny_unknown_fields)]
pub enum LoadCurve {
    /// Always the same.
    Constant {
        /// The load.
        #[serde(rename = "millicores", alias = "percent")]
        amount: f64,
    },
    /// Holds each point's value until the next point.
    Steps {
        /// Pairs of seconds and load, ordered by time.
        points: Vec<(f64, f64)>,
        /// After how many seconds the curve begins again; never when absent.
        period_seconds: Option<f64>,
    },
    /// Runs in straight lines from point to point, as a recorded trace is replayed.
    Trace {
        /// Pairs of seconds and load, ordered by time.
        points: Vec<(f64, f64)>,
        /// After how many seconds the curve begins again; never when absent.
        period_seconds: Option<f64>,
    },
    /// Swings about a mean: a day and a night.
    Sine {
        /// The load in the middle of the swing.
        mean: f64,
        /// How far the load rises above and falls below the mean.
        amplitude: f64,
        /// The length of one swing.
        period_seconds: f64,
        /// By how many seconds the swing is under way at the start.
        #[serde(default)]
        phase_seconds: f64,
    },
    /// A base with a sudden peak.
    Spike {
        /// The load outside the peak.
        base: f64,
        /// The load in the peak.
        peak: f64,
        /// When the peak begins.
        start_seconds: f64,
        /// How long it lasts.
        duration_seconds: f64,
        /// After how many seconds the curve begins again; never when absent.
        period_seconds: Option<f64>,
    },
}

impl LoadCurve {
    /// A load that never changes.
    pub fn constant(amount: f64) -> Self {
        Self::Constant { amount }
    }

    /// The load `seconds` after the curve was set; never negative.
    pub fn at(&self, seconds: f64) -> f64 {
        let load = match self {
            Self::Constant { amount } => *amount,
            Self::Steps { points, period_seconds } => step(points, within(seconds, *period_seconds)),
            Self::Trace { points, period_seconds } => line(points, within(seconds, *period_seconds)),
            Self::Sine { mean, amplitude, period_seconds, phase_seconds } => {
                let turn = within(seconds + phase_seconds, Some(*period_seconds)) / period_seconds;
                let swing = (turn * std::f64::consts::TAU).sin();
                // A period of zero has no turn: the mean is all that is left.
                if swing.is_finite() { mean + amplitude * swing } else { *mean }
            }
            Self::Spike { base, peak, start_seconds, duration_seconds, period_seconds } => {
                let at = within(seconds, *period_seconds);
                let peaking = at >= *start_seconds && at < start_seconds + duration_seconds;
                if peaking { *peak } else { *base }
            }
        };
        load.max(0.0)
    }

    /// The mean load between two moments, as a counter that is read at both would show it.
    pub fn mean(&self, from: f64, to: f64) -> f64 {
        const SAMPLES: u32 = 8;
        let width = (to - from) / f64::from(SAMPLES);
        let total: f64 = (0..SAMPLES).map(|sample| self.at(from + width * (f64::from(sample) + 0.5))).sum();
        total / f64::from(SAMPLES)
    }
}

/// A curve and the moment since when it has been followed: its second 0.
#[derive(Clone, Debug)]
pub(super) struct Load {
    curve: LoadCurve,
    since: DateTime<Utc>,
}

impl Load {
    pub fn new(curve: LoadCurve, since: DateTime<Utc>) -> Self {
        Self { curve, since }
    }

    /// The load at a moment.
    pub fn at(&self, at: DateTime<Utc>) -> f64 {
        self.curve.at(self.seconds(at))
    }

    /// The mean load between two moments.
    pub fn mean(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
        self.curve.mean(self.seconds(from), self.seconds(to))
    }

    fn seconds(&self, at: DateTime<Utc>) -> f64 {
        (at - self.since).as_seconds_f64()
    }
}

/// The place of `seconds` in the period. Before the start of a curve that does not repeat, its first value holds.
fn within(seconds: f64, period: Option<f64>) -> f64 {
    match period {
        Some(period) if period > 0.0 => seconds.rem_euclid(period),
        _ => seconds.max(0.0),
    }
}

fn step(points: &[(f64, f64)], at: f64) -> f64 {
    let following = points.partition_point(|(second, _)| *second <= at);
    points.get(following.saturating_sub(1)).map_or(0.0, |(_, load)| *load)
}

fn line(points: &[(f64, f64)], at: f64) -> f64 {
    let following = points.partition_point(|(second, _)| *second <= at);
    match (following.checked_sub(1).and_then(|before| points.get(before)), points.get(following)) {
        (Some((from, low)), Some((to, high))) => low + (high - low) * (at - from) / (to - from),
        (Some((_, load)), None) | (None, Some((_, load))) => *load,
        (None, None) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn steps() -> LoadCurve {
        LoadCurve::Steps { points: vec![(0.0, 100.0), (30.0, 300.0), (60.0, 50.0)], period_seconds: Some(100.0) }
    }

    fn trace() -> LoadCurve {
        LoadCurve::Trace { points: vec![(10.0, 100.0), (20.0, 200.0)], period_seconds: None }
    }

    fn sine() -> LoadCurve {
        LoadCurve::Sine { mean: 100.0, amplitude: 150.0, period_seconds: 40.0, phase_seconds: 0.0 }
    }

    fn spike() -> LoadCurve {
        LoadCurve::Spike {
            base: 10.0,
            peak: 90.0,
            start_seconds: 5.0,
            duration_seconds: 2.0,
            period_seconds: Some(20.0),
        }
    }

    #[rstest]
    #[case(LoadCurve::constant(7.0), 1e9, 7.0)]
    #[case(LoadCurve::constant(-7.0), 0.0, 0.0)]
    #[case(steps(), 0.0, 100.0)]
    #[case(steps(), 29.9, 100.0)]
    #[case(steps(), 30.0, 300.0)]
    #[case(steps(), 99.0, 50.0)]
    #[case(steps(), 130.0, 300.0)]
    #[case(steps(), -10.0, 50.0)]
    #[case(trace(), -3.0, 100.0)]
    #[case(trace(), 15.0, 150.0)]
    #[case(trace(), 99.0, 200.0)]
    #[case(LoadCurve::Trace { points: vec![], period_seconds: None }, 5.0, 0.0)]
    #[case(sine(), 10.0, 250.0)]
    #[case(sine(), 30.0, 0.0)]
    #[case(LoadCurve::Sine { mean: 5.0, amplitude: 1.0, period_seconds: 0.0, phase_seconds: 0.0 }, 3.0, 5.0)]
    #[case(spike(), 4.9, 10.0)]
    #[case(spike(), 26.0, 90.0)]
    #[case(spike(), 27.0, 10.0)]
    fn each_curve_has_its_shape(#[case] curve: LoadCurve, #[case] seconds: f64, #[case] load: f64) {
        assert!((curve.at(seconds) - load).abs() < 1e-9, "{} != {load}", curve.at(seconds));
    }

    #[test]
    fn the_mean_is_what_a_counter_would_show() {
        assert!((trace().mean(10.0, 20.0) - 150.0).abs() < 1e-9);
        assert!((steps().mean(20.0, 40.0) - 200.0).abs() < 1e-9);
    }
}
