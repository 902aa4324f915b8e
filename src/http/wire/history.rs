//! What an autoscaler looked like over the last hours, column by column.

use chrono::TimeDelta;
use serde::Serialize;
use utoipa::ToSchema;

use super::fleet::ActionBody;
use super::scalar::rfc3339;
use crate::actors::snapshot::AutoscalerRecord;
use crate::domain::Timestamp;
use crate::domain::autoscaler::{Metric, TargetPercent};
use crate::domain::timeline::{COARSE_STEP, FINE_REACH, FINE_STEP, Frame, Point, REACH};

/// Which part of the past is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct HistoryRange {
    /// From when; as far back as there is something when absent.
    pub from: Option<Timestamp>,
    /// Until when; now when absent.
    pub to: Option<Timestamp>,
    /// The seconds from one point to the next; as small as possible when absent.
    pub step_seconds: Option<u32>,
}

/// The answer to `GET /autoscaling/:id/history`. Every list has an item for each step; null is unknown.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = History)]
pub struct HistoryBody {
    autoscaling_id: String,
    #[schema(format = DateTime)]
    from: String,
    #[schema(format = DateTime)]
    to: String,
    /// The seconds from one point to the next, which may be more than asked for.
    #[schema(minimum = 15)]
    step_seconds: u32,
    /// The last known in each step.
    current_replicas: Vec<Option<u32>>,
    recommended_replicas: Vec<Option<u32>>,
    min_replicas: Vec<Option<u32>>,
    max_replicas: Vec<Option<u32>>,
    /// Those that have or had a value or a target.
    metrics: Vec<MetricHistoryBody>,
    /// Changes of replicas, oldest first.
    actions: Vec<ActionBody>,
}

/// A metric over time.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = MetricHistory)]
struct MetricHistoryBody {
    #[schema(value_type = Metric)]
    name: &'static str,
    utilization_percent: Vec<Option<u32>>,
    /// Whether the value is made up.
    simulated: Vec<bool>,
    target_percent: Vec<Option<u32>>,
}

impl HistoryBody {
    /// The part of an autoscaler's past that is asked for, or as much of that as is kept.
    pub fn new(record: &AutoscalerRecord, range: &HistoryRange, now: Timestamp) -> Self {
        let (from, to, step_seconds) = range.fit(now);
        let timeline = record.timeline();
        let points = timeline.points(from, to, step_seconds);
        let step = TimeDelta::seconds(step_seconds.into());
        let times = (1..).map(|number| (from + step * number).min(now));
        let frames: Vec<_> = times.take(points.len()).map(|end| timeline.frame(end)).collect();
        let bound = |of: fn(&Frame) -> u32| frames.iter().map(|frame| frame.as_ref().map(of)).collect();
        Self {
            autoscaling_id: record.id.clone(),
            from: rfc3339(from),
            to: rfc3339(to),
            step_seconds,
            current_replicas: points.iter().map(|point| point.current).collect(),
            recommended_replicas: points.iter().map(|point| point.recommended).collect(),
            min_replicas: bound(|frame| frame.bounds.min()),
            max_replicas: bound(|frame| frame.bounds.max()),
            metrics: (0..)
                .zip(Metric::ALL)
                .filter_map(|column| MetricHistoryBody::new(column, &points, &frames))
                .collect(),
            actions: timeline.actions(from, to).iter().map(ActionBody::from).collect(),
        }
    }
}

impl MetricHistoryBody {
    /// `None` when nothing is known of the metric and it has no target.
    fn new((column, metric): (usize, Metric), points: &[Point], frames: &[Option<Frame>]) -> Option<Self> {
        let levels = || points.iter().map(|point| point.levels.get(column).copied().flatten());
        let targets = frames.iter().map(|frame| frame.as_ref()?.targets.get(column).copied().flatten());
        let target_percent: Vec<_> = targets.map(|target| target.map(TargetPercent::get)).collect();
        let is_there = levels().any(|level| level.is_some()) || target_percent.iter().any(Option::is_some);
        is_there.then(|| Self {
            name: metric.as_str(),
            utilization_percent: levels().map(|level| Some(level?.percent)).collect(),
            simulated: levels().map(|level| level.is_some_and(|level| level.simulated)).collect(),
            target_percent,
        })
    }
}

impl HistoryRange {
    /// The range in steps of what is kept, and the length of a step.
    fn fit(&self, now: Timestamp) -> (Timestamp, Timestamp, u32) {
        let to = self.to.unwrap_or(now).min(now);
        let earliest = now - REACH;
        let from = self.from.unwrap_or(earliest).max(earliest).min(to);
        let finest = if from < now - FINE_REACH { COARSE_STEP } else { FINE_STEP };
        let step = self.step_seconds.unwrap_or(finest).max(finest).next_multiple_of(finest);
        let aligned = from.timestamp().div_euclid(step.into()) * i64::from(step);
        (Timestamp::from_timestamp(aligned, 0).unwrap_or(from), to, step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn fit(from: Option<i64>, to: Option<i64>, step_seconds: Option<u32>) -> (i64, i64, u32) {
        let range = HistoryRange { from: from.map(at), to: to.map(at), step_seconds };
        let (from, to, step) = range.fit(at(0));
        ((from - at(0)).num_seconds(), (to - at(0)).num_seconds(), step)
    }

    #[test]
    fn the_step_is_as_small_as_what_is_kept_for_the_whole_range() {
        assert_eq!(fit(None, None, None), (-6 * 3600, 0, 60));
        assert_eq!(fit(Some(-1800), None, None), (-1800, 0, 15));
        assert_eq!(fit(Some(-1801), None, None), (-1860, 0, 60));
        assert_eq!(fit(Some(-1801), None, Some(15)), (-1860, 0, 60));
        assert_eq!(fit(Some(-600), None, Some(20)), (-600, 0, 30));
        assert_eq!(fit(Some(-3600), None, Some(300)), (-3600, 0, 300));
    }

    #[test]
    fn a_range_outside_of_what_is_kept_is_cut() {
        assert_eq!(fit(Some(-100_000), Some(100_000), None), (-6 * 3600, 0, 60));
        assert_eq!(fit(Some(100), None, None), (0, 0, 15));
        assert_eq!(fit(Some(-60), Some(-120), None), (-120, -120, 15));
    }
}
