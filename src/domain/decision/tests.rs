use super::*;
use crate::domain::autoscaler::*;
use chrono::TimeDelta;

/// `seconds` after the tests' epoch.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::seconds(seconds)
}

/// Bounds, a CPU target of 70 %, and defaults.
pub(crate) fn rules(min: u32, max: u32) -> ScalingRules {
    ScalingRules {
        bounds: ReplicaBounds::new(min, max).unwrap(),
        targets: Targets::new(TargetPercent::new(70), None, None).unwrap(),
        scale_up: ScalingPolicy::default_for(Direction::Up),
        scale_down: ScalingPolicy::default_for(Direction::Down),
        interval: Interval::default(),
    }
}
