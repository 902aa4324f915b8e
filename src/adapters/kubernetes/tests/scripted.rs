//! An API server in this process that answers as a test says.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, future, stream};
use http::header::RETRY_AFTER;
use http::{Method, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::clock::Clock;

type Frames = UnsyncBoxBody<Bytes, std::io::Error>;

/// A request as the API server sees it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) content_type: String,
    pub(super) body: Value,
}

/// What the API server answers.
pub(super) enum Answer {
    Json(u16, Value),
    /// Whatever it is.
    Raw(String),
    /// Plain text, with a `Retry-After` if there is one.
    Text(u16, &'static str, Option<u32>),
    /// The connection breaks.
    Broken,
    /// Nothing, ever.
    Silence,
    /// An answer that comes some time after it was given.
    Late(Duration, Box<Answer>),
    /// Watch events as they come.
    Events(UnboundedReceiver<Line>),
}

/// A line of a watch, or the end of its connection.
pub(super) type Line = Result<Value, std::io::Error>;

impl Answer {
    pub(super) fn ok(body: Value) -> Self {
        Self::Json(200, body)
    }

    /// A Kubernetes status.
    pub(super) fn status(code: u16, reason: &str, message: &str) -> Self {
        Self::Json(
            code,
            json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message}),
        )
    }

    /// What is not there.
    pub(super) fn not_found(what: &str) -> Self {
        Self::status(404, "NotFound", &format!("{what} not found"))
    }
}

/// What has been asked so far.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<Asked>>>);

impl Log {
    pub(super) fn all(&self) -> Vec<Asked> {
        self.0.lock().unwrap().clone()
    }

    /// The requests as `GET /path`.
    pub(super) fn lines(&self) -> Vec<String> {
        self.all().iter().map(|asked| format!("{} {}", asked.method, asked.path)).collect()
    }
}

/// A client of an API server that answers by `script`.
pub(super) fn client(script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> (Client, Log) {
    let log = Log::default();
    let (script, seen) = (Arc::new(script), log.clone());
    let service = tower::service_fn(move |request: Request<Body>| {
        let (script, seen) = (script.clone(), seen.clone());
        async move {
            let (parts, body) = request.into_parts();
            let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
            let body = body.collect().await?.to_bytes();
            let asked = Asked {
                content_type: header("content-type").to_owned(),
                method: parts.method.clone(),
                path: parts.uri.path().to_owned(),
                query: parts.uri.query().unwrap_or_default().trim_start_matches('&').to_owned(),
                body: if body.is_empty() { Value::Null } else { serde_json::from_slice(&body)? },
            };
            seen.0.lock().unwrap().push(asked.clone());
            respond(script(&asked)).await
        }
    });
    (Client::new(service, "default"), log)
}

async fn respond(mut answer: Answer) -> Result<Response<Frames>, tower::BoxError> {
    while let Answer::Late(delay, later) = answer {
        Clock::scaled_from_now(1.0).sleep(delay).await;
        answer = *later;
    }
    let whole = |text: String| Full::new(Bytes::from(text)).map_err(|never: Infallible| match never {}).boxed_unsync();
    let response = match answer {
        Answer::Json(code, body) => Response::builder().status(code).body(whole(body.to_string()))?,
        Answer::Raw(text) => Response::new(whole(text)),
        Answer::Text(code, text, None) => Response::builder().status(code).body(whole(text.to_owned()))?,
        Answer::Text(code, text, Some(seconds)) => {
            Response::builder().status(code).header(RETRY_AFTER, seconds).body(whole(text.to_owned()))?
        }
        Answer::Broken => return Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()),
        Answer::Silence | Answer::Late(..) => future::pending().await,
        Answer::Events(lines) => {
            let frames = stream::unfold(lines, |mut lines| async move { Some((lines.recv().await?, lines)) });
            let frames = frames.filter_map(async |line: Line| match line {
                // A frame cannot be made without the crate that defines it, but a body gives one.
                Ok(line) => {
                    Some(Full::new(Bytes::from(format!("{line}\n"))).frame().await?.map_err(|never| match never {}))
                }
                Err(error) => Some(Err(error)),
            });
            Response::new(StreamBody::new(frames).boxed_unsync())
        }
    };
    Ok(response)
}

/// The objects of a cluster, which can be listed and watched until a test breaks that.
#[derive(Clone, Default)]
pub(super) struct Objects(Arc<Mutex<HashMap<&'static str, Collection>>>);

#[derive(Default)]
struct Collection {
    objects: Vec<Value>,
    watches: Vec<UnboundedSender<Line>>,
    refusal: Option<(u16, &'static str)>,
    watch_refusal: Option<(u16, &'static str)>,
    silent: bool,
    version: u64,
}

impl Objects {
    /// A client that sees these objects.
    pub(super) fn client(&self) -> (Client, Log) {
        let objects = self.clone();
        client(move |asked| objects.answer(asked))
    }

    fn collections(&self) -> MutexGuard<'_, HashMap<&'static str, Collection>> {
        self.0.lock().unwrap()
    }

    pub(super) fn answer(&self, asked: &Asked) -> Answer {
        let mut collections = self.collections();
        let plural = asked.path.rsplit('/').next().unwrap_or_default();
        let watched = ["pods", "deployments", "statefulsets", "replicasets", "nodes", "workloadautoscalers"];
        let Some(plural) = watched.into_iter().find(|it| *it == plural) else { return Answer::not_found(plural) };
        let collection = collections.entry(plural).or_default();
        if collection.silent {
            return Answer::Silence;
        }
        if let Some((code, message)) = collection.refusal {
            return Answer::status(code, "", message);
        }
        if asked.query.contains("watch=true") {
            if let Some((code, message)) = collection.watch_refusal {
                return Answer::status(code, "", message);
            }
            let (sender, receiver) = unbounded_channel();
            collection.watches.push(sender);
            return Answer::Events(receiver);
        }
        let version = format!("1{}", collection.version);
        Answer::ok(json!({"metadata": {"resourceVersion": version}, "items": collection.objects}))
    }

    /// Creates or changes an object.
    pub(super) fn put(&self, plural: &'static str, mut object: Value) {
        let mut collections = self.collections();
        let collection = collections.entry(plural).or_default();
        collection.version += 1;
        object["metadata"]["resourceVersion"] = json!(format!("1{}", collection.version));
        let known = collection.objects.iter_mut().find(|known| known["metadata"]["uid"] == object["metadata"]["uid"]);
        let kind = match known {
            Some(known) => {
                *known = object.clone();
                "MODIFIED"
            }
            None => {
                collection.objects.push(object.clone());
                "ADDED"
            }
        };
        collection.tell(json!({"type": kind, "object": object}));
    }

    /// Deletes an object.
    pub(super) fn delete(&self, plural: &'static str, uid: &str) {
        let mut collections = self.collections();
        let collection = collections.entry(plural).or_default();
        collection.version += 1;
        let at = collection.objects.iter().position(|known| known["metadata"]["uid"] == uid).unwrap();
        let mut object = collection.objects.remove(at);
        object["metadata"]["resourceVersion"] = json!(format!("1{}", collection.version));
        collection.tell(json!({"type": "DELETED", "object": object}));
    }

    /// Answers lists and watches with an error from now on, and lets open watches break.
    pub(super) fn refuse(&self, plural: &'static str, code: u16, message: &'static str) {
        let mut collections = self.collections();
        let collection = collections.entry(plural).or_default();
        collection.refusal = Some((code, message));
        for watch in collection.watches.drain(..) {
            let _ = watch.send(Err(std::io::Error::other("the connection broke")));
        }
    }

    /// Answers nothing from now on.
    pub(super) fn be_silent(&self, plural: &'static str) {
        self.collections().entry(plural).or_default().silent = true;
    }

    /// Answers watches with an error from now on, but not lists.
    pub(super) fn refuse_watches(&self, plural: &'static str, code: u16, message: &'static str) {
        self.collections().entry(plural).or_default().watch_refusal = Some((code, message));
    }

    /// Answers again.
    pub(super) fn allow(&self, plural: &'static str) {
        self.collections().entry(plural).or_default().refusal = None;
    }

    /// Tells the open watches a line of the test's own.
    pub(super) fn tell(&self, plural: &'static str, line: Value) {
        self.collections().entry(plural).or_default().tell(line);
    }

    /// Ends the open watches as the API server does when their time is up.
    pub(super) fn end_watches(&self, plural: &'static str) {
        self.collections().entry(plural).or_default().watches.clear();
    }

    /// Loses what happens from now on: the open watches stay, but are told nothing more.
    pub(super) fn forget_watches(&self, plural: &'static str) -> Vec<UnboundedSender<Line>> {
        std::mem::take(&mut self.collections().entry(plural).or_default().watches)
    }
}

impl Collection {
    fn tell(&mut self, line: Value) {
        self.watches.retain(|watch| watch.send(Ok(line.clone())).is_ok());
    }
}
