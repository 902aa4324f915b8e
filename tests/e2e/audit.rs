//! The API server's audit log: who asked for what.

use serde::Deserialize;

use super::cluster::{Cluster, cluster};

/// One request.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    pub verb: String,
    #[serde(rename = "requestURI")]
    pub uri: String,
    #[serde(default)]
    pub user_agent: String,
    #[serde(default)]
    pub user: User,
    pub request_received_timestamp: chrono::DateTime<chrono::Utc>,
    #[serde(default)]
    pub response_status: Status,
    /// What it is about; absent where it is no object.
    pub object_ref: Option<ObjectRef>,
    /// What was sent; there for changes of scales and for SubjectAccessReviews only.
    #[serde(default)]
    pub request_object: serde_json::Value,
}

/// What a request is about. Where a field is not there, the request does not say it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectRef {
    pub api_group: String,
    pub resource: String,
    pub subresource: String,
    pub namespace: String,
    pub name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Status {
    #[serde(default)]
    pub code: u16,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct User {
    #[serde(default)]
    pub username: String,
}

impl Request {
    /// Whether one of this project's processes asks.
    pub fn is_ours(&self) -> bool {
        self.user_agent.starts_with("ai-storage-orchestrator/")
    }

    /// Whether it asks for a change of a scale.
    pub fn changes_scale(&self) -> bool {
        matches!(self.verb.as_str(), "patch" | "update") && self.uri.split('?').next().unwrap().ends_with("/scale")
    }
}

/// The requests of this service's processes so far that are wanted. The API server writes them with a little delay.
pub fn requests(wanted: impl Fn(&Request) -> bool) -> Vec<Request> {
    everybodys(|request| request.is_ours() && wanted(request))
}

/// The same of everybody's.
pub fn everybodys(wanted: impl Fn(&Request) -> bool) -> Vec<Request> {
    in_log_of(cluster(), wanted)
}

/// The same in the log of this control plane.
pub fn in_log_of(cluster: &Cluster, wanted: impl Fn(&Request) -> bool) -> Vec<Request> {
    let log = std::fs::read_to_string(&cluster.audit_log).unwrap();
    // The last line may be half written.
    let requests = log.lines().filter_map(|line| serde_json::from_str::<Request>(line).ok());
    requests.filter(wanted).collect()
}
