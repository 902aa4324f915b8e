//! What is counted, and what is shown of the autoscalers.

use ai_storage_orchestrator::domain::autoscaler::WorkloadRef;

use super::cluster::{Answer, Gate, Op, deployment};
use super::stage::{play, rules};

/// The value of the only line that begins so; `None` when there is no such line.
fn value(metrics: &str, series: &str) -> Option<f64> {
    let mut lines = metrics.lines().filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    let value = lines.next().map(|value| value.parse().unwrap());
    assert_eq!(lines.next(), None, "{series} is there twice");
    value
}

fn of(metric: &str, workload: &str) -> String {
    let labels = format!("namespace=\"default\",workload_kind=\"Deployment\",workload=\"{workload}\"");
    format!("orchestrator_autoscaler_{metric}{{{labels}}}")
}

#[test]
fn who_wants_more_than_max_is_told_from_who_is_there_and_content() {
    play(async |stage| {
        stage.cluster.add("hungry", 2, 140);
        stage.cluster.add("content", 3, 70);
        stage.create("hungry", rules(1, 2)).await;
        stage.create("content", rules(1, 3)).await;
        let metrics = stage.metrics().await;
        assert_eq!(value(&metrics, &of("status_wants_more_than_max", "hungry")), Some(1.0), "{metrics}");
        assert_eq!(value(&metrics, &of("status_wants_more_than_max", "content")), Some(0.0));
        assert_eq!(value(&metrics, &of("status_current_replicas", "content")), Some(3.0));
        assert_eq!(value(&metrics, "orchestrator_autoscalers_attention{attention=\"wants_more_than_max\"}"), Some(1.0));
    });
}

#[test]
fn a_name_that_is_no_name_cannot_break_the_text() {
    play(async |stage| {
        let odd = "we\"b\\\n# HELP x";
        stage.cluster.add(odd, 3, 70);
        stage.create_for(&WorkloadRef { name: odd.to_owned(), ..deployment("") }, rules(1, 10)).await;
        stage.settle().await;
        let metrics = stage.metrics().await;
        let line = of("spec_max_replicas", "we\\\"b\\\\\\n# HELP x");
        assert_eq!(value(&metrics, &line), Some(10.0), "{metrics}");
        assert!(!metrics.lines().any(|line| line.starts_with("# HELP x")));
    });
}

#[test]
fn an_evaluation_that_takes_too_long_is_counted_with_those_that_it_left_out() {
    play(async |stage| {
        stage.cluster.add("web", 3, 105);
        let (_record, gate) = stage.create_held(Op::Set, "web", rules(1, 10)).await;
        stage.pass(50.0).await;
        let metrics = stage.metrics().await;
        let left_out = value(&metrics, "orchestrator_evaluations_left_out_total").unwrap();
        assert!((2.0..=4.0).contains(&left_out), "{left_out}");
        assert_eq!(value(&metrics, "orchestrator_ticks_total"), Some(left_out + 1.0));
        assert_eq!(value(&metrics, "orchestrator_evaluation_duration_seconds_count"), Some(0.0));
        gate.open();
        stage.settle().await;
        let metrics = stage.metrics().await;
        assert_eq!(value(&metrics, "orchestrator_evaluation_duration_seconds_count"), Some(1.0));
        assert_eq!(value(&metrics, "orchestrator_evaluation_duration_seconds_bucket{le=\"15\"}"), Some(0.0));
        let decided = "orchestrator_decisions_total{outcome=\"scale_up\",reason=\"SucceededRescale\"}";
        assert_eq!(value(&metrics, decided), Some(1.0), "{metrics}");
        assert_eq!(value(&metrics, "orchestrator_scale_operations_total{direction=\"up\"}"), Some(1.0));
    });
}

#[test]
fn crashes_and_the_actors_that_are_left_are_counted() {
    play(async |stage| {
        stage.cluster.add("good", 2, 70);
        stage.cluster.add("bad", 2, 70);
        stage.create("good", rules(1, 10)).await;
        stage.cluster.always(Op::View, "bad", Answer::Panics);
        stage.create("bad", rules(1, 10)).await;
        let metrics = stage.metrics().await;
        assert_eq!(value(&metrics, "orchestrator_autoscaler_actors"), Some(1.0));
        assert_eq!(value(&metrics, "orchestrator_autoscaler_crashes_total"), Some(1.0));
        assert_eq!(value(&metrics, "orchestrator_autoscalers{status=\"failed\"}"), Some(1.0));
        stage.cluster.always(Op::View, "bad", Answer::Truth);
        stage.pass(2.0).await;
        assert_eq!(value(&stage.metrics().await, "orchestrator_autoscaler_actors"), Some(2.0));
    });
}

#[test]
fn what_was_decided_long_ago_is_not_known_any_more() {
    play(async |stage| {
        stage.cluster.add("web", 3, 70);
        stage.create("web", rules(1, 10)).await;
        let cpu = of("status_metric_unknown", "web").replace('}', ",metric=\"cpu\"}");
        assert_eq!(value(&stage.metrics().await, &cpu), Some(0.0));
        let current = of("status_current_replicas", "web");
        assert_eq!(value(&stage.metrics().await, &current), Some(3.0));
        // The next evaluation has no end.
        stage.cluster.set_load("web", 105);
        stage.cluster.always(Op::Set, "web", Answer::Waits(Gate::new()));
        stage.pass(90.0).await;
        assert_eq!(value(&stage.metrics().await, &current), Some(3.0));
        stage.pass(60.0).await;
        let metrics = stage.metrics().await;
        assert_eq!((value(&metrics, &current), value(&metrics, &cpu)), (None, Some(1.0)), "{metrics}");
    });
}

#[test]
fn reading_the_metrics_asks_the_registry_and_nobody_else() {
    play(async |stage| {
        stage.cluster.add("web", 3, 70);
        stage.create("web", rules(1, 10)).await;
        stage.cluster.forget_calls();
        let actors = stage.actors();
        for _ in 0..10 {
            stage.metrics().await;
        }
        assert_eq!((stage.cluster.calls(Op::View).len(), stage.cluster.calls(Op::List).len()), (0, 0));
        assert_eq!(stage.actors(), actors);
        let answered = value(&stage.metrics().await, "orchestrator_registry_answer_duration_seconds_count");
        assert_eq!(answered, Some(11.0), "one question for each scrape");
    });
}
