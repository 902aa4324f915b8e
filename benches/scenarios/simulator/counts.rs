//! Who asked what of the simulated API, and how much was sent.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::{Method, Request, header};
use serde::{Deserialize, Serialize};

/// So many requests of one kind.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Counted {
    /// Who says to have made them.
    pub agent: String,
    /// As in roles: get, list, watch, create, update, patch or delete.
    pub verb: String,
    /// Resource and subresource: `deployments/scale`.
    pub resource: String,
    /// How many requests.
    pub requests: u64,
    /// How many bytes were sent in answer, compressed where they were, without headers.
    pub bytes: u64,
}

/// A workload's first patch of its scale.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Patched {
    /// The workload's path.
    pub workload: String,
    /// When the patch arrived, in milliseconds since 1970.
    pub at: i64,
}

/// What a request is counted as.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Kind {
    pub agent: String,
    pub verb: &'static str,
    pub resource: String,
}

/// The counts since the last reset.
#[derive(Debug, Default)]
pub struct Counts(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    kinds: HashMap<Kind, (u64, u64)>,
    patched: HashMap<String, i64>,
    refused: Vec<i64>,
}

impl Counts {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn request(&self, kind: &Kind) {
        self.kept().kinds.entry(kind.clone()).or_default().0 += 1;
    }

    pub fn sent(&self, kind: &Kind, bytes: usize) {
        self.kept().kinds.entry(kind.clone()).or_default().1 += bytes as u64;
    }

    /// The scale of a workload was patched.
    pub fn patched(&self, workload: &str, at: i64) {
        self.kept().patched.entry(workload.to_owned()).or_insert(at);
    }

    pub fn refused(&self, at: i64) {
        self.kept().refused.push(at);
    }

    pub fn reset(&self) {
        *self.kept() = Kept::default();
    }

    /// All of it.
    pub fn told(&self) -> (Vec<Counted>, Vec<Patched>, Vec<i64>) {
        let kept = self.kept();
        let counted = kept.kinds.iter().map(|(kind, (requests, bytes))| Counted {
            agent: kind.agent.clone(),
            verb: kind.verb.to_owned(),
            resource: kind.resource.clone(),
            requests: *requests,
            bytes: *bytes,
        });
        let patched = kept.patched.iter().map(|(workload, at)| Patched { workload: workload.clone(), at: *at });
        (counted.collect(), patched.collect(), kept.refused.clone())
    }
}

impl Kind {
    pub fn of<B>(request: &Request<B>) -> Self {
        let agent = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let (resource, is_collection) = resource(request.uri().path());
        Self { agent: agent.unwrap_or("nobody").to_owned(), verb: verb(request, is_collection), resource }
    }

    /// Whether it is counted as a request: what keeps a watch or a Lease is not.
    pub fn is_call(verb: &str, resource: &str) -> bool {
        verb != "watch" && resource != "leases"
    }
}

fn verb<B>(request: &Request<B>, is_collection: bool) -> &'static str {
    let watches = request.uri().query().is_some_and(|query| query.split('&').any(|pair| pair == "watch=true"));
    match *request.method() {
        Method::GET if watches => "watch",
        Method::GET if is_collection => "list",
        Method::GET => "get",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "other",
    }
}

/// The resource of a path, and whether the path is that of all objects of it.
fn resource(path: &str) -> (String, bool) {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let (group, below) = match parts.as_slice() {
        ["api", _, below @ ..] => ("", below),
        ["apis", group, _, below @ ..] => (*group, below),
        _ => return ("discovery".to_owned(), false),
    };
    let below = match below {
        ["namespaces", _, rest @ ..] if !rest.is_empty() => rest,
        below => below,
    };
    let name = |plural: &str| if group == "metrics.k8s.io" { format!("{plural}.{group}") } else { plural.to_owned() };
    match below {
        [] => ("discovery".to_owned(), false),
        [plural] => (name(plural), true),
        [plural, _] => (name(plural), false),
        [plural, _, subresource, ..] => (format!("{plural}/{subresource}"), false),
    }
}
