//! `describe`: everything about one autoscaler, to be read.

use std::fmt::Write;

use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::Value;

use super::Session;
use super::failure::Failure;
use super::get::text;
use super::moment::{shown, span, time};
use super::names;
use super::output::{say, say_data};
use super::terminal::{Screen, Tone};

/// What to show.
#[derive(Args)]
pub struct Describe {
    /// An id or the beginning of one, namespace/name, kind/name or name
    autoscaler: String,
    /// The workload's namespace
    #[arg(short, long)]
    namespace: Option<String>,
}

/// How many decisions are shown.
const DECISIONS: &str = "5";

/// Shows one autoscaler.
pub async fn run(session: &Session, wanted: &Describe) -> Result<(), Failure> {
    let id = names::find(&session.api, &wanted.autoscaler, wanted.namespace.as_deref()).await?;
    let autoscaler = session.api.get(&["autoscaling", &id], &[]).await?;
    if session.format.is_data() {
        return say_data(session.format, &autoscaler);
    }
    let decisions = session.api.get(&["autoscaling", &id, "decisions"], &[("limit", DECISIONS)]).await?;
    let now = session.now(std::slice::from_ref(&autoscaler));
    say(&page(&session.screen, &autoscaler, &decisions, now))
}

/// The page about an autoscaler.
pub(super) fn page(screen: &Screen, autoscaler: &Value, decisions: &Value, now: DateTime<Utc>) -> String {
    Page { screen, text: String::new() }.describe(autoscaler, decisions, now).trim_end().to_owned()
}

struct Page<'a> {
    screen: &'a Screen,
    text: String,
}

impl Page<'_> {
    fn describe(mut self, autoscaler: &Value, decisions: &Value, now: DateTime<Utc>) -> String {
        let details = &autoscaler["details"];
        let at = |field: &str| time(&details[field]).map(|at| format!("{} ({} ago)", shown(at), span(now - at)));
        self.field("ID", &text(&autoscaler["autoscaling_id"]));
        let name = [&details["workload_namespace"], &details["workload_name"]].map(text).join("/");
        self.field("Workload", &format!("{} {name}", text(&details["workload_type"])));
        let status = text(&autoscaler["status"]);
        self.toned("Status", &status, Tone::of_status(&status));
        if let Some(failure) = details["failure"].as_str() {
            self.toned("Failure", failure, Tone::Bad);
        }
        self.field("Mode", &mode(details));
        self.field(
            "Replicas",
            &format!("{} current, {} desired", details["current_replicas"], details["desired_replicas"]),
        );
        self.field("Changes", &format!("{} up, {} down", details["scale_up_count"], details["scale_down_count"]));
        for (title, field) in
            [("Created", "created_at"), ("Evaluated", "updated_at"), ("Last scaled", "last_scale_time")]
        {
            self.field(title, &at(field).unwrap_or_else(|| "never".to_owned()));
        }
        for (title, field) in [("Created by", "created_by"), ("Changed by", "changed_by")] {
            if let Some(who) = details[field].as_str() {
                self.field(title, who);
            }
        }
        self.spec(&details["spec"]);
        self.metrics(&details["metrics"]);
        self.conditions(&details["conditions"]);
        self.devices(&details["gpu"]);
        self.decisions(&decisions["decisions"], now);
        self.text
    }

    fn field(&mut self, title: &str, text: &str) {
        self.toned(title, text, Tone::Plain);
    }

    fn toned(&mut self, title: &str, text: &str, tone: Tone) {
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "{:<13} {}", format!("{title}:"), self.screen.paint(text, tone));
    }

    fn section(&mut self, title: &str) {
        let _ = writeln!(self.text, "{title}:");
    }

    fn line(&mut self, text: &str, tone: Tone) {
        let _ = writeln!(self.text, "  {}", self.screen.paint(text, tone));
    }

    fn spec(&mut self, spec: &Value) {
        self.section("Spec");
        for (field, value) in spec.as_object().into_iter().flatten() {
            if !field.starts_with("workload_") {
                self.line(&format!("{field}: {}", inline(value)), Tone::Plain);
            }
        }
    }

    fn metrics(&mut self, metrics: &Value) {
        self.section("Metrics");
        let mut any = false;
        for metric in metrics.as_array().into_iter().flatten() {
            let (name, target) = (text(&metric["name"]), metric["target_percent"].as_u64());
            let of = target.map_or_else(String::new, |target| format!(" of {target} %"));
            let proposes =
                metric["proposed_replicas"].as_i64().map_or_else(String::new, |count| format!(", proposes {count}"));
            let source = metric["source"].as_str().map_or_else(String::new, |source| {
                let age = metric["age_seconds"].as_f64().map_or_else(String::new, |age| format!(", {age}s old"));
                format!(" ({source}{age})")
            });
            let error = metric["error"].as_str().map_or_else(String::new, |error| format!(": {error}"));
            let value = metric["utilization_percent"].as_i64().map(|percent| format!("{percent} %"));
            let (line, tone) = match (text(&metric["state"]).as_str(), value) {
                ("known", Some(value)) => (format!("{name}: {value}{of}{proposes}{source}"), Tone::Plain),
                ("simulated", Some(value)) => {
                    (format!("{name}: simulated {value}{of}{proposes}{source}{error}"), Tone::Warning)
                }
                // Without a target it does not matter why.
                _ if target.is_none() => continue,
                _ => (format!("{name}: unknown{of}{error}"), Tone::Bad),
            };
            self.line(&line, tone);
            any = true;
        }
        if !any {
            self.line("not evaluated yet", Tone::Plain);
        }
    }

    fn conditions(&mut self, conditions: &Value) {
        self.section("Conditions");
        for condition in conditions.as_array().into_iter().flatten() {
            let [kind, status, reason, message] =
                ["type", "status", "reason", "message"].map(|field| text(&condition[field]));
            let is_well = (kind == "ScalingLimited") != (status == "True");
            let tone = if is_well { Tone::Plain } else { Tone::Warning };
            self.line(&format!("{kind:<15} {status:<6} {reason}: {message}"), tone);
        }
    }

    fn devices(&mut self, gpu: &Value) {
        let pods: Vec<&Value> = gpu["pods"].as_array().into_iter().flatten().collect();
        if pods.is_empty() {
            return;
        }
        self.section("GPUs");
        for pod in pods {
            let name = text(&pod["pod"]);
            let devices: Vec<&Value> = pod["devices"].as_array().into_iter().flatten().collect();
            if devices.is_empty() {
                let why = pod["error"].as_str().or(pod["gpu_error"].as_str()).unwrap_or("nothing was measured");
                self.line(&format!("{name}: {why}"), Tone::Warning);
            }
            for device in devices {
                let number = |field: &str| device[field].as_f64();
                let utilization = number("utilization_percent")
                    .map_or_else(|| "unknown".to_owned(), |percent| format!("{percent} %"));
                let memory = number("memory_used_mib").zip(number("memory_total_mib"));
                let memory = memory.map_or_else(String::new, |(used, total)| format!(", memory {used} of {total} MiB"));
                let age = number("age_seconds").map_or_else(String::new, |age| format!(", {age:.0}s old"));
                self.line(&format!("{name} {}: {utilization}{memory}{age}", text(&device["device"])), Tone::Plain);
            }
        }
    }

    fn decisions(&mut self, decisions: &Value, now: DateTime<Utc>) {
        self.section("Decisions (newest first)");
        for decision in decisions.as_array().into_iter().flatten() {
            let ago = |field: &str| time(&decision[field]).map_or_else(|| "?".to_owned(), |at| span(now - at));
            let times = match decision["count"].as_u64() {
                Some(count) if count > 1 => {
                    format!("{} ago, {count} times since {} ago", ago("last_at"), ago("first_at"))
                }
                _ => format!("{} ago", ago("last_at")),
            };
            let tone = match text(&decision["outcome"]).as_str() {
                "failed" => Tone::Bad,
                "scale_up" | "scale_down" => Tone::Good,
                _ => Tone::Plain,
            };
            self.line(&format!("{times}: {} ({})", text(&decision["message"]), text(&decision["reason"])), tone);
        }
    }
}

fn mode(details: &Value) -> String {
    match details["service_mode"].as_str() {
        Some(mode) => format!("{mode} (of the whole service)"),
        None => text(&details["mode"]),
    }
}

/// A value on one line, without the quotes and braces that people do not need.
pub fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(fields) => {
            fields.iter().map(|(field, value)| format!("{field} {}", inline(value))).collect::<Vec<_>>().join(", ")
        }
        Value::Array(items) => items.iter().map(|item| format!("[{}]", inline(item))).collect::<Vec<_>>().join(" "),
        value => value.to_string(),
    }
}
