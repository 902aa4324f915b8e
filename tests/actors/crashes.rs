//! A panic in one autoscaler reaches no other, and does not end it for good.

use ai_storage_orchestrator::actors::snapshot::Status;
use ai_storage_orchestrator::domain::condition::ConditionKind;
use ai_storage_orchestrator::domain::namespaces::NamespaceScope;
use ai_storage_orchestrator::domain::reason::Reason;

use super::cluster::{Answer, NAMESPACE, Op, deployment};
use super::stage::{Stage, condition, log_lines, play, rules};

fn evaluations(stage: &Stage, name: &str) -> Vec<f64> {
    stage.cluster.calls_about(Op::View, name).iter().map(|call| stage.seconds(call.at)).collect()
}

#[test]
fn a_panic_ends_one_autoscaler_only_and_is_shown_until_it_works_again() {
    play(async |stage| {
        stage.cluster.add("good", 2, 70);
        stage.cluster.add("bad", 2, 70);
        let good = stage.create("good", rules(1, 10)).await;
        stage.cluster.always(Op::View, "bad", Answer::Panics);
        let bad = stage.create("bad", rules(1, 10)).await;
        let snapshot = bad.snapshot();
        assert_eq!(snapshot.status, Status::Failed);
        let message = snapshot.failure.clone().unwrap();
        assert!(message.contains("crashed (time 1)") && message.contains("in 1 s"), "{message}");
        assert_eq!(bad.restarts(), 1);
        assert_eq!(log_lines("ERROR").len(), 1);

        stage.cluster.set_load("good", 105);
        stage.pass(60.0).await;
        assert_eq!((good.snapshot().status, good.restarts()), (Status::Active, 0));
        assert_eq!(stage.cluster.replicas("good"), 3);
        assert!(evaluations(stage, "good").len() >= 4);
        assert_eq!((bad.snapshot().status, bad.restarts()), (Status::Failed, 6));
        let aggregate = stage.registry.aggregate(&NamespaceScope::All).unwrap();
        assert_eq!((aggregate.total, aggregate.active), (2, 1));

        stage.cluster.always(Op::View, "bad", Answer::Truth);
        stage.pass(61.0).await;
        let snapshot = bad.snapshot();
        assert_eq!((snapshot.status, snapshot.failure.clone()), (Status::Active, None));
        assert_eq!(bad.restarts(), 6);
        assert_eq!(stage.actors(), 2);
        assert!(stage.registry.get(&bad.id).unwrap().is_some());
    });
}

#[test]
fn restarts_become_rarer_and_leave_nothing_behind() {
    play(async |stage| {
        stage.cluster.add("bad", 2, 70);
        stage.cluster.always(Op::View, "bad", Answer::Panics);
        let record = stage.create("bad", rules(1, 10)).await;
        stage.pass(400.0).await;
        let gaps: Vec<_> =
            evaluations(stage, "bad").windows(2).map(|pair| (pair[1] - pair[0]).round() as u64).collect();
        assert_eq!(gaps[..8], [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(stage.actors(), 0, "every crashed actor is gone");
        stage.cluster.always(Op::View, "bad", Answer::Truth);
        stage.pass(120.0).await;
        assert_eq!(stage.actors(), 1);
        assert!(stage.delete(&record).await);
        stage.settle().await;
        assert_eq!(stage.actors(), 0);
    });
}

#[test]
fn who_has_run_well_for_a_while_is_started_again_quickly() {
    play(async |stage| {
        stage.cluster.add("web", 2, 70);
        stage.cluster.next(Op::View, "web", [Answer::Panics, Answer::Panics, Answer::Panics]);
        let record = stage.create("web", rules(1, 10)).await;
        stage.pass(700.0).await;
        assert_eq!(record.restarts(), 3);
        stage.cluster.forget_calls();
        stage.cluster.next(Op::View, "web", [Answer::Panics]);
        stage.pass(30.0).await;
        let evaluated = evaluations(stage, "web");
        assert_eq!((evaluated[1] - evaluated[0]).round() as u64, 1, "{evaluated:?}");
    });
}

#[test]
fn an_autoscaler_that_crashed_goes_on_with_its_window_and_its_counts() {
    // Seconds until a scale-down that waits for a window of 300 s.
    fn scaled_after(crash: bool) -> f64 {
        let mut seconds = 0.0;
        play(async |stage| {
            stage.cluster.add("web", 2, 105);
            let record = stage.create("web", rules(1, 10)).await;
            assert_eq!(stage.cluster.replicas("web"), 3);
            stage.cluster.set_load("web", 30);
            stage.pass(200.0).await;
            if crash {
                stage.cluster.next(Op::View, "web", [Answer::Panics]);
            }
            stage.pass(130.0).await;
            let snapshot = record.snapshot();
            assert_eq!(record.restarts(), u32::from(crash));
            assert_eq!((snapshot.scale_up_count, snapshot.scale_down_count), (1, 1), "crash: {crash}");
            seconds = stage.seconds(snapshot.last_scale_time().unwrap());
        });
        seconds
    }
    let (without, with) = (scaled_after(false), scaled_after(true));
    assert!((300.0..325.0).contains(&without) && (300.0..325.0).contains(&with), "{without} {with}");
}

#[test]
fn a_panic_while_scaling_is_survived_too() {
    play(async |stage| {
        stage.cluster.add("web", 2, 105);
        stage.cluster.next(Op::Set, "web", [Answer::Panics]);
        stage.cluster.next(Op::Read, "web", [Answer::Truth, Answer::Panics]);
        let record = stage.create("web", rules(1, 10)).await;
        assert_eq!(record.snapshot().status, Status::Failed);
        assert_eq!(stage.cluster.replicas("web"), 2);
        stage.pass(1.5).await;
        assert_eq!((record.restarts(), record.snapshot().status), (2, Status::Failed));
        stage.pass(3.0).await;
        assert_eq!(stage.cluster.replicas("web"), 3);
        let snapshot = record.snapshot();
        assert_eq!((snapshot.status, snapshot.scale_up_count), (Status::Active, 1));
    });
}

#[test]
fn an_autoscaler_that_is_deleted_while_it_is_down_stays_away() {
    play(async |stage| {
        stage.cluster.add("web", 2, 105);
        stage.cluster.next(Op::View, "web", [Answer::Panics]);
        let record = stage.create("web", rules(1, 10)).await;
        assert_eq!(record.snapshot().status, Status::Failed);
        assert!(stage.delete(&record).await);
        let other = stage.create("web", rules(1, 2)).await;
        stage.delete(&other).await;
        stage.cluster.forget_calls();
        stage.pass(120.0).await;
        assert!(stage.cluster.calls(Op::View).is_empty());
        assert_eq!(stage.actors(), 0);
    });
}

#[test]
fn a_crash_is_not_shown_any_more_once_the_autoscaler_runs_again_whatever_it_finds() {
    play(async |stage| {
        stage.cluster.add("web", 2, 70);
        stage.cluster.next(Op::View, "web", [Answer::Panics]);
        stage.cluster.always(Op::View, "web", Answer::Unknown("the pods are not known yet"));
        let record = stage.create("web", rules(1, 10)).await;
        assert_eq!(record.snapshot().status, Status::Failed);
        stage.pass(2.0).await;
        let snapshot = record.snapshot();
        assert_eq!((snapshot.status, snapshot.failure.clone()), (Status::Active, None));
        assert_eq!(condition(&snapshot, ConditionKind::AbleToScale).reason, Reason::FailedGetPods);
    });
}

#[test]
fn a_panic_of_the_metrics_source_crashes_nobody() {
    play(async |stage| {
        stage.cluster.add("web", 2, 105);
        stage.cluster.always(Op::List, NAMESPACE, Answer::Panics);
        let record = stage.create("web", rules(1, 10)).await;
        stage.pass(60.0).await;
        assert_eq!((record.restarts(), record.snapshot().status), (0, Status::Active));
        let active = condition(&record.snapshot(), ConditionKind::ScalingActive);
        assert_eq!((active.holds, active.reason), (false, Reason::FailedGetResourceMetric));
        stage.cluster.always(Op::List, NAMESPACE, Answer::Truth);
        stage.pass(30.0).await;
        assert_eq!(stage.cluster.replicas("web"), 3);
    });
}

#[test]
fn a_panic_of_the_lookup_does_not_end_the_registry() {
    play(async |stage| {
        stage.cluster.add("web", 2, 70);
        let web = stage.create("web", rules(1, 10)).await;
        stage.cluster.add("api", 2, 70);
        stage.cluster.next(Op::Resolve, "api", [Answer::Panics]);
        let refused = stage.try_create(&deployment("api"), rules(1, 10)).await;
        assert!(refused.unwrap_err().to_string().contains("panicked"));
        assert!(stage.registry.get(&web.id).unwrap().is_some());
        assert!(stage.try_create(&deployment("api"), rules(1, 10)).await.is_ok());
    });
}
