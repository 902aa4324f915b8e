//! The scheduler: finds a machine for each pod, by what the pod requests and what is free.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::settings::NodeSettings;
use super::store::ObjectKey;
use super::template::Template;
use super::world::{Event, World};

/// How long after a change the scheduler looks, and how long it leaves pods alone that fitted nowhere.
const REACTION: TimeDelta = TimeDelta::milliseconds(50);
const BACKOFF: TimeDelta = TimeDelta::seconds(1);

/// The machines, and the pods that wait for one.
#[derive(Debug, Default)]
pub(super) struct Scheduler {
    nodes: Vec<Node>,
    /// The oldest first.
    waiting: BTreeSet<(DateTime<Utc>, ObjectKey)>,
    planned: bool,
    last_failure: Option<DateTime<Utc>>,
}

/// A machine and what is free on it.
#[derive(Debug)]
pub(super) struct Node {
    pub name: String,
    pub address: String,
    free: Requests,
}

/// Amounts of everything that runs out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Requests {
    cpu: u64,
    memory: u64,
    gpus: u64,
    pods: u64,
}

impl Requests {
    fn of(template: &Template) -> Self {
        let mut sum = Self { pods: 1, ..Self::default() };
        for container in &template.containers {
            // A limit without a request is the request, as the API server's defaults have it.
            let (requests, limits) = (&container.requests, &container.limits);
            sum.cpu += requests.cpu.or(limits.cpu).unwrap_or_default().millis;
            sum.memory += requests.memory.or(limits.memory).unwrap_or_default().bytes;
            sum.gpus += requests.gpus.or(limits.gpus).unwrap_or_default();
        }
        sum
    }

    /// What is lacking for `wanted`, in the scheduler's words.
    fn lacks(&self, wanted: &Self) -> impl Iterator<Item = &'static str> {
        [
            (self.pods < wanted.pods, "Too many pods"),
            (self.cpu < wanted.cpu, "Insufficient cpu"),
            (self.memory < wanted.memory, "Insufficient memory"),
            (self.gpus < wanted.gpus, "Insufficient nvidia.com/gpu"),
        ]
        .into_iter()
        .filter_map(|(lacks, reason)| lacks.then_some(reason))
    }
}

impl Scheduler {
    pub fn add_node(&mut self, name: String, address: String, settings: &NodeSettings) {
        let free = Requests {
            cpu: settings.cpu.millis,
            memory: settings.memory.bytes,
            gpus: settings.gpus.into(),
            pods: settings.pods.into(),
        };
        self.nodes.push(Node { name, address, free });
    }

    pub fn node(&self, node: usize) -> Option<&Node> {
        self.nodes.get(node)
    }

    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub fn wait(&mut self, created: DateTime<Utc>, pod: &ObjectKey) {
        self.waiting.insert((created, pod.clone()));
    }

    pub fn wait_no_more(&mut self, created: DateTime<Utc>, pod: &ObjectKey) {
        self.waiting.remove(&(created, pod.clone()));
    }

    pub fn anyone_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Takes a place for a pod on the machine that has most left; or says why there is none.
    ///
    /// Machines without GPUs come first for pods that need none, so that GPUs stay free for those that do.
    pub fn place(&mut self, template: &Template) -> Result<usize, String> {
        let wanted = Requests::of(template);
        let fits = |node: &Node| node.free.lacks(&wanted).next().is_none();
        let best = self.nodes.iter().enumerate().filter(|(_, node)| fits(node)).max_by_key(|(index, node)| {
            let spares_gpus = wanted.gpus > 0 || node.free.gpus == 0;
            (spares_gpus, node.free.cpu, node.free.pods, std::cmp::Reverse(*index))
        });
        let Some((index, _)) = best else { return Err(self.refusal(&wanted)) };
        if let Some(node) = self.nodes.get_mut(index) {
            node.free.cpu -= wanted.cpu;
            node.free.memory -= wanted.memory;
            node.free.gpus -= wanted.gpus;
            node.free.pods -= wanted.pods;
        }
        Ok(index)
    }

    /// Gives a pod's place back.
    pub fn release(&mut self, node: usize, template: &Template) {
        let wanted = Requests::of(template);
        if let Some(node) = self.nodes.get_mut(node) {
            node.free.cpu += wanted.cpu;
            node.free.memory += wanted.memory;
            node.free.gpus += wanted.gpus;
            node.free.pods += wanted.pods;
        }
    }

    fn refusal(&self, wanted: &Requests) -> String {
        let all = self.nodes.len();
        if all == 0 {
            return "no nodes available to schedule pods".to_owned();
        }
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for reason in self.nodes.iter().flat_map(|node| node.free.lacks(wanted)) {
            *counts.entry(reason).or_default() += 1;
        }
        let mut reasons: Vec<_> = counts.into_iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        reasons.sort();
        format!(
            "0/{all} nodes are available: {}. preemption: 0/{all} nodes are available: {all} No preemption victims \
             found for incoming pod.",
            reasons.join(", ")
        )
    }
}

impl World {
    /// Makes the scheduler look at the pods that wait.
    pub(super) fn plan_scheduling(&mut self) {
        if self.scheduler.planned {
            return;
        }
        self.scheduler.planned = true;
        let earliest = self.scheduler.last_failure.map_or(self.now, |failure| failure + BACKOFF);
        let at = (self.now + REACTION).max(earliest);
        self.plan(at, Event::Schedule);
    }

    /// Places the pods that wait, the oldest first.
    pub(super) fn schedule(&mut self) {
        self.scheduler.planned = false;
        self.scheduler.last_failure = None;
        let waiting: Vec<_> = self.scheduler.waiting.iter().cloned().collect();
        for (created, key) in waiting {
            let Some(template) = self.pods.get(&key).map(|pod| pod.template.clone()) else {
                self.scheduler.wait_no_more(created, &key);
                continue;
            };
            match self.scheduler.place(&template) {
                Ok(node) => {
                    self.scheduler.wait_no_more(created, &key);
                    self.pod_is_placed(&key, node);
                }
                Err(message) => {
                    self.scheduler.last_failure = Some(self.now);
                    self.pod_fits_nowhere(&key, message);
                }
            }
        }
    }
}
