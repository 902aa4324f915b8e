//! The state of the simulated cluster, and its passage through time.
//!
//! Nothing in here waits: what takes time is put on the agenda, and `advance` carries out whatever is due. Each event
//! happens at the moment for which it was planned, however late somebody looks, so a run does not depend on how busy
//! the machine is.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::agenda::Agenda;
use super::controllers::{Birth, Deployment, Pod, ReplicaSet, StatefulSet, Workload, WorkloadRef};
use super::gpus::Gpus;
use super::manifests;
use super::metrics::MetricsServer;
use super::random::Seed;
use super::resource::Resource;
use super::scheduler::Scheduler;
use super::settings::SimulationSettings;
use super::store::{ObjectKey, Store};

/// How long a controller takes to react to a change.
const CONTROLLER_REACTION: TimeDelta = TimeDelta::milliseconds(100);

/// A span of the cluster's time, a century at most: beyond that, dates come to an end.
pub(super) fn span(duration: Duration) -> TimeDelta {
    const CENTURY: TimeDelta = TimeDelta::days(36_525);
    TimeDelta::from_std(duration).map_or(CENTURY, |span| span.min(CENTURY))
}

/// Something that happens in the cluster.
#[derive(Debug)]
pub(super) enum Event {
    /// A controller looks at its object.
    Sync(WorkloadRef),
    /// The scheduler looks at the pods that wait.
    Schedule,
    /// A pod's containers have started. The uid tells it from a later pod of the same name.
    PodStarts(ObjectKey, String),
    /// A pod has become ready.
    PodIsReady(ObjectKey, String),
    /// A pod's containers have ended.
    PodEnds(ObjectKey, String),
    /// The metrics server reads the usage of all pods.
    Scrape,
    /// The exporters read what the GPUs do.
    CollectGpus,
}

/// Everything there is.
#[derive(Debug)]
pub(super) struct World {
    pub now: DateTime<Utc>,
    pub seed: Seed,
    pub store: Store,
    /// The add-ons' custom resources that are there although nobody may have made an object yet.
    installed: BTreeSet<Resource>,
    agenda: Agenda<Event>,
    /// The controllers that are about to look, so that ten changes make them look once.
    syncing: HashSet<WorkloadRef>,
    pub workloads: BTreeMap<WorkloadRef, Workload>,
    pub deployments: BTreeMap<ObjectKey, Deployment>,
    pub replica_sets: BTreeMap<ObjectKey, ReplicaSet>,
    pub stateful_sets: BTreeMap<ObjectKey, StatefulSet>,
    pub pods: BTreeMap<ObjectKey, Pod>,
    pub pods_made: u64,
    pub scheduler: Scheduler,
    pub metrics: MetricsServer,
    pub gpus: Gpus,
}

impl World {
    /// A cluster as the settings describe it, at `now`.
    pub fn new(settings: &SimulationSettings, now: DateTime<Utc>) -> Self {
        let mut world = Self {
            now,
            seed: Seed(settings.seed),
            store: Store::new(),
            installed: BTreeSet::new(),
            agenda: Agenda::new(),
            syncing: HashSet::new(),
            workloads: BTreeMap::new(),
            deployments: BTreeMap::new(),
            replica_sets: BTreeMap::new(),
            stateful_sets: BTreeMap::new(),
            pods: BTreeMap::new(),
            pods_made: 0,
            scheduler: Scheduler::default(),
            metrics: MetricsServer::new(settings.metrics_resolution),
            gpus: Gpus::new(settings),
        };
        let born = now - span(settings.age);
        for namespace in ["default", "kube-node-lease", "kube-public", "kube-system"] {
            world.ensure_namespace(namespace, born);
        }
        world.add_nodes(settings, born);
        for workload in &settings.workloads {
            if !world.add_workload(workload.clone(), Birth::Past(born)) {
                log::warn!(
                    "the simulated {} {}/{} is in the settings twice: the first one counts",
                    workload.kind,
                    workload.namespace,
                    workload.name
                );
            }
        }
        world.start_scraping();
        world.start_collecting();
        world
    }

    /// Lets the time pass until `now`. Time that would run backwards stands still.
    pub fn advance(&mut self, now: DateTime<Utc>) {
        while let Some((at, event)) = self.agenda.take_due(now) {
            self.now = self.now.max(at);
            self.happen(event);
        }
        self.now = self.now.max(now);
    }

    /// When something will happen next.
    pub fn next_at(&self) -> Option<DateTime<Utc>> {
        self.agenda.next_at()
    }

    pub fn plan(&mut self, at: DateTime<Utc>, event: Event) {
        self.agenda.plan(at, event);
    }

    /// Plans that a controller looks at its object, unless it is about to.
    pub fn plan_once(&mut self, workload: WorkloadRef) {
        if self.syncing.insert(workload.clone()) {
            self.plan(self.now + CONTROLLER_REACTION, Event::Sync(workload));
        }
    }

    /// A new uid for an object that may have had namesakes.
    pub fn new_uid(&self, kind: &str, key: &ObjectKey) -> String {
        self.seed.uid(&[kind, &key.namespace, &key.name], self.store.revision())
    }

    /// Whether the group of an add-on's custom resource is there.
    pub fn is_installed(&self, resource: Resource) -> bool {
        self.installed.contains(&resource) || self.store.any(resource)
    }

    /// Makes the cluster know an add-on's custom resource.
    pub fn install(&mut self, resource: Resource) {
        self.installed.insert(resource);
    }

    pub fn ensure_namespace(&mut self, name: &str, created: DateTime<Utc>) {
        let key = ObjectKey::new("", name);
        if self.store.get(Resource::Namespace, &key).is_none() {
            let value = manifests::namespace(name, &self.new_uid("Namespace", &key), created);
            self.store.put(Resource::Namespace, key, value, self.now);
        }
    }

    fn add_nodes(&mut self, settings: &SimulationSettings, created: DateTime<Utc>) {
        for group in &settings.nodes {
            for number in 1..=group.count {
                let name = format!("{}-{number}", group.name);
                let place = self.scheduler.nodes().len();
                let address = format!("10.0.{}.{}", ((place + 1) >> 8) & 0xff, (place + 1) & 0xff);
                let key = ObjectKey::new("", &name);
                let value = manifests::node(&name, &address, &self.new_uid("Node", &key), group, created);
                self.store.put(Resource::Node, key, value, self.now);
                self.scheduler.add_node(name, address, group);
                self.add_gpu_machine(place, group, created);
            }
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Sync(workload) => {
                self.syncing.remove(&workload);
                self.sync(&workload);
            }
            Event::Schedule => self.schedule(),
            Event::PodStarts(pod, uid) => self.pod_starts(&pod, &uid),
            Event::PodIsReady(pod, uid) => self.pod_is_ready(&pod, &uid),
            Event::PodEnds(pod, uid) => self.pod_ends(&pod, &uid),
            Event::Scrape => self.scrape(),
            Event::CollectGpus => self.collect_gpus(),
        }
    }
}
