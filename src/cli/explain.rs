//! `explain`: why a workload was scaled, or not, at a certain time; in five lines.

use chrono::{DateTime, Local, TimeDelta, Utc};
use clap::Args;
use serde_json::{Value, json};

use super::Session;
use super::change::Which;
use super::failure::Failure;
use super::get::text;
use super::moment::{self, shown, span, time};
use super::output::{say, say_data};
use super::terminal::plain;

/// What to explain.
#[derive(Args)]
pub struct Explain {
    #[command(flatten)]
    which: Which,
    /// When: RFC 3339, 14:03, or "10m ago"; now when left out
    #[arg(long, value_name = "TIME", default_value = "now")]
    at: String,
}

/// Decisions further apart than this do not follow on each other: nothing was decided between them.
const LONGEST_SILENCE: TimeDelta = TimeDelta::seconds(45);

/// Explains what was decided at a time.
pub async fn run(session: &Session, wanted: &Explain) -> Result<(), Failure> {
    let id = wanted.which.id(session).await?;
    let autoscaler = session.api.get(&["autoscaling", &id], &[]).await?;
    let now = session.now(std::slice::from_ref(&autoscaler));
    let at = moment::parse(&wanted.at, now, &Local)
        .ok_or_else(|| Failure::Usage(format!("--at {}: {}", plain(&wanted.at), moment::FORMS)))?;
    if at > now {
        return Err(Failure::Usage(format!("{} is yet to come; it is {} in the service", shown(at), shown(now))));
    }
    if let Some(created) = time(&autoscaler["details"]["created_at"]).filter(|created| at < *created) {
        return Err(Failure::NotFound(format!(
            "nothing is kept of {}: the autoscaler was created at {}",
            shown(at),
            shown(created)
        )));
    }
    let answer = session.api.get(&["autoscaling", &id, "decisions"], &[]).await?;
    let empty = Vec::new();
    let decisions = answer["decisions"].as_array().unwrap_or(&empty);
    let spec = &autoscaler["details"]["spec"];
    if let Some(found) = at_that_time(decisions, at) {
        if session.format.is_data() {
            return say_data(session.format, found);
        }
        return say(&decided(found, spec, at));
    }
    let history = older(session, &id, at).await?;
    if let Some(point) = history {
        if session.format.is_data() {
            return say_data(session.format, &point);
        }
        return say(&recalled(&point, &kept(decisions, &autoscaler)));
    }
    Err(Failure::NotFound(format!("nothing is kept of {}; {}", shown(at), kept(decisions, &autoscaler))))
}

/// The decision that held at a time: the last one that was made by then.
fn at_that_time(decisions: &[Value], at: DateTime<Utc>) -> Option<&Value> {
    // A decision is shown to the millisecond, a time is asked for to the second.
    let until = at + TimeDelta::milliseconds(999);
    decisions.iter().find(|decision| time(&decision["first_at"]).is_some_and(|first| first <= until))
}

/// A decision, explained.
pub(super) fn decided(decision: &Value, spec: &Value, at: DateTime<Utc>) -> String {
    each_plain(&lines(decision, spec, at))
}

/// A point of the history, explained.
pub(super) fn recalled(point: &Value, kept: &str) -> String {
    each_plain(&remembered(point, kept))
}

/// Which time decisions are kept of, in words.
pub(super) fn kept(decisions: &[Value], autoscaler: &Value) -> String {
    let first = decisions.last().and_then(|decision| time(&decision["first_at"]));
    let last = decisions.first().and_then(|decision| time(&decision["last_at"]));
    match first.zip(last) {
        Some((first, last)) => format!("decisions are kept of {} to {}", shown(first), shown(last)),
        None => match time(&autoscaler["details"]["created_at"]) {
            Some(created) => format!("it has decided nothing since it was created at {}", shown(created)),
            None => "it has decided nothing yet".to_owned(),
        },
    }
}

/// What the history has of a time of which no decision is kept any more: one point, and the actions around it.
async fn older(session: &Session, id: &str, at: DateTime<Utc>) -> Result<Option<Value>, Failure> {
    let (from, to) = (shown(at - TimeDelta::seconds(60)), shown(at + TimeDelta::seconds(15)));
    let query = [("from", &*from), ("to", &*to), ("step", "15")];
    let history = match session.api.get(&["autoscaling", id, "history"], &query).await {
        Ok(history) => history,
        Err(Failure::NotFound(_)) => return Ok(None),
        Err(failure) => return Err(failure),
    };
    Ok(point(&history, at))
}

/// The point of a history that holds at a time.
pub(super) fn point(history: &Value, at: DateTime<Utc>) -> Option<Value> {
    let step = history["step_seconds"].as_i64().filter(|step| *step > 0)?;
    let span = TimeDelta::try_seconds(step)?;
    let from = time(&history["from"])?;
    let upto = usize::try_from((at - from).num_seconds().div_euclid(step)).ok()?;
    // Whoever answers in the service's place may say that it begins in the year 0.
    let upto = upto.min(history["current_replicas"].as_array()?.len());
    let known = |field: &str, index: usize| history[field].get(index).filter(|value| !value.is_null());
    // The last one that is known by then.
    let index = (0..=upto).rev().find(|index| known("current_replicas", *index).is_some())?;
    let of = |field: &str| known(field, index).cloned().unwrap_or(Value::Null);
    let metrics = history["metrics"].as_array().into_iter().flatten().map(|metric| {
        json!({
            "name": metric["name"],
            "utilization_percent": metric["utilization_percent"][index],
            "target_percent": metric["target_percent"][index],
        })
    });
    let metrics: Vec<_> = metrics.collect();
    let at = from.checked_add_signed(span.checked_mul(i32::try_from(index).ok()?)?)?;
    Some(json!({
        "from": shown(at),
        "to": shown(at.checked_add_signed(span)?),
        "current_replicas": of("current_replicas"),
        "recommended_replicas": of("recommended_replicas"),
        "min_replicas": of("min_replicas"),
        "max_replicas": of("max_replicas"),
        "metrics": metrics,
        "actions": history["actions"],
    }))
}

fn each_plain(lines: &[String]) -> String {
    lines.iter().map(|line| plain(line)).collect::<Vec<_>>().join("\n")
}

/// What is left of a time of which only the history is kept.
fn remembered(point: &Value, kept: &str) -> [String; 5] {
    let count = |field: &str| point[field].as_u64().map_or_else(|| "unknown".to_owned(), |count| count.to_string());
    let metrics = point["metrics"].as_array().into_iter().flatten().filter_map(|metric| {
        let target = metric["target_percent"].as_u64()?;
        let value = metric["utilization_percent"]
            .as_i64()
            .map_or_else(|| "unknown".to_owned(), |percent| format!("{percent} %"));
        Some(format!("{} {value} of {target} %", text(&metric["name"])))
    });
    let metrics: Vec<_> = metrics.collect();
    let actions = point["actions"].as_array().into_iter().flatten();
    let actions: Vec<_> = actions
        .map(|action| {
            format!("{} -> {} at {}: {}", action["from"], action["to"], text(&action["at"]), text(&action["because"]))
        })
        .collect();
    [
        format!(
            "When it last decided between {} and {}: {} replicas, the metrics asked for {}, allowed were {}..{}",
            text(&point["from"]),
            text(&point["to"]),
            count("current_replicas"),
            count("recommended_replicas"),
            count("min_replicas"),
            count("max_replicas")
        ),
        format!("Metrics: {}", if metrics.is_empty() { "unknown".to_owned() } else { metrics.join(", ") }),
        format!(
            "Action:  {}",
            if actions.is_empty() { "none within a minute of it".to_owned() } else { actions.join("; ") }
        ),
        "Rules:   not kept for so long: only the counts and the metrics are".to_owned(),
        format!("Kept:    {kept}"),
    ]
}

/// What was decided, in five lines.
fn lines(decision: &Value, spec: &Value, at: DateTime<Utc>) -> [String; 5] {
    [
        situation(decision, at),
        format!("Metric:  {}", metric(decision)),
        format!("Rule:    {}", rule(decision)),
        format!("Needs:   {}", needs(decision, spec)),
        format!("Next:    {}", next(decision, at)),
    ]
}

fn situation(decision: &Value, at: DateTime<Utc>) -> String {
    let last = time(&decision["last_at"]).unwrap_or(at);
    let count = |field: &str| decision[field].as_u64();
    let had = count("current_replicas")
        .map_or_else(|| "an unknown number of replicas".to_owned(), |n| format!("{n} replicas"));
    let wanted = count("recommended_replicas")
        .map_or_else(|| "could not tell what it wanted".to_owned(), |n| format!("wanted {n}"));
    let desired = count("desired_replicas").map_or_else(|| "?".to_owned(), |n| n.to_string());
    let became = match text(&decision["outcome"]).as_str() {
        "scale_up" | "scale_down" => format!("went to {desired}"),
        "observed" => format!("would have gone to {desired}, but only observed"),
        "failed" => format!("could not go to {desired}: {}", text(&decision["message"])),
        _ => "stayed".to_owned(),
    };
    let silence = if at - last > LONGEST_SILENCE {
        format!(" (nothing was decided since {})", shown(last))
    } else {
        String::new()
    };
    format!("At {}: it had {had}, {wanted}, and {became}{silence}", shown(at))
}

/// The metric that asked for most, or those that were not known.
fn metric(decision: &Value) -> String {
    let with_target =
        || decision["metrics"].as_array().into_iter().flatten().filter(|metric| !metric["target_percent"].is_null());
    let unknown: Vec<_> = with_target()
        .filter(|metric| metric["proposed_replicas"].is_null() && metric["state"] != "known")
        .map(|metric| format!("{} unknown ({})", text(&metric["name"]), text(&metric["error"])))
        .collect();
    let decided = with_target()
        .filter_map(|metric| Some((metric["proposed_replicas"].as_i64()?, metric)))
        .max_by_key(|(count, _)| *count);
    let mut parts = Vec::new();
    if let Some((count, metric)) = decided {
        let value =
            metric["utilization_percent"].as_i64().map_or_else(|| "?".to_owned(), |percent| percent.to_string());
        let others = with_target().count() - 1;
        let greatest = if others > 0 { ", the greatest proposal" } else { "" };
        let age = metric["age_seconds"].as_f64().map_or_else(String::new, |age| format!(", measured {age:.0}s before"));
        parts.push(format!(
            "{} {value} % of {} % asked for {count}{greatest}{age}",
            text(&metric["name"]),
            metric["target_percent"]
        ));
    }
    parts.extend(unknown);
    if parts.is_empty() { "none had a value".to_owned() } else { parts.join("; ") }
}

/// The rules that changed the number, after the metrics.
fn rule(decision: &Value) -> String {
    let steps = decision["steps"].as_array().into_iter().flatten().filter(|step| step["rule"] != "metrics");
    let steps: Vec<_> = steps.map(|step| format!("{} ({})", text(&step["message"]), text(&step["reason"]))).collect();
    if !steps.is_empty() {
        return steps.join("; ");
    }
    match text(&decision["outcome"]).as_str() {
        "scale_up" | "scale_down" | "no_change" => "none changed the number".to_owned(),
        "observed" => "mode observe: it decides and records, and scales nothing (ObserveOnly)".to_owned(),
        _ => format!("{} ({})", text(&decision["message"]), text(&decision["reason"])),
    }
}

/// What would have to be otherwise.
fn needs(decision: &Value, spec: &Value) -> String {
    let recommended = decision["recommended_replicas"].as_u64();
    let wanted = recommended.map_or_else(|| "more".to_owned(), |count| count.to_string());
    let outcome = text(&decision["outcome"]);
    if outcome == "observed" {
        return "mode active, of the autoscaler and of the service".to_owned();
    }
    match text(&decision["reason"]).as_str() {
        "TooManyReplicas" => format!("a greater max_replicas (now {}) to reach {wanted}", spec["max_replicas"]),
        "TooFewReplicas" => format!("a smaller min_replicas (now {}) to reach {wanted}", spec["min_replicas"]),
        "ScaleDownStabilized" => format!(
            "the load to stay as low until the last {} s have no higher recommendation",
            spec["scale_down_policy"]["stabilization_window_seconds"]
        ),
        "ScaleUpStabilized" => format!(
            "the load to stay as high for {} s, watched all that time",
            spec["scale_up_policy"]["stabilization_window_seconds"]
        ),
        "ScaleUpLimit" => format!("time, or wider scale_up_policy limits, to reach {wanted}"),
        "ScaleDownLimit" => format!("time, or wider scale_down_policy limits, to reach {wanted}"),
        "InsufficientCapacity" => format!("room on the nodes: {}", text(&decision["capacity"]["blocked_by"])),
        "FailedGetResourceMetric" | "FailedGetGpuMetric" => {
            "the unknown metric to be known again; GET /api/v1/sources says what is wrong".to_owned()
        }
        "FailedGetPods" | "FailedGetScale" | "FailedUpdateScale" => {
            "the cause to be removed; it tries again by itself".to_owned()
        }
        "ScalingDisabled" => "at least one replica, given by hand".to_owned(),
        "Paused" => "to be resumed".to_owned(),
        "ObserveOnly" => "mode active".to_owned(),
        _ => thresholds(decision, spec),
    }
}

/// From where on the metrics would ask for another count.
fn thresholds(decision: &Value, spec: &Value) -> String {
    let tolerance = |policy: &str| spec[policy]["tolerance_percent"].as_f64().unwrap_or(10.0) / 100.0;
    let (up, down) = (tolerance("scale_up_policy"), tolerance("scale_down_policy"));
    let targets = || {
        decision["metrics"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|metric| Some((text(&metric["name"]), metric["target_percent"].as_f64()?)))
    };
    let above: Vec<_> = targets().map(|(name, target)| format!("{name} above {:.0} %", target * (1.0 + up))).collect();
    let below: Vec<_> =
        targets().map(|(name, target)| format!("{name} below {:.0} %", target * (1.0 - down))).collect();
    if above.is_empty() {
        return "a target".to_owned();
    }
    format!("{} to go up, {} to go down", above.join(" or "), below.join(" and "))
}

fn next(decision: &Value, at: DateTime<Utc>) -> String {
    match (time(&decision["earliest_action"]), text(&decision["outcome"]).as_str()) {
        (Some(then), _) if then > at => {
            format!("at {} (in {}), if all else stays as it is", shown(then), span(then - at))
        }
        (Some(then), _) => format!("from {} on, if all else had stayed as it was", shown(then)),
        (None, "held") => "no window or limit had to pass: as soon as that is so, at the next evaluation".to_owned(),
        (None, _) => "at the next evaluation".to_owned(),
    }
}

#[cfg(test)]
mod tests;
