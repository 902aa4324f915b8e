//! Says why an object could not be read or written.

use kube::core::Status;
use kube::core::response::{StatusCause, reason};

use super::super::error::cluster_error;
use crate::ports::ClusterError;
use crate::ports::store::StoreError;

/// What was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// An object that does not exist yet.
    New,
    /// The name of one that does.
    Name,
}

/// What to do about a cluster that does not know the custom resource.
const NOT_INSTALLED: &str = "the cluster does not know workloadautoscalers.ai-storage.io: install the custom resource \
                             (`ai-storage-orchestrator crd | kubectl apply -f -`) or set store.kind to memory";

pub(super) fn store_error(error: kube::Error, sent: Sent) -> StoreError {
    match error {
        kube::Error::Api(status) => answered(*status, sent),
        error => cluster_error(error).into(),
    }
}

/// The same error, unless it says that there is no such resource.
pub(super) fn explained(error: ClusterError) -> ClusterError {
    match error {
        ClusterError::NotFound(_) => ClusterError::Unavailable(NOT_INSTALLED.to_owned()),
        error => error,
    }
}

fn answered(status: Status, sent: Sent) -> StoreError {
    match &*status.reason {
        reason::ALREADY_EXISTS => StoreError::AlreadyExists,
        // What is new was changed by nobody; a quota may have been.
        reason::CONFLICT if sent == Sent::Name => StoreError::Changed,
        reason::INVALID => StoreError::Refused(sentences(&status)),
        reason::NOT_FOUND if is_named(&status) && sent == Sent::Name => StoreError::Gone,
        // In a namespace that does not exist, no object can be made.
        reason::NOT_FOUND if is_named(&status) => cluster_error(kube::Error::Api(status.boxed())).into(),
        _ if status.code == 404 => explained(ClusterError::NotFound(status.message)).into(),
        _ if is_admission(&status) => StoreError::Refused(status.message),
        _ => cluster_error(kube::Error::Api(status.boxed())).into(),
    }
}

/// Whether it is an object that was not found, and not a resource.
fn is_named(status: &Status) -> bool {
    status.details.as_ref().is_some_and(|details| !details.name.is_empty())
}

/// Whether an admission policy, a webhook or a quota is against it. Who may not write at all is told so in another way.
fn is_admission(status: &Status) -> bool {
    let is_refusal = status.reason == reason::FORBIDDEN && !status.message.contains("is forbidden: User ");
    is_refusal || status.message.starts_with("admission webhook ")
}

/// The sentences of the rules that are not kept, joined as the API joins them.
fn sentences(status: &Status) -> String {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let sentences: Vec<_> = causes.map(sentence).filter(|sentence| !sentence.is_empty()).collect();
    if sentences.is_empty() { status.message.clone() } else { sentences.join("; ") }
}

/// A rule's sentence names its field, unless it is one of an item of a list. What else the API server has to say does not.
fn sentence(cause: &StatusCause) -> String {
    let begins = ["Required value: ", "Invalid value: \"object\": ", "Invalid value: "];
    let text = begins.iter().find_map(|begin| cause.message.strip_prefix(begin)).unwrap_or(&cause.message);
    let field = cause.field.strip_prefix("spec.").unwrap_or_default();
    if field.is_empty() || text.starts_with(field) {
        text.to_owned()
    } else if field.ends_with(']') {
        format!("{field}.{text}")
    } else {
        format!("{field}: {text}")
    }
}
