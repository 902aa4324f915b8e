//! `get`: autoscalers in a table.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::Value;

use super::failure::Failure;
use super::moment::{shown, span, time};
use super::output::{Format, say, say_data};
use super::terminal::Tone;
use super::{Session, fleet, names};

/// What to show.
#[derive(Args)]
pub struct Get {
    /// Only this one: an id or the beginning of one, namespace/name, kind/name or name
    autoscaler: Option<String>,
    /// Only those whose workload is in this namespace
    #[arg(short, long)]
    namespace: Option<String>,
    /// Only those with this status: active, inactive or failed
    #[arg(long)]
    status: Option<String>,
}

/// Shows autoscalers.
pub async fn run(session: &Session, wanted: &Get) -> Result<(), Failure> {
    let (namespace, status) = (wanted.namespace.as_deref(), wanted.status.as_deref());
    if let Some(name) = &wanted.autoscaler {
        let id = names::find(&session.api, name, namespace).await?;
        let one = session.api.get(&["autoscaling", &id], &[]).await?;
        if session.format.is_data() {
            return say_data(session.format, &one);
        }
        let namespace = one["details"]["workload_namespace"].as_str().map(ToOwned::to_owned);
        let rows = fleet::rows(&session.api, namespace.as_deref(), None).await?;
        return say(&table(session, std::slice::from_ref(&one), &rows));
    }
    let list = fleet::list(&session.api, namespace, status).await?;
    if session.format.is_data() {
        return say_data(session.format, &list);
    }
    let empty = Vec::new();
    let autoscalers = list["autoscalers"].as_array().unwrap_or(&empty);
    if autoscalers.is_empty() {
        eprintln!("there are no such autoscalers; \"ai-storage-orchestrator create\" makes one");
        return Ok(());
    }
    let rows = fleet::rows(&session.api, namespace, status).await?;
    say(&table(session, autoscalers, &rows))
}

/// The table of autoscalers, with the rows of the fleet that belong to them.
pub(super) fn table(session: &Session, autoscalers: &[Value], rows: &[Value]) -> String {
    let rows: HashMap<&str, &Value> =
        rows.iter().filter_map(|row| Some((row["autoscaling_id"].as_str()?, row))).collect();
    let now = session.now(autoscalers);
    let is_wide = session.format == Format::Wide;
    let mut header = vec!["NAMESPACE", "KIND", "NAME", "REPLICAS", "METRICS", "STATUS", "LAST ACTION", "AGE"];
    if is_wide {
        header.extend(["ID", "MODE", "UPDATED", "ATTENTION"]);
    }
    let mut lines: Vec<Vec<(String, Tone)>> = autoscalers
        .iter()
        .map(|autoscaler| {
            let id = text(&autoscaler["autoscaling_id"]);
            line(autoscaler, rows.get(&*id).copied().unwrap_or(&Value::Null), now, is_wide)
        })
        .collect();
    lines.sort_by(|a, b| a.iter().take(3).map(|(text, _)| text).cmp(b.iter().take(3).map(|(text, _)| text)));
    session.screen.table(&header, lines)
}

fn line(autoscaler: &Value, row: &Value, now: DateTime<Utc>, is_wide: bool) -> Vec<(String, Tone)> {
    let details = &autoscaler["details"];
    let status = text(&autoscaler["status"]);
    let attention = row["attention"].as_str().unwrap_or("none");
    let mut line = vec![
        (text(&details["workload_namespace"]), Tone::Plain),
        (text(&details["workload_type"]), Tone::Plain),
        (text(&details["workload_name"]), Tone::Plain),
        (replicas(details, row), if attention == "wants_more_than_max" { Tone::Warning } else { Tone::Plain }),
        (metrics(details), if attention == "metric_unknown" { Tone::Warning } else { Tone::Plain }),
        (status.clone(), Tone::of_status(&status)),
        (last_action(details, row, now), Tone::Plain),
        (time(&details["created_at"]).map_or_else(|| "-".to_owned(), |at| span(now - at)), Tone::Plain),
    ];
    if is_wide {
        line.push((text(&autoscaler["autoscaling_id"]), Tone::Plain));
        line.push((text(&details["mode"]), Tone::Plain));
        line.push((time(&details["updated_at"]).map_or_else(|| "-".to_owned(), shown), Tone::Plain));
        line.push(match row["attention_message"].as_str() {
            Some(message) => (message.to_owned(), Tone::Warning),
            None => ("-".to_owned(), Tone::Plain),
        });
    }
    line
}

/// As `2/4 in 2..10`: so many there are, so many there should be, and within what.
fn replicas(details: &Value, row: &Value) -> String {
    let count = |value: &Value| value.as_u64().map_or_else(|| "?".to_owned(), |count| count.to_string());
    let bounds = |field: &str| count(if row[field].is_null() { &details["spec"][field] } else { &row[field] });
    let (current, desired) = (count(&details["current_replicas"]), count(&details["desired_replicas"]));
    format!("{current}/{desired} in {}..{}", bounds("min_replicas"), bounds("max_replicas"))
}

/// Each metric with a target, as `cpu 85/70 %`; `?` is unknown, `~` simulated.
pub fn metrics(details: &Value) -> String {
    let mut parts = Vec::new();
    for metric in details["metrics"].as_array().into_iter().flatten() {
        let Some(target) = metric["target_percent"].as_u64() else { continue };
        let value = match (metric["state"].as_str(), metric["utilization_percent"].as_i64()) {
            (Some("simulated"), Some(percent)) => format!("~{percent}"),
            (Some("known"), Some(percent)) => percent.to_string(),
            _ => "?".to_owned(),
        };
        parts.push(format!("{} {value}/{target} %", text(&metric["name"])));
    }
    if parts.is_empty() { "-".to_owned() } else { parts.join(", ") }
}

/// As `2 -> 4, 38s ago: GPU 91 % of 75 %`.
fn last_action(details: &Value, row: &Value, now: DateTime<Utc>) -> String {
    let action = &row["last_action"];
    match (time(&action["at"]), time(&details["last_scale_time"])) {
        (Some(at), _) => {
            format!("{} -> {}, {} ago: {}", action["from"], action["to"], span(now - at), text(&action["because"]))
        }
        (None, Some(at)) => format!("scaled {} ago", span(now - at)),
        (None, None) => "none".to_owned(),
    }
}

/// A text in an answer.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_says_what_there_is_what_should_be_and_what_happened() {
        let now = time(&json!("2026-11-27T02:00:38Z")).unwrap();
        let autoscaler = json!({
            "autoscaling_id": "autoscaler-03e59e11", "status": "active",
            "details": {
                "workload_namespace": "ml", "workload_type": "Deployment", "workload_name": "inference",
                "current_replicas": 4, "desired_replicas": 6, "created_at": "2026-11-27T01:00:00Z",
                "metrics": [
                    {"name": "cpu", "state": "known", "utilization_percent": 12},
                    {"name": "memory", "state": "unknown", "target_percent": 80},
                    {"name": "gpu", "state": "known", "utilization_percent": 91, "target_percent": 75},
                    {"name": "gpu_memory", "state": "simulated", "utilization_percent": 60, "target_percent": 70},
                ],
            },
        });
        let row = json!({
            "min_replicas": 2, "max_replicas": 10, "attention": "none",
            "last_action": {"at": "2026-11-27T02:00:00Z", "from": 2, "to": 4, "because": "GPU 91 % of 75 %"},
        });
        let texts: Vec<_> = line(&autoscaler, &row, now, false).into_iter().map(|(text, _)| text).collect();
        let expected = [
            "ml",
            "Deployment",
            "inference",
            "4/6 in 2..10",
            "memory ?/80 %, gpu 91/75 %, gpu_memory ~60/70 %",
            "active",
            "2 -> 4, 38s ago: GPU 91 % of 75 %",
            "1h",
        ];
        assert_eq!(texts, expected);
    }

    #[test]
    fn what_is_not_known_is_not_shown_as_zero() {
        let now = time(&json!("2026-11-27T02:00:38Z")).unwrap();
        let texts: Vec<_> = line(&json!({}), &Value::Null, now, false).into_iter().map(|(text, _)| text).collect();
        assert_eq!(texts, ["", "", "", "?/? in ?..?", "-", "", "none", "-"]);
    }
}
