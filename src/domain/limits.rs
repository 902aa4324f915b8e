//! What bounds a change of replicas at the moment of acting: the step limit, then the least and greatest number.

use std::collections::VecDeque;
use std::time::Duration;

use super::Timestamp;
use super::autoscaler::{Direction, ScalingRules};

/// A change of replicas that really happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScaleEvent {
    /// When it happened.
    pub at: Timestamp,
    /// Its direction.
    pub direction: Direction,
    /// By how many replicas.
    pub change: u32,
}

/// The scale events of one autoscaler that still matter, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ScaleEvents(VecDeque<ScaleEvent>);

/// Nothing looks further back than this.
const LONGEST_LOOK_BACK: Duration = Duration::from_secs(15);

impl ScaleEvents {
    /// Adds an event, and forgets those that nothing looks at any more.
    pub fn record(&mut self, event: ScaleEvent) {
        self.0.push_back(event);
        while self.0.front().is_some_and(|first| apart(first.at, event.at) > LONGEST_LOOK_BACK) {
            self.0.pop_front();
        }
    }

    /// By how many replicas the workload changed in `direction` within the last `period`.
    fn sum(&self, direction: Direction, period: Duration, now: Timestamp) -> u32 {
        self.0
            .iter()
            .filter(|event| event.direction == direction && apart(event.at, now) < period)
            .fold(0, |sum, event| sum.saturating_add(event.change))
    }
}

/// The time between an event and now, whichever is first: a clock that was set back by an hour must not keep an event
/// new for an hour.
fn apart(at: Timestamp, now: Timestamp) -> Duration {
    (now - at).abs().to_std().unwrap_or(Duration::MAX)
}

/// `wanted`, moved towards `current` as far as `max_scale_change` demands (guide, "Scaling Policy Fields").
///
/// One operation changes at most that many replicas. So that ticks that follow each other quickly do not add up to
/// more, changes of the same direction within the last interval (15 s at most; less 10 %, so that an ordinary tick
/// that comes a little early is not limited by its predecessor) count as one operation.
pub fn limit_step(rules: &ScalingRules, events: &ScaleEvents, current: u32, wanted: u32, now: Timestamp) -> u32 {
    let direction = if wanted > current { Direction::Up } else { Direction::Down };
    let Some(most) = rules.policy(direction).max_scale_change else { return wanted };
    let operation = rules.interval.length().min(LONGEST_LOOK_BACK).mul_f64(0.9);
    let left = most.get().saturating_sub(events.sum(direction, operation, now));
    match direction {
        Direction::Up => wanted.min(current.saturating_add(left)),
        Direction::Down => wanted.max(current.saturating_sub(left)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::autoscaler::Interval;
    use super::super::decision::tests::{at, rules};
    use super::*;
    use std::num::NonZeroU32;

    fn limited(up: u32, down: u32) -> ScalingRules {
        let mut rules = rules(1, 100);
        rules.scale_up.max_scale_change = NonZeroU32::new(up);
        rules.scale_down.max_scale_change = NonZeroU32::new(down);
        rules
    }

    #[test]
    fn one_operation_changes_at_most_the_limit() {
        let none = ScaleEvents::default();
        let rules = limited(3, 2);
        assert_eq!(limit_step(&rules, &none, 4, 20, at(0)), 7);
        assert_eq!(limit_step(&rules, &none, 4, 6, at(0)), 6);
        assert_eq!(limit_step(&rules, &none, 9, 1, at(0)), 7);
        assert_eq!(limit_step(&rules, &none, 1, 0, at(0)), 0);
        assert_eq!(limit_step(&limited(0, 0), &none, 4, 20, at(0)), 20);
    }

    #[test]
    fn quick_ticks_share_one_operation() {
        let rules = limited(3, 2);
        let mut events = ScaleEvents::default();
        events.record(ScaleEvent { at: at(100), direction: Direction::Up, change: 2 });
        assert_eq!(limit_step(&rules, &events, 6, 20, at(105)), 7, "2 of 3 are used");
        assert_eq!(limit_step(&rules, &events, 6, 20, at(113)), 7);
        assert_eq!(limit_step(&rules, &events, 6, 20, at(114)), 9, "13.5 s later a new operation begins");
        assert_eq!(limit_step(&rules, &events, 6, 1, at(105)), 4, "the other direction has its own limit");
    }

    #[test]
    fn an_event_is_part_of_the_operation_for_nine_tenths_of_a_short_interval() {
        let mut rules = limited(3, 2);
        rules.interval = Interval::from_seconds(10).unwrap();
        let mut events = ScaleEvents::default();
        events.record(ScaleEvent { at: at(100), direction: Direction::Down, change: 1 });
        events.record(ScaleEvent { at: at(105), direction: Direction::Down, change: 1 });
        assert_eq!(limit_step(&rules, &events, 8, 1, at(108)), 8, "2 of 2 are used");
        assert_eq!(limit_step(&rules, &events, 8, 1, at(109)), 7, "the first is exactly 9 s old");
        assert_eq!(limit_step(&rules, &events, 8, 1, at(114)), 6);
        rules.interval = Interval::from_seconds(3600).unwrap();
        assert_eq!(limit_step(&rules, &events, 8, 1, at(119)), 6, "nothing counts longer than 13.5 s");
    }

    #[test]
    fn a_change_greater_than_the_limit_leaves_nothing_for_the_same_operation() {
        let mut events = ScaleEvents::default();
        events.record(ScaleEvent { at: at(0), direction: Direction::Up, change: 50 });
        assert_eq!(limit_step(&limited(3, 2), &events, 50, 60, at(1)), 50);
    }

    #[test]
    fn a_clock_that_is_set_back_neither_blocks_nor_forgets() {
        let rules = limited(3, 2);
        let mut events = ScaleEvents::default();
        events.record(ScaleEvent { at: at(3600), direction: Direction::Up, change: 3 });
        assert_eq!(limit_step(&rules, &events, 6, 20, at(3595)), 6, "a few seconds: the same operation");
        assert_eq!(limit_step(&rules, &events, 6, 20, at(0)), 9, "an hour: another one");
        events.record(ScaleEvent { at: at(0), direction: Direction::Up, change: 3 });
        assert_eq!(events.0.len(), 1);
    }

    #[test]
    fn events_that_no_rule_looks_at_are_forgotten() {
        let mut events = ScaleEvents::default();
        for second in 0..100 {
            events.record(ScaleEvent { at: at(second), direction: Direction::Up, change: 1 });
        }
        assert!(events.0.len() <= 16, "{}", events.0.len());
    }
}
