//! Watches: the changes to a kind of object as they happen.
//!
//! A watch keeps nothing but its place in the history. It sleeps until something changes, then reads on from there; one
//! that falls behind the history's end is told so, as the API server does it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::json;
use tokio::sync::watch;

use super::query::Query;
use super::read::requested_version;
use super::{ApiError, ApiRequest, Reply, push_full_json, wants_metadata_only};
use crate::simulation::Shared;
use crate::simulation::resource::Resource;
use crate::simulation::selector::Selector;
use crate::simulation::store::{Change, ChangeKind, Expired, Object};
use crate::simulation::world::{World, span};

/// How often a watch is told that it has missed nothing.
const BOOKMARK_INTERVAL: Duration = Duration::from_secs(60);

/// How long a watch lasts when the client does not say: the API server takes half an hour to an hour.
const USUAL_TIMEOUT: Duration = Duration::from_secs(45 * 60);

/// A watch that is about to begin.
#[derive(Debug)]
pub(in crate::simulation) struct WatchPlan {
    resource: Resource,
    namespace: Option<String>,
    selector: Selector,
    metadata_only: bool,
    bookmarks: bool,
    timeout: Duration,
    /// Up to which version the client knows everything.
    revision: u64,
    /// What it is told at once.
    first: Vec<u8>,
    /// Whether that is all.
    expired: bool,
    changed: watch::Receiver<u64>,
}

/// Works out where a watch begins.
pub(super) fn plan(
    world: &World,
    request: &ApiRequest,
    query: &Query,
    resource: Resource,
    namespace: Option<String>,
) -> Result<Reply, ApiError> {
    let selector = Selector::parse(resource, query.get("labelSelector"), query.get("fieldSelector"))?;
    let asked = requested_version(query)?;
    let present = world.store.revision();
    if asked > present {
        return Err(ApiError::too_large_version(asked, present));
    }
    let streams_list = query.flag("sendInitialEvents");
    let changed = world.store.subscribe(resource).ok_or_else(ApiError::method_not_allowed)?;
    let mut plan = WatchPlan {
        resource,
        namespace,
        selector,
        metadata_only: wants_metadata_only(request),
        bookmarks: query.flag("allowWatchBookmarks"),
        timeout: query.number("timeoutSeconds").filter(|given| *given > 0).map_or(USUAL_TIMEOUT, Duration::from_secs),
        revision: asked,
        first: Vec::new(),
        expired: false,
        changed,
    };
    // Version 0 means "any": the present state comes first, and what happens from here on.
    if asked == 0 || streams_list {
        for object in world.store.list(resource, plan.namespace.as_deref(), None) {
            if plan.selector.matches(object) {
                push_event(&mut plan.first, "ADDED", resource, object, plan.metadata_only);
            }
        }
        plan.revision = present;
        if streams_list && plan.bookmarks {
            push_bookmark(&mut plan.first, resource, present, true);
        }
    } else if let Err(expired) = world.store.reaches_back(resource, asked) {
        push_error(&mut plan.first, expired);
        plan.expired = true;
    }
    Ok(Reply::Watch(Box::new(plan)))
}

/// A watch under way.
pub(super) struct Watch {
    shared: Arc<Shared>,
    plan: WatchPlan,
    ends: DateTime<Utc>,
    next_bookmark: DateTime<Utc>,
    /// How many times all watches had been cut when this one began.
    cuts: u64,
    over: bool,
}

/// What a watch has to say.
enum Next {
    Bytes(Bytes),
    Wait(DateTime<Utc>),
    Cut,
    End,
}

impl Watch {
    pub fn new(shared: Arc<Shared>, plan: WatchPlan, cuts: u64) -> Self {
        let now = shared.clock.now();
        let timeout = span(plan.timeout);
        Self { ends: now + timeout, next_bookmark: now + BOOKMARK_INTERVAL, shared, plan, cuts, over: false }
    }

    /// The next piece of the stream; nothing when it has come to its end.
    pub async fn next(mut self) -> Option<(std::io::Result<Bytes>, Self)> {
        loop {
            if self.over {
                return None;
            }
            match self.look() {
                Next::Bytes(bytes) => return Some((Ok(bytes), self)),
                Next::End => return None,
                Next::Cut => {
                    self.over = true;
                    let cut = std::io::Error::new(std::io::ErrorKind::ConnectionReset, "connection reset by peer");
                    return Some((Err(cut), self));
                }
                Next::Wait(until) => {
                    let clock = self.shared.clock;
                    tokio::select! {
                        // It cannot fail: the sender lives in the world, which this watch keeps alive.
                        _ = self.plan.changed.changed() => {}
                        () = clock.sleep_until(until) => {}
                    }
                }
            }
        }
    }

    fn look(&mut self) -> Next {
        let mut state = self.shared.lock();
        if state.stopped || state.cuts != self.cuts {
            return Next::Cut;
        }
        if !self.plan.first.is_empty() {
            self.over = self.plan.expired;
            return Next::Bytes(std::mem::take(&mut self.plan.first).into());
        }
        self.plan.changed.mark_unchanged();
        let now = self.shared.clock.now();
        state.world.advance(now);
        let plan = &mut self.plan;
        let mut bytes = Vec::new();
        match state.world.store.changes(plan.resource, plan.revision) {
            Err(expired) => {
                push_error(&mut bytes, expired);
                self.over = true;
                return Next::Bytes(bytes.into());
            }
            Ok(changes) => {
                for change in changes {
                    if let Some(kind) = kind_for(plan, change) {
                        push_event(&mut bytes, kind, plan.resource, &change.object, plan.metadata_only);
                    }
                }
            }
        }
        plan.revision = state.world.store.revision();
        if !bytes.is_empty() {
            return Next::Bytes(bytes.into());
        }
        if now >= self.ends {
            return Next::End;
        }
        if plan.bookmarks && now >= self.next_bookmark {
            self.next_bookmark = now + BOOKMARK_INTERVAL;
            push_bookmark(&mut bytes, plan.resource, plan.revision, false);
            return Next::Bytes(bytes.into());
        }
        Next::Wait(if plan.bookmarks { self.next_bookmark.min(self.ends) } else { self.ends })
    }
}

/// What a change is for those who watch with a selector: an object that begins to match is new to them, one that no
/// longer matches is gone.
fn kind_for(plan: &WatchPlan, change: &Change) -> Option<&'static str> {
    let elsewhere = plan.namespace.as_ref().is_some_and(|namespace| change.object.key.namespace != *namespace);
    if elsewhere {
        return None;
    }
    let before = change.previous.as_ref().is_some_and(|previous| plan.selector.matches(previous));
    let after = change.kind != ChangeKind::Deleted && plan.selector.matches(&change.object);
    match (before, after) {
        (false, true) => Some("ADDED"),
        (true, true) => Some("MODIFIED"),
        (true, false) => Some("DELETED"),
        (false, false) => None,
    }
}

fn push_event(bytes: &mut Vec<u8>, kind: &str, resource: Resource, object: &Object, metadata_only: bool) {
    bytes.extend_from_slice(format!(r#"{{"type":"{kind}","object":"#).as_bytes());
    push_full_json(bytes, resource.definition(), object, metadata_only);
    bytes.extend_from_slice(b"}\n");
}

fn push_error(bytes: &mut Vec<u8>, expired: Expired) {
    let status = ApiError::from(expired).status();
    bytes.extend_from_slice(json!({ "type": "ERROR", "object": status }).to_string().as_bytes());
    bytes.push(b'\n');
}

fn push_bookmark(bytes: &mut Vec<u8>, resource: Resource, revision: u64, initial_events_end: bool) {
    let definition = resource.definition();
    let mut bookmark = json!({
        "type": "BOOKMARK",
        "object": {
            "kind": definition.kind,
            "apiVersion": definition.api_version(),
            "metadata": { "resourceVersion": revision.to_string() },
        },
    });
    if initial_events_end {
        bookmark["object"]["metadata"]["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
    }
    bytes.extend_from_slice(bookmark.to_string().as_bytes());
    bytes.push(b'\n');
}
