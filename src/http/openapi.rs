//! The API's description in OpenAPI 3.1, made from the handlers and from the types that they read and write.

use std::sync::LazyLock;

use utoipa::OpenApi as _;
use utoipa::openapi::link::Link;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi, RefOr, Response};

use super::error::ErrorBody;
use super::routes;

mod refusals;

pub use refusals::{
    BadParameters, Busy, NoSuchAutoscaler, NotAlive, NotChanged, NotConfirmed, NotCreated, NotKept, NotReady,
    PreviewFailed, TooManyFollowers, Unwritable,
};
use refusals::{add_missing, of_any_request, of_bodies, of_other_methods};

/// What the handlers do not say.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "AI Storage Orchestrator",
        description = "Autoscales Kubernetes workloads by CPU, memory and GPU, and explains every decision. Whatever can be \
                       asked for with GET, but for the stream of events, can be asked for with HEAD. Times are UTC; bodies are JSON, and what is no field \
                       of a request is refused. Callers need a token unless `auth.mode` is `none`; with tokens of the cluster, they may do what its roles let them do.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "autoscalers", description = "Workloads under autoscaling"),
        (name = "decisions", description = "What was decided, why, and what would be"),
        (name = "mode", description = "The emergency brake for all autoscalers at once"),
        (name = "sources", description = "Where the service's knowledge comes from"),
        (name = "service", description = "What an operator and a kubelet ask for"),
    ),
    components(schemas(ErrorBody)),
    security(("token" = [])),
)]
struct Frame;

/// The API's description.
pub fn document() -> &'static OpenApi {
    static DOCUMENT: LazyLock<OpenApi> = LazyLock::new(|| {
        let mut document = Frame::openapi();
        for description in routes::descriptions() {
            document.merge(description);
        }
        complete(&mut document);
        document
    });
    &DOCUMENT
}

/// Adds what holds for every operation.
fn complete(document: &mut OpenApi) {
    if let Some(components) = &mut document.components {
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A token of the cluster (TokenReview), or one of the service's own"));
        components.add_security_scheme("token", SecurityScheme::Http(token.build()));
    }
    let on_one_autoscaler: Vec<String> = document
        .paths
        .paths
        .iter()
        .filter(|(path, _)| path.contains("{id}"))
        .flat_map(|(_, item)| operations(item).filter_map(|(_, operation)| operation.operation_id.clone()))
        .collect();
    for item in document.paths.paths.values_mut() {
        let allowed = allowed(item);
        for operation in operations_mut(item) {
            let is_open = operation.security.as_ref().is_some_and(|needed| !needed.is_empty());
            add_missing(operation, of_any_request(!is_open));
            if operation.request_body.is_some() {
                add_missing(operation, of_bodies());
            }
            add_missing(operation, of_other_methods(&allowed));
            if operation.operation_id.as_deref() == Some("createAutoscaler") {
                link(operation, &on_one_autoscaler);
            }
        }
    }
}

/// Says that the autoscaler in a good answer is one for `targets`.
fn link(operation: &mut Operation, targets: &[String]) {
    const ID: &str = "$response.body#/autoscaling_id";
    let good = operation.responses.responses.iter_mut().filter(|(status, _)| status.starts_with('2'));
    for (_, response) in good {
        if let RefOr::T(Response { links, .. }) = response {
            let link = |target: &String| Link::builder().operation_id(target.clone()).parameter("id", ID).build();
            links.extend(targets.iter().map(|target| (target.clone(), RefOr::T(link(target)))));
        }
    }
}

/// The operations of a path with their methods, in the order in which `Allow` names these.
fn operations(item: &PathItem) -> impl Iterator<Item = (&'static str, &Operation)> {
    let all = [
        ("GET", &item.get),
        ("POST", &item.post),
        ("PUT", &item.put),
        ("PATCH", &item.patch),
        ("DELETE", &item.delete),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
}

fn operations_mut(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete].into_iter().flatten()
}

/// The methods that a path knows, as `Allow` names them.
fn allowed(item: &PathItem) -> String {
    let has_head = |method, operation| method == "GET" && !is_stream(operation);
    let methods =
        operations(item).flat_map(|(method, operation)| [Some(method), has_head(method, operation).then_some("HEAD")]);
    methods.flatten().collect::<Vec<_>>().join(", ")
}

/// Whether the answer has no end, so that its head is nothing to ask for alone.
fn is_stream(operation: &Operation) -> bool {
    let answers = operation.responses.responses.values();
    answers
        .into_iter()
        .any(|answer| matches!(answer, RefOr::T(answer) if answer.content.contains_key("text/event-stream")))
}

#[cfg(test)]
mod tests;
