//! `mode: observe`, of one autoscaler and of the whole service.

use ai_storage_orchestrator::actors::snapshot::Status;
use ai_storage_orchestrator::domain::autoscaler::Mode;
use ai_storage_orchestrator::domain::condition::ConditionKind;
use ai_storage_orchestrator::domain::decision::Outcome;
use ai_storage_orchestrator::domain::reason::Reason;
use ai_storage_orchestrator::ports::ClusterError;
use tokio::task::spawn_local;

use super::cluster::{Answer, Op};
use super::stage::{condition, log_lines, play, rules};

#[test]
fn an_observing_autoscaler_decides_and_records_and_never_scales() {
    play(async |stage| {
        stage.cluster.add("web", 2, 140);
        let mut observing = rules(1, 10);
        observing.mode = Mode::Observe;
        let record = stage.create("web", observing).await;
        stage.pass(120.0).await;
        assert_eq!((stage.cluster.scaler_calls(), stage.cluster.replicas("web")), (0, 2));
        let snapshot = record.snapshot();
        assert_eq!((snapshot.current_replicas, snapshot.desired_replicas), (2, 4));
        assert_eq!((snapshot.scale_up_count, log_lines(" scaled ").len()), (0, 0));
        let able = condition(&snapshot, ConditionKind::AbleToScale);
        assert_eq!((able.holds, able.reason), (false, Reason::ObserveOnly));
        let decisions = record.decisions();
        assert_eq!((decisions.len(), decisions[0].outcome), (1, Outcome::Observed));
        assert!(decisions[0].count >= 8 && decisions[0].message().contains("2 -> 4"), "{}", decisions[0].message());

        stage.update(&record, rules(1, 10)).await;
        stage.settle().await;
        assert_eq!(stage.cluster.replicas("web"), 4);
    });
}

#[test]
fn with_the_brake_on_nothing_is_scaled() {
    play(async |stage| {
        stage.cluster.add("web", 2, 140);
        stage.brake.set(Mode::Observe).await;
        let record = stage.create("web", rules(1, 10)).await;
        stage.pass(60.0).await;
        assert_eq!((stage.cluster.scaler_calls(), stage.cluster.replicas("web")), (0, 2));
        assert_eq!(record.decisions()[0].outcome, Outcome::Observed);
        stage.brake.set(Mode::Active).await;
        stage.pass(15.0).await;
        assert_eq!(stage.cluster.replicas("web"), 4);
    });
}

#[test]
fn the_brake_stops_an_evaluation_that_has_decided_already() {
    play(async |stage| {
        stage.cluster.add("web", 2, 140);
        let (_, gate) = stage.create_held(Op::Read, "web", rules(1, 10)).await;
        stage.brake.set(Mode::Observe).await;
        gate.open();
        stage.pass(60.0).await;
        assert_eq!((stage.cluster.calls(Op::Set).len(), stage.cluster.replicas("web")), (0, 2));
    });
}

#[test]
fn the_brake_is_on_when_the_last_change_that_was_sent_is_over() {
    play(async |stage| {
        stage.cluster.add("web", 2, 140);
        let (_, gate) = stage.create_held(Op::Set, "web", rules(1, 10)).await;
        let braking = spawn_local({
            let brake = stage.brake.clone();
            async move { brake.set(Mode::Observe).await }
        });
        stage.pass(4.0).await;
        assert!(!braking.is_finished());
        gate.open();
        braking.await.unwrap();
        assert_eq!(stage.cluster.replicas("web"), 4);
        stage.cluster.set_load("web", 140);
        stage.cluster.forget_calls();
        stage.pass(60.0).await;
        assert_eq!(stage.cluster.scaler_calls(), 0);
    });
}

#[test]
fn observing_does_not_make_a_refusal_forgotten() {
    play(async |stage| {
        stage.cluster.add("web", 2, 140);
        stage.cluster.always(Op::Set, "web", Answer::Fails(ClusterError::Forbidden("no".into())));
        let record = stage.create("web", rules(1, 10)).await;
        assert_eq!(record.status(), Status::Failed);
        stage.brake.set(Mode::Observe).await;
        stage.pass(60.0).await;
        assert_eq!(record.status(), Status::Failed, "nobody has tried whether it may again");
        stage.cluster.set_load("web", 70);
        stage.pass(60.0).await;
        assert_eq!(record.status(), Status::Failed);
        assert!(log_lines("can be scaled again").is_empty());
    });
}
