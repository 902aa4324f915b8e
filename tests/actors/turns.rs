//! Many that want to change their workloads at the same moment.

use std::time::Duration;

use ai_storage_orchestrator::domain::reason::Reason;
use ai_storage_orchestrator::ports::ClusterError;
use ai_storage_orchestrator::ports::store::Wanted;

use super::cluster::{Answer, Gate, Op, deployment};
use super::objects::{Fault, Objects};
use super::stage::{Stage, log_lines, play, rules};

const MANY: usize = 100;

/// So many change something at the same time (`actors::turns`).
const AT_ONCE: usize = 32;

fn name(number: usize) -> String {
    format!("web-{number}")
}

/// A hundred workloads that need twice the replicas they have, whose scales cannot be read before the gate is open.
async fn all_want_more(stage: &Stage) -> Gate {
    let gate = Gate::new();
    for number in 0..MANY {
        stage.cluster.add(&name(number), 2, 140);
        stage.cluster.next(Op::Read, &name(number), [Answer::Waits(gate.clone())]);
    }
    for number in 0..MANY {
        stage.create_for(&deployment(&name(number)), rules(1, 10)).await;
    }
    stage.settle().await;
    gate
}

#[test]
fn some_change_their_workloads_at_a_time_and_all_get_their_turn() {
    play(async |stage| {
        let gate = all_want_more(stage).await;
        stage.pass(20.0).await;
        assert_eq!(stage.cluster.calls(Op::Read).len(), AT_ONCE, "the others wait");
        assert!(stage.cluster.calls(Op::Set).is_empty());
        gate.open();
        stage.settle().await;
        assert_eq!(stage.changes(), [4; MANY]);
        assert!((0..MANY).all(|number| stage.cluster.replicas(&name(number)) == 4));
    });
}

#[test]
fn what_nobody_waits_for_is_not_written_while_all_turns_are_taken() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        let leader = stage.replica("leader", &objects);
        leader.lead(100_000);
        let wanted = |name: &str| Wanted { workload: deployment(name), rules: rules(1, 10), paused: false };
        stage.cluster.add("quiet", 2, 70);
        objects.apply("quiet", wanted("quiet"));
        stage.pass(1.0).await;
        let gate = Gate::new();
        for number in 0..MANY {
            stage.cluster.add(&name(number), 2, 140);
            stage.cluster.next(Op::Read, &name(number), [Answer::Waits(gate.clone())]);
            objects.apply(&name(number), wanted(&name(number)));
        }
        stage.cluster.always(Op::View, "quiet", Answer::Unknown("the pods cannot be watched"));
        let shown = || {
            let quiet = objects.all().into_iter().find(|stored| stored.object.key.name == "quiet").unwrap();
            quiet.saved.unwrap().shown.conditions[0].0.reason
        };
        stage.pass(22.0).await;
        assert_eq!(shown(), Reason::ReadyForNewScale, "the others come first");
        stage.pass(24.0).await;
        assert_eq!(shown(), Reason::FailedGetPods, "but not for ever");
        gate.open();
        stage.settle().await;
    });
}

/// The same with objects that a leader follows; the first one has a gate of its own.
async fn all_announce_more(stage: &Stage, objects: &Objects) -> (Gate, Gate) {
    stage.replica("leader", objects).lead(100_000);
    let (first, others) = (Gate::new(), Gate::new());
    for number in 0..MANY {
        let gate = if number == 0 { &first } else { &others };
        stage.cluster.add(&name(number), 2, 140);
        stage.cluster.next(Op::Read, &name(number), [Answer::Waits(gate.clone())]);
        let wanted = Wanted { workload: deployment(&name(number)), rules: rules(1, 10), paused: false };
        objects.apply(&name(number), wanted);
        if number == 0 {
            first.reached().await;
        }
    }
    stage.pass(16.0).await;
    (first, others)
}

#[test]
fn fewer_have_their_turn_when_an_announcement_is_not_answered() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        let (first, others) = all_announce_more(stage, &objects).await;
        assert_eq!(stage.cluster.calls(Op::Read).len(), AT_ONCE);
        objects.next(Fault::Unanswered);
        first.open();
        stage.settle().await;
        assert_eq!(stage.cluster.calls(Op::Read).len(), AT_ONCE, "its place is taken by nobody");
        assert!(stage.changes().is_empty(), "and nothing is changed that was not announced");
        others.open();
        stage.pass(60.0).await;
        assert!((0..MANY).all(|number| stage.cluster.replicas(&name(number)) == 4));
    });
}

#[test]
fn what_came_of_an_announced_change_is_written_after_those_who_are_still_to_act() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        let (first, others) = all_announce_more(stage, &objects).await;
        let written = || {
            let first = objects.all().into_iter().find(|stored| stored.object.key.name == name(0)).unwrap();
            let saved = first.saved.unwrap();
            (saved.memory.announced.is_some(), saved.shown.scale_up_count)
        };
        first.open();
        stage.pass(4.0).await;
        assert_eq!(stage.cluster.replicas(&name(0)), 4);
        assert_eq!(written(), (true, 0), "the announcement says enough");
        others.open();
        stage.pass(6.0).await;
        assert_eq!(written(), (false, 1));
    });
}

#[test]
fn who_waited_decides_by_what_there_is_when_its_turn_comes() {
    play(async |stage| {
        let gate = all_want_more(stage).await;
        // The last to come is still waiting when its load is gone.
        stage.cluster.set_load(&name(MANY - 1), 70);
        stage.pass(6.0).await;
        gate.open();
        stage.settle().await;
        assert_eq!(stage.cluster.replicas(&name(MANY - 1)), 2);
        assert_eq!(stage.changes(), [4; MANY - 1]);
    });
}

#[test]
fn who_waits_can_be_deleted_and_never_scales() {
    play(async |stage| {
        let gate = all_want_more(stage).await;
        let page = stage.registry.list(&Default::default()).unwrap();
        let last = page.autoscalers.iter().find(|record| record.workload.name == name(MANY - 1)).unwrap();
        assert!(stage.delete(last).await);
        gate.open();
        stage.pass(60.0).await;
        assert_eq!(stage.cluster.replicas(&name(MANY - 1)), 2);
    });
}

#[test]
fn an_api_server_that_refuses_one_is_left_alone_by_all_for_as_long_as_it_asks_and_then_all_go_on() {
    play(async |stage| {
        let gate = all_want_more(stage).await;
        let refusal = ClusterError::Overloaded { message: "busy".into(), retry_after: Some(Duration::from_secs(7)) };
        stage.cluster.next(Op::Set, &name(0), [Answer::Fails(refusal)]);
        gate.open();
        stage.settle().await;
        let before = stage.cluster.scaler_calls();
        // What was under way has ended; nobody begins anything.
        stage.pass(6.9).await;
        assert_eq!(stage.cluster.scaler_calls(), before);
        assert!(stage.changes().len() < MANY);
        stage.pass(0.2).await;
        assert!((0..MANY).all(|number| stage.cluster.replicas(&name(number)) == 4));
        assert!(log_lines("failed to change the scale").is_empty(), "a refusal that was obeyed is no failure");
    });
}
