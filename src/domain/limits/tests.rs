use std::num::NonZeroU32;

use super::super::autoscaler::Interval;
use super::super::fixtures::{at, rules};
use super::*;

fn step(rules: &ScalingRules, events: &ScaleEvents, current: u32, wanted: u32, now: Timestamp) -> u32 {
    Limits { rules, events, current }.step(wanted, now)
}

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
    assert_eq!(step(&rules, &none, 4, 20, at(0)), 7);
    assert_eq!(step(&rules, &none, 4, 6, at(0)), 6);
    assert_eq!(step(&rules, &none, 9, 1, at(0)), 7);
    assert_eq!(step(&rules, &none, 1, 0, at(0)), 0);
    assert_eq!(step(&limited(0, 0), &none, 4, 20, at(0)), 20);
}

#[test]
fn quick_ticks_share_one_operation() {
    let rules = limited(3, 2);
    let mut events = ScaleEvents::default();
    events.record(&rules, ScaleEvent { at: at(100), direction: Direction::Up, change: 2 });
    assert_eq!(step(&rules, &events, 6, 20, at(105)), 7, "2 of 3 are used");
    assert_eq!(step(&rules, &events, 6, 20, at(113)), 7);
    assert_eq!(step(&rules, &events, 6, 20, at(114)), 9, "13.5 s later a new operation begins");
    assert_eq!(step(&rules, &events, 6, 1, at(105)), 4, "the other direction has its own limit");
}

#[test]
fn an_event_is_part_of_the_operation_for_nine_tenths_of_a_short_interval() {
    let mut rules = limited(3, 2);
    rules.interval = Interval::from_seconds(10).unwrap();
    let mut events = ScaleEvents::default();
    events.record(&rules, ScaleEvent { at: at(100), direction: Direction::Down, change: 1 });
    events.record(&rules, ScaleEvent { at: at(105), direction: Direction::Down, change: 1 });
    assert_eq!(step(&rules, &events, 8, 1, at(108)), 8, "2 of 2 are used");
    assert_eq!(step(&rules, &events, 8, 1, at(109)), 7, "the first is exactly 9 s old");
    assert_eq!(step(&rules, &events, 8, 1, at(114)), 6);
    rules.interval = Interval::from_seconds(3600).unwrap();
    assert_eq!(step(&rules, &events, 8, 1, at(119)), 6, "nothing counts longer than 13.5 s");
}

#[test]
fn a_change_greater_than_the_limit_leaves_nothing_for_the_same_operation() {
    let rules = limited(3, 2);
    let mut events = ScaleEvents::default();
    events.record(&rules, ScaleEvent { at: at(0), direction: Direction::Up, change: 50 });
    assert_eq!(step(&rules, &events, 50, 60, at(1)), 50);
}

#[test]
fn a_clock_that_is_set_back_neither_blocks_nor_forgets() {
    let rules = limited(3, 2);
    let mut events = ScaleEvents::default();
    events.record(&rules, ScaleEvent { at: at(3600), direction: Direction::Up, change: 3 });
    assert_eq!(step(&rules, &events, 6, 20, at(3595)), 6, "a few seconds: the same operation");
    assert_eq!(step(&rules, &events, 6, 20, at(0)), 9, "an hour: another one");
    events.record(&rules, ScaleEvent { at: at(0), direction: Direction::Up, change: 3 });
    assert_eq!(events.0.len(), 1);
}

#[test]
fn events_that_no_rule_looks_at_are_forgotten() {
    let rules = limited(3, 2);
    let mut events = ScaleEvents::default();
    for second in 0..100 {
        events.record(&rules, ScaleEvent { at: at(second), direction: Direction::Up, change: 1 });
    }
    assert!(events.0.len() <= 16, "{}", events.0.len());
}
