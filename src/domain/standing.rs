//! What one pod contributes to one metric: its reading, nothing, or a question mark (the HPA's `groupPods`).

use std::sync::Arc;
use std::time::Duration;

use super::autoscaler::{Metric, ScalingRules};
use super::gpu::{GpuReading, GpuUsage};
use super::observation::{Observation, ObservedPod, Pod, PodPhase, PodUsage};
use super::quantity::Amount;
use super::{Timestamp, earlier, is_younger, later};

/// A GPU's 100 %, in the thousandths that everything is summed in.
pub const WHOLE_GPU: i64 = 100_000;

/// What a pod contributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It serves no load, or has nothing to do with the metric.
    Ignored,
    /// It is starting; its reading, if it has one, says nothing about the load.
    Unready(Unready),
    /// It runs, but what it uses is not known.
    Missing(Missing),
    /// It was measured.
    Measured {
        /// What it uses, in thousandths.
        usage: i64,
        /// When that was measured.
        measured_at: Timestamp,
    },
}

/// Why a pod counts as unready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unready {
    /// It has not started.
    Pending,
    /// It is within its warm-up.
    WarmingUp,
    /// It belongs to a new revision and is as young as its warm-up is long, while the old revision still runs.
    NewRevision,
}

/// Why a pod counts as missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// No source has a reading of it.
    NoReading,
    /// Its reading is too old, older than the pod, or from a time to come.
    Stale,
    /// One of its containers or devices was not measured.
    Incomplete,
    /// Its reading is impossible: negative, or beyond the device.
    Impossible,
}

impl Standing {
    /// The standing's name in the API.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Ignored => "ignored",
            Self::Unready(_) => "unready",
            Self::Missing(_) => "missing",
            Self::Measured { .. } => "measured",
        }
    }

    /// Why it is unready or missing, in the API.
    pub fn why(&self) -> Option<&'static str> {
        match self {
            Self::Ignored | Self::Measured { .. } => None,
            Self::Unready(Unready::Pending) => Some("pending"),
            Self::Unready(Unready::WarmingUp) => Some("warming up"),
            Self::Unready(Unready::NewRevision) => Some("warming up in a rollout"),
            Self::Missing(Missing::NoReading) => Some("no reading"),
            Self::Missing(Missing::Stale) => Some("stale reading"),
            Self::Missing(Missing::Incomplete) => Some("incomplete reading"),
            Self::Missing(Missing::Impossible) => Some("impossible reading"),
        }
    }
}

/// Looks at the pods of one observation by one autoscaler's rules.
#[derive(Clone, Copy)]
pub struct Survey<'a> {
    /// The rules.
    pub rules: &'a ScalingRules,
    /// What is looked at.
    pub observation: &'a Observation,
    serving: Serving<'a>,
    /// From when to when a reading that counts was measured. Clocks differ, so it may come from the future; one from far
    /// ahead would never grow old.
    fresh: (Timestamp, Timestamp),
    /// A pod that was started after this is within its CPU initialization; `None` when all are.
    young_after: Option<Timestamp>,
}

/// The pods that serve, counted.
#[derive(Clone, Copy, Default)]
struct Serving<'a> {
    pods: usize,
    /// Those that request GPUs.
    with_gpus: usize,
    /// Those that run or have a node to run on.
    placed: usize,
    pending: usize,
    unschedulable: usize,
    /// What the scheduler says of one of these. The least, so that the order of the pods changes nothing.
    scheduler: Option<&'a Arc<str>>,
    /// Those of the revision that is wanted, and those of others.
    new: usize,
    old: usize,
}

impl<'a> Serving<'a> {
    fn count(rules: &ScalingRules, observation: &'a Observation) -> Self {
        let mut serving = Self::default();
        for pod in observation.pods.iter().map(|pod| &*pod.pod).filter(|pod| serves(rules, pod)) {
            serving.pods += 1;
            serving.with_gpus += usize::from(pod.requests.gpus > 0);
            if pod.phase == PodPhase::Pending {
                serving.pending += 1;
                serving.placed += usize::from(pod.node.is_some());
                if let Some(words) = &pod.unschedulable {
                    serving.unschedulable += 1;
                    serving.scheduler = Some(serving.scheduler.map_or(words, |least| least.min(words)));
                }
            } else {
                serving.placed += 1;
            }
            if pod.revision.is_some() {
                let is_new = pod.revision == observation.revision;
                *(if is_new { &mut serving.new } else { &mut serving.old }) += 1;
            }
        }
        serving
    }
}

impl<'a> Survey<'a> {
    /// A look at `observation`.
    pub fn new(rules: &'a ScalingRules, observation: &'a Observation) -> Self {
        let (at, max_age) = (observation.at, observation.max_age);
        let oldest = earlier(at, max_age).unwrap_or(Timestamp::MIN_UTC);
        let newest = later(at, max_age).unwrap_or(Timestamp::MAX_UTC);
        let serving = Serving::count(rules, observation);
        let young_after = earlier(at, rules.warm_up.cpu_initialization);
        Self { rules, observation, serving, fresh: (oldest, newest), young_after }
    }

    /// A look at one of the pods.
    #[inline]
    pub fn look(&self, pod: &'a ObservedPod) -> Look<'_, 'a> {
        Look { survey: self, pod, resources: self.resources(pod) }
    }

    /// Whether there are pods, and none of those that serve requests a GPU.
    pub(super) fn serve_without_gpus(&self) -> bool {
        self.serving.pods > 0 && self.serving.with_gpus == 0
    }

    /// How many replicas can run when the nodes have room for so many more pods.
    pub fn can_run(&self, more: u32) -> u32 {
        u32::try_from(self.serving.placed).unwrap_or(u32::MAX).saturating_add(more)
    }

    /// The rollout that is in progress, if there is one.
    pub fn rollout(&self) -> Option<Rollout> {
        let Serving { new, old, .. } = self.serving;
        self.is_rolling_out().then_some(Rollout { new, old })
    }

    /// Whether pods of another revision than the wanted one still serve. The HPA knows nothing of revisions, and looks at
    /// pods of other workloads, too.
    fn is_rolling_out(&self) -> bool {
        self.observation.revision.is_some() && !self.rules.is_hpa() && self.serving.old > 0
    }

    /// The replicas that were asked for and do not run yet.
    pub fn in_flight(&self) -> InFlight {
        let Serving { pods, pending, unschedulable, scheduler, .. } = self.serving;
        // The HPA looks at pods of other workloads, too.
        let replicas = self.observation.current_replicas as usize;
        let not_created = if self.rules.is_hpa() { 0 } else { replicas.saturating_sub(pods) };
        InFlight { pending, not_created, unschedulable, scheduler: scheduler.cloned() }
    }

    fn is_fresh(&self, measured_at: Timestamp) -> bool {
        let (oldest, newest) = self.fresh;
        oldest <= measured_at && measured_at <= newest
    }

    /// Whether a pod that was started then is within its CPU initialization.
    fn is_young(&self, started_at: Timestamp) -> bool {
        self.young_after.is_none_or(|after| started_at > after)
    }

    /// What is known of the pod's CPU and memory, if it is fresh and of all its containers.
    #[inline]
    fn resources(&self, pod: &'a ObservedPod) -> Result<&'a PodUsage, Missing> {
        let usage = pod.usage.as_deref().ok_or(Missing::NoReading)?;
        // The HPA takes whatever there is, of whatever containers.
        if !self.rules.is_hpa() {
            if !self.is_fresh(usage.measured_at) {
                return Err(Missing::Stale);
            }
            if self.rules.container.is_none() && !covers_all_containers(usage, &pod.pod) {
                return Err(Missing::Incomplete);
            }
        }
        Ok(usage)
    }
}

/// Looks at one pod. What all metrics have in common is looked at once: each of thousands of pods is somewhere else in
/// memory. Its parts are inlined, because what they return would go through memory otherwise, for each pod and metric.
#[derive(Clone, Copy)]
pub struct Look<'s, 'a> {
    survey: &'s Survey<'a>,
    pod: &'a ObservedPod,
    resources: Result<&'a PodUsage, Missing>,
}

impl<'a> Look<'_, 'a> {
    /// What the pod contributes to `metric`.
    #[inline]
    pub fn standing(&self, metric: Metric) -> Standing {
        let (rules, pod) = (self.survey.rules, &*self.pod.pod);
        if !serves(rules, pod) || (metric.is_of_gpus() && pod.requests.gpus == 0) {
            return Standing::Ignored;
        }
        if pod.phase == PodPhase::Pending {
            return Standing::Unready(Unready::Pending);
        }
        let reading = match self.reading(metric) {
            Ok(reading) => reading,
            Err(missing) => return Standing::Missing(missing),
        };
        // Memory knows no warm-up.
        if metric != Metric::Memory {
            if self.is_warming_up(&reading) {
                return Standing::Unready(Unready::WarmingUp);
            }
            if self.is_new_in_rollout() {
                return Standing::Unready(Unready::NewRevision);
            }
        }
        // A StatefulSet's pod has the name of its predecessor, whose reading may still be there.
        if !rules.is_hpa() && pod.started_at.is_some_and(|started_at| reading.measured_at < started_at) {
            return Standing::Missing(Missing::Stale);
        }
        Standing::Measured { usage: reading.usage, measured_at: reading.measured_at }
    }

    /// The pod.
    pub fn pod(&self) -> &'a ObservedPod {
        self.pod
    }

    /// What the pod uses, whatever its standing, and since when that is known; `None` when it is not.
    pub(super) fn usage(&self, metric: Metric) -> Option<(i64, Timestamp)> {
        self.reading(metric).ok().map(|reading| (reading.usage, reading.measured_at))
    }

    #[inline]
    fn reading(&self, metric: Metric) -> Result<Reading, Missing> {
        match metric {
            Metric::Cpu | Metric::Memory => self.resource_reading(metric),
            Metric::Gpu => self.gpu_reading(gpu_busy),
            Metric::GpuMemory => self.gpu_reading(gpu_memory),
        }
    }

    #[inline]
    fn resource_reading(&self, metric: Metric) -> Result<Reading, Missing> {
        let (rules, usage) = (self.survey.rules, self.resources?);
        let mut sum = 0i64;
        for amount in usage.total(metric, rules.container.as_deref()).ok_or(Missing::Incomplete)? {
            let amount = counted(rules, amount).ok_or(Missing::Impossible)?;
            sum = if rules.is_hpa() { sum.wrapping_add(amount) } else { sum.saturating_add(amount) };
        }
        Ok(Reading { usage: sum, measured_at: usage.measured_at, window: usage.window })
    }

    /// The share of the pod's devices that is in use, each of which must be measured; times their number, as the request
    /// is.
    fn gpu_reading(&self, share: DeviceShare) -> Result<Reading, Missing> {
        let GpuUsage { devices, window } = self.pod.gpus.as_deref().ok_or(Missing::NoReading)?;
        let measured_at = devices.iter().map(|device| device.measured_at).min().ok_or(Missing::NoReading)?;
        if devices.iter().any(|device| !self.survey.is_fresh(device.measured_at)) {
            return Err(Missing::Stale);
        }
        let requested = self.pod.pod.requests.gpus;
        // Several shares of one device can be requested.
        if devices.len() < requested as usize && !devices.iter().any(|device| device.shared) {
            return Err(Missing::Incomplete);
        }
        let (mut used, mut total) = (0.0, 0.0);
        for device in devices {
            let of_device = share(device).ok_or(Missing::Incomplete)?;
            if !(0.0..=of_device.total).contains(&of_device.used) || of_device.total <= 0.0 {
                return Err(Missing::Impossible);
            }
            used += of_device.used;
            total += of_device.total;
        }
        let usage = (used / total * WHOLE_GPU as f64 * f64::from(requested)).round() as i64;
        Ok(Reading { usage, measured_at, window: *window })
    }

    /// The HPA's rule for CPU readings that say more about a pod's start than about its load.
    #[inline]
    fn is_warming_up(&self, reading: &Reading) -> bool {
        let warm_up = self.survey.rules.warm_up;
        let (Some(readiness), Some(started_at)) = (self.pod.pod.readiness, self.pod.pod.started_at) else {
            return true;
        };
        if self.survey.is_young(started_at) {
            readiness.is_false || is_younger(readiness.changed_at, reading.measured_at, reading.window)
        } else {
            readiness.is_false && is_younger(started_at, readiness.changed_at, warm_up.readiness_delay)
        }
    }

    /// Whether the pod belongs to the revision that is being rolled out and is still young. A pod that is ready can burn
    /// CPU for a while (a JVM that compiles), and in a rollout many do so at once. Ends with the rollout.
    #[inline]
    fn is_new_in_rollout(&self) -> bool {
        let (survey, pod) = (self.survey, &self.pod.pod);
        survey.is_rolling_out()
            && pod.revision == survey.observation.revision
            && pod.started_at.is_some_and(|started_at| survey.is_young(started_at))
    }
}

/// A rolling update on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rollout {
    /// Pods of the new revision.
    pub new: usize,
    /// Pods of other revisions.
    pub old: usize,
}

/// Replicas that were asked for and do not run yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InFlight {
    /// Pods that have not started.
    pub pending: usize,
    /// Replicas that have no pod yet.
    pub not_created: usize,
    /// Pending pods that the scheduler finds no node for.
    pub unschedulable: usize,
    /// The scheduler's words about one of them.
    pub scheduler: Option<Arc<str>>,
}

/// What an amount counts for: nothing when it is impossible, unless the HPA's reading is asked for.
pub(super) fn counted(rules: &ScalingRules, amount: Amount) -> Option<i64> {
    if rules.is_hpa() { Some(amount.as_in_go()) } else { i64::try_from(amount.thousandths()?).ok() }
}

/// Ended and ending pods serve no load. (The HPA takes one that has succeeded for missing.)
fn serves(rules: &ScalingRules, pod: &Pod) -> bool {
    let ended = pod.phase == PodPhase::Failed || (pod.phase == PodPhase::Succeeded && !rules.is_hpa());
    !pod.terminating && !ended
}

/// How much of a device is in use.
struct Used {
    used: f64,
    total: f64,
}

/// What is looked at of a device; `None` when it is not known.
type DeviceShare = fn(&GpuReading) -> Option<Used>;

/// Its busy time: of several devices the mean counts.
fn gpu_busy(device: &GpuReading) -> Option<Used> {
    Some(Used { used: device.utilization_percent?, total: 100.0 })
}

/// Its memory: of several devices the sum counts.
fn gpu_memory(device: &GpuReading) -> Option<Used> {
    Some(Used { used: device.memory_used_mib?, total: device.memory_total_mib? })
}

struct Reading {
    usage: i64,
    measured_at: Timestamp,
    window: Duration,
}

fn covers_all_containers(usage: &PodUsage, pod: &Pod) -> bool {
    let is_measured = |name: &str| usage.containers.iter().any(|container| *container.name == *name);
    pod.requests.containers.iter().all(|container| is_measured(&container.name))
}

#[cfg(test)]
mod tests;
