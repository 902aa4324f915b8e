//! `watch`: what happens, as it happens.

use std::time::Duration;

use clap::Args;
use http::HeaderValue;
use serde_json::Value;

use super::failure::Failure;
use super::get::text;
use super::output::{harmless_json, say};
use super::terminal::Tone;
use super::{Session, names};
use crate::clock::Clock;

/// What to watch.
#[derive(Args)]
pub struct Watch {
    /// Only this one, with each of its evaluations: an id or the beginning of one, namespace/name, kind/name or name.
    /// Without it: everything that happens to any of them
    autoscaler: Option<String>,
    /// The workload's namespace
    #[arg(short, long)]
    namespace: Option<String>,
}

/// How long is waited after a cut: at first, and at most. (The service says something at least every 15 s.)
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
const LONGEST_SILENCE: Duration = Duration::from_secs(45);

/// Shows events until it is interrupted. A cut is no end: it goes on where it was.
pub async fn run(session: &Session, wanted: &Watch) -> Result<(), Failure> {
    let id = match &wanted.autoscaler {
        Some(name) => Some(names::find(&session.api, name, wanted.namespace.as_deref()).await?),
        None => None,
    };
    let query: Vec<(&str, &str)> = id.as_deref().map(|id| ("ids", id)).into_iter().collect();
    let mut view = View { session, id: id.as_deref(), namespace: wanted.namespace.as_deref(), last: None };
    let mut last_id: Option<String> = None;
    let mut wait = FIRST_WAIT;
    let mut was_connected = false;
    loop {
        match session.api.stream(&["events"], &query, last_id.as_deref()).await {
            Ok(mut response) => {
                if !was_connected {
                    eprintln!("watching {} until interrupted", session.api.server());
                }
                (was_connected, wait) = (true, FIRST_WAIT);
                let mut events = Events::default();
                while let Ok(Ok(Some(chunk))) = tokio::time::timeout(LONGEST_SILENCE, response.chunk()).await {
                    for event in events.take(&chunk) {
                        // What no header can carry cannot be asked for.
                        if event.id.as_deref().is_some_and(|id| HeaderValue::from_str(id).is_ok()) {
                            last_id.clone_from(&event.id);
                        }
                        view.show(&event)?;
                    }
                }
                eprintln!("the connection to {} is cut; trying again", session.api.server());
            }
            // Only what was there once is worth waiting for.
            Err(Failure::Unreachable(_)) if was_connected => {}
            Err(Failure::NotNow { after, .. }) if was_connected => {
                wait = wait.max(after.unwrap_or_default()).min(LONGEST_WAIT);
            }
            Err(failure) => return Err(failure),
        }
        Clock::wall().sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

struct View<'a> {
    session: &'a Session,
    id: Option<&'a str>,
    namespace: Option<&'a str>,
    /// The last row as it was shown, so that what stays the same is not said again.
    last: Option<String>,
}

impl View<'_> {
    fn show(&mut self, event: &Event) -> Result<(), Failure> {
        let Ok(data) = serde_json::from_str::<Value>(&event.data) else { return Ok(()) };
        let is_meant = match event.name.as_str() {
            "row" => true,
            "action" => {
                self.id.is_none_or(|id| data["autoscaling_id"] == id)
                    && self.namespace.is_none_or(|namespace| data["workload_namespace"] == namespace)
            }
            "reset" => {
                eprintln!("some events were missed: the service was restarted, or does not keep them any more");
                false
            }
            _ => false,
        };
        if !is_meant {
            return Ok(());
        }
        if self.session.format.is_data() {
            // One line each, so that a script can read them as they come; JSON is YAML as well.
            let line = serde_json::json!({"event": event.name, "data": data}).to_string();
            return say(&harmless_json(&line));
        }
        let (line, tone) = if event.name == "row" { row(&data) } else { action(&data) };
        if event.name == "row" && self.last.replace(line.clone()).as_ref() == Some(&line) {
            return Ok(());
        }
        say(&self.session.screen.paint(&line, tone))
    }
}

/// What happened, as a line.
pub(super) fn action(data: &Value) -> (String, Tone) {
    let kind = text(&data["kind"]);
    let tone = match kind.as_str() {
        "failed" => Tone::Bad,
        "scaled" | "recovered" => Tone::Good,
        _ => Tone::Plain,
    };
    let [at, workload_kind, namespace, name, message] =
        ["at", "workload_type", "workload_namespace", "workload_name", "message"].map(|field| text(&data[field]));
    let by = data["by"].as_str().map_or_else(String::new, |by| format!(" (by {by})"));
    (format!("{at} {workload_kind} {namespace}/{name} {kind}: {message}{by}"), tone)
}

/// How an autoscaler stands, as a line.
pub(super) fn row(data: &Value) -> (String, Tone) {
    let metrics = data["metrics"].as_array().into_iter().flatten().map(|metric| {
        let value =
            metric["utilization_percent"].as_i64().map_or_else(|| "?".to_owned(), |percent| percent.to_string());
        format!("{} {value}/{} %", text(&metric["name"]), metric["target_percent"])
    });
    let metrics = metrics.collect::<Vec<_>>().join(", ");
    let recommended = data["recommended_replicas"].as_u64().map_or_else(|| "?".to_owned(), |count| count.to_string());
    let attention = data["attention_message"].as_str().map_or_else(String::new, |message| format!("; {message}"));
    let status = text(&data["status"]);
    let line = format!(
        "{} replicas, wants {recommended} in {}..{}; {metrics}; {status}{attention}",
        data["current_replicas"], data["min_replicas"], data["max_replicas"]
    );
    (line, if data["attention"] == "none" { Tone::Plain } else { Tone::Warning })
}

/// A server-sent event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    name: String,
    pub(super) data: String,
    id: Option<String>,
}

/// The longest event that is kept, in bytes. The service's own are far shorter.
const LONGEST_EVENT: usize = 1 << 20;

/// Takes a stream of server-sent events apart, however it is cut into pieces.
#[derive(Default)]
pub(super) struct Events {
    /// The line that is not complete yet.
    line: Vec<u8>,
    next: Event,
    /// Whether the next event is too long, and is left out.
    is_too_long: bool,
}

impl Events {
    /// The events that are complete with this piece.
    pub(super) fn take(&mut self, piece: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        let mut lines = piece.split(|byte| *byte == b'\n');
        let last = lines.next_back().unwrap_or_default();
        for end in lines {
            self.keep(end);
            let line = std::mem::take(&mut self.line);
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches('\r');
            if line.is_empty() {
                let event = std::mem::take(&mut self.next);
                let is_too_long = std::mem::take(&mut self.is_too_long);
                if !is_too_long && (!event.name.is_empty() || !event.data.is_empty()) {
                    events.push(event);
                }
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => self.next.name = value.to_owned(),
                "id" => self.next.id = Some(value.to_owned()),
                "data" if self.next.data.is_empty() => self.next.data = value.to_owned(),
                "data" => {
                    self.next.data.push('\n');
                    self.next.data.push_str(value);
                }
                _ => {}
            }
        }
        self.keep(last);
        events
    }

    fn keep(&mut self, part: &[u8]) {
        if self.line.len() + self.next.data.len() + part.len() > LONGEST_EVENT {
            self.is_too_long = true;
            self.next.data.clear();
            // It is not the blank line that ends the event.
            self.line = b":".to_vec();
        } else {
            self.line.extend_from_slice(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_are_read_however_they_are_cut() {
        let stream = ": keep-alive\n\nevent: action\nid: 7-3\ndata: {\"a\":\ndata: \"ü\"}\n\nevent: reset\r\ndata: {}\r\n\r\nevent: row\n";
        let expected = [
            Event { name: "action".into(), data: "{\"a\":\n\"ü\"}".into(), id: Some("7-3".into()) },
            Event { name: "reset".into(), data: "{}".into(), id: None },
        ];
        for size in 1..stream.len() {
            let mut events = Events::default();
            let read: Vec<_> = stream.as_bytes().chunks(size).flat_map(|piece| events.take(piece)).collect();
            assert_eq!(read, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn an_event_that_never_ends_is_not_kept() {
        let mut events = Events::default();
        let (piece, mut kept) = (vec![b'x'; 64 << 10], 0);
        assert!(events.take(b"event: row\ndata: ").is_empty());
        for _ in 0..64 {
            assert!(events.take(&piece).is_empty());
            kept = kept.max(events.line.len());
        }
        assert!(kept <= LONGEST_EVENT, "{kept}");
        assert!(events.take(b"\n").is_empty());
        for _ in 0..64 {
            events.take(b"data: ");
            events.take(&piece);
            events.take(b"\n");
            assert!(events.next.data.len() <= LONGEST_EVENT);
        }
        assert!(events.take(b"\n").is_empty(), "what is too long is left out");
        let next = Event { name: "row".into(), data: "{}".into(), id: None };
        assert_eq!(events.take(b"event: row\ndata: {}\n\n"), [next]);
    }

    #[test]
    fn an_action_is_a_line() {
        let data = json!({
            "kind": "scaled", "at": "2026-11-27T02:00:00Z", "autoscaling_id": "autoscaler-1", "workload_name": "web",
            "workload_namespace": "shop", "workload_type": "Deployment", "from": 2, "to": 4, "message": "2 -> 4: cpu 123 % (target 70 %) proposes 4",
        });
        let line = "2026-11-27T02:00:00Z Deployment shop/web scaled: 2 -> 4: cpu 123 % (target 70 %) proposes 4";
        assert_eq!(action(&data), (line.to_owned(), Tone::Good));
        let data = json!({
            "kind": "paused", "at": "2026-11-27T02:00:00Z", "workload_name": "web", "workload_namespace": "shop",
            "workload_type": "Deployment", "message": "is paused from now on", "by": "alice",
        });
        let line = "2026-11-27T02:00:00Z Deployment shop/web paused: is paused from now on (by alice)";
        assert_eq!(action(&data), (line.to_owned(), Tone::Plain));
    }
}
