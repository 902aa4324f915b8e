//! What is worth a request.

use chrono::TimeDelta;
use rstest::rstest;

use super::*;
use crate::domain::autoscaler::{Direction, ReplicaBounds, Targets};
use crate::domain::condition::ConditionKind;
use crate::domain::conflict::{OwnChange, Yielded};

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + TimeDelta::seconds(seconds)
}

fn target() -> TargetPercent {
    TargetPercent::new(70).unwrap()
}

fn rules() -> ScalingRules {
    ScalingRules::new(ReplicaBounds::new(2, 10).unwrap(), Targets::only(Metric::Cpu, target()))
}

fn run(first: i64, last: i64, replicas: u32) -> Run {
    Run { first: at(first), last: at(last), replicas }
}

/// At its target with four replicas, for a minute.
fn content() -> SavedStatus {
    let condition = Condition::new(ConditionKind::AbleToScale, true, Reason::ReadyForNewScale, "ready");
    SavedStatus {
        observed_generation: 1,
        shown: Shown {
            status: Status::Active,
            failure: None,
            current_replicas: 4,
            desired_replicas: 4,
            metrics: vec![ShownMetric { metric: Metric::Cpu, target: target(), percent: Some(70) }],
            conditions: vec![(condition, at(0))],
            scale_up_count: 0,
            scale_down_count: 0,
            last_action: None,
            last_decision: None,
        },
        memory: Memory { runs: vec![run(0, 60, 4)], ..Memory::default() },
    }
}

fn changed(change: impl FnOnce(&mut SavedStatus)) -> SavedStatus {
    let mut status = content();
    change(&mut status);
    status
}

#[rstest]
#[case::nothing(changed(|_| {}))]
#[case::time_went_on(changed(|next| next.memory.runs = vec![run(0, 6_000, 4)]))]
#[case::a_twitch(changed(|next| next.shown.metrics[0].percent = Some(79)))]
#[case::a_new_sentence(changed(|next| next.shown.conditions[0].0.message = "still ready".into()))]
#[case::a_new_holder(changed(|next| next.memory.holder = "another".into()))]
fn what_nobody_would_see_is_not_written(#[case] next: SavedStatus) {
    assert_eq!(urgency(Some(&content()), &next, Some(&rules())), None);
}

#[rstest]
#[case::load(changed(|next| next.shown.metrics[0].percent = Some(80)))]
#[case::unknown(changed(|next| next.shown.metrics[0].percent = None))]
#[case::another_target(changed(|next| next.shown.metrics[0].target = TargetPercent::new(50).unwrap()))]
#[case::it_waits(changed(|next| next.memory.runs.push(run(75, 75, 3))))]
#[case::a_reversal(changed(|next| next.memory.conflicts.own = Some(OwnChange { from: 4, to: 6 })))]
fn what_can_wait_is_written_at_most_twice_a_minute(#[case] next: SavedStatus) {
    assert_eq!(urgency(Some(&content()), &next, Some(&rules())), Some(Urgency::Eventually));
    assert_eq!(Urgency::Eventually.spacing(), Duration::from_secs(30));
}

#[rstest]
#[case::failed(changed(|next| next.shown.status = Status::Failed))]
#[case::another_count(changed(|next| next.shown.current_replicas = 5))]
#[case::another_reason(changed(|next| next.shown.conditions[0].0.reason = Reason::ScaleDownStabilized))]
fn what_a_person_looks_at_is_written_soon(#[case] next: SavedStatus) {
    assert_eq!(urgency(Some(&content()), &next, Some(&rules())), Some(Urgency::Soon));
    assert_eq!(urgency(None, &next, Some(&rules())), Some(Urgency::Soon), "and so is the very first");
}

#[rstest]
#[case::followed(changed(|next| next.observed_generation = 2))]
#[case::scaled(changed(|next| next.shown.scale_up_count = 1))]
#[case::yielded(changed(|next| next.memory.conflicts.yielded = Some(Yielded { at: at(9), to: "argocd".into() })))]
fn what_somebody_waits_for_is_written_at_once(#[case] next: SavedStatus) {
    assert_eq!(urgency(Some(&content()), &next, Some(&rules())), Some(Urgency::AtOnce));
}

#[test]
fn a_change_that_was_announced_may_be_written_after_what_is_more_urgent() {
    let announced = Announced { decision_id: "d".into(), at: at(0), from: 4, to: 6 };
    let announced = changed(|status| status.memory.announced = Some(announced));
    let made = changed(|status| status.shown.scale_up_count = 1);
    assert_eq!(urgency(Some(&announced), &made, Some(&rules())), Some(Urgency::Announced));
    assert!(Urgency::Soon < Urgency::Announced && Urgency::Announced < Urgency::AtOnce);
    assert_eq!(Urgency::Announced.spacing(), Duration::ZERO);
}

#[test]
fn one_that_waits_is_written_again_and_again_and_one_that_cannot_move_is_not() {
    let waits = changed(|status| status.memory.runs.push(run(75, 75, 3)));
    let still_waits = changed(|status| status.memory.runs.push(run(75, 90, 3)));
    assert_eq!(urgency(Some(&waits), &still_waits, Some(&rules())), Some(Urgency::Eventually));
    assert_eq!(urgency(Some(&waits), &still_waits, None), None, "it will not move");
    let mut never_down = rules();
    never_down.scale_down.select_policy = SelectPolicy::Disabled;
    assert_eq!(urgency(Some(&waits), &still_waits, Some(&never_down)), None, "not in this direction");
    let bounds = ReplicaBounds::new(4, 4).unwrap();
    assert_eq!(urgency(Some(&waits), &still_waits, Some(&ScalingRules { bounds, ..rules() })), None, "it may not move");
}

#[test]
fn the_end_of_a_wait_is_written() {
    let waits = changed(|status| status.memory.runs.push(run(75, 75, 3)));
    let content_again = changed(|status| status.memory.runs.extend([run(75, 75, 3), run(90, 90, 4)]));
    assert_eq!(urgency(Some(&waits), &content_again, Some(&rules())), Some(Urgency::Eventually));
}

#[test]
fn an_announcement_that_is_settled_is_taken_back_soon() {
    let announced = Announced { decision_id: "d".into(), at: at(0), from: 4, to: 6 };
    let announced = changed(|status| status.memory.announced = Some(announced));
    assert_eq!(urgency(Some(&announced), &content(), Some(&rules())), Some(Urgency::Soon));
}

#[test]
fn what_was_kept_goes_on() {
    let event = ScaleEvent { at: at(30), direction: Direction::Up, change: 2 };
    let memory = Memory { runs: vec![run(0, 60, 4), run(75, 90, 3)], events: vec![event], ..Memory::default() };
    let state = memory.state(at(100));
    assert_eq!(state.history.unwrap().runs().copied().collect::<Vec<_>>(), memory.runs);
    assert_eq!(state.events.iter().copied().collect::<Vec<_>>(), [event]);
}

#[test]
fn what_seems_to_come_from_the_future_is_not_taken_at_its_word() {
    let event = ScaleEvent { at: at(3_600), direction: Direction::Up, change: 2 };
    let memory = Memory { runs: vec![run(0, 3_600, 3)], events: vec![event], ..Memory::default() };
    let state = memory.state(at(100));
    assert_eq!(state.history, None, "the window begins anew");
    assert_eq!(state.events.iter().map(|event| event.at).collect::<Vec<_>>(), [at(100)], "it has just been made");
}
