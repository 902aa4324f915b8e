//! Stopping the service: what is in hand is finished, and nothing new begins.

use ai_storage_orchestrator::actors::listing::List;
use ai_storage_orchestrator::actors::messages::CreateError;
use ai_storage_orchestrator::actors::snapshot::Status;

use super::cluster::{Answer, Gate, NAMESPACE, Op, deployment};
use super::stage::{play, rules};

#[test]
fn draining_waits_for_the_change_in_hand_and_lets_no_tick_happen_afterwards() {
    play(async |stage| {
        for name in ["web", "api", "idle"] {
            stage.cluster.add(name, 2, 70);
        }
        stage.cluster.set_load("web", 105);
        let gate = Gate::new();
        stage.cluster.next(Op::Set, "web", [Answer::Waits(gate.clone())]);
        let web = stage.create("web", rules(1, 10)).await;
        stage.create("api", rules(1, 10)).await;
        stage.create("idle", rules(1, 10)).await;
        gate.reached().await;
        let draining = stage.start_draining();
        stage.settle().await;
        stage.cluster.forget_calls();
        stage.cluster.set_load("api", 200);
        stage.pass(60.0).await;
        assert!(!draining.is_finished());
        assert!(stage.cluster.calls(Op::View).is_empty(), "no tick begins while the drain goes on");
        gate.open();
        draining.await.unwrap();
        assert_eq!(stage.cluster.replicas("web"), 3);
        assert_eq!(web.snapshot().scale_up_count, 1, "the change in hand is shown");
        stage.cluster.forget_calls();
        stage.pass(120.0).await;
        assert!(stage.cluster.calls(Op::View).is_empty());
        assert_eq!(stage.cluster.scaler_calls(), 0);
        assert_eq!(stage.actors(), 0);
    });
}

#[test]
fn draining_finishes_the_evaluation_in_hand_and_what_it_decides() {
    play(async |stage| {
        stage.cluster.add("web", 2, 105);
        let (_, gate) = stage.create_held(Op::List, NAMESPACE, rules(1, 10)).await;
        let draining = stage.start_draining();
        stage.settle().await;
        assert!(!draining.is_finished());
        gate.open();
        draining.await.unwrap();
        assert_eq!(stage.cluster.replicas("web"), 3);
        stage.cluster.forget_calls();
        stage.pass(60.0).await;
        assert_eq!(stage.cluster.scaler_calls(), 0);
        assert_eq!(stage.actors(), 0);
    });
}

#[test]
fn an_evaluation_that_waits_for_a_silent_cluster_is_abandoned_after_two_seconds() {
    play(async |stage| {
        stage.cluster.add("web", 2, 105);
        let (_, gate) = stage.create_held(Op::List, NAMESPACE, rules(1, 10)).await;
        let before = stage.now();
        stage.registry.drain().await.unwrap();
        assert!((1.9..2.1).contains(&(stage.now() - before)), "{}", stage.now() - before);
        gate.open();
        stage.pass(60.0).await;
        assert_eq!(stage.cluster.scaler_calls(), 0);
    });
}

#[test]
fn a_change_that_was_sent_is_awaited_even_longer() {
    play(async |stage| {
        stage.cluster.add("web", 2, 105);
        let (record, gate) = stage.create_held(Op::Set, "web", rules(1, 10)).await;
        let draining = stage.start_draining();
        stage.pass(4.0).await;
        assert!(!draining.is_finished());
        gate.open();
        draining.await.unwrap();
        assert_eq!((stage.cluster.replicas("web"), record.snapshot().scale_up_count), (3, 1));
    });
}

#[test]
fn a_drained_registry_creates_nothing_and_still_answers() {
    play(async |stage| {
        stage.cluster.add("web", 2, 70);
        stage.cluster.add("api", 2, 70);
        stage.cluster.add("late", 2, 70);
        let web = stage.create("web", rules(1, 10)).await;
        let gate = Gate::new();
        stage.cluster.next(Op::Resolve, "late", [Answer::Waits(gate.clone())]);
        let late = stage.start_creating(&deployment("late"), rules(1, 10));
        gate.reached().await;
        stage.registry.drain().await.unwrap();
        gate.open();
        assert!(matches!(late.await.unwrap(), Err(CreateError::Stopping)), "the lookup ended too late");
        assert!(matches!(stage.try_create(&deployment("api"), rules(1, 10)).await, Err(CreateError::Stopping)));
        assert_eq!(stage.actors(), 0);
        assert_eq!(stage.registry.list(&List::default()).unwrap().autoscalers.len(), 1);
        assert_eq!(web.snapshot().status, Status::Active);
        assert!(stage.delete(&web).await);
        stage.registry.drain().await.unwrap();
    });
}

#[test]
fn an_autoscaler_that_is_down_is_not_started_again_after_the_drain() {
    play(async |stage| {
        stage.cluster.add("web", 2, 105);
        stage.cluster.next(Op::View, "web", [Answer::Panics]);
        stage.create("web", rules(1, 10)).await;
        stage.registry.drain().await.unwrap();
        stage.pass(120.0).await;
        assert_eq!(stage.cluster.calls(Op::View).len(), 1);
        assert_eq!(stage.actors(), 0);
    });
}
