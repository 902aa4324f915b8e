use std::time::Duration;

use chrono::TimeDelta;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::autoscaler::ScalingRules;
use super::super::decision::{State, decide};
use super::super::fixtures::*;
use super::super::gpu::GpuUsage;
use super::super::observation::Observation;
use super::*;

const WIDE: LogBounds = LogBounds { entries: 1000, bytes: 1 << 30 };

/// What is decided without a window, so many seconds after the tests' epoch.
fn decision_by(rules: &Arc<ScalingRules>, seconds: i64, seen: Observation) -> Arc<Decision> {
    Arc::new(decide(rules, &State::default(), Arc::new(seen), at(seconds)))
}

fn prompt() -> ScalingRules {
    let mut rules = rules(1, 10);
    rules.scale_down.window = window(0);
    rules
}

/// Four pods at this load.
fn decision(seconds: i64, cpu: u64) -> Arc<Decision> {
    decision_by(&Arc::new(prompt()), seconds, observe_at(at(seconds), 4, pods(4, cpu, 50, at(seconds))))
}

fn entry_of(decision: Arc<Decision>) -> Entry {
    let (outcome, reason) = (decision.outcome, decision.reason);
    Entry::new(decision, outcome, reason, None)
}

fn entry(seconds: i64, cpu: u64) -> Entry {
    entry_of(decision(seconds, cpu))
}

fn log_of(bounds: LogBounds, entries: impl IntoIterator<Item = Entry>) -> DecisionLog {
    let mut log = DecisionLog::new(bounds);
    entries.into_iter().for_each(|entry| log.add(entry));
    log
}

/// How often each entry counts, oldest first.
fn counts(log: &DecisionLog) -> Vec<u64> {
    let mut counts: Vec<_> = log.newest_first().map(|entry| entry.count).collect();
    counts.reverse();
    counts
}

#[test]
fn decisions_that_change_nothing_are_one_entry_with_their_number_and_span() {
    let log = log_of(WIDE, [entry(0, 70), entry(15, 71), entry(30, 72)]);
    let entries: Vec<_> = log.newest_first().collect();
    assert_eq!(entries.len(), 1);
    let Entry { first_at, last_at, count, outcome, decision, .. } = &**entries[0];
    assert_eq!((*first_at, *last_at, *count, *outcome), (at(0), at(30), 3, Outcome::NoChange));
    assert_eq!(entries[0].message(), "stays at 4: cpu 72 % (target 70 %) proposes 4", "that of the last");
    assert_eq!(decision.as_ref().unwrap().at, at(30), "the last of the run");
}

#[test]
fn a_single_decision_begins_and_ends_at_the_same_moment() {
    let entry = entry(7, 70);
    assert_eq!((entry.first_at, entry.last_at, entry.count), (at(7), at(7), 1));
}

#[test]
fn every_change_is_an_entry_of_its_own() {
    let up = log_of(WIDE, [entry(0, 140), entry(15, 140)]);
    assert_eq!(counts(&up), [1, 1]);
    assert!(up.newest_first().all(|entry| entry.outcome == Outcome::ScaleUp));
    assert_eq!(counts(&log_of(WIDE, [entry(0, 35), entry(15, 35)])), [1, 1], "down as well");
}

#[test]
fn what_does_not_act_is_folded_as_well() {
    for outcome in [Outcome::Held, Outcome::Observed, Outcome::Failed] {
        let entry = |seconds| Entry { outcome, ..entry(seconds, 140) };
        assert_eq!(counts(&log_of(WIDE, [entry(0), entry(15)])), [2]);
    }
}

#[test]
fn another_outcome_reason_or_number_begins_a_new_entry() {
    let base = || entry(0, 70);
    let held = |cpu| Entry { outcome: Outcome::Held, ..entry(15, cpu) };
    let others = [
        Entry { outcome: Outcome::Held, ..base() },
        Entry { reason: Reason::Paused, ..base() },
        entry_of(decision_by(&Arc::new(prompt()), 15, observe_at(at(15), 5, pods(5, 70, 50, at(15))))),
        entry_of(decision_by(&Arc::new(prompt()), 15, observe_at(at(15), 4, vec![]))),
        Entry { decision: None, ..base() },
    ];
    for other in others {
        assert_eq!(counts(&log_of(WIDE, [base(), other.clone()])), [1, 1], "{other:?}");
    }
    assert_eq!(counts(&log_of(WIDE, [held(140), held(210)])), [1, 1], "8 and then 12 are wanted");
}

/// The same decision with a change.
fn altered(change: impl FnOnce(&mut Decision)) -> Entry {
    let mut decision = Arc::unwrap_or_clone(decision(15, 70));
    change(&mut decision);
    Entry { decision: Some(Arc::new(decision)), ..entry(15, 70) }
}

#[test]
fn each_number_of_a_decision_makes_it_another() {
    let base = || entry(0, 70);
    let step = super::super::decision::Step {
        rule: super::super::decision::Rule::Bounds,
        from: 4,
        to: 4,
        reason: Reason::TooManyReplicas,
    };
    let others = [
        altered(|decision| decision.current = 5),
        altered(|decision| decision.recommended = None),
        altered(|decision| decision.desired = 5),
        altered(|decision| decision.steps.push(step)),
        altered(|decision| decision.metrics[0].proposal.as_mut().unwrap().replicas = 5),
        altered(|decision| decision.metrics[1].proposal = decision.metrics[0].proposal.clone()),
        altered(|decision| decision.metrics[2].utilization = decision.metrics[1].utilization.clone()),
        altered(|decision| decision.rules = Arc::new(rules(1, 11))),
    ];
    for other in others {
        assert_eq!(counts(&log_of(WIDE, [base(), other])), [1, 1]);
    }
    let same = altered(|decision| decision.rules = Arc::new((*decision.rules).clone()));
    assert_eq!(counts(&log_of(WIDE, [base(), same])), [2], "equal rules are the same ones");
}

#[test]
fn evaluations_that_could_not_decide_are_folded_by_what_they_say() {
    let undecided = |seconds, message: &str| Entry::undecided(at(seconds), Reason::FailedGetPods, message.to_owned());
    let log = log_of(WIDE, [undecided(0, "no pods"), undecided(15, "no pods"), undecided(30, "no answer")]);
    assert_eq!(counts(&log), [2, 1]);
    assert!(log.newest_first().all(|entry| entry.outcome == Outcome::Held && entry.decision.is_none()));
    assert_eq!(counts(&log_of(WIDE, [undecided(0, "no pods"), entry(15, 70), undecided(30, "no pods")])), [1, 1, 1]);
}

#[test]
fn the_newest_come_first() {
    let log = log_of(WIDE, [entry(0, 70), entry(15, 140), entry(30, 35)]);
    let moments: Vec<_> = log.newest_first().map(|entry| entry.last_at).collect();
    assert_eq!(moments, [at(30), at(15), at(0)]);
}

#[test]
fn of_too_many_entries_the_oldest_go() {
    let bounds = LogBounds { entries: 3, ..WIDE };
    let log = log_of(bounds, (0..10).map(|tick| entry(tick, 140)));
    let moments: Vec<_> = log.newest_first().map(|entry| entry.last_at).collect();
    assert_eq!(moments, [at(9), at(8), at(7)]);
}

#[test]
fn of_too_many_bytes_the_oldest_go() {
    let size = entry(0, 140).bytes();
    let log = log_of(LogBounds { bytes: 3 * size, ..WIDE }, (0..10).map(|tick| entry(tick, 140)));
    assert_eq!((counts(&log).len(), log.bytes()), (3, 3 * size));
    let log = log_of(LogBounds { bytes: 3 * size - 1, ..WIDE }, (0..10).map(|tick| entry(tick, 140)));
    assert_eq!(counts(&log).len(), 2);
}

#[test]
fn the_latest_entry_always_stays() {
    for bounds in [LogBounds { entries: 0, bytes: 0 }, LogBounds { entries: 1, bytes: 1 }] {
        let log = log_of(bounds, [entry(0, 70), entry(15, 140)]);
        assert_eq!(log.newest_first().map(|entry| entry.last_at).collect::<Vec<_>>(), [at(15)]);
        assert!(log.bytes() > 0);
    }
    assert_eq!(DecisionLog::new(WIDE).bytes(), 0);
}

#[test]
fn a_larger_workload_costs_more() {
    let of = |count: u32| entry_of(decision_by(&Arc::new(prompt()), 0, observe(4, pods(count, 70, 50, at(0))))).bytes();
    let (one, hundred) = (of(1), of(100));
    assert!(hundred > one + 99 * 100, "a reading is some hundred bytes: {one}, {hundred}");
    assert!(hundred < one + 99 * 1000, "and no more: {one}, {hundred}");
}

/// What one more of something costs.
fn cost(change: impl Fn(&mut Observation)) -> usize {
    let of = |seen| {
        let decision = decision_by(&Arc::new(prompt()), 0, seen);
        Entry::new(decision, Outcome::Held, Reason::Paused, None).bytes()
    };
    let base = observe(4, pods(1, 70, 50, at(0)));
    let mut more = base.clone();
    change(&mut more);
    of(more) - of(base)
}

#[test]
fn everything_that_an_entry_holds_is_reckoned() {
    let reading = pod("stray", 0, 0, at(0)).usage.unwrap();
    let bytes_of_reading = size_of_val(&*reading) + size_of_val(&reading.containers[0]) + "app".len();
    assert_eq!(cost(|seen| seen.strays.push(reading.clone())), bytes_of_reading);
    let bare = || pod("bare", 0, 0, at(0)).without_usage();
    let bytes_of_bare = size_of::<ObservedPod>();
    assert_eq!(cost(|seen| seen.pods.push(bare())), bytes_of_bare);
    let whole = pod("bare", 70, 0, at(0));
    assert_eq!(cost(|seen| seen.pods.push(whole.clone())), bytes_of_bare + bytes_of_reading);
    let device = GpuReading::new("gpu-0", at(0));
    let gpus = Arc::new(GpuUsage { devices: vec![device; 2], window: Duration::ZERO });
    let with_gpus = ObservedPod { gpus: Some(gpus), ..bare() };
    assert_eq!(cost(|seen| seen.pods.push(with_gpus.clone())), bytes_of_bare + 2 * size_of::<GpuReading>());
    let rescaled = entry_of(decision_by(&Arc::new(prompt()), 0, observe(12, vec![])));
    let (steps, seen) = (size_of::<super::super::decision::Step>(), size_of::<Observation>());
    let bytes = size_of::<Entry>() + size_of::<Decision>() + steps + seen;
    assert_eq!(rescaled.bytes(), bytes, "its sentence is made when somebody reads it");
    let decision = rescaled.decision.unwrap();
    let said = Entry::new(decision, Outcome::Failed, Reason::FailedUpdateScale, Some("it was refused".to_owned()));
    assert_eq!((said.bytes(), &*said.message()), (bytes + "it was refused".len(), "it was refused"));
    let undecided = Entry::undecided(at(0), Reason::FailedGetPods, "no answer".to_owned());
    assert_eq!(undecided.bytes(), size_of::<Entry>() + "no answer".len());
}

proptest! {
    #[test]
    fn the_bytes_are_always_those_of_the_entries(
        ticks in prop::collection::vec((select(vec![35u64, 70, 71, 140, 141]), 0u32..6, any::<bool>()), 0..60),
        entries in 0usize..6,
        bytes in 0usize..40_000,
    ) {
        let bounds = LogBounds { entries, bytes };
        let mut log = DecisionLog::new(bounds);
        let mut added = 0;
        for (tick, (cpu, count, is_known)) in ticks.into_iter().enumerate() {
            let now = at(0) + TimeDelta::seconds(tick as i64);
            let next = if is_known {
                entry_of(decision_by(&Arc::new(prompt()), tick as i64, observe_at(now, 4, pods(count, cpu, 50, now))))
            } else {
                Entry::undecided(now, Reason::FailedGetPods, "x".repeat(count as usize / 3))
            };
            log.add(next.clone());
            added += 1;
            let newest = log.newest_first().next().unwrap();
            prop_assert_eq!((newest.last_at, newest.message()), (now, next.message()));
            prop_assert_eq!(log.bytes(), log.newest_first().map(|entry| entry.bytes()).sum::<usize>());
            let kept = log.newest_first().count();
            prop_assert!(kept == 1 || (kept <= entries && log.bytes() <= bytes));
            prop_assert!(log.newest_first().map(|entry| entry.count).sum::<u64>() <= added);
            let spans: Vec<_> = log.newest_first().map(|entry| (entry.last_at, entry.first_at)).collect();
            prop_assert!(spans.iter().all(|(last, first)| first <= last));
            prop_assert!(spans.is_sorted_by(|newer, older| newer.1 > older.0));
        }
    }
}
