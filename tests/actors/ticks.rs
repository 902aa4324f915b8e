//! When an autoscaler is evaluated.

use std::collections::BTreeSet;
use std::time::Duration;

use ai_storage_orchestrator::domain::autoscaler::Interval;
use ai_storage_orchestrator::domain::namespaces::NamespaceScope;
use chrono::TimeDelta;

use super::cluster::{Op, deployment};
use super::stage::{FRESHNESS, Stage, log_lines, play, rules};

fn evaluations(stage: &Stage, name: &str) -> Vec<f64> {
    stage.cluster.calls_about(Op::View, name).iter().map(|call| stage.seconds(call.at)).collect()
}

fn is_about(seconds: f64, wanted: f64) -> bool {
    (seconds - wanted).abs() < 0.005
}

#[test]
fn the_first_evaluation_follows_the_creation_at_once_then_one_per_interval_at_a_fixed_phase() {
    play(async |stage| {
        stage.cluster.add("web", 3, 70);
        stage.pass(3.3).await;
        let record = stage.create("web", rules(1, 10)).await;
        assert!(record.snapshot().updated_at.is_some());
        stage.pass(300.0).await;
        let times = evaluations(stage, "web");
        assert!(is_about(times[0], 3.3), "{times:?}");
        let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!((7.5..22.51).contains(&gaps[0]), "{gaps:?}");
        assert!(gaps.len() >= 19 && gaps[1..].iter().all(|gap| is_about(*gap, 15.0)), "{gaps:?}");
    });
}

#[test]
fn each_evaluation_is_published() {
    play(async |stage| {
        stage.cluster.add("web", 3, 70);
        let record = stage.create("web", rules(1, 10)).await;
        let mut seen = BTreeSet::new();
        for _ in 0..100 {
            seen.insert(record.snapshot().updated_at);
            stage.pass(1.5).await;
        }
        let evaluations = evaluations(stage, "web").len();
        assert!((10..=12).contains(&evaluations) && seen.len() >= evaluations - 1, "{} {evaluations}", seen.len());
    });
}

#[test]
fn the_interval_is_the_clients() {
    play(async |stage| {
        stage.cluster.add("web", 3, 70);
        let mut rules = rules(1, 10);
        rules.interval = Interval::from_seconds(120).unwrap();
        stage.create("web", rules).await;
        stage.pass(1200.0).await;
        let gaps: Vec<_> = evaluations(stage, "web").windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!((60.0..180.01).contains(&gaps[0]) && gaps[1..].iter().all(|gap| is_about(*gap, 120.0)), "{gaps:?}");
    });
}

#[test]
fn autoscalers_that_are_created_together_are_not_evaluated_together() {
    play(async |stage| {
        for number in 0..60 {
            stage.cluster.add(&format!("web-{number}"), 3, 70);
        }
        for number in 0..60 {
            stage.create_for(&deployment(&format!("web-{number}")), rules(1, 10)).await;
        }
        stage.settle().await;
        stage.cluster.forget_calls();
        stage.pass(45.0).await;
        let phases: BTreeSet<_> =
            stage.cluster.calls(Op::View).iter().map(|call| stage.seconds(call.at) as u64 % 15).collect();
        assert!(phases.len() >= 12, "60 autoscalers fall into {} of 15 seconds", phases.len());
        let busiest = (0..15)
            .map(|second| {
                let calls = stage.cluster.calls(Op::View);
                calls.iter().filter(|call| stage.seconds(call.at) as u64 % 15 == second).count()
            })
            .max();
        assert!(busiest < Some(60), "{busiest:?}");
    });
}

#[test]
fn an_evaluation_that_is_still_under_way_at_the_next_tick_is_left_alone_and_nothing_queues_behind_it() {
    play(async |stage| {
        stage.cluster.add("web", 2, 105);
        let (_, gate) = stage.create_held(Op::Read, "web", rules(1, 10)).await;
        stage.pass(100.0).await;
        assert_eq!(evaluations(stage, "web").len(), 1);
        assert!(log_lines("still under way").len() >= 5);
        gate.open();
        stage.settle().await;
        assert_eq!(stage.cluster.replicas("web"), 3);
        assert_eq!(evaluations(stage, "web").len(), 1, "what was left out is not made up for");
        stage.cluster.set_load("web", 70);
        // What has changed is looked at when it is read.
        stage.pass(FRESHNESS.as_secs_f64() + 1.0).await;
        stage.cluster.forget_calls();
        stage.pass(60.0).await;
        let times = evaluations(stage, "web");
        assert!((4..=5).contains(&times.len()), "{times:?}");
        let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| is_about(*gap, 15.0)), "{gaps:?}");
        assert!(stage.cluster.calls(Op::Set).is_empty());
    });
}

#[test]
fn a_reader_never_waits_for_a_busy_autoscaler() {
    play(async |stage| {
        stage.cluster.add("web", 2, 105);
        let (record, gate) = stage.create_held(Op::Read, "web", rules(1, 10)).await;
        let before = stage.clock.now();
        assert!(stage.registry.get(&record.id).unwrap().is_some());
        assert_eq!(stage.registry.aggregate(&NamespaceScope::All).unwrap().total, 1);
        assert!(stage.clock.now() - before < TimeDelta::from_std(Duration::from_millis(1)).unwrap());
        gate.open();
    });
}
