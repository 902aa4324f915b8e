//! What an autoscaler does when the cluster does not let it work.

use ai_storage_orchestrator::actors::snapshot::Status;
use ai_storage_orchestrator::domain::condition::ConditionKind;
use ai_storage_orchestrator::domain::reason::Reason;
use ai_storage_orchestrator::ports::ClusterError;

use super::cluster::{Answer, NAMESPACE, Op};
use super::stage::{condition, log_lines, play, rules, rules_with_down_window};

const FORBIDDEN: &str = "deployments.apps \"web\" is forbidden: User \"orchestrator\" cannot patch resource \
                         \"deployments/scale\" in API group \"apps\" in the namespace \"default\"";

fn forbidden() -> Answer {
    Answer::Fails(ClusterError::Forbidden(FORBIDDEN.into()))
}

#[test]
fn a_workload_that_is_gone_fails_the_autoscaler_until_it_is_back() {
    play(async |stage| {
        stage.cluster.add("web", 4, 70);
        let record = stage.create("web", rules_with_down_window(1, 10, 60)).await;
        stage.pass(100.0).await;
        stage.cluster.remove("web");
        stage.pass(30.0).await;
        let snapshot = record.snapshot();
        assert_eq!(snapshot.status, Status::Failed);
        assert_eq!(snapshot.failure.as_deref(), Some("deployment \"web\" not found"));
        let able = condition(&snapshot, ConditionKind::AbleToScale);
        assert_eq!((able.holds, able.reason), (false, Reason::FailedGetScale));
        assert!(snapshot.decision.is_none());
        stage.pass(600.0).await;
        assert_eq!(record.restarts(), 0);
        assert_eq!(log_lines("not found").len(), 1, "said once, not at every tick");

        // Another workload of that name, idle. Nothing that was recommended for the first one holds for it.
        stage.cluster.add("web", 4, 10);
        stage.pass(16.0).await;
        let snapshot = record.snapshot();
        assert_eq!((snapshot.status, snapshot.failure.clone()), (Status::Active, None));
        assert_eq!(stage.cluster.replicas("web"), 4);
        stage.pass(35.0).await;
        assert_eq!(stage.cluster.replicas("web"), 4, "its window begins anew");
        assert_eq!(stage.cluster.scaler_calls(), 0);
        stage.pass(40.0).await;
        assert_eq!(stage.cluster.replicas("web"), 1, "and ends");
    });
}

#[test]
fn a_workload_that_comes_back_quickly_has_a_fresh_window_too() {
    play(async |stage| {
        stage.cluster.add("web", 4, 20);
        stage.create("web", rules_with_down_window(1, 10, 60)).await;
        stage.pass(50.0).await;
        stage.cluster.remove("web");
        stage.pass(16.0).await;
        stage.cluster.add("web", 4, 20);
        stage.pass(40.0).await;
        assert_eq!(stage.cluster.replicas("web"), 4);
        stage.pass(50.0).await;
        assert_eq!(stage.cluster.replicas("web"), 2);
    });
}

#[test]
fn a_workload_that_was_replaced_between_two_evaluations_has_a_fresh_window_too() {
    play(async |stage| {
        stage.cluster.add("web", 4, 20);
        stage.create("web", rules_with_down_window(1, 10, 60)).await;
        stage.pass(50.0).await;
        // Nobody looks while it is gone.
        stage.cluster.remove("web");
        stage.cluster.add("web", 4, 20);
        stage.pass(60.0).await;
        assert_eq!(stage.cluster.replicas("web"), 4);
        stage.pass(50.0).await;
        assert_eq!(stage.cluster.replicas("web"), 2);
    });
}

#[test]
fn a_new_workload_that_the_watches_have_not_seen_yet_is_waited_for() {
    play(async |stage| {
        stage.cluster.add("web", 2, 105);
        stage.cluster.next(Op::View, "web", [Answer::NotSeenYet, Answer::NotSeenYet]);
        let record = stage.create("web", rules(1, 10)).await;
        stage.pass(1.0).await;
        assert_eq!(record.snapshot().status, Status::Active);
        assert_eq!(stage.cluster.replicas("web"), 3, "the first evaluation was not lost");
    });
}

#[test]
fn a_workload_that_disappears_while_it_is_scaled_fails_the_autoscaler() {
    play(async |stage| {
        stage.cluster.add("web", 2, 105);
        let error = ClusterError::NotFound("deployments.apps \"web\" not found".into());
        stage.cluster.next(Op::Read, "web", [Answer::Fails(error)]);
        let record = stage.create("web", rules(1, 10)).await;
        let snapshot = record.snapshot();
        assert_eq!(snapshot.status, Status::Failed);
        assert!(snapshot.failure.clone().unwrap().contains("not found"));
        stage.pass(25.0).await;
        assert_eq!(record.snapshot().status, Status::Active);
        assert_eq!(stage.cluster.replicas("web"), 3);
    });
}

#[test]
fn a_workload_that_is_back_is_not_called_missing_because_its_scale_cannot_be_read() {
    play(async |stage| {
        stage.cluster.add("web", 2, 70);
        let record = stage.create("web", rules(1, 10)).await;
        stage.cluster.remove("web");
        stage.pass(25.0).await;
        assert_eq!(record.snapshot().status, Status::Failed);
        stage.cluster.add("web", 2, 105);
        stage.cluster.always(Op::Read, "web", Answer::Fails(ClusterError::Unavailable("connection refused".into())));
        stage.pass(16.0).await;
        let snapshot = record.snapshot();
        assert_eq!((snapshot.status, snapshot.failure.clone()), (Status::Active, None));
        assert_eq!(condition(&snapshot, ConditionKind::AbleToScale).reason, Reason::FailedGetScale);
    });
}

#[test]
fn a_forbidden_change_fails_the_autoscaler_with_the_api_servers_message_until_it_is_allowed() {
    play(async |stage| {
        stage.cluster.add("web", 2, 105);
        stage.cluster.always(Op::Set, "web", forbidden());
        stage.cluster.always(Op::Probe, "web", forbidden());
        let record = stage.create("web", rules(1, 10)).await;
        let snapshot = record.snapshot();
        assert_eq!(snapshot.status, Status::Failed);
        assert!(snapshot.failure.clone().unwrap().ends_with(FORBIDDEN), "{:?}", snapshot.failure);
        let able = condition(&snapshot, ConditionKind::AbleToScale);
        assert_eq!((able.holds, able.reason), (false, Reason::FailedUpdateScale));
        assert_eq!((snapshot.current_replicas, snapshot.scale_up_count), (2, 0));

        // With nothing to change, only a probe can tell.
        stage.cluster.set_load("web", 70);
        stage.pass(60.0).await;
        assert_eq!(record.snapshot().status, Status::Failed);
        assert!(record.snapshot().failure.clone().unwrap().ends_with(FORBIDDEN));
        assert!((3..=5).contains(&stage.cluster.calls(Op::Probe).len()), "one a tick");

        stage.cluster.always(Op::Probe, "web", Answer::Truth);
        stage.pass(16.0).await;
        assert_eq!((record.snapshot().status, record.snapshot().failure.clone()), (Status::Active, None));
        let probes = stage.cluster.calls(Op::Probe).len();
        stage.pass(60.0).await;
        assert_eq!(stage.cluster.calls(Op::Probe).len(), probes, "a healthy autoscaler probes nothing");
    });
}

#[test]
fn a_forbidden_change_is_made_as_soon_as_it_is_allowed() {
    play(async |stage| {
        stage.cluster.add("web", 2, 105);
        stage.cluster.always(Op::Set, "web", forbidden());
        let record = stage.create("web", rules(1, 10)).await;
        stage.pass(60.0).await;
        assert_eq!(record.snapshot().status, Status::Failed);
        stage.cluster.always(Op::Set, "web", Answer::Truth);
        stage.pass(16.0).await;
        assert_eq!(stage.cluster.replicas("web"), 3);
        assert_eq!(record.snapshot().status, Status::Active);
        assert!(stage.cluster.calls(Op::Probe).is_empty(), "the change itself is the probe");
    });
}

#[test]
fn an_api_server_that_is_away_does_not_lift_a_refusal() {
    play(async |stage| {
        stage.cluster.add("web", 2, 105);
        stage.cluster.always(Op::Set, "web", forbidden());
        stage.cluster.always(Op::Probe, "web", Answer::Fails(ClusterError::Unavailable("connection refused".into())));
        let record = stage.create("web", rules(1, 10)).await;
        stage.cluster.set_load("web", 70);
        stage.pass(40.0).await;
        assert_eq!(record.snapshot().status, Status::Failed);
        assert!(record.snapshot().failure.clone().unwrap().ends_with(FORBIDDEN));
    });
}

#[test]
fn unknown_pods_hold_the_count_and_fail_nothing() {
    play(async |stage| {
        stage.cluster.add("web", 2, 70);
        let record = stage.create("web", rules(1, 10)).await;
        stage.cluster.always(Op::View, "web", Answer::Unknown("the watch of pods is interrupted"));
        stage.cluster.set_load("web", 200);
        stage.pass(60.0).await;
        let snapshot = record.snapshot();
        assert_eq!((snapshot.status, snapshot.current_replicas, snapshot.desired_replicas), (Status::Active, 2, 2));
        for kind in [ConditionKind::AbleToScale, ConditionKind::ScalingActive] {
            let condition = condition(&snapshot, kind);
            assert_eq!((condition.holds, condition.reason), (false, Reason::FailedGetPods));
            assert_eq!(condition.message, "the watch of pods is interrupted");
        }
        assert_eq!(stage.cluster.scaler_calls(), 0);
    });
}

#[test]
fn unavailable_metrics_hold_the_count_and_fail_nothing() {
    play(async |stage| {
        stage.cluster.add("web", 2, 70);
        let record = stage.create("web", rules(1, 10)).await;
        let error = ClusterError::Unavailable("the server is currently unable to handle the request".into());
        stage.cluster.always(Op::List, NAMESPACE, Answer::Fails(error));
        stage.cluster.set_load("web", 200);
        stage.pass(120.0).await;
        let snapshot = record.snapshot();
        assert_eq!((snapshot.status, snapshot.desired_replicas), (Status::Active, 2));
        let active = condition(&snapshot, ConditionKind::ScalingActive);
        assert_eq!((active.holds, active.reason), (false, Reason::FailedGetResourceMetric));
        assert!(active.message.contains("currently unable"), "{}", active.message);
        assert_eq!(stage.cluster.scaler_calls(), 0);
    });
}

#[test]
fn metrics_that_never_answer_hold_the_count_and_do_not_stop_the_ticking() {
    play(async |stage| {
        stage.cluster.add("web", 2, 70);
        let gate = super::cluster::Gate::new();
        stage.cluster.always(Op::List, NAMESPACE, Answer::Waits(gate.clone()));
        let record = stage.create("web", rules(1, 10)).await;
        stage.pass(120.0).await;
        assert!(stage.cluster.calls(Op::View).len() >= 7);
        let active = condition(&record.snapshot(), ConditionKind::ScalingActive);
        assert!(active.message.contains("no answer"), "{}", active.message);
        gate.open();
        stage.pass(30.0).await;
        assert!(condition(&record.snapshot(), ConditionKind::ScalingActive).holds);
    });
}

/// Two minutes without pods or without metrics, after which the load is far from the target: the window begins anew.
fn an_outage_causes_no_action(op: Op, subject: &str, answer: &Answer) {
    play(async |stage| {
        stage.cluster.add("web", 4, 70);
        let record = stage.create("web", rules_with_down_window(1, 10, 60)).await;
        stage.pass(100.0).await;
        stage.cluster.always(op, subject, answer.clone());
        stage.cluster.set_load("web", 10);
        stage.pass(120.0).await;
        assert!(!condition(&record.snapshot(), ConditionKind::ScalingActive).holds, "it is an outage");
        stage.cluster.always(op, subject, Answer::Truth);
        stage.pass(50.0).await;
        assert!(condition(&record.snapshot(), ConditionKind::ScalingActive).holds, "it is over");
        assert_eq!(stage.cluster.scaler_calls(), 0);
        stage.pass(50.0).await;
        assert_eq!(stage.cluster.replicas("web"), 1, "a load that stays low for a whole window counts");
    });
}

#[test]
fn an_outage_of_the_metrics_causes_no_action_when_they_come_back() {
    let error = ClusterError::Unavailable("connection refused".into());
    an_outage_causes_no_action(Op::List, NAMESPACE, &Answer::Fails(error));
}

#[test]
fn an_outage_of_the_watches_causes_no_action_when_they_come_back() {
    an_outage_causes_no_action(Op::View, "web", &Answer::Unknown("the watch of pods is interrupted"));
}
