//! Ways in for the fuzz targets: what the command line makes of documents, and what it writes of answers, without a
//! service to ask. Only there with `--cfg fuzzing`.

use http::StatusCode;
use serde_json::Value;

use super::connection::Connection;
use super::import::compared;
use super::import::convert::convert;
use super::output::{Format, data, harmless_json};
use super::terminal::ColorChoice;
use super::watch::Events;
use super::{
    ClientEnvironment, Common, Failure, Session, change, create, describe, documents, explain, export, get, moment,
    names, watch, whoami,
};

pub use super::terminal::is_obeyed;

/// The documents of a file's text; otherwise what is said about it.
pub fn documents(text: &str) -> Result<Vec<Value>, String> {
    documents::parse(text)
}

/// The create request that is equal to a HorizontalPodAutoscaler's manifest; otherwise each reason why there is none.
pub fn converted(manifest: &Value) -> Result<Value, Vec<String>> {
    convert(manifest, "default").map(|converted| converted.request)
}

/// The command line for people, at a pipe.
pub struct CommandLine(Session);

impl CommandLine {
    /// One that never asks its service. The process needs a TLS provider.
    pub fn new() -> Result<Self, String> {
        let common = Common {
            connection: Connection::to("http://127.0.0.1:1"),
            output: Format::Wide,
            color: ColorChoice::Never,
        };
        Session::new(&common, ClientEnvironment::default()).map(Self).map_err(|failure| failure.to_string())
    }

    /// What each subcommand writes when `answer` has the answers that it gets: `autoscalers`, `rows`, `decisions`,
    /// `history`, `event`, and the `manifest` of an HPA.
    pub fn written(&self, answer: &Value) -> Vec<String> {
        let Self(session) = self;
        let empty = Vec::new();
        let list = |field: &str| answer[field].as_array().unwrap_or(&empty);
        let (autoscalers, decisions) = (list("autoscalers"), list("decisions"));
        let now = session.now(autoscalers);
        let mut written = vec![get::table(session, autoscalers, list("rows"))];
        for autoscaler in autoscalers {
            written.push(describe::page(&session.screen, autoscaler, answer, now));
            written.push(create::created(StatusCode::CREATED, autoscaler));
            written.push(change::name(autoscaler));
            written.push(explain::kept(decisions, autoscaler));
            written.extend(compared(&session.screen, &answer["manifest"], autoscaler));
            written.extend(export::object(autoscaler).and_then(|object| data(Format::Yaml, &object).ok()));
            let spec = &autoscaler["details"]["spec"];
            written.extend(decisions.iter().map(|decision| explain::decided(decision, spec, now)));
        }
        if let Some(point) = explain::point(&answer["history"], moment::time(&answer["at"]).unwrap_or(now)) {
            written.push(explain::recalled(&point, ""));
        }
        for (line, tone) in [watch::row(&answer["event"]), watch::action(&answer["event"])] {
            written.push(session.screen.paint(&line, tone));
        }
        written.push(whoami::page(&session.screen, &answer["event"]));
        written.extend(names::one_of(autoscalers, "auto").map_err(|failure: Failure| failure.to_string()).err());
        written.push(harmless_json(&answer.to_string()));
        written.extend([Format::Json, Format::Yaml].map(|format| data(format, answer).unwrap_or_default()));
        written
    }

    /// The data of the server-sent events of a stream that comes in pieces of `size` bytes.
    pub fn events(stream: &[u8], size: usize) -> Vec<String> {
        let mut events = Events::default();
        stream.chunks(size.max(1)).flat_map(|piece| events.take(piece)).map(|event| event.data).collect()
    }
}
