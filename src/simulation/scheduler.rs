//! The scheduler: finds a machine for each pod, by what the pod requests and what is free.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::gpus::{Devices, Owner};
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
    pub devices: Devices,
    free: Amounts,
}

/// Amounts of everything that runs out, but for devices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Amounts {
    cpu: u64,
    memory: u64,
    pods: u64,
}

/// What a pod needs of a machine.
#[derive(Debug, Default)]
struct Requests<'a> {
    amounts: Amounts,
    devices: BTreeMap<&'a str, u64>,
}

impl<'a> Requests<'a> {
    fn of(template: &'a Template) -> Self {
        let mut sum = Self { amounts: Amounts { pods: 1, ..Amounts::default() }, ..Self::default() };
        for container in &template.containers {
            sum.amounts.cpu += container.requested_cpu().millis;
            sum.amounts.memory += container.requested_memory().bytes;
            for (resource, count) in container.requested_devices() {
                let devices = sum.devices.entry(resource).or_default();
                *devices = devices.saturating_add(count);
            }
        }
        sum
    }
}

impl Node {
    /// What is lacking for a pod, in the scheduler's words.
    fn lacks(&self, wanted: &Requests<'_>) -> impl Iterator<Item = Cow<'static, str>> {
        let amounts = [
            (self.free.pods < wanted.amounts.pods, "Too many pods"),
            (self.free.cpu < wanted.amounts.cpu, "Insufficient cpu"),
            (self.free.memory < wanted.amounts.memory, "Insufficient memory"),
        ];
        let amounts = amounts.into_iter().filter_map(|(lacks, reason)| lacks.then_some(Cow::Borrowed(reason)));
        let devices = wanted.devices.iter().filter(|(resource, count)| self.devices.free(resource) < **count);
        amounts.chain(devices.map(|(resource, _)| Cow::Owned(format!("Insufficient {resource}"))))
    }

    /// Whether nothing is lacking for a pod.
    fn fits(&self, wanted: &Requests<'_>) -> bool {
        let Amounts { cpu, memory, pods } = wanted.amounts;
        self.free.pods >= pods
            && self.free.cpu >= cpu
            && self.free.memory >= memory
            && wanted.devices.iter().all(|(resource, count)| self.devices.free(resource) >= *count)
    }

    /// Takes a place and devices for a pod that fits.
    fn take(&mut self, pod: &ObjectKey, template: &Template) {
        let Amounts { cpu, memory, pods } = Requests::of(template).amounts;
        self.free.cpu -= cpu;
        self.free.memory -= memory;
        self.free.pods -= pods;
        for container in &template.containers {
            let owner = Owner { pod: pod.clone(), container: container.name.clone() };
            for (resource, count) in container.requested_devices() {
                self.devices.hand_out(resource, count, &owner);
            }
        }
    }

    /// Gives back what a pod had.
    fn give_back(&mut self, pod: &ObjectKey, template: &Template) {
        let Requests { amounts: Amounts { cpu, memory, pods }, devices } = Requests::of(template);
        self.free.cpu += cpu;
        self.free.memory += memory;
        self.free.pods += pods;
        if !devices.is_empty() {
            self.devices.take_back(pod);
        }
    }
}

impl Scheduler {
    pub fn add_node(&mut self, name: String, address: String, settings: &NodeSettings) {
        let free = Amounts { cpu: settings.cpu.millis, memory: settings.memory.bytes, pods: settings.pods.into() };
        self.nodes.push(Node { name, address, devices: Devices::of(settings), free });
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
    pub fn place(&mut self, pod: &ObjectKey, template: &Template) -> Result<usize, String> {
        let wanted = Requests::of(template);
        let best = self.nodes.iter().enumerate().filter(|(_, node)| node.fits(&wanted)).max_by_key(|(index, node)| {
            let spares_gpus = !wanted.devices.is_empty() || !node.devices.any_free();
            (spares_gpus, node.free.cpu, node.free.pods, std::cmp::Reverse(*index))
        });
        let Some((index, _)) = best else { return Err(self.refusal(&wanted)) };
        if let Some(node) = self.nodes.get_mut(index) {
            node.take(pod, template);
        }
        Ok(index)
    }

    /// Gives a pod's place back.
    pub fn release(&mut self, node: usize, pod: &ObjectKey, template: &Template) {
        if let Some(node) = self.nodes.get_mut(node) {
            node.give_back(pod, template);
        }
    }

    /// Takes a place for a pod that requests nothing and belongs on this machine. Tells whether there was one.
    pub fn reserve_pod(&mut self, node: usize) -> bool {
        let free = self.nodes.get_mut(node).map(|node| &mut node.free.pods).filter(|free| **free > 0);
        free.map(|free| *free -= 1).is_some()
    }

    /// Gives the place of such a pod back.
    pub fn release_pod(&mut self, node: usize) {
        if let Some(node) = self.nodes.get_mut(node) {
            node.free.pods += 1;
        }
    }

    fn refusal(&self, wanted: &Requests<'_>) -> String {
        let all = self.nodes.len();
        if all == 0 {
            return "no nodes available to schedule pods".to_owned();
        }
        let mut counts: BTreeMap<Cow<'_, str>, usize> = BTreeMap::new();
        for reason in self.nodes.iter().flat_map(|node| node.lacks(wanted)) {
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
            match self.scheduler.place(&key, &template) {
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
