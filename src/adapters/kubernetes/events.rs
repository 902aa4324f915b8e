//! Tells people what happens, by Events of the objects that it happens to.
//!
//! `kube`'s `Recorder` is not used: it takes all Events of one reason for repeats of the first and keeps that one's
//! note, so that for six minutes every scaling would show the counts of the first. Here a repeat says the same. Besides,
//! the `Recorder` names an Event by the whole name of its object, which may be too long for that, and fails for
//! minutes when an Event that it wants to count on has been deleted.

mod pace;
mod series;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use serde_json::json;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use self::pace::Pace;
use self::series::{Occurrence, SeriesTable, Subject};
use super::calls::Calls;
use super::custom_resource::{API_VERSION, KIND};
use super::index::Index;
use super::micro_time::written_time;
use super::outage::Outage;
use super::scale::FIELD_MANAGER;
use super::workloads::resource;
use crate::clock::Clock;
use crate::domain::Timestamp;
use crate::domain::autoscaler::WorkloadRef;
use crate::instruments::Instruments;
use crate::ports::announcer::{Announcement, Announcer};
use crate::ports::store::ObjectRef;
use crate::ports::{ClusterError, PodSelection, WorkloadIndex, WorkloadView};

/// Who reports.
const CONTROLLER: &str = env!("CARGO_PKG_NAME");

/// How many announcements wait at most.
const WAITING: usize = 1_000;

/// How many requests are made in a row, and how many in a second after that.
const BURST: u32 = 50;
const PER_SECOND: u32 = 20;

/// What an Event may say at most, in bytes.
const LONGEST_NOTE: usize = 1_024;
/// The same for its other texts.
const LONGEST_WORD: usize = 128;
/// How much of its object's name is in an Event's.
const LONGEST_STEM: usize = 230;

/// How long an API server in trouble is left alone, unless it says itself, and how long at most.
const REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(30);

/// Announces by Events.
pub(super) struct EventAnnouncer {
    queue: Sender<(Announcement, Timestamp)>,
    clock: Clock,
    dropping: Arc<AtomicBool>,
    instruments: Arc<Instruments>,
}

impl EventAnnouncer {
    /// An announcer, and what does its work: without end, one request at a time.
    pub(super) fn new(
        calls: Calls,
        index: Arc<Index>,
        clock: Clock,
        instruments: Arc<Instruments>,
        identity: &str,
    ) -> (Self, impl Future<Output = ()> + Send + use<>) {
        let (queue, waiting) = channel(WAITING);
        let dropping = Arc::new(AtomicBool::new(false));
        let writer = Writer {
            calls,
            index,
            clock,
            instruments: instruments.clone(),
            instance: cut(identity, LONGEST_WORD),
            pace: Pace::new(BURST, PER_SECOND),
            series: SeriesTable::default(),
            outage: Outage::new("Writing Events"),
        };
        let work = writer.run(waiting, dropping.clone());
        (Self { queue, clock, dropping, instruments }, work)
    }
}

impl Announcer for EventAnnouncer {
    fn announce(&self, announcement: Announcement) {
        let events = 1 + u64::from(announcement.object.is_some());
        if self.queue.try_send((announcement, self.clock.now())).is_err() {
            self.instruments.events_dropped(events);
            if !self.dropping.swap(true, Ordering::Relaxed) {
                log::warn!("too many Events wait to be written: some are dropped");
            }
        }
    }
}

struct Writer {
    calls: Calls,
    index: Arc<Index>,
    clock: Clock,
    instruments: Arc<Instruments>,
    instance: String,
    pace: Pace,
    series: SeriesTable,
    outage: Outage,
}

impl Writer {
    async fn run(mut self, mut waiting: Receiver<(Announcement, Timestamp)>, dropping: Arc<AtomicBool>) {
        while let Some((announcement, at)) = waiting.recv().await {
            if waiting.is_empty() {
                dropping.store(false, Ordering::Relaxed);
            }
            let (workload, uid) = &announcement.workload;
            let uid = uid.clone().or_else(|| self.uid(workload));
            self.tell(about_workload(workload, uid), &announcement, at).await;
            if let Some(object) = &announcement.object {
                self.tell(about_object(object), &announcement, at).await;
            }
        }
    }

    /// A workload's uid. `kubectl describe` shows only Events that name it.
    fn uid(&self, workload: &WorkloadRef) -> Option<Arc<str>> {
        match self.index.view(workload, PodSelection::Owned) {
            WorkloadView::Present { uid, .. } => Some(uid),
            WorkloadView::Absent | WorkloadView::Unknown { .. } => None,
        }
    }

    async fn tell(&mut self, about: ObjectReference, announcement: &Announcement, at: Timestamp) {
        match self.write(about, announcement, at).await {
            Ok(()) => {
                self.outage.worked();
            }
            Err(error) => {
                self.instruments.events_dropped(1);
                self.outage.failed(&error);
                if let Some(rest) = rest(&error) {
                    self.clock.sleep(rest).await;
                }
            }
        }
    }

    async fn write(
        &mut self,
        about: ObjectReference,
        announcement: &Announcement,
        at: Timestamp,
    ) -> Result<(), ClusterError> {
        let note = cut(&announcement.note, LONGEST_NOTE);
        let Announcement { warning, reason, action, .. } = *announcement;
        let occurrence = Occurrence { about: Subject::of(&about), warning, reason, action, note };
        let namespace = about.namespace.clone().unwrap_or_default();
        let api: Api<Event> = Api::namespaced(self.calls.client(), &namespace);
        let now = self.clock.steady();
        if let Some((name, count)) = self.series.repeated(&occurrence, now) {
            self.pause().await;
            let series = json!({"series": {"count": count, "lastObservedTime": written_time(at)}});
            let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
            match self.calls.run(api.patch(&name, &params, &Patch::Merge(series))).await {
                // It has been deleted, so people do not see it any more: it is told anew.
                Err(ClusterError::NotFound(_)) => self.series.forget(&occurrence),
                result => return result.map(|_| ()),
            }
        }
        let event = self.event(about, &occurrence, at);
        let name = event.metadata.name.clone().unwrap_or_default();
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        self.pause().await;
        self.calls.run(api.create(&params, &event)).await?;
        self.series.begin(occurrence, name, now);
        Ok(())
    }

    /// Waits until another request may be made.
    async fn pause(&mut self) {
        let pause = self.pace.next(self.clock.steady());
        if !pause.is_zero() {
            self.clock.sleep(pause).await;
        }
    }

    fn event(&self, about: ObjectReference, occurrence: &Occurrence, at: Timestamp) -> Event {
        let stem = cut_to(about.name.as_deref().unwrap_or(CONTROLLER), LONGEST_STEM);
        let stem = stem.trim_end_matches(['.', '-']);
        Event {
            metadata: ObjectMeta {
                name: Some(format!("{stem}.{:016x}", fastrand::u64(..))),
                namespace: about.namespace.clone(),
                ..ObjectMeta::default()
            },
            regarding: Some(about),
            type_: Some(if occurrence.warning { "Warning" } else { "Normal" }.to_owned()),
            reason: Some(occurrence.reason.to_owned()),
            action: Some(occurrence.action.to_owned()),
            note: Some(occurrence.note.clone()),
            event_time: written_time(at),
            reporting_controller: Some(CONTROLLER.to_owned()),
            reporting_instance: Some(self.instance.clone()),
            ..Event::default()
        }
    }
}

fn about_workload(workload: &WorkloadRef, uid: Option<Arc<str>>) -> ObjectReference {
    let resource = resource(workload.kind);
    ObjectReference {
        api_version: Some(resource.api_version),
        kind: Some(resource.kind),
        namespace: Some(workload.namespace.clone()),
        name: Some(workload.name.clone()),
        uid: uid.map(|uid| uid.as_ref().to_owned()),
        ..ObjectReference::default()
    }
}

fn about_object(object: &ObjectRef) -> ObjectReference {
    ObjectReference {
        api_version: Some(API_VERSION.to_owned()),
        kind: Some(KIND.to_owned()),
        namespace: Some(object.key.namespace.clone()),
        name: Some(object.key.name.clone()),
        uid: Some(object.uid.as_ref().to_owned()),
        ..ObjectReference::default()
    }
}

/// How long to leave the API server alone after an error; `None` when it is well, but does not want this Event.
fn rest(error: &ClusterError) -> Option<Duration> {
    match error {
        ClusterError::Overloaded { retry_after, .. } => Some(retry_after.unwrap_or(REST).min(LONGEST_REST)),
        ClusterError::Timeout(_) | ClusterError::Unavailable(_) => Some(REST),
        ClusterError::NotFound(_) | ClusterError::Forbidden(_) | ClusterError::Conflict(_) => None,
    }
}

/// `text` in at most `limit` bytes, with a sign when something is missing.
fn cut(text: &str, limit: usize) -> String {
    const SIGN: &str = "…";
    if text.len() <= limit {
        return text.to_owned();
    }
    format!("{}{SIGN}", cut_to(text, limit - SIGN.len()))
}

fn cut_to(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_only_when_it_is_too_long() {
        assert_eq!(cut(&"a".repeat(8), 8), "a".repeat(8));
        assert_eq!(cut(&"a".repeat(9), 8), "aaaaa…");
        assert_eq!(cut("aaaaäää", 8), "aaaa…");
        assert_eq!(cut("", 8), "");
    }
}
