//! Other rules, a pause, a resumption: once the answer is out, nothing happens by the old will.

use ai_storage_orchestrator::actors::messages::{Created, UpdateError};
use ai_storage_orchestrator::actors::snapshot::Status;
use ai_storage_orchestrator::domain::autoscaler::{
    Interval, Metric, ReplicaBounds, ScalingRules, TargetPercent, Targets, Window,
};
use ai_storage_orchestrator::domain::condition::ConditionKind;
use ai_storage_orchestrator::domain::namespaces::NamespaceScope;
use ai_storage_orchestrator::domain::reason::Reason;
use tokio::task::spawn_local;

use super::cluster::{Answer, NAMESPACE, Op, deployment};
use super::stage::{condition, play, request, rules, rules_with_down_window};

#[test]
fn other_rules_hold_at_once() {
    play(async |stage| {
        stage.cluster.add("web", 4, 140);
        let record = stage.create("web", rules(1, 5)).await;
        assert_eq!(stage.cluster.replicas("web"), 5);
        let before = stage.now();
        stage.update(&record, rules(1, 20)).await;
        stage.settle().await;
        assert!(stage.cluster.replicas("web") > 5 && stage.now() - before < 0.01, "evaluated at once");
        assert_eq!(record.rules().bounds.max(), 20);
    });
}

#[test]
fn an_evaluation_by_the_old_rules_does_not_act_any_more() {
    for (op, subject) in [(Op::List, NAMESPACE), (Op::Read, "web")] {
        play(async |stage| {
            stage.cluster.add("web", 2, 140);
            let (record, gate) = stage.create_held(op, subject, rules(1, 10)).await;
            stage.update(&record, rules(1, 3)).await;
            gate.open();
            stage.pass(20.0).await;
            assert_eq!(stage.cluster.replicas("web"), 3);
            let wanted: Vec<_> = stage.cluster.calls(Op::Set).into_iter().filter_map(|call| call.change).collect();
            assert!(wanted.iter().all(|(replicas, _)| *replicas <= 3), "{wanted:?}");
        });
    }
}

#[test]
fn a_change_by_the_old_rules_that_is_on_its_way_ends_before_the_answer() {
    play(async |stage| {
        stage.cluster.add("web", 2, 140);
        let (record, gate) = stage.create_held(Op::Set, "web", rules(1, 10)).await;
        let updating = spawn_local({
            let (registry, id, expected) = (stage.registry.clone(), record.id.clone(), record.rules());
            async move { registry.update(&id, expected, rules(1, 3), None).await.unwrap().unwrap() }
        });
        stage.pass(4.0).await;
        assert!(!updating.is_finished());
        gate.open();
        updating.await.unwrap();
        stage.settle().await;
        let wanted: Vec<_> = stage.cluster.calls(Op::Set).into_iter().filter_map(|call| call.change).collect();
        let wanted: Vec<_> = wanted.into_iter().map(|(replicas, _)| replicas).collect();
        assert_eq!(wanted, [4, 3], "that change was under way, and the new rules put it right");
        assert_eq!(stage.registry.aggregate(&NamespaceScope::All).unwrap().scale_ups, 1, "both are counted");
    });
}

#[test]
fn other_rules_keep_the_window() {
    play(async |stage| {
        stage.cluster.add("web", 4, 20);
        let record = stage.create("web", rules(1, 10)).await;
        stage.pass(200.0).await;
        stage.update(&record, rules(2, 10)).await;
        stage.pass(60.0).await;
        assert_eq!(stage.cluster.replicas("web"), 4);
        stage.pass(60.0).await;
        assert_eq!(stage.cluster.replicas("web"), 2, "300 s after the first recommendation, not after the change");
    });
}

#[test]
fn another_interval_counts_from_now_on() {
    play(async |stage| {
        stage.cluster.add("web", 3, 70);
        let record = stage.create("web", rules(1, 10)).await;
        let mut slow = rules(1, 10);
        slow.interval = Interval::from_seconds(600).unwrap();
        stage.update(&record, slow).await;
        stage.settle().await;
        stage.cluster.forget_calls();
        stage.pass(290.0).await;
        assert_eq!(stage.cluster.calls(Op::View).len(), 0);
        stage.update(&record, rules(1, 10)).await;
        stage.pass(60.0).await;
        assert!((4..=6).contains(&stage.cluster.calls(Op::View).len()));
    });
}

#[test]
fn of_two_changes_that_began_from_the_same_rules_one_is_refused() {
    play(async |stage| {
        stage.cluster.add("web", 3, 70);
        let record = stage.create("web", rules(1, 10)).await;
        let seen = record.rules();
        stage.registry.update(&record.id, seen.clone(), rules(2, 10), None).await.unwrap().unwrap();
        let refused = stage.registry.update(&record.id, seen, rules(3, 10), None).await.unwrap();
        assert_eq!(refused.unwrap_err(), UpdateError::Changed);
        assert_eq!(record.rules().bounds, ReplicaBounds::new(2, 10).unwrap());
        let unknown = stage.registry.update("autoscaler-00000000", record.rules(), rules(3, 10), None).await.unwrap();
        assert_eq!(unknown.unwrap_err(), UpdateError::NotFound);
    });
}

#[test]
fn a_paused_autoscaler_looks_at_nothing_and_says_so() {
    play(async |stage| {
        stage.cluster.add("web", 2, 70);
        let record = stage.create("web", rules(1, 10)).await;
        stage.set_paused(&record, true).await;
        stage.cluster.set_load("web", 140);
        stage.cluster.forget_calls();
        stage.pass(300.0).await;
        assert_eq!((stage.cluster.calls(Op::View).len(), stage.cluster.replicas("web")), (0, 2));
        assert_eq!(record.status(), Status::Inactive);
        let able = condition(&record.snapshot(), ConditionKind::AbleToScale);
        assert_eq!((able.holds, able.reason), (false, Reason::Paused));
        assert_eq!(stage.registry.aggregate(&NamespaceScope::All).unwrap().active, 0);
        stage.set_paused(&record, true).await;

        stage.set_paused(&record, false).await;
        stage.settle().await;
        assert_eq!((record.status(), stage.cluster.replicas("web")), (Status::Active, 4));
        stage.set_paused(&record, false).await;
        assert!(stage.delete(&record).await);
        assert!(stage.registry.set_paused(&record, true, None).await.unwrap().unwrap().is_none());
    });
}

#[test]
fn pausing_waits_for_a_change_that_is_on_its_way() {
    play(async |stage| {
        stage.cluster.add("web", 2, 140);
        let (record, gate) = stage.create_held(Op::Set, "web", rules(1, 10)).await;
        let pause = || {
            let (registry, record) = (stage.registry.clone(), record.clone());
            spawn_local(async move { registry.set_paused(&record, true, None).await.unwrap().unwrap() })
        };
        let (pausing, again) = (pause(), pause());
        stage.pass(4.0).await;
        assert!(!pausing.is_finished() && !again.is_finished());
        gate.open();
        pausing.await.unwrap();
        again.await.unwrap();
        stage.cluster.forget_calls();
        stage.pass(60.0).await;
        assert_eq!(stage.cluster.calls(Op::Set).len(), 0);
        assert_eq!(record.snapshot().scale_up_count, 1);
    });
}

#[test]
fn after_a_pause_the_windows_begin_anew() {
    play(async |stage| {
        stage.cluster.add("web", 4, 20);
        let record = stage.create("web", rules_with_down_window(1, 10, 120)).await;
        stage.pass(100.0).await;
        stage.set_paused(&record, true).await;
        stage.pass(100.0).await;
        stage.set_paused(&record, false).await;
        stage.pass(100.0).await;
        assert_eq!(stage.cluster.replicas("web"), 4, "what was recommended before the pause does not count");
        stage.pass(40.0).await;
        assert_eq!(stage.cluster.replicas("web"), 2);
    });
}

#[test]
fn an_autoscaler_that_crashed_while_it_was_paused_stays_paused() {
    play(async |stage| {
        stage.cluster.add("web", 2, 70);
        stage.cluster.next(Op::View, "web", [Answer::Panics]);
        let record = stage.create("web", rules(1, 10)).await;
        assert_eq!(record.status(), Status::Failed);
        stage.set_paused(&record, true).await;
        stage.cluster.set_load("web", 140);
        stage.pass(120.0).await;
        assert_eq!((record.status(), stage.cluster.replicas("web")), (Status::Inactive, 2));
        stage.set_paused(&record, false).await;
        stage.settle().await;
        assert_eq!((record.status(), stage.cluster.replicas("web")), (Status::Active, 4));
    });
}

/// A CPU target of so many percent, and a scale-up window of a minute.
fn at_cpu(percent: i32) -> ScalingRules {
    let mut rules = rules(1, 100);
    rules.targets = Targets::only(Metric::Cpu, TargetPercent::new(percent).unwrap());
    rules.scale_up.window = Window::from_seconds(60).unwrap();
    rules
}

#[test]
fn what_was_recommended_by_another_target_does_not_count() {
    play(async |stage| {
        stage.cluster.add("web", 2, 40);
        let record = stage.create("web", at_cpu(1)).await;
        stage.pass(45.0).await;
        stage.update(&record, at_cpu(20)).await;
        stage.pass(90.0).await;
        assert_eq!(stage.cluster.replicas("web"), 4, "and not 80");
    });
}

#[test]
fn a_change_that_is_sent_again_is_answered_when_the_old_one_is_over() {
    play(async |stage| {
        stage.cluster.add("web", 2, 140);
        let (record, gate) = stage.create_held(Op::Set, "web", rules(1, 10)).await;
        let update = || {
            let (registry, id, expected) = (stage.registry.clone(), record.id.clone(), record.rules());
            spawn_local(async move { registry.update(&id, expected, rules(1, 3), None).await.unwrap().unwrap() })
        };
        let first = update();
        stage.settle().await;
        let again = update();
        stage.pass(3.0).await;
        assert!(!first.is_finished() && !again.is_finished());
        gate.open();
        first.await.unwrap();
        again.await.unwrap();
    });
}

#[test]
fn what_was_recommended_by_another_target_does_not_count_after_a_crash_either() {
    play(async |stage| {
        stage.cluster.add("web", 2, 40);
        let record = stage.create("web", at_cpu(1)).await;
        stage.pass(30.0).await;
        stage.cluster.next(Op::View, "web", [Answer::Panics]);
        while record.restarts() == 0 {
            stage.pass(0.25).await;
        }
        stage.update(&record, at_cpu(20)).await;
        stage.pass(90.0).await;
        assert_eq!(stage.cluster.replicas("web"), 4, "and not 80");
    });
}

#[test]
fn who_makes_changes_and_ends_an_autoscaler_is_told_to_the_clusters_people() {
    play(async |stage| {
        stage.cluster.add("web", 2, 70);
        let by = |name: &str| Some(name.into());
        let (registry, request) = (&stage.registry, request(&deployment("web"), rules(1, 5)));
        let Created::New(record) = registry.create(request.clone(), by("anna")).await.unwrap().unwrap() else {
            panic!("there was none before")
        };
        assert_eq!((record.created_by.as_deref(), record.changed_by().as_deref()), (Some("anna"), Some("anna")));
        assert!(matches!(registry.create(request, by("otto")).await.unwrap(), Ok(Created::Existing(_))));
        registry.update(&record.id, record.rules(), rules(1, 6), by("bert")).await.unwrap().unwrap();
        assert_eq!((record.created_by.as_deref(), record.changed_by().as_deref()), (Some("anna"), Some("bert")));
        registry.set_paused(&record, true, by("cora")).await.unwrap().unwrap();
        registry.set_paused(&record, true, by("otto")).await.unwrap().unwrap();
        registry.set_paused(&record, false, None).await.unwrap().unwrap();
        assert_eq!(record.changed_by(), None, "nobody knows who that was");
        registry.delete(&record, by("dora")).await.unwrap().unwrap();
        for (reason, deed) in [
            ("AutoscalerCreated", "created by anna"),
            ("AutoscalerUpdated", "updated by bert"),
            ("AutoscalerPaused", "paused by cora"),
            ("AutoscalerDeleted", "deleted by dora"),
        ] {
            assert_eq!(stage.told.notes(reason), [format!("{}: {deed}", record.id)]);
        }
        assert!(stage.told.notes("AutoscalerResumed").is_empty());
    });
}
