//! The metrics server: reads the usage of all pods every so often, and answers from what it last read.
//!
//! As the real one does it, usage is the mean since the reading before, a new pod appears only after its second
//! reading, and a pod that is gone stays until the next.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};

use super::controllers::{Pod, WorkloadRef};
use super::store::ObjectKey;
use super::template::Labels;
use super::world::{Event, World, span};

/// Whether and how `metrics.k8s.io` answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MetricsApi {
    /// As in a cluster with a metrics server.
    #[default]
    Serving,
    /// As in a cluster without one: the group is not there.
    Absent,
    /// As in a cluster whose metrics server is down: the group is there, and every request is answered with 503.
    Unavailable,
}

/// A version of `metrics.k8s.io`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MetricsVersion {
    /// `v1`
    V1,
    /// `v1beta1`
    V1Beta1,
}

impl MetricsVersion {
    /// Its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V1Beta1 => "v1beta1",
        }
    }
}

/// What the metrics server knows.
#[derive(Debug)]
pub(super) struct MetricsServer {
    pub api: MetricsApi,
    /// The versions that are served, the preferred one first.
    pub versions: Vec<MetricsVersion>,
    /// Reads nothing any more, and goes on showing what it has.
    pub frozen: bool,
    pub at: DateTime<Utc>,
    pub window: TimeDelta,
    pub pods: BTreeMap<ObjectKey, PodSample>,
    /// By the machine's place in the list of machines.
    pub nodes: Vec<Usage>,
    /// The lists that have been asked for since the last reading, which is what they show: of a namespace or of all, in a
    /// version.
    pub lists: HashMap<(Option<String>, MetricsVersion), Bytes>,
    resolution: TimeDelta,
    next_at: DateTime<Utc>,
    scrapes: u64,
}

/// A pod's usage as last read.
#[derive(Debug)]
pub(super) struct PodSample {
    pub labels: Arc<Labels>,
    pub containers: Vec<(String, Usage)>,
}

/// An amount of CPU and memory in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub nanocores: u64,
    pub bytes: u64,
}

/// What a machine uses for itself.
const NODE_OVERHEAD: Usage = Usage { nanocores: 250_000_000, bytes: 1 << 30 };

/// How old the readings are when a cluster starts.
const FIRST_AGE: TimeDelta = TimeDelta::seconds(2);

impl MetricsServer {
    pub fn new(resolution: Duration) -> Self {
        // Scraping without a pause would be an endless loop.
        let resolution = span(resolution).max(TimeDelta::milliseconds(100));
        Self {
            api: MetricsApi::default(),
            versions: vec![MetricsVersion::V1Beta1],
            frozen: false,
            at: DateTime::UNIX_EPOCH,
            window: resolution,
            pods: BTreeMap::new(),
            nodes: Vec::new(),
            lists: HashMap::new(),
            resolution,
            next_at: DateTime::UNIX_EPOCH,
            scrapes: 0,
        }
    }
}

impl World {
    /// Makes the readings of a metrics server that has been running for a while, and plans the next.
    pub(super) fn start_scraping(&mut self) {
        let first = self.now - FIRST_AGE;
        self.read_usage(first);
        self.plan_scrape(first);
    }

    fn plan_scrape(&mut self, last: DateTime<Utc>) {
        self.metrics.next_at = last + self.metrics.resolution;
        self.plan(self.metrics.next_at, Event::Scrape);
    }

    /// When the next reading will be made.
    pub(super) fn next_scrape(&self) -> DateTime<Utc> {
        self.metrics.next_at
    }

    pub(super) fn scrape(&mut self) {
        let now = self.now;
        if !self.metrics.frozen {
            self.metrics.window = now - self.metrics.at;
            self.read_usage(now);
        }
        self.plan_scrape(now);
    }

    fn read_usage(&mut self, now: DateTime<Utc>) {
        let mut serving: HashMap<&WorkloadRef, u32> = HashMap::new();
        for pod in self.pods.values().filter(|pod| pod.is_serving()) {
            *serving.entry(&pod.workload).or_default() += 1;
        }
        let shares: HashMap<_, _> = serving
            .into_iter()
            .filter_map(|(key, pods)| {
                let load = self.workloads.get(key)?.load.mean(now - self.metrics.window, now);
                Some((key.clone(), load / f64::from(pods)))
            })
            .collect();

        self.metrics.at = now;
        self.metrics.scrapes += 1;
        self.metrics.pods.clear();
        self.metrics.lists.clear();
        let mut nodes = vec![NODE_OVERHEAD; self.scheduler.nodes().len()];
        for (key, pod) in self.pods.iter_mut().filter(|(_, pod)| pod.started.is_some()) {
            pod.scrapes = pod.scrapes.saturating_add(1);
            let share = shares.get(&*pod.workload).copied().unwrap_or_default();
            let random = self.seed.stream(&[&pod.uid, "usage"], self.metrics.scrapes);
            let usage = usage(pod, share, random);
            if let Some(node) = pod.node.and_then(|node| nodes.get_mut(node)) {
                node.nanocores += usage.nanocores;
                node.bytes += usage.bytes;
            }
            if pod.scrapes >= 2 {
                // The load is on the first container; any others are idle.
                let names = pod.template.containers.iter().map(|container| container.name.clone());
                let usages = std::iter::once(usage).chain(std::iter::repeat(Usage::default()));
                let sample = PodSample { labels: pod.labels.clone(), containers: names.zip(usages).collect() };
                self.metrics.pods.insert(key.clone(), sample);
            }
        }
        self.metrics.nodes = nodes;
    }
}

/// What a running pod uses when its share of the load is `share` thousandths of a core.
fn usage(pod: &Pod, share: f64, mut random: fastrand::Rng) -> Usage {
    let settings = &pod.settings;
    let limits = pod.template.containers.first().map(|container| &container.limits);
    let base = settings.cpu_base.millis as f64;
    let load = if pod.is_serving() { share } else { 0.0 };
    let starting = settings.cpu_starting.filter(|_| pod.ready.is_none());
    let cpu_limit = limits.and_then(|limits| limits.cpu).map_or(f64::INFINITY, |cpu| cpu.millis as f64);
    let millicores = starting.map_or(base + load, |cpu| cpu.millis as f64);
    let mut noisy = |amount: f64| amount * (1.0 + settings.noise * (random.f64() * 2.0 - 1.0));
    let millicores = noisy(millicores).clamp(0.0, cpu_limit);

    let memory_limit = limits.and_then(|limits| limits.memory).map_or(f64::INFINITY, |memory| memory.bytes as f64);
    let served = (millicores - base).max(0.0) / 1000.0;
    // Memory is read exactly; what strays is the CPU that causes it.
    let bytes = settings.memory_base.bytes as f64 + served * settings.memory_per_core.bytes as f64;
    Usage { nanocores: (millicores * 1e6) as u64, bytes: bytes.clamp(0.0, memory_limit) as u64 }
}
