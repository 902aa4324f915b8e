//! Once DELETE is answered, nothing scales any more.

use ai_storage_orchestrator::domain::namespaces::NamespaceScope;
use ai_storage_orchestrator::ports::ClusterError;

use super::cluster::{Answer, Gate, NAMESPACE, Op};
use super::stage::{Stage, log_lines, play, rules};

/// Everything that could still act gets its chance, and does nothing.
async fn assert_quiet(stage: &Stage) {
    stage.settle().await;
    assert_eq!(stage.actors(), 0, "the actor has ended");
    stage.cluster.forget_calls();
    stage.pass(120.0).await;
    assert_eq!(stage.cluster.scaler_calls(), 0);
    assert!(stage.cluster.calls(Op::View).is_empty());
}

#[test]
fn deleting_while_the_usage_is_awaited_scales_nothing() {
    play(async |stage| {
        stage.cluster.add("web", 2, 140);
        let (record, gate) = stage.create_held(Op::List, NAMESPACE, rules(1, 10)).await;
        let before = stage.now();
        assert!(stage.delete(&record).await);
        assert!(stage.now() - before < 0.01, "nothing that could scale is under way, so nothing is waited for");
        gate.open();
        stage.settle().await;
        assert_eq!(stage.cluster.scaler_calls(), 0);
        assert_quiet(stage).await;
        assert_eq!(stage.cluster.replicas("web"), 2);
    });
}

#[test]
fn deleting_while_the_scale_is_read_scales_nothing() {
    play(async |stage| {
        stage.cluster.add("web", 2, 140);
        let (record, gate) = stage.create_held(Op::Read, "web", rules(1, 10)).await;
        assert!(stage.delete(&record).await);
        gate.open();
        stage.settle().await;
        assert!(stage.cluster.calls(Op::Set).is_empty());
        assert_quiet(stage).await;
        assert_eq!(stage.cluster.replicas("web"), 2);
    });
}

#[test]
fn deleting_while_a_change_is_on_its_way_is_answered_when_the_change_has_ended() {
    play(async |stage| {
        stage.cluster.add("web", 2, 140);
        let (record, gate) = stage.create_held(Op::Set, "web", rules(1, 10)).await;
        let deleting = stage.start_deleting(&record);
        stage.pass(40.0).await;
        assert!(!deleting.is_finished(), "the change could still happen");
        assert!(stage.registry.get(&record.id).unwrap().is_none(), "it is gone for everybody else");
        assert!(!stage.delete(&record).await);
        gate.open();
        assert!(deleting.await.unwrap());
        assert_eq!(stage.cluster.replicas("web"), 4, "the change happened before the answer");
        assert_eq!(stage.registry.aggregate(&NamespaceScope::All).unwrap().scale_ups, 1, "and it is counted");
        assert_eq!(log_lines(" scaled ").len(), 1);
        assert_quiet(stage).await;
    });
}

#[test]
fn deleting_between_two_tries_of_a_change_ends_the_trying() {
    play(async |stage| {
        stage.cluster.add("web", 2, 140);
        let (record, gate) = stage.create_held(Op::Set, "web", rules(1, 10)).await;
        let deleting = stage.start_deleting(&record);
        stage.settle().await;
        // The change meets a workload that somebody else has changed meanwhile.
        stage.cluster.bump("web");
        gate.open();
        assert!(deleting.await.unwrap());
        assert_eq!(stage.cluster.calls(Op::Set).len(), 1);
        assert_eq!(stage.cluster.replicas("web"), 2);
        assert_quiet(stage).await;
    });
}

#[test]
fn a_scaling_that_was_due_at_the_next_tick_never_happens() {
    play(async |stage| {
        stage.cluster.add("web", 2, 70);
        let record = stage.create("web", rules(1, 10)).await;
        stage.cluster.set_load("web", 200);
        assert!(stage.delete(&record).await);
        assert_quiet(stage).await;
        assert_eq!(stage.cluster.replicas("web"), 2);
    });
}

#[test]
fn deleting_while_a_permission_is_probed_is_not_held_up() {
    play(async |stage| {
        stage.cluster.add("web", 2, 140);
        stage.cluster.always(Op::Set, "web", Answer::Fails(ClusterError::Forbidden("no".into())));
        let gate = Gate::new();
        stage.cluster.next(Op::Probe, "web", [Answer::Waits(gate.clone())]);
        let record = stage.create("web", rules(1, 10)).await;
        stage.cluster.set_load("web", 70);
        gate.reached().await;
        let before = stage.now();
        assert!(stage.delete(&record).await);
        assert!(stage.now() - before < 0.01);
        assert_quiet(stage).await;
    });
}

#[test]
fn deleting_twice_finds_nothing() {
    play(async |stage| {
        stage.cluster.add("web", 2, 70);
        let record = stage.create("web", rules(1, 10)).await;
        assert!(stage.delete(&record).await);
        assert!(!stage.delete(&record).await);
        assert!(stage.registry.get(&record.id).unwrap().is_none());
    });
}

#[test]
fn what_a_deleted_autoscaler_scaled_stays_in_the_totals() {
    play(async |stage| {
        stage.cluster.add("web", 2, 105);
        stage.cluster.add("api", 2, 105);
        let web = stage.create("web", rules(1, 10)).await;
        stage.create("api", rules(1, 10)).await;
        stage.delete(&web).await;
        let totals = stage.registry.aggregate(&NamespaceScope::All).unwrap();
        assert_eq!((totals.total, totals.scale_ups, totals.scale_downs), (1, 2, 0));
    });
}

#[test]
fn a_workload_can_be_put_under_autoscaling_again_after_a_deletion() {
    play(async |stage| {
        stage.cluster.add("web", 2, 70);
        let first = stage.create("web", rules(1, 10)).await;
        stage.delete(&first).await;
        let second = stage.create("web", rules(2, 5)).await;
        assert_ne!(first.id, second.id);
        assert_eq!(first.hpa_name, second.hpa_name, "the same workload has the same name in Kubernetes");
        stage.cluster.set_load("web", 105);
        stage.pass(30.0).await;
        assert_eq!(stage.cluster.calls(Op::Set).len(), 1);
        assert_eq!((first.snapshot().scale_up_count, second.snapshot().scale_up_count), (0, 1));
    });
}
