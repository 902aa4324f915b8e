//! An API server in this process, most of whose answers are the input.

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ai_storage_orchestrator::adapters::kubernetes::client::Clients;
use ai_storage_orchestrator::adapters::kubernetes::{KubernetesCluster, Limits};
use ai_storage_orchestrator::clock::Clock;
use ai_storage_orchestrator::domain::Timestamp;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Method, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::Notify;

type Answer = Response<UnsyncBoxBody<Bytes, std::io::Error>>;

/// What the API server says when it is asked for one resource.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// The resource in the plural; all others have no objects, and never change.
    pub resource: String,
    /// The answer to a list.
    pub list: Vec<u8>,
    /// The pieces of the answer to a watch. The API server waits after each until it is told to go on.
    pub watch: Vec<Vec<u8>>,
    /// The answer to a request for metrics.
    pub metrics: Vec<u8>,
}

/// One API server.
pub struct ApiServer {
    script: Script,
    asked: Mutex<HashMap<(String, bool), usize>>,
    /// A piece of the watch was read, or the watch will not be read any more.
    pub said: Notify,
    /// The next piece may come.
    pub go_on: Notify,
}

impl ApiServer {
    /// Follows a script.
    #[must_use]
    pub fn new(script: Script) -> Arc<Self> {
        Arc::new(Self { script, asked: Mutex::default(), said: Notify::new(), go_on: Notify::new() })
    }

    /// The service's connection to it. It needs a tokio runtime whose clock is paused.
    #[must_use]
    pub fn connect(self: &Arc<Self>) -> KubernetesCluster {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| server.clone().answer(request));
        let clients = Clients::shared(Client::new(service, "default"));
        let clock = Clock::scaled(Timestamp::UNIX_EPOCH, 1.0);
        KubernetesCluster::start(clients, clock, Limits::default(), Arc::default())
    }

    /// Waits until a piece of the watch was read, and all that follows from it has happened.
    pub async fn has_said(&self) {
        self.said.notified().await;
        // Lets everything happen that needs no time.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    async fn answer(self: Arc<Self>, request: Request<Body>) -> Result<Answer, tower::BoxError> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path();
        if path == "/apis/metrics.k8s.io" {
            let version = json!({"groupVersion": "metrics.k8s.io/v1beta1", "version": "v1beta1"});
            return Ok(whole(json!({"name": "metrics.k8s.io", "versions": [version]}).to_string()));
        }
        if path.starts_with("/apis/metrics.k8s.io/") {
            return Ok(whole(self.script.metrics.clone()));
        }
        if parts.method != Method::GET {
            return kept(&serde_json::from_slice(&body.collect().await?.to_bytes())?);
        }
        let resource = path.rsplit('/').next().unwrap_or_default();
        let is_watch = parts.uri.query().is_some_and(|query| query.contains("watch=true"));
        if resource != self.script.resource {
            return Ok(if is_watch { silent() } else { whole(r#"{"metadata":{"resourceVersion":"1"},"items":[]}"#) });
        }
        let place = (resource.to_owned(), is_watch);
        let before = {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            let count = asked.entry(place).or_default();
            *count += 1;
            *count - 1
        };
        match (before, is_watch) {
            (0, false) => Ok(whole(self.script.list.clone())),
            (0, true) => Ok(self.pieces()),
            _ => {
                // It has begun anew: the rest of the script is not heard.
                self.said.notify_one();
                pending().await
            }
        }
    }

    fn pieces(self: Arc<Self>) -> Answer {
        let frames = stream::unfold((self, 0), |(server, number)| async move {
            if number > 0 {
                server.said.notify_one();
                server.go_on.notified().await;
            }
            let piece = server.script.watch.get(number)?.clone();
            Some((Ok(Frame::data(Bytes::from(piece))), (server, number + 1)))
        });
        Response::new(StreamBody::new(frames).boxed_unsync())
    }
}

/// An object as the API server has it after it was sent.
fn kept(sent: &Value) -> Result<Answer, tower::BoxError> {
    let mut object = json!({
        "apiVersion": "ai-storage.io/v1alpha1", "kind": "WorkloadAutoscaler",
        "metadata": {"name": "a", "namespace": "default"},
    });
    json_patch::merge(&mut object, sent);
    object["metadata"]["uid"] = json!("0a");
    object["metadata"]["resourceVersion"] = json!("2");
    object["metadata"]["creationTimestamp"] = json!("2026-01-05T10:00:00Z");
    Ok(whole(object.to_string()))
}

fn whole(body: impl Into<Bytes>) -> Answer {
    Response::new(Full::new(body.into()).map_err(|never| match never {}).boxed_unsync())
}

fn silent() -> Answer {
    Response::new(StreamBody::new(stream::pending().boxed()).boxed_unsync())
}

/// Runs something that waits, with a clock that jumps to whatever it waits for.
pub fn run<R>(work: impl Future<Output = R>) -> R {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime of one thread").block_on(work)
}
