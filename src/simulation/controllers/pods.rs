//! The life of a pod: made, placed, started, ready, told to end, gone.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Pod, WorkloadRef};
use crate::simulation::manifests;
use crate::simulation::resource::Resource;
use crate::simulation::settings::{WorkloadKind, WorkloadSettings};
use crate::simulation::store::ObjectKey;
use crate::simulation::template::{Labels, Template};
use crate::simulation::world::{Event, World, span};

/// What a controller decides about a pod that it makes.
pub(super) struct NewPod {
    pub name: String,
    /// How many pods the owner had made before.
    pub number: u64,
    pub ordinal: Option<u32>,
    pub owner: WorkloadRef,
    pub owner_uid: String,
    pub workload: Arc<WorkloadRef>,
    pub settings: Arc<WorkloadSettings>,
    pub template: Arc<Template>,
    pub labels: Arc<Labels>,
}

impl World {
    /// Makes a pod that is still to be placed.
    pub(super) fn create_pod(&mut self, new: NewPod) -> ObjectKey {
        let pod = self.new_pod(new, self.now);
        let key = pod.key.clone();
        self.scheduler.wait(pod.created, &key);
        self.pods.insert(key.clone(), pod);
        self.store_pod(&key);
        self.plan_scheduling();
        key
    }

    /// Makes a pod that has been running since `born`, if it fits anywhere.
    pub(super) fn create_running_pod(&mut self, new: NewPod, born: DateTime<Utc>) -> ObjectKey {
        let mut pod = self.new_pod(new, born);
        let key = pod.key.clone();
        if let Ok(node) = self.scheduler.place(&key, &pod.template) {
            let started = born + span(pod.settings.start);
            pod.node = Some(node);
            pod.scheduled = Some(born);
            pod.started = Some(started);
            pod.ready = Some(started + span(pod.settings.ready_after));
            pod.scrapes = u32::MAX;
        } else {
            self.scheduler.wait(pod.created, &key);
            self.plan_scheduling();
        }
        self.pods.insert(key.clone(), pod);
        self.store_pod(&key);
        key
    }

    /// The scheduler has chosen a machine.
    pub(in crate::simulation) fn pod_is_placed(&mut self, key: &ObjectKey, node: usize) {
        let now = self.now;
        let seed = self.seed;
        let Some(pod) = self.pods.get_mut(key) else { return };
        pod.node = Some(node);
        pod.scheduled = Some(now);
        pod.unschedulable = None;
        let takes = about(pod.settings.start, &mut seed.stream(&[&pod.uid, "start"], 0));
        let uid = pod.uid.clone();
        self.plan(now + takes, Event::PodStarts(key.clone(), uid));
        self.store_pod(key);
    }

    /// The scheduler has found no machine.
    pub(in crate::simulation) fn pod_fits_nowhere(&mut self, key: &ObjectKey, message: String) {
        let now = self.now;
        let Some(pod) = self.pods.get_mut(key) else { return };
        let since = pod.unschedulable.as_ref().map_or(now, |(since, _)| *since);
        let changed = pod.unschedulable.as_ref().is_none_or(|(_, before)| *before != message);
        pod.unschedulable = Some((since, message));
        if changed {
            self.store_pod(key);
        }
    }

    /// The containers have started.
    pub(in crate::simulation) fn pod_starts(&mut self, key: &ObjectKey, uid: &str) {
        let now = self.now;
        let seed = self.seed;
        let Some(pod) = self.live_pod(key, uid) else { return };
        pod.started = Some(now);
        let takes = about(pod.settings.ready_after, &mut seed.stream(&[uid, "ready"], 0));
        self.plan(now + takes, Event::PodIsReady(key.clone(), uid.to_owned()));
        self.store_pod(key);
    }

    /// The readiness probe has succeeded.
    pub(in crate::simulation) fn pod_is_ready(&mut self, key: &ObjectKey, uid: &str) {
        let now = self.now;
        let Some(pod) = self.live_pod(key, uid) else { return };
        pod.ready = Some(now);
        let owner = pod.owner.clone();
        self.store_pod(key);
        self.plan_sync(owner);
    }

    /// Tells a pod to end. One that no machine has yet is gone at once.
    pub(super) fn delete_pod(&mut self, key: &ObjectKey) {
        let now = self.now;
        let Some(pod) = self.pods.get_mut(key).filter(|pod| pod.deleted.is_none()) else { return };
        pod.deleted = Some(now);
        let takes = if pod.node.is_some() { span(pod.settings.stop) } else { TimeDelta::zero() };
        let uid = pod.uid.clone();
        let owner = pod.owner.clone();
        self.scheduler.wait_no_more(pod.created, key);
        self.plan(now + takes, Event::PodEnds(key.clone(), uid));
        self.store_pod(key);
        self.plan_sync(owner);
    }

    /// The last container has ended.
    pub(in crate::simulation) fn pod_ends(&mut self, key: &ObjectKey, uid: &str) {
        if self.pods.get(key).is_none_or(|pod| pod.uid != uid) {
            return;
        }
        let Some(pod) = self.pods.remove(key) else { return };
        self.store.delete(Resource::Pod, key, self.now);
        if let Some(node) = pod.node {
            self.scheduler.release(node, key, &pod.template);
            if self.scheduler.anyone_waiting() {
                self.plan_scheduling();
            }
        }
        let pods = match pod.owner.kind {
            WorkloadKind::StatefulSet => self.stateful_sets.get_mut(&pod.owner.key).map(|set| &mut set.pods),
            _ => self.replica_sets.get_mut(&pod.owner.key).map(|set| &mut set.pods),
        };
        if let Some(pods) = pods {
            pods.remove(key);
        }
        self.plan_sync(pod.owner);
    }

    /// The pod, unless it has been told to end or is another one of the same name.
    fn live_pod(&mut self, key: &ObjectKey, uid: &str) -> Option<&mut Pod> {
        self.pods.get_mut(key).filter(|pod| pod.uid == uid && pod.deleted.is_none())
    }

    fn new_pod(&mut self, new: NewPod, created: DateTime<Utc>) -> Pod {
        let number = self.next_pod_number();
        Pod {
            uid: self.seed.uid(&[&new.owner_uid, "pod"], new.number),
            key: ObjectKey::new(&new.owner.key.namespace, new.name),
            owner: new.owner,
            owner_uid: new.owner_uid,
            workload: new.workload,
            settings: new.settings,
            template: new.template,
            labels: new.labels,
            ordinal: new.ordinal,
            ip: pod_ip(number),
            node: None,
            created,
            scheduled: None,
            started: None,
            ready: None,
            deleted: None,
            unschedulable: None,
            scrapes: 0,
        }
    }

    /// Counts the pods of the whole cluster, so that each gets an address of its own.
    pub(in crate::simulation) fn next_pod_number(&mut self) -> u64 {
        self.pods_made += 1;
        self.pods_made
    }

    fn store_pod(&mut self, key: &ObjectKey) {
        let Some(pod) = self.pods.get(key) else { return };
        let node = pod.node.and_then(|node| self.scheduler.node(node));
        let value = manifests::pod(pod, node.map(|node| (node.name.as_str(), node.address.as_str())));
        self.store.put(Resource::Pod, key.clone(), value, self.now);
    }
}

/// The address of the pod that was made as the so manieth.
pub(in crate::simulation) fn pod_ip(number: u64) -> String {
    format!("10.{}.{}.{}", 128 + (number >> 16 & 0x7f), number >> 8 & 0xff, number & 0xff)
}

/// A span, give or take a fifth: no two pods start equally fast.
fn about(usual: Duration, random: &mut fastrand::Rng) -> TimeDelta {
    span(usual.mul_f64(0.8 + 0.4 * random.f64()))
}
