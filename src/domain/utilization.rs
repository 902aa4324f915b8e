//! One metric's utilisation, and the number of replicas it proposes.
//!
//! The arithmetic is the HPA's (`replica_calculator.go`: `GetResourceReplicas`, `groupPods`, `calculateRequests`;
//! `metrics/utilization.go`: `GetResourceUtilizationRatio`). Where it departs from that,
//! `docs/adr/0006-proposals-do-not-move-against-the-load.md` says how and why.

use std::time::Duration;

use super::autoscaler::{Direction, Metric, ScalingRules, TargetPercent};
use super::observation::{MilliUnits, Observation, Pod, PodPhase, PodUsage, SourceState};
use super::{Timestamp, is_younger};

/// CPU of a pod this young says more about its start than about its load, unless it was measured after the pod
/// became ready (the HPA's `--horizontal-pod-autoscaler-cpu-initialization-period`).
const CPU_INITIALIZATION: Duration = Duration::from_secs(300);

/// A pod that is unready and became so within this time of its start has never been ready
/// (the HPA's `--horizontal-pod-autoscaler-initial-readiness-delay`).
const READINESS_DELAY: Duration = Duration::from_secs(30);

/// Why a metric is unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetricError {
    /// The source did not deliver.
    #[error("{0}")]
    SourceUnavailable(String),
    /// The workload has no pods that could be measured.
    #[error("the workload has no running pods")]
    NoPods,
    /// There are pods, but none has a usable reading.
    #[error(
        "no usable {metric} reading for any of {pods} pods ({unready} starting or unready, {missing} without a fresh reading)"
    )]
    NoReadings {
        /// The metric.
        metric: Metric,
        /// How many pods were looked at.
        pods: usize,
        /// How many of them are unready.
        unready: usize,
        /// How many of them are missing.
        missing: usize,
    },
    /// A container requests none of the resource, so its use is a percentage of nothing.
    #[error("missing request for {metric} in container {container} of pod {pod}")]
    MissingRequest {
        /// The metric.
        metric: Metric,
        /// The pod.
        pod: String,
        /// The container.
        container: String,
    },
    /// The requests add up to nothing.
    #[error("the requests for {metric} add up to 0")]
    ZeroRequests {
        /// The metric.
        metric: Metric,
    },
}

/// How many of the workload's pods stand behind a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Coverage {
    /// Pods whose reading was used.
    pub measured: usize,
    /// Pods that are starting or unready, whose reading was not used.
    pub unready: usize,
    /// Pods without a fresh reading.
    pub missing: usize,
}

/// A metric's measured utilisation.
#[derive(Clone, Debug, PartialEq)]
pub struct Utilization {
    /// Integer part of 100 x use / requests over the measured pods, as the HPA reports it.
    pub percent: u32,
    /// The source of the readings.
    pub source: &'static str,
    /// When the oldest reading in the sum was measured.
    pub measured_at: Timestamp,
    /// The pods behind the number.
    pub coverage: Coverage,
}

/// What one metric wants.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// The wanted utilisation.
    pub target: TargetPercent,
    /// The utilisation that the proposal follows from: the measured one, with unready and missing pods filled in.
    pub effective_percent: u32,
    /// The proposed number of replicas.
    pub replicas: u32,
}

/// One metric of one decision.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricReport {
    /// Which metric.
    pub metric: Metric,
    /// Its utilisation, or why that is unknown.
    pub utilization: Result<Utilization, MetricError>,
    /// What it proposes; `None` without a target, or when the utilisation is unknown.
    pub proposal: Option<Proposal>,
    /// The target, if the metric has one.
    pub target: Option<TargetPercent>,
}

/// Evaluates one metric.
pub fn evaluate(metric: Metric, rules: &ScalingRules, observation: &Observation, now: Timestamp) -> MetricReport {
    let target = rules.targets.get(metric);
    match Sample::take(metric, observation, now) {
        Err(error) => MetricReport { metric, utilization: Err(error), proposal: None, target },
        Ok(sample) => {
            let proposal = target.map(|target| sample.propose(target, rules, observation.current_replicas));
            MetricReport { metric, utilization: Ok(sample.utilization), proposal, target }
        }
    }
}

/// Use and requests, summed over pods.
#[derive(Clone, Copy, Default)]
struct Sum {
    usage: u128,
    requests: u128,
    pods: usize,
}

impl Sum {
    fn add(&mut self, usage: u128, request: MilliUnits) {
        self.usage += usage;
        self.requests += u128::from(request.0);
        self.pods += 1;
    }

    /// Integer part of the percentage; `None` when nothing is requested.
    fn percent(&self) -> Option<u32> {
        (self.usage * 100).checked_div(self.requests).map(|percent| u32::try_from(percent).unwrap_or(u32::MAX))
    }
}

/// The pods of a workload, sorted by what is known of them.
struct Sample {
    utilization: Utilization,
    measured: Sum,
    unready: Vec<MilliUnits>,
    missing: Vec<MilliUnits>,
}

impl Sample {
    fn take(metric: Metric, observation: &Observation, now: Timestamp) -> Result<Self, MetricError> {
        let source = match observation.source(metric) {
            SourceState::Read { name } => *name,
            SourceState::Unavailable { error } => return Err(MetricError::SourceUnavailable(error.clone())),
        };
        let mut measured = Sum::default();
        let mut oldest = None;
        let (mut unready, mut missing) = (Vec::new(), Vec::new());
        let counted = || observation.pods.iter().filter(|pod| is_counted(pod));
        for pod in counted() {
            let request =
                request(metric, pod).map_err(|error| first_missing_request(metric, counted()).unwrap_or(error))?;
            match classify(metric, pod, observation.max_age, now) {
                Class::Unready => unready.push(request),
                Class::Missing => missing.push(request),
                Class::Measured { usage, measured_at } => {
                    measured.add(usage, request);
                    oldest = Some(oldest.map_or(measured_at, |oldest: Timestamp| oldest.min(measured_at)));
                }
            }
        }
        let coverage = Coverage { measured: measured.pods, unready: unready.len(), missing: missing.len() };
        let pods = measured.pods + unready.len() + missing.len();
        let Some(measured_at) = oldest else {
            return Err(match pods {
                0 => MetricError::NoPods,
                _ => MetricError::NoReadings { metric, pods, unready: unready.len(), missing: missing.len() },
            });
        };
        let percent = measured.percent().ok_or(MetricError::ZeroRequests { metric })?;
        let utilization = Utilization { percent, source, measured_at, coverage };
        Ok(Self { utilization, measured, unready, missing })
    }

    /// The HPA's proposal: the measured ratio, and where pods are unready or missing the ratio with the values filled
    /// in that speak most against a change.
    fn propose(&self, target: TargetPercent, rules: &ScalingRules, current: u32) -> Proposal {
        let ratio = |percent: u32| f64::from(percent) / f64::from(target.get());
        let within_tolerance = |ratio: f64| {
            ratio >= 1.0 - rules.policy(Direction::Down).tolerance.fraction()
                && ratio <= 1.0 + rules.policy(Direction::Up).tolerance.fraction()
        };
        let measured = ratio(self.utilization.percent);
        let filled = self.filled(measured, target);
        let effective_percent = filled.percent().unwrap_or(self.utilization.percent);
        let effective = ratio(effective_percent);
        let turned = (measured < 1.0 && effective > 1.0) || (measured > 1.0 && effective < 1.0);
        let replicas = if within_tolerance(effective) || turned {
            current
        } else {
            let wanted = whole_replicas(effective * filled.pods as f64);
            // More pods than replicas (a surge), or fewer (a quota): the count would move against the load.
            if effective > 1.0 { wanted.max(current) } else { wanted.min(current) }
        };
        Proposal { target, effective_percent, replicas }
    }

    fn filled(&self, measured_ratio: f64, target: TargetPercent) -> Sum {
        let mut sum = self.measured;
        if measured_ratio < 1.0 {
            let percent = u128::from(target.get().max(100));
            for request in &self.missing {
                sum.add(u128::from(request.0) * percent / 100, *request);
            }
        } else if measured_ratio > 1.0 {
            for request in self.missing.iter().chain(&self.unready) {
                sum.add(0, *request);
            }
        }
        sum
    }
}

/// Rounded up, as the HPA does, within the range of a replica count.
fn whole_replicas(replicas: f64) -> u32 {
    replicas.ceil().clamp(0.0, f64::from(i32::MAX)) as u32
}

enum Class {
    Unready,
    Missing,
    Measured { usage: u128, measured_at: Timestamp },
}

/// Ended and ending pods serve no load.
fn is_counted(pod: &Pod) -> bool {
    !pod.terminating && !matches!(pod.phase, PodPhase::Failed | PodPhase::Succeeded)
}

/// The HPA's `groupPods`.
fn classify(metric: Metric, pod: &Pod, max_age: Duration, now: Timestamp) -> Class {
    if pod.phase == PodPhase::Pending {
        return Class::Unready;
    }
    let Some(usage) = pod.usage.as_ref().filter(|usage| is_fresh(usage, max_age, now)) else {
        return Class::Missing;
    };
    let Some(used) = used(metric, pod, usage) else {
        return Class::Missing;
    };
    if metric != Metric::Memory && is_warming_up(pod, usage, now) {
        return Class::Unready;
    }
    Class::Measured { usage: used, measured_at: usage.measured_at }
}

fn is_fresh(usage: &PodUsage, max_age: Duration, now: Timestamp) -> bool {
    // Clocks differ, so a reading may come from the future; one from far ahead would never grow old.
    (now - usage.measured_at).abs().to_std().is_ok_and(|distance| distance <= max_age)
}

/// What the pod uses; `None` when one of its containers was not measured.
fn used(metric: Metric, pod: &Pod, usage: &PodUsage) -> Option<u128> {
    let is_measured = |name: &str| usage.containers.iter().any(|container| container.name == name);
    if usage.containers.is_empty() || !pod.requests.containers.iter().all(|container| is_measured(&container.name)) {
        return None;
    }
    usage.containers.iter().map(|container| container.get(metric).map(|amount| u128::from(amount.0))).sum()
}

/// The HPA's rule for CPU readings that say more about a pod's start than about its load.
fn is_warming_up(pod: &Pod, usage: &PodUsage, now: Timestamp) -> bool {
    let (Some(readiness), Some(started_at)) = (pod.readiness, pod.started_at) else {
        return true;
    };
    if is_younger(started_at, now, CPU_INITIALIZATION) {
        readiness.is_false || is_younger(readiness.changed_at, usage.measured_at, usage.window)
    } else {
        readiness.is_false && is_younger(started_at, readiness.changed_at, READINESS_DELAY)
    }
}

/// The pod's request: the pod-level one, else the sum over its containers, each of which must have one.
fn request(metric: Metric, pod: &Pod) -> Result<MilliUnits, MetricError> {
    if let Some(request) = pod.requests.pod_level.get(metric) {
        return Ok(request);
    }
    let mut sum = 0u64;
    for container in &pod.requests.containers {
        let request = container.resources.get(metric).ok_or_else(|| MetricError::MissingRequest {
            metric,
            pod: pod.name.clone(),
            container: container.name.clone(),
        })?;
        sum = sum.saturating_add(request.0);
    }
    Ok(MilliUnits(sum))
}

/// Of all missing requests that of the pod that is first by name, so that the order of the pods changes nothing.
fn first_missing_request<'a>(metric: Metric, pods: impl Iterator<Item = &'a Pod>) -> Option<MetricError> {
    let missing = pods.filter_map(|pod| Some((&pod.name, request(metric, pod).err()?)));
    missing.min_by_key(|(name, _)| *name).map(|(_, error)| error)
}

#[cfg(test)]
mod tests;
