//! Counts the requests to the API server: what it was asked, and how it answered.

use std::sync::Arc;

use http::{Method, Request, Response};
use kube::Client;
use kube::client::Body;
use tower::BoxError;

use super::client::Clients;
use crate::clock::Stopwatch;
use crate::instruments::{Instruments, NoAnswer};

impl Clients {
    /// The same clients, each request of which is counted.
    pub(super) fn counted(self, instruments: &Arc<Instruments>) -> Self {
        Self { calls: counted(self.calls, instruments.clone()), watches: counted(self.watches, instruments.clone()) }
    }
}

fn counted(client: Client, instruments: Arc<Instruments>) -> Client {
    let namespace = client.default_namespace().to_owned();
    let service = tower::service_fn(move |request: Request<Body>| {
        let (client, asked) = (client.clone(), Asked::new(verb(&request), instruments.clone()));
        async move {
            let answer = client.send(request).await;
            asked.answered(answer.as_ref().map_or(Err(NoAnswer::Error), |answer| Ok(answer.status().as_u16())));
            Ok::<Response<Body>, BoxError>(answer?)
        }
    });
    Client::new(service, namespace)
}

/// A request on its way. One whose answer nobody waits for any more is dropped, and counts as given up.
struct Asked {
    verb: &'static str,
    begun: Stopwatch,
    answer: Result<u16, NoAnswer>,
    instruments: Arc<Instruments>,
}

impl Asked {
    fn new(verb: &'static str, instruments: Arc<Instruments>) -> Self {
        Self { verb, begun: Stopwatch::start(), answer: Err(NoAnswer::GivenUp), instruments }
    }

    fn answered(mut self, answer: Result<u16, NoAnswer>) {
        self.answer = answer;
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.instruments.kubernetes_asked(self.verb, self.answer, self.begun.elapsed());
    }
}

/// What Kubernetes calls a request, in audit logs and roles.
fn verb(request: &Request<Body>) -> &'static str {
    let asks_for = |wanted: &str| request.uri().query().is_some_and(|query| query.split('&').any(|it| it == wanted));
    match *request.method() {
        Method::GET | Method::HEAD if asks_for("watch=true") => "watch",
        Method::GET | Method::HEAD if is_collection(request.uri().path()) => "list",
        Method::GET | Method::HEAD => "get",
        Method::PATCH => "patch",
        Method::POST => "create",
        Method::PUT => "update",
        Method::DELETE => "delete",
        _ => "other",
    }
}

/// Whether a path is that of all objects of a resource, and not that of one object, of a group or of a version.
fn is_collection(path: &str) -> bool {
    let mut parts = path.trim_matches('/').split('/');
    let below_version = match parts.next() {
        Some("api") => parts.next().map(|_| parts),
        Some("apis") => parts.nth(1).map(|_| parts),
        _ => None,
    };
    let below: Vec<_> = below_version.into_iter().flatten().collect();
    match *below.as_slice() {
        ["namespaces", _, _] => true,
        ["namespaces", _] => false,
        [_] => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_the_verb_that_roles_and_audit_logs_give_it() {
        for (method, path, expected) in [
            ("GET", "/api/v1/pods?limit=500", "list"),
            ("GET", "/api/v1/pods?&watch=true&timeoutSeconds=60", "watch"),
            ("GET", "/api/v1/namespaces/default", "get"),
            ("GET", "/apis/apps/v1/deployments", "list"),
            ("GET", "/apis/apps/v1/namespaces/default/deployments/web", "get"),
            ("GET", "/apis/apps/v1/namespaces/default/deployments/web/scale", "get"),
            ("PATCH", "/apis/apps/v1/namespaces/default/deployments/web/scale", "patch"),
            ("GET", "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods", "list"),
            ("GET", "/apis/metrics.k8s.io", "get"),
            ("GET", "/apis/metrics.k8s.io/v1beta1", "get"),
            ("TRACE", "/api", "other"),
        ] {
            let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
            assert_eq!(verb(&request), expected, "{method} {path}");
        }
    }
}
