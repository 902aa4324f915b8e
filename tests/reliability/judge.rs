//! What was done to a workload, by the API server's audit log.

use chrono::{DateTime, Utc};

use super::audit::{Request, in_log_of};
use super::workload::Namespace;

/// A change of a workload's replicas that the API server was asked for.
#[derive(Clone, Debug)]
pub struct Change {
    pub at: DateTime<Utc>,
    pub user: String,
    /// To how many replicas.
    pub to: u64,
    /// What the API server answered.
    pub code: u16,
}

impl Change {
    fn of(request: Request) -> Self {
        let to = request.request_object["spec"]["replicas"].as_u64();
        Self {
            at: request.request_received_timestamp,
            user: request.user.username.clone(),
            to: to.unwrap_or_else(|| panic!("a change of a scale names no replicas: {request:?}")),
            code: request.response_status.code,
        }
    }
}

/// All that services of this project have asked for in the namespace, in order.
pub fn asked(namespace: &Namespace) -> Vec<Change> {
    let path = format!("/namespaces/{}/", namespace.name);
    let ours = |request: &Request| request.is_ours() && request.changes_scale() && request.uri.contains(&path);
    let requests = in_log_of(namespace.cluster, |request| ours(request) && !request.uri.contains("dryRun="));
    let mut changes: Vec<Change> = requests.into_iter().map(Change::of).collect();
    changes.sort_by_key(|change| change.at);
    changes
}

/// Those of them that took place.
pub fn made(namespace: &Namespace) -> Vec<Change> {
    asked(namespace).into_iter().filter(|change| change.code == 200).collect()
}

/// The counts that the workload was given, one after the other.
pub fn counts(namespace: &Namespace) -> Vec<u64> {
    made(namespace).iter().map(|change| change.to).collect()
}
