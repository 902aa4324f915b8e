//! Evaluating when the readings change, beside the ticks.

use std::time::Duration;

use ai_storage_orchestrator::domain::autoscaler::{Compatibility, Interval, Mode, ScalingRules};

use super::cluster::{Op, deployment};
use super::stage::{FRESHNESS, Stage, play, play_with, rules};

/// Rules whose ticks are so rare that every other evaluation must have another cause.
fn rarely(min: u32, max: u32) -> ScalingRules {
    let mut rules = rules(min, max);
    rules.interval = Interval::from_seconds(3600).unwrap();
    rules
}

/// The same for one who only looks on, so that its own changes are none of the causes.
fn looking_on() -> ScalingRules {
    ScalingRules { mode: Mode::Observe, ..rarely(1, 10) }
}

fn evaluations(stage: &Stage, name: &str) -> Vec<f64> {
    stage.cluster.calls_about(Op::View, name).iter().map(|call| stage.seconds(call.at)).collect()
}

#[test]
fn a_change_is_acted_on_as_soon_as_it_is_read_and_not_only_at_the_next_tick() {
    play(async |stage| {
        stage.cluster.add("web", 3, 70);
        stage.create("web", rarely(1, 10)).await;
        stage.pass(60.0).await;
        assert_eq!(evaluations(stage, "web").len(), 1, "nothing has changed");
        stage.cluster.set_load("web", 210);
        stage.pass(FRESHNESS.as_secs_f64() + 0.1).await;
        assert_eq!(stage.changes(), [9]);
    });
}

#[test]
fn readings_that_say_the_same_again_are_no_change() {
    play(async |stage| {
        stage.cluster.add("web", 3, 70);
        stage.create("web", rarely(1, 10)).await;
        stage.pass(600.0).await;
        assert_eq!(evaluations(stage, "web").len(), 1);
        let reads = stage.cluster.calls(Op::List).len();
        assert!((115..=121).contains(&reads), "{reads}: they are read every 5 s all the same");
    });
}

#[test]
fn what_would_be_decided_all_the_same_is_no_reason_to_evaluate() {
    play(async |stage| {
        stage.cluster.add("web", 3, 70);
        let record = stage.create("web", rarely(1, 10)).await;
        // Within the tolerance of 10 %.
        for load in [71, 66, 75, 69] {
            stage.cluster.set_load("web", load);
            stage.pass(20.0).await;
        }
        assert_eq!(evaluations(stage, "web").len(), 1);
        let seen = record.snapshot().decision.clone().unwrap();
        assert_eq!((seen.recommended, seen.desired), (Some(3), 3));
    });
}

#[test]
fn only_those_are_evaluated_whose_own_readings_have_changed() {
    play(async |stage| {
        for name in ["web", "shop"] {
            stage.cluster.add(name, 3, 70);
        }
        for name in ["web", "shop"] {
            stage.create(name, looking_on()).await;
        }
        stage.pass(20.0).await;
        stage.cluster.set_load("web", 140);
        stage.pass(20.0).await;
        assert_eq!((evaluations(stage, "web").len(), evaluations(stage, "shop").len()), (2, 1));
    });
}

#[test]
fn what_changes_all_the_time_is_looked_at_as_often_as_the_shortest_interval_allows() {
    play_with(Duration::from_secs(12), async |stage| {
        stage.cluster.add("web", 3, 70);
        stage.create("web", looking_on()).await;
        for step in 0..60 {
            stage.cluster.set_load("web", 100 + 40 * step);
            stage.pass(2.0).await;
        }
        let times = evaluations(stage, "web");
        assert!((10..=11).contains(&times.len()), "{times:?}");
        // The first is that of the creation.
        assert!(times[1..].windows(2).all(|pair| pair[1] - pair[0] > 11.99), "{times:?}");
    });
}

#[test]
fn growth_is_limited_per_period_and_not_per_evaluation() {
    play(async |stage| {
        stage.cluster.add("web", 3, 500);
        let mut rules = rules(1, 1_000);
        rules.scale_up.max_scale_change = std::num::NonZeroU32::new(1);
        stage.create("web", rules).await;
        let begun = stage.now();
        for step in 0..60 {
            // So much more that each reading makes another recommendation.
            stage.cluster.set_load("web", 500 + 20 * step);
            stage.pass(2.0).await;
        }
        let most = ((stage.now() - begun) / 13.5).ceil() as usize;
        let changes = stage.changes();
        assert!(changes.len() <= most && changes.len() >= most - 2, "{} changes, {most} allowed", changes.len());
        let times = evaluations(stage, "web");
        assert!(times.len() >= 30, "it was looked at 24 readings and at its ticks: {times:?}");
    });
}

#[test]
fn as_the_hpa_it_looks_at_its_ticks_only() {
    play(async |stage| {
        stage.cluster.add("web", 3, 70);
        let mut rules = rarely(1, 10);
        rules.compatibility = Compatibility::Hpa;
        stage.create("web", rules).await;
        stage.pass(20.0).await;
        stage.cluster.set_load("web", 210);
        stage.pass(60.0).await;
        assert_eq!(evaluations(stage, "web").len(), 1);
        assert!(stage.changes().is_empty());
    });
}

#[test]
fn who_is_paused_or_deleted_is_not_evaluated_and_costs_no_reading() {
    play(async |stage| {
        for name in ["web", "shop"] {
            stage.cluster.add(name, 3, 70);
        }
        let web = stage.create("web", rarely(1, 10)).await;
        let shop = stage.create("shop", rarely(1, 10)).await;
        stage.pass(20.0).await;
        stage.set_paused(&web, true).await;
        assert!(stage.delete(&shop).await);
        // What was under way ends.
        stage.pass(2.0 * FRESHNESS.as_secs_f64()).await;
        stage.cluster.forget_calls();
        for name in ["web", "shop"] {
            stage.cluster.set_load(name, 210);
        }
        stage.pass(600.0).await;
        assert_eq!((stage.cluster.calls(Op::View).len(), stage.cluster.calls(Op::List).len()), (0, 0));
        stage.set_paused(&web, false).await;
        stage.pass(FRESHNESS.as_secs_f64() + 0.1).await;
        assert_eq!(stage.changes(), [9]);
    });
}

#[test]
fn a_thousand_that_change_at_once_are_all_evaluated_and_no_tick_is_late_for_it() {
    const MANY: usize = 1_000;
    play(async |stage| {
        for number in 0..MANY {
            stage.cluster.add(&format!("web-{number}"), 3, 70);
        }
        for number in 0..MANY {
            stage.create_for(&deployment(&format!("web-{number}")), looking_on()).await;
        }
        stage.pass(30.0).await;
        stage.cluster.forget_calls();
        for number in 0..MANY {
            stage.cluster.set_load(&format!("web-{number}"), 140);
        }
        stage.pass(FRESHNESS.as_secs_f64() + 1.0).await;
        let times: Vec<_> = stage.cluster.calls(Op::View).iter().map(|call| stage.seconds(call.at)).collect();
        assert_eq!(times.len(), MANY);
        let took = times.iter().copied().fold(0.0, f64::max) - times.iter().copied().fold(f64::MAX, f64::min);
        assert!((0.01..1.0).contains(&took), "{took} s: some at a time, and soon");
    });
}
