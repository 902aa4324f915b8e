//! What was saved, to an object and back.

use chrono::{DateTime, TimeDelta};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::super::status::{saved, written};
use crate::domain::Timestamp;
use crate::domain::autoscaler::{Direction, Metric, TargetPercent};
use crate::domain::cause::{Cause, ScaleAction};
use crate::domain::condition::{Condition, ConditionKind};
use crate::domain::conflict::{Conflicts, OwnChange, Yielded};
use crate::domain::decision::Outcome;
use crate::domain::limits::ScaleEvent;
use crate::domain::reason::Reason;
use crate::domain::saved::{Announced, LastDecision, Memory, SavedStatus, Shown, ShownMetric};
use crate::domain::stabilization::Run;
use crate::domain::status::Status;

fn time() -> impl Strategy<Value = Timestamp> {
    (0i64..4_000_000_000_000).prop_map(|millis| DateTime::from_timestamp_millis(millis).unwrap())
}

fn count() -> impl Strategy<Value = u32> {
    prop_oneof![0u32..100, any::<u32>()]
}

fn reason() -> impl Strategy<Value = Reason> {
    select(Reason::ALL.to_vec())
}

fn target() -> impl Strategy<Value = TargetPercent> {
    (1i32..=i32::MAX).prop_map(|percent| TargetPercent::unbounded(percent).unwrap())
}

fn metrics() -> impl Strategy<Value = Vec<ShownMetric>> {
    let one = |metric| {
        let shown = (target(), option::of(count()));
        option::of(shown.prop_map(move |(target, percent)| ShownMetric { metric, target, percent }))
    };
    let [cpu, memory, gpu, gpu_memory] = Metric::ALL.map(one);
    (cpu, memory, gpu, gpu_memory).prop_map(|(a, b, c, d)| [a, b, c, d].into_iter().flatten().collect())
}

fn conditions() -> impl Strategy<Value = Vec<(Condition, Timestamp)>> {
    let one = |kind| {
        let rest = (any::<bool>(), reason(), ".{0,200}", time());
        rest.prop_map(move |(holds, reason, message, since)| (Condition::new(kind, holds, reason, message), since))
    };
    let [able, active, limited] = ConditionKind::ALL.map(one);
    (able, active, limited, 0usize..=3).prop_map(|(a, b, c, many)| [a, b, c].into_iter().take(many).collect())
}

fn cause() -> impl Strategy<Value = Cause> {
    let metric = (select(Metric::ALL.to_vec()), any::<i32>(), target(), any::<bool>());
    prop_oneof![
        metric.prop_map(|(metric, percent, target, simulated)| Cause::Metric { metric, percent, target, simulated }),
        count().prop_map(Cause::BelowMin),
        count().prop_map(Cause::AboveMax),
    ]
}

prop_compose! {
    fn action()(at in time(), from in count(), to in count(), cause in option::of(cause())) -> ScaleAction {
        ScaleAction { at, from, to, cause }
    }
}

prop_compose! {
    fn decision()(
        at in time(),
        outcome in select(Outcome::ALL.to_vec()),
        reason in reason(),
        message in ".{0,200}",
    ) -> LastDecision {
        LastDecision { at, outcome, reason, message }
    }
}

prop_compose! {
    fn shown()(
        (status, failure) in (select(Status::ALL.to_vec()), option::of(".{0,50}")),
        (current_replicas, desired_replicas) in (count(), count()),
        metrics in metrics(),
        conditions in conditions(),
        (scale_up_count, scale_down_count) in (0..i64::MAX.unsigned_abs(), 0u64..100),
        last_action in option::of(action()),
        last_decision in option::of(decision()),
    ) -> Shown {
        Shown {
            status, failure, current_replicas, desired_replicas, metrics, conditions, scale_up_count, scale_down_count,
            last_action, last_decision,
        }
    }
}

fn conflicts() -> impl Strategy<Value = Conflicts> {
    let own = (count(), count()).prop_map(|(from, to)| OwnChange { from, to });
    let yielded = (time(), ".{0,50}").prop_map(|(at, to)| Yielded { at, to });
    (option::of(own), vec(time(), 0..4), option::of(yielded)).prop_map(|(own, reversals, yielded)| Conflicts {
        own,
        reversals,
        yielded,
    })
}

prop_compose! {
    fn memory()(
        holder in ".{0,50}",
        workload_uid in option::of("[a-f0-9-]{36}"),
        runs in vec((time(), time(), count()), 0..5),
        events in vec((time(), any::<bool>(), count()), 0..5),
        announced in option::of((".{0,36}", time(), count(), count())),
        conflicts in conflicts(),
    ) -> Memory {
        let event = |(at, is_up, change)| {
            ScaleEvent { at, direction: if is_up { Direction::Up } else { Direction::Down }, change }
        };
        Memory {
            holder,
            workload_uid: workload_uid.map(Into::into),
            runs: runs.into_iter().map(|(first, last, replicas)| Run { first, last, replicas }).collect(),
            events: events.into_iter().map(event).collect(),
            announced: announced.map(|(decision_id, at, from, to)| Announced { decision_id, at, from, to }),
            conflicts,
        }
    }
}

prop_compose! {
    fn any_saved()(observed_generation: i64, shown in shown(), memory in memory()) -> SavedStatus {
        SavedStatus { observed_generation, shown, memory }
    }
}

/// What the API server keeps of a merge patch.
fn kept(patch: &Value) -> Value {
    let mut kept = json!({});
    json_patch::merge(&mut kept, patch);
    kept
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(status in any_saved()) {
        prop_assert_eq!(saved(kept(&written(&status))), Some(status));
    }

    #[test]
    fn what_is_written_over_another_is_read_again(before in any_saved(), status in any_saved()) {
        let mut known = kept(&written(&before));
        json_patch::merge(&mut known, &written(&status));
        prop_assert_eq!(saved(known), Some(status));
    }

    #[test]
    fn no_hand_can_make_it_panic(status in any_saved(), at in any::<prop::sample::Index>(), other in select(vec![
        json!(null), json!(-1), json!("x"), json!("100%/0%"), json!([]), json!({}), json!(true), json!(1.5), json!([null]),
    ])) {
        let written = kept(&written(&status));
        let mut paths = Vec::new();
        collect(&written, String::new(), &mut paths);
        let mut edited = written.clone();
        let path: &String = at.get(&paths);
        *edited.pointer_mut(path).unwrap() = other;
        let read = saved(edited.clone());
        // Either it makes no sense, or it says what it says.
        if let Some(read) = read {
            prop_assert!(saved(kept(&super::super::status::written(&read))) == Some(read), "{edited}");
        }
    }
}

fn collect(value: &Value, path: String, paths: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| collect(value, format!("{path}/{name}"), paths))
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| collect(item, format!("{path}/{at}"), paths))
        }
        _ => {}
    }
    paths.push(path);
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + TimeDelta::seconds(seconds)
}

fn example() -> SavedStatus {
    let target = |percent| TargetPercent::new(percent).unwrap();
    let cause = Cause::Metric { metric: Metric::Cpu, percent: 91, target: target(70), simulated: false };
    let shown = Shown {
        status: Status::Active,
        failure: None,
        current_replicas: 3,
        desired_replicas: 4,
        metrics: vec![
            ShownMetric { metric: Metric::Cpu, target: target(70), percent: Some(72) },
            ShownMetric { metric: Metric::GpuMemory, target: target(60), percent: None },
        ],
        conditions: vec![(Condition::new(ConditionKind::AbleToScale, true, Reason::ReadyForNewScale, "well"), at(1))],
        scale_up_count: 2,
        scale_down_count: 1,
        last_action: Some(ScaleAction { at: at(2), from: 2, to: 3, cause: Some(cause) }),
        last_decision: None,
    };
    SavedStatus { observed_generation: 7, shown, memory: Memory::default() }
}

#[test]
fn it_reads_as_people_expect() {
    let status = kept(&written(&example()));
    assert_eq!((&status["cpu"], &status["gpuMemory"]), (&json!("72%/70%"), &json!("<unknown>/60%")));
    assert_eq!(
        status["conditions"],
        json!([{
            "type": "AbleToScale", "status": "True", "reason": "ReadyForNewScale", "message": "well",
            "lastTransitionTime": "1970-01-01T00:00:01.000Z", "observedGeneration": 7,
        }])
    );
    assert_eq!(
        status["lastScale"],
        json!({
            "time": "1970-01-01T00:00:02.000Z", "from": 2, "to": 3,
            "cause": {"metric": "cpu", "percent": 91, "target": 70, "simulated": false},
        })
    );
    assert_eq!(status.get("memory").or(status.get("failure")).or(status.get("lastDecision")), None);
}

#[test]
fn what_makes_no_sense_is_as_if_it_had_not_been_written() {
    let edits = [
        ("/status", json!("fine")),
        ("/cpu", json!("much")),
        ("/cpu", json!("72%")),
        ("/cpu", json!("72%/0%")),
        ("/currentReplicas", json!(-1)),
        ("/currentReplicas", Value::Null),
        ("/conditions/0/reason", json!("Because")),
        ("/conditions/0/status", json!("Unknown")),
        ("/conditions/0/lastTransitionTime", json!("yesterday")),
        ("/lastScale/cause/metric", Value::Null),
        ("/lastScale/cause/belowMin", json!(1)),
        ("/state/runs", json!([{"first": "1970-01-01T00:00:00Z", "last": "1970-01-01T00:00:00Z"}])),
        ("/state/events", json!([{"at": "1970-01-01T00:00:00Z", "direction": "left", "change": 1}])),
        ("/state", json!({})),
    ];
    for (path, value) in edits {
        let mut status = written(&example());
        let (parent, field) = path.rsplit_once('/').unwrap();
        status.pointer_mut(parent).unwrap()[field] = value.clone();
        assert_eq!(saved(kept(&status)), None, "{path} = {value}");
    }
    assert_eq!(saved(Value::Null), None);
    assert_eq!(saved(json!({})), None);
}

#[test]
fn an_object_does_not_grow_without_bound() {
    let long = "€".repeat(100_000);
    let mut status = example();
    status.shown.failure = Some(long.clone());
    status.shown.conditions = ConditionKind::ALL
        .map(|kind| (Condition::new(kind, true, Reason::ScaledByAnother, long.clone()), at(0)))
        .into();
    status.shown.last_decision = Some(LastDecision {
        at: at(0),
        outcome: Outcome::NoChange,
        reason: Reason::ScaledByAnother,
        message: long.clone(),
    });
    let many = 0..10_000;
    let memory = &mut status.memory;
    memory.holder = long.clone();
    memory.runs = many.clone().map(|second| Run { first: at(second), last: at(second), replicas: u32::MAX }).collect();
    memory.events = many
        .clone()
        .map(|second| ScaleEvent { at: at(second), direction: Direction::Down, change: u32::MAX })
        .collect();
    memory.conflicts.reversals = many.map(at).collect();
    memory.conflicts.yielded = Some(Yielded { at: at(0), to: long });
    let size = written(&status).to_string().len();
    assert!(size < 62 << 10, "{size}");
    let saved = saved(written(&status)).unwrap();
    assert_eq!(saved.memory.events.last().map(|event| event.at), Some(at(9_999)), "the newest are kept");
    assert_eq!(saved.memory.events.len(), 200);
    assert!(saved.memory.runs.is_empty(), "a part of a window is none");
}
