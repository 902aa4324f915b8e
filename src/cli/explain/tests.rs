use serde_json::json;

use super::*;

fn utc(text: &str) -> DateTime<Utc> {
    time(&json!(text)).unwrap()
}

fn spec() -> Value {
    json!({
        "min_replicas": 2, "max_replicas": 10,
        "scale_up_policy": {"stabilization_window_seconds": 0, "tolerance_percent": 10},
        "scale_down_policy": {"stabilization_window_seconds": 300, "tolerance_percent": 5},
    })
}

fn held_down() -> Value {
    json!({
        "first_at": "2026-11-27T14:02:00.123Z", "last_at": "2026-11-27T14:03:15.123Z", "count": 6,
        "current_replicas": 4, "recommended_replicas": 2, "desired_replicas": 4, "outcome": "held",
        "reason": "ScaleDownStabilized", "message": "stays at 4",
        "metrics": [
            {"name": "cpu", "state": "known", "target_percent": 70, "utilization_percent": 34, "proposed_replicas": 2, "age_seconds": 7.2},
            {"name": "memory", "state": "known", "target_percent": null, "utilization_percent": 99, "proposed_replicas": null},
        ],
        "steps": [
            {"rule": "metrics", "from": 4, "to": 2, "reason": "ValidMetricFound", "message": "the metrics ask for 2 replicas instead of 4"},
            {"rule": "stabilization", "from": 2, "to": 4, "reason": "ScaleDownStabilized",
             "message": "the scale-down window makes 4 of 2: its highest recommendation counts"},
        ],
        "earliest_action": "2026-11-27T14:07:15.123Z",
    })
}

#[test]
fn five_lines_say_why_a_workload_was_held() {
    let expected = [
        "At 2026-11-27T14:03:00Z: it had 4 replicas, wanted 2, and stayed",
        "Metric:  cpu 34 % of 70 % asked for 2, measured 7s before",
        "Rule:    the scale-down window makes 4 of 2: its highest recommendation counts (ScaleDownStabilized)",
        "Needs:   the load to stay as low until the last 300 s have no higher recommendation",
        "Next:    at 2026-11-27T14:07:15Z (in 4m15s), if all else stays as it is",
    ];
    assert_eq!(lines(&held_down(), &spec(), utc("2026-11-27T14:03:00Z")), expected);
}

#[test]
fn a_count_that_fits_says_what_would_change_it() {
    let decision = json!({
        "last_at": "2026-11-27T14:03:00Z", "current_replicas": 4, "recommended_replicas": 4, "desired_replicas": 4,
        "outcome": "no_change", "reason": "DesiredWithinRange", "steps": [],
        "metrics": [
            {"name": "cpu", "state": "known", "target_percent": 70, "utilization_percent": 71, "proposed_replicas": 4, "age_seconds": 3},
            {"name": "gpu", "state": "known", "target_percent": 80, "utilization_percent": 50, "proposed_replicas": 3, "age_seconds": 3},
        ],
    });
    let lines = lines(&decision, &spec(), utc("2026-11-27T14:03:00Z"));
    assert_eq!(lines[1], "Metric:  cpu 71 % of 70 % asked for 4, the greatest proposal, measured 3s before");
    assert_eq!(lines[2], "Rule:    none changed the number");
    assert_eq!(
        lines[3],
        "Needs:   cpu above 77 % or gpu above 88 % to go up, cpu below 66 % and gpu below 76 % to go down"
    );
}

#[test]
fn an_unknown_metric_is_said_to_be_unknown() {
    let decision = json!({
        "last_at": "2026-11-27T14:03:00Z", "current_replicas": 4, "recommended_replicas": null, "desired_replicas": 4,
        "outcome": "held", "reason": "FailedGetResourceMetric", "message": "stays at 4: cpu unknown", "steps": [],
        "metrics": [{"name": "cpu", "state": "unknown", "target_percent": 70, "error": "no pod has a reading"}],
    });
    let lines = lines(&decision, &spec(), utc("2026-11-27T14:10:00Z"));
    assert_eq!(
        lines[0],
        "At 2026-11-27T14:10:00Z: it had 4 replicas, could not tell what it wanted, and stayed (nothing was decided since \
         2026-11-27T14:03:00Z)"
    );
    assert_eq!(lines[1], "Metric:  cpu unknown (no pod has a reading)");
    assert!(lines[3].contains("to be known again"), "{}", lines[3]);
}

#[test]
fn the_decision_that_held_at_a_time_is_the_last_one_by_then() {
    let decisions = [
        json!({"first_at": "2026-11-27T14:05:00.5Z", "last_at": "2026-11-27T14:06:00Z"}),
        json!({"first_at": "2026-11-27T14:02:00Z", "last_at": "2026-11-27T14:04:45Z"}),
    ];
    let first = |at: &str| at_that_time(&decisions, utc(at)).map(|decision| text(&decision["first_at"]));
    assert_eq!(first("2026-11-27T14:05:00Z").as_deref(), Some("2026-11-27T14:05:00.5Z"), "that second included");
    assert_eq!(first("2026-11-27T14:04:59Z").as_deref(), Some("2026-11-27T14:02:00Z"));
    assert_eq!(first("2026-11-27T14:01:58Z"), None);
    assert_eq!(kept(&decisions, &Value::Null), "decisions are kept of 2026-11-27T14:02:00Z to 2026-11-27T14:06:00Z");
}

#[test]
fn an_older_time_is_told_from_the_history() {
    let history = json!({
        "from": "2026-11-27T14:02:00Z", "to": "2026-11-27T14:04:00Z", "step_seconds": 60,
        "current_replicas": [3, 4], "recommended_replicas": [3, 5], "min_replicas": [2, 2], "max_replicas": [10, 10],
        "metrics": [{"name": "cpu", "utilization_percent": [70, 99], "target_percent": [70, 70]}],
        "actions": [{"at": "2026-11-27T14:03:10Z", "from": 3, "to": 4, "because": "cpu 99 % of 70 %"}],
    });
    let found = point(&history, utc("2026-11-27T14:03:00Z")).unwrap();
    let expected = [
        "When it last decided between 2026-11-27T14:03:00Z and 2026-11-27T14:04:00Z: 4 replicas, the metrics asked for 5, allowed were 2..10",
        "Metrics: cpu 99 % of 70 %",
        "Action:  3 -> 4 at 2026-11-27T14:03:10Z: cpu 99 % of 70 %",
        "Rules:   not kept for so long: only the counts and the metrics are",
        "Kept:    x",
    ];
    assert_eq!(remembered(&found, "x"), expected);
    let nothing = json!({"from": "2026-11-27T14:02:00Z", "step_seconds": 60, "current_replicas": [null, null]});
    assert_eq!(point(&nothing, utc("2026-11-27T14:03:00Z")), None);
}

#[test]
fn a_history_that_cannot_be_is_none() {
    let at = utc("2026-11-27T14:03:00Z");
    let history = |from: &str, step: i64| json!({"from": from, "step_seconds": step, "current_replicas": [4, 4]});
    let found = point(&history("0000-01-01T00:00:00Z", 1), at).unwrap();
    assert_eq!(found["from"], "0000-01-01T00:00:01Z");
    for step in [i64::MAX, i64::MAX / 1_000, i64::MIN, 0, -1] {
        assert_eq!(point(&history("2026-11-27T14:00:00Z", step), at), None, "{step}");
    }
}
