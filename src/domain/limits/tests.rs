use std::num::NonZeroU32;

use super::super::autoscaler::Interval;
use proptest::prelude::*;
use proptest::sample::select;
use rstest::rstest;

use super::super::fixtures::{as_hpa, at, rules};
use super::*;

fn step(rules: &ScalingRules, events: &ScaleEvents, current: u32, wanted: u32, now: Timestamp) -> u32 {
    Limits::new(rules, events, current).step(wanted, now)
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
fn events_that_no_rule_looks_at_are_forgotten() {
    let rules = limited(3, 2);
    let mut events = ScaleEvents::default();
    for second in 0..100 {
        events.record(&rules, ScaleEvent { at: at(second), direction: Direction::Up, change: 1 });
    }
    assert!(events.0.len() <= 16, "{}", events.0.len());
}

/// Rules with these policies in both directions: unit, value and period.
fn paced(select: SelectPolicy, policies: &[(RateUnit, i32, i32)]) -> ScalingRules {
    let mut rules = rules(1, 1000);
    for policy in [&mut rules.scale_up, &mut rules.scale_down] {
        policy.select_policy = select;
        policy.policies =
            policies.iter().map(|(unit, value, period)| RatePolicy::new(*unit, *value, *period).unwrap()).collect();
    }
    rules
}

fn event(seconds: i64, direction: Direction, change: u32) -> ScaleEvent {
    ScaleEvent { at: at(seconds), direction, change }
}

/// What the policies allow at the tests' epoch, which is the same for both ways to decide.
fn rate(rules: &ScalingRules, events: &[ScaleEvent], current: u32, wanted: u32) -> u32 {
    let events: ScaleEvents = events.iter().copied().collect();
    let [ours, hpa] = [rules, &as_hpa(rules)].map(|rules| Limits::new(rules, &events, current).rate(wanted, at(0)));
    assert_eq!(ours, hpa);
    ours
}

use Direction::{Down, Up};
use RateUnit::{Percent, Pods};
use SelectPolicy::{Disabled, Max, Min};

#[rstest]
#[case::pods_up(Max, &[(Pods, 4, 60)], 10, 100, 14)]
#[case::less_than_the_pods(Max, &[(Pods, 4, 60)], 10, 13, 13)]
#[case::pods_down(Max, &[(Pods, 4, 60)], 10, 1, 6)]
#[case::more_pods_than_there_are(Max, &[(Pods, 40, 60)], 10, 1, 1)]
#[case::doubled(Max, &[(Percent, 100, 60)], 10, 100, 20)]
#[case::a_percentage_up_rounds_up(Max, &[(Percent, 10, 60)], 1, 100, 2)]
#[case::ten_percent_up(Max, &[(Percent, 10, 60)], 10, 100, 11)]
#[case::ten_percent_of_a_hundred_are_eleven_because_of_a_float(Max, &[(Percent, 10, 60)], 100, 200, 111)]
#[case::a_percentage_down(Max, &[(Percent, 10, 60)], 10, 1, 9)]
#[case::a_percentage_down_rounds_down(Max, &[(Percent, 10, 60)], 9, 1, 8)]
#[case::ninety_percent_of_ten_are_all_because_of_a_float(Max, &[(Percent, 90, 60)], 10, 0, 0)]
#[case::everything_down(Max, &[(Percent, 100, 60)], 10, 0, 0)]
#[case::more_than_everything_down(Max, &[(Percent, 300, 60)], 10, 0, 0)]
#[case::the_greater_of_two_up(Max, &[(Pods, 4, 60), (Percent, 100, 60)], 3, 100, 7)]
#[case::the_greater_of_two_up_later(Max, &[(Pods, 4, 60), (Percent, 100, 60)], 30, 100, 60)]
#[case::the_smaller_of_two_up(Min, &[(Pods, 4, 60), (Percent, 100, 60)], 3, 100, 6)]
#[case::the_greater_of_two_down(Max, &[(Pods, 4, 60), (Percent, 50, 60)], 20, 1, 10)]
#[case::the_smaller_of_two_down(Min, &[(Pods, 4, 60), (Percent, 50, 60)], 20, 1, 16)]
#[case::disabled_up(Disabled, &[(Pods, 4, 60)], 10, 100, 10)]
#[case::disabled_down(Disabled, &[], 10, 1, 10)]
#[case::no_policy(Min, &[], 10, 100, 100)]
#[case::nothing_to_do(Disabled, &[(Pods, 4, 60)], 10, 10, 10)]
fn a_change_is_as_great_as_the_policies_allow(
    #[case] select: SelectPolicy,
    #[case] policies: &[(RateUnit, i32, i32)],
    #[case] current: u32,
    #[case] wanted: u32,
    #[case] expected: u32,
) {
    assert_eq!(rate(&paced(select, policies), &[], current, wanted), expected);
}

#[rstest]
#[case::changes_of_the_period_count(&[event(-59, Up, 3)], 13, 100, 14)]
#[case::a_period_ends_strictly(&[event(-60, Up, 3)], 13, 100, 17)]
#[case::all_of_them_count(&[event(-50, Up, 1), event(-20, Up, 2)], 13, 100, 14)]
#[case::what_is_used_up_is_used_up(&[event(-10, Up, 4)], 14, 100, 14)]
#[case::more_than_used_up_changes_nothing(&[event(-10, Up, 9)], 19, 100, 19)]
#[case::what_went_down_may_come_up_again(&[event(-10, Down, 5)], 5, 100, 14)]
#[case::both_directions_are_reckoned(&[event(-30, Up, 3), event(-10, Down, 1)], 12, 100, 14)]
#[case::down_as_well(&[event(-59, Down, 3)], 7, 1, 6)]
#[case::down_at_the_end_of_the_period(&[event(-60, Down, 3)], 7, 1, 3)]
#[case::what_came_up_may_go_down_again(&[event(-10, Up, 5)], 15, 1, 6)]
#[case::more_than_used_up_down(&[event(-10, Down, 9)], 5, 1, 5)]
fn what_changed_within_the_period_is_reckoned(
    #[case] events: &[ScaleEvent],
    #[case] current: u32,
    #[case] wanted: u32,
    #[case] expected: u32,
) {
    assert_eq!(rate(&paced(Max, &[(Pods, 4, 60)]), events, current, wanted), expected);
}

#[test]
fn a_policy_that_allows_more_than_all_numbers_hold_is_no_limit_but_for_the_hpa() {
    let rules = paced(Max, &[(Percent, i32::MAX, 60)]);
    let rate = |rules: &ScalingRules| Limits::new(rules, &ScaleEvents::default(), 1000).rate(2000, at(0));
    assert_eq!((rate(&rules), rate(&as_hpa(&rules))), (2000, 1000));
}

#[test]
fn a_percentage_is_one_of_the_count_at_the_beginning_of_the_period() {
    let rules = paced(Max, &[(Percent, 50, 60)]);
    assert_eq!(rate(&rules, &[event(-10, Up, 2)], 12, 100), 15, "10 and half of it");
    assert_eq!(rate(&rules, &[event(-10, Down, 2)], 8, 1), 5);
}

#[test]
fn each_policy_has_its_own_period() {
    let rules = paced(Min, &[(Pods, 4, 15), (Pods, 6, 60)]);
    assert_eq!(rate(&rules, &[event(-30, Up, 4)], 14, 100), 16, "6 in a minute, of which 4 are gone");
    assert_eq!(rate(&rules, &[event(-10, Up, 4)], 14, 100), 14, "4 in 15 s");
}

#[rstest]
#[case::at_once(&[], 0, Some(0))]
#[case::when_the_operation_is_over(&[event(-1, Up, 3)], 0, Some(12_500))]
#[case::when_the_period_is_over(&[event(-20, Up, 6)], 0, Some(40_000))]
#[case::when_enough_of_the_period_is_over(&[event(-50, Up, 3), event(-20, Up, 3)], 0, Some(10_000))]
#[case::not_before_it_is_asked(&[event(-20, Up, 3)], 50, Some(50_000))]
fn time_frees_what_the_limits_hold(#[case] events: &[ScaleEvent], #[case] from: i64, #[case] expected: Option<i64>) {
    let mut rules = paced(Max, &[(Pods, 6, 60)]);
    rules.scale_up.max_scale_change = NonZeroU32::new(3);
    let events: ScaleEvents = events.iter().copied().collect();
    for rules in [as_hpa(&rules), rules] {
        let free_at = Limits::new(&rules, &events, 16).free_at(100, at(from));
        assert_eq!(free_at.map(|free| (free - at(0)).num_milliseconds()), expected);
    }
}

#[test]
fn time_frees_nothing_that_is_switched_off_or_already_so() {
    let events = ScaleEvents::from_iter([event(-10, Up, 3)]);
    let rules = paced(Disabled, &[(Pods, 6, 60)]);
    assert_eq!(Limits::new(&rules, &events, 16).free_at(100, at(0)), None);
    let rules = paced(Max, &[(Pods, 6, 60)]);
    assert_eq!(Limits::new(&rules, &events, 16).free_at(16, at(0)), None);
}

#[test]
fn a_policy_looks_at_all_events_of_its_period() {
    let rules = paced(Max, &[(Pods, 100, 1800)]);
    let mut events = ScaleEvents::default();
    for second in (0..1800).step_by(30) {
        events.record(&rules, event(second, Up, 1));
    }
    let reached = |now| Limits::new(&rules, &events, 200).rate(1000, at(now));
    assert_eq!((reached(1799), reached(1800), reached(1830)), (240, 241, 242));
}

/// `storeScaleEvent` and `calculateScale{Up,Down}Limit…` once more, with the HPA's lists and its int32.
#[derive(Default)]
pub(in crate::domain) struct HpaEvents {
    up: Vec<(i64, i32)>,
    down: Vec<(i64, i32)>,
}

impl HpaEvents {
    pub(in crate::domain) fn store(&mut self, rules: &ScalingRules, now: i64, before: i32, after: i32) {
        let is_up = after > before;
        let policy = if is_up { &rules.scale_up } else { &rules.scale_down };
        let longest = policy.policies.iter().map(|policy| policy.period().as_secs() as i64).max().unwrap_or(0);
        let list = if is_up { &mut self.up } else { &mut self.down };
        let stored = (now, (after - before).abs());
        match list.iter().rposition(|(then, _)| *then < now - longest) {
            Some(index) => list[index] = stored,
            None => list.push(stored),
        }
    }

    pub(in crate::domain) fn allowed(&self, rules: &ScalingRules, now: i64, current: i32, wanted: i32) -> i32 {
        let is_up = wanted > current;
        let policy = if is_up { &rules.scale_up } else { &rules.scale_down };
        if policy.select_policy == Disabled {
            return current;
        }
        let reached = policy.policies.iter().map(|policy| {
            let period = policy.period().as_secs() as i64;
            let sum = |list: &[(i64, i32)]| -> i32 {
                list.iter().filter(|(then, _)| *then > now - period).map(|(_, change)| change).sum()
            };
            let start = current - sum(&self.up) + sum(&self.down);
            let value = policy.value.get() as i32;
            match (policy.unit, is_up) {
                (Pods, true) => start + value,
                (Pods, false) => start - value,
                (Percent, true) => (f64::from(start) * (1.0 + f64::from(value) / 100.0)).ceil() as i32,
                (Percent, false) => (f64::from(start) * (1.0 - f64::from(value) / 100.0)) as i32,
            }
        });
        let is_greatest = (policy.select_policy == Max) == is_up;
        let limit = if is_greatest { reached.max() } else { reached.min() };
        // No policy is no limit; the HPA's API fills some in.
        let Some(limit) = limit else { return wanted };
        if is_up { wanted.min(limit.max(current)) } else { wanted.max(limit.min(current)) }
    }
}

fn arbitrary_pace() -> impl Strategy<Value = (SelectPolicy, Vec<(RateUnit, i32, i32)>)> {
    let policy = (select(vec![Pods, Percent]), select(vec![1, 2, 4, 10, 50, 100]), select(vec![5, 15, 60]));
    (select(vec![Max, Max, Min, Disabled]), prop::collection::vec(policy, 0..3))
}

proptest! {
    #[test]
    fn a_sequence_of_changes_is_limited_as_by_the_hpa(
        (up, down) in (arbitrary_pace(), arbitrary_pace()),
        changes in prop::collection::vec((0i64..20, 1u32..60), 1..30),
    ) {
        let rules = ScalingRules {
            scale_up: paced(up.0, &up.1).scale_up,
            scale_down: paced(down.0, &down.1).scale_down,
            ..as_hpa(&rules(1, 1000))
        };
        let (mut events, mut reference) = (ScaleEvents::default(), HpaEvents::default());
        let (mut current, mut now) = (10, 0);
        for (after, wanted) in changes {
            now += after;
            let allowed = Limits::new(&rules, &events, current).rate(wanted, at(now));
            let theirs = reference.allowed(&rules, now, current as i32, wanted as i32);
            prop_assert_eq!(allowed as i32, theirs);
            if let Some(direction) = direction(current, allowed) {
                events.record(&rules, event(now, direction, allowed.abs_diff(current)));
                reference.store(&rules, now, current as i32, allowed as i32);
            }
            current = allowed;
        }
    }
}

#[test]
fn the_hpa_forgets_what_only_the_other_direction_looks_at() {
    let mut rules = paced(Max, &[(Pods, 4, 60)]);
    rules.scale_up.policies = vec![RatePolicy::new(Pods, 4, 15).unwrap()];
    for (rules, expected) in [(as_hpa(&rules), 14), (rules, 10)] {
        let mut events = ScaleEvents::default();
        events.record(&rules, event(0, Up, 4));
        events.record(&rules, event(20, Up, 4));
        assert_eq!(Limits::new(&rules, &events, 18).rate(1, at(30)), expected - 4);
    }
}

#[test]
fn the_step_limit_keeps_its_events_in_the_way_of_the_hpa() {
    let rules = as_hpa(&limited(3, 2));
    let mut events = ScaleEvents::default();
    events.record(&rules, event(0, Up, 1));
    events.record(&rules, event(5, Up, 1));
    assert_eq!(step(&rules, &events, 6, 20, at(10)), 7);
}
