//! What somebody asked the API server for, by its audit log.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

use anyhow::Context;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::audit::Request;
use super::cluster::Cluster;
use super::world::Name;

/// A reader of the audit log that goes on where it stopped.
pub struct AuditLog {
    path: PathBuf,
    read: u64,
}

impl AuditLog {
    /// Begins with what is written from now on.
    pub fn from_now(cluster: &Cluster) -> anyhow::Result<Self> {
        let path = cluster.audit_log.clone();
        let read = std::fs::metadata(&path).context("there is no audit log")?.len();
        Ok(Self { path, read })
    }

    /// What this user has asked for since.
    pub fn next(&mut self, user: &str) -> anyhow::Result<Vec<Request>> {
        let mut file = File::open(&self.path).context("the audit log cannot be opened")?;
        file.seek(SeekFrom::Start(self.read))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        // The last line may be half written.
        let complete = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.read += complete as u64;
        let lines = bytes[..complete].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let mut requests = Vec::new();
        for line in lines {
            let request: Request = serde_json::from_slice(line).context("the audit log has a line that is none")?;
            if request.user.username == user {
                requests.push(request);
            }
        }
        Ok(requests)
    }
}

/// How many requests there were.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    /// All but those for watches; those for Leases are among them.
    pub without_watches: u64,
    /// Requests that began a watch.
    pub watches: u64,
    /// By verb and resource.
    pub by_kind: BTreeMap<String, u64>,
}

impl Counts {
    /// Counts those that arrived from `from` on and before `to`.
    pub fn of(requests: &[Request], from: DateTime<Utc>, to: DateTime<Utc>) -> Self {
        let mut counts = Self::default();
        for request in requests.iter().filter(|request| (from..to).contains(&request.request_received_timestamp)) {
            *(if request.verb == "watch" { &mut counts.watches } else { &mut counts.without_watches }) += 1;
            *counts.by_kind.entry(kind(request)).or_default() += 1;
        }
        counts
    }
}

/// `list pods.metrics.k8s.io`, or the path of what is no object.
fn kind(request: &Request) -> String {
    let Some(object) = &request.object_ref else {
        return format!("{} {}", request.verb, request.uri.split('?').next().unwrap_or_default());
    };
    let mut resource = object.resource.clone();
    for (mark, part) in [("/", &object.subresource), (".", &object.api_group)] {
        if !part.is_empty() {
            resource = format!("{resource}{mark}{part}");
        }
    }
    format!("{} {resource}", request.verb)
}

/// A change of a Deployment's replicas that took place.
#[derive(Clone, Debug)]
pub struct Scaling {
    pub deployment: Name,
    pub to: i64,
    /// When the API server got it.
    pub at: DateTime<Utc>,
}

/// The changes of replicas among these requests, in order.
pub fn scalings(requests: &[Request]) -> Vec<Scaling> {
    let done = requests.iter().filter(|request| request.changes_scale() && request.response_status.code == 200);
    let mut scalings: Vec<Scaling> = done
        .filter_map(|request| {
            let object = request.object_ref.as_ref()?;
            let to = request.request_object["spec"]["replicas"].as_i64()?;
            let deployment = (object.namespace.clone(), object.name.clone());
            Some(Scaling { deployment, to, at: request.request_received_timestamp })
        })
        .collect();
    scalings.sort_by_key(|scaling| scaling.at);
    scalings
}

/// When each Deployment was first scaled to so many replicas.
pub fn first_scaled(scalings: &[Scaling], to: i32) -> HashMap<Name, DateTime<Utc>> {
    let mut first = HashMap::new();
    for scaling in scalings.iter().filter(|scaling| scaling.to == i64::from(to)) {
        first.entry(scaling.deployment.clone()).or_insert(scaling.at);
    }
    first
}
