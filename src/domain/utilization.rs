//! One metric's utilisation, and the number of replicas it proposes.
//!
//! The arithmetic is the HPA's (`replica_calculator.go`: `GetResourceReplicas`, `groupPods`, `calculateRequests`;
//! `metrics/utilization.go`: `GetResourceUtilizationRatio`), exactly so under `compatibility: "hpa"`. Where it departs
//! from that otherwise, `docs/adr/0006-proposals-do-not-move-against-the-load.md` says how and why.

use std::sync::Arc;

use super::Timestamp;
use super::autoscaler::{Direction, Metric, ScalingRules, TargetPercent};
use super::gpu::{Fallback, GpuUsage};
use super::observation::{Observation, ObservedPod, PodRequests, SourceState};
use super::standing::{Look, Standing, Survey, Unready, WHOLE_GPU, counted};

/// The source of simulated utilisation.
pub const SIMULATED: &str = "simulated";

/// Why a metric is unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetricError {
    /// The source did not deliver.
    #[error("{0}")]
    SourceUnavailable(Arc<str>),
    /// The workload has no pods that could be measured.
    #[error("the workload has no running pods")]
    NoPods,
    /// None of the workload's pods requests a GPU.
    #[error("none of the pods requests a GPU")]
    NoGpuRequests,
    /// There are pods, but none has a usable reading.
    #[error(
        "no usable {metric} reading for any of {pods} pods ({unready} starting or unready, {missing} without a fresh \
         reading){}", gap_text(.gap)
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
        /// Why the first of them by name is, when its source says so.
        gap: Option<Arc<str>>,
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
    /// A pod has pod-level requests, but neither it nor any of its containers requests the resource.
    #[error("missing pod-level request for {metric} in pod {pod}")]
    MissingPodRequest {
        /// The metric.
        metric: Metric,
        /// The pod.
        pod: String,
    },
    /// A pod does not have the container that counts.
    #[error("container {container} not found in pod {pod}")]
    ContainerNotFound {
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

fn gap_text(gap: &Option<Arc<str>>) -> String {
    gap.as_ref().map(|gap| format!(": {gap}")).unwrap_or_default()
}

impl MetricError {
    /// Whether the workload could be measured, if only its source said something.
    fn is_of_the_source(&self) -> bool {
        matches!(self, Self::SourceUnavailable(_) | Self::NoReadings { .. })
    }

    /// What a person can do about it (guide, "GPU Metrics Always Zero").
    pub fn advice(&self, metric: Metric) -> Option<&'static str> {
        (metric.is_of_gpus() && self.is_of_the_source()).then_some(
            "check that a DCGM exporter runs on each GPU node (in the namespace gpu-monitoring, unless gpu.namespace says \
             otherwise), that the GPU nodes have the label nvidia.com/gpu=present, and that the pods that request GPUs are \
             running; GET /api/v1/sources shows what each exporter says",
        )
    }
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
    /// Integer part of 100 x use / requests over the measured pods, as the HPA reports it. Negative only under
    /// `compatibility: "hpa"`, which believes negative readings.
    pub percent: i32,
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
    /// The utilisation that the proposal follows from: the measured one, with what is on its way or missing filled in.
    pub effective_percent: i32,
    /// The proposed number of replicas. Negative only under `compatibility: "hpa"`, when the HPA's numbers overflow; it
    /// goes on as if that were 0.
    pub replicas: i32,
}

impl Proposal {
    /// The proposed number as it goes on: never negative.
    pub fn wanted(&self) -> u32 {
        u32::try_from(self.replicas).unwrap_or(0)
    }
}

/// A made-up number in the place of one that is unknown.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulated {
    /// The made-up utilisation.
    pub percent: i32,
    /// Why the real one is unknown.
    pub because: MetricError,
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
    /// What is simulated because nothing was measured. It has no effect unless `utilization` is made from it.
    pub simulated: Option<Simulated>,
}

impl MetricReport {
    /// The percentage that people are shown: the measured one, or the simulated one in its place.
    pub fn shown_percent(&self) -> Option<i32> {
        let measured = self.utilization.as_ref().ok().map(|utilization| utilization.percent);
        measured.or(self.simulated.as_ref().map(|simulated| simulated.percent))
    }
}

/// Evaluates metrics.
pub fn evaluate<const N: usize>(metrics: [Metric; N], survey: &Survey) -> [MetricReport; N] {
    measure(metrics, survey).map(|report| match &report.utilization {
        Err(error) if report.metric == Metric::Gpu && report.target.is_some() => {
            fall_back(survey, &report, error).unwrap_or(report)
        }
        _ => report,
    })
}

/// The report with simulated utilisation, which counts only where the operator wants that. `None` when there is none.
fn fall_back(survey: &Survey, report: &MetricReport, error: &MetricError) -> Option<MetricReport> {
    let fallback = survey.observation.fallback;
    if fallback == Fallback::None || !error.is_of_the_source() {
        return None;
    }
    let observation = simulated(survey.observation);
    let [on_simulated] = measure([report.metric], &Survey::new(survey.rules, &observation));
    let percent = on_simulated.utilization.as_ref().ok()?.percent;
    let simulated = Some(Simulated { percent, because: error.clone() });
    let report = if fallback == Fallback::Acted { on_simulated } else { report.clone() };
    Some(MetricReport { simulated, ..report })
}

/// The same workload with made-up GPU readings.
fn simulated(observation: &Observation) -> Observation {
    let mut observation = observation.clone();
    observation.gpu_source = SourceState::Read { name: SIMULATED };
    for ObservedPod { pod, gpus, .. } in &mut observation.pods {
        *gpus = Some(Arc::new(GpuUsage::simulated(&pod.name, pod.requests.gpus, observation.at)));
    }
    observation
}

fn measure<const N: usize>(metrics: [Metric; N], survey: &Survey) -> [MetricReport; N] {
    let mut tallies = metrics.map(|metric| (metric, Tally::begin(metric, survey)));
    for look in survey.observation.pods.iter().map(|pod| survey.look(pod)) {
        for (_, tally) in &mut tallies {
            if let Ok(tally) = tally {
                tally.add(survey.rules, &look);
            }
        }
    }
    tallies.map(|(metric, tally)| report(metric, survey, tally.and_then(|tally| tally.finish(survey))))
}

/// What a metric's sample, or the lack of one, comes to.
fn report(metric: Metric, survey: &Survey, sample: Result<Sample, MetricError>) -> MetricReport {
    let Survey { rules, observation, .. } = survey;
    let target = rules.targets.get(metric);
    let with = |utilization, proposal| MetricReport { metric, utilization, proposal, target, simulated: None };
    match sample {
        Err(error) => with(Err(error), None),
        Ok(sample) => {
            let current = observation.current_replicas;
            let proposal = target.map(|target| {
                let question = Question { target, rules, current };
                if rules.is_hpa() { question.as_hpa(&sample) } else { Some(question.answer(&sample)) }
            });
            match proposal {
                Some(None) => with(Err(MetricError::ZeroRequests { metric }), None),
                proposal => with(Ok(sample.utilization), proposal.flatten()),
            }
        }
    }
}

/// Use and requests in thousandths, summed over pods.
#[derive(Clone, Copy, Default)]
struct Sum {
    usage: i128,
    requests: i128,
    pods: usize,
}

impl Sum {
    fn add(&mut self, usage: impl Into<i128>, request: i64) {
        self.usage += usage.into();
        self.requests += i128::from(request);
        self.pods += 1;
    }

    /// Integer part of the percentage; `None` when nothing is requested.
    fn percent(&self) -> Option<i32> {
        let percent = (self.usage * 100).checked_div(self.requests)?;
        // Never negative: impossible readings are not in the sum.
        Some(i32::try_from(percent).unwrap_or(i32::MAX))
    }

    /// The same in the HPA's int64 and int32, which overflow silently.
    fn percent_as_hpa(&self) -> Option<i32> {
        let (usage, requests) = (self.usage as i64, self.requests as i64);
        (requests != 0).then(|| usage.wrapping_mul(100).wrapping_div(requests) as i32)
    }
}

/// The pods of a workload, sorted by what is known of them.
struct Sample {
    utilization: Utilization,
    measured: Sum,
    /// What the unready pods request.
    unready: Vec<i64>,
    /// What the missing pods request.
    missing: Vec<i64>,
    /// What the unready pods that serve already, but are young and of a new revision, use and request.
    new: Vec<(i64, i64)>,
    /// How many readings belong to no pod of the workload.
    strays: usize,
}

/// The pods that have been looked at for one metric, and those that are still to come.
struct Tally<'a> {
    metric: Metric,
    source: &'static str,
    measured: Sum,
    oldest: Option<Timestamp>,
    unready: Vec<i64>,
    missing: Vec<i64>,
    /// As in the sample, with the time of measurement.
    new: Vec<(i64, i64, Timestamp)>,
    /// What the last pod requests, and so do the other pods of its template.
    requested: Option<(&'a Arc<PodRequests>, i64)>,
    /// What is wrong with the first pod by name with which something is, so that the order of the pods changes nothing.
    first_fault: Option<(&'a str, MetricError)>,
}

impl<'a> Tally<'a> {
    fn begin(metric: Metric, survey: &Survey<'a>) -> Result<Self, MetricError> {
        if metric.is_of_gpus() && survey.serve_without_gpus() {
            return Err(MetricError::NoGpuRequests);
        }
        let source = match survey.observation.source(metric) {
            SourceState::Read { name } => *name,
            SourceState::Unavailable { error } => return Err(MetricError::SourceUnavailable(error.clone())),
        };
        let (measured, oldest, requested, first_fault) = (Sum::default(), None, None, None);
        let (unready, missing, new) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { metric, source, measured, oldest, unready, missing, new, requested, first_fault })
    }

    fn request(&mut self, rules: &ScalingRules, pod: &'a ObservedPod) -> Result<i64, MetricError> {
        let requests = &pod.pod.requests;
        match self.requested {
            Some((of_last, request)) if Arc::ptr_eq(of_last, requests) => Ok(request),
            _ => {
                let request = request(self.metric, rules, pod)?;
                self.requested = Some((requests, request));
                Ok(request)
            }
        }
    }

    fn add(&mut self, rules: &ScalingRules, look: &Look<'_, 'a>) {
        let (standing, pod) = (look.standing(self.metric), look.pod());
        // The HPA wants a request of every pod, also of those that it ignores otherwise.
        if matches!(standing, Standing::Ignored) && !rules.is_hpa() {
            return;
        }
        let request = match self.request(rules, pod) {
            Ok(request) => request,
            Err(fault) => {
                if self.first_fault.as_ref().is_none_or(|(name, _)| *pod.pod.name < **name) {
                    self.first_fault = Some((&pod.pod.name, fault));
                }
                return;
            }
        };
        match standing {
            Standing::Ignored => {}
            Standing::Unready(why) => match look.usage(self.metric).filter(|_| why == Unready::NewRevision) {
                Some((usage, measured_at)) => self.new.push((usage, request, measured_at)),
                None => self.unready.push(request),
            },
            Standing::Missing(_) => self.missing.push(request),
            Standing::Measured { usage, measured_at } => {
                self.measured.add(usage, request);
                self.oldest = Some(self.oldest.map_or(measured_at, |oldest| oldest.min(measured_at)));
            }
        }
    }

    fn finish(self, survey: &Survey) -> Result<Sample, MetricError> {
        let Survey { rules, observation, .. } = survey;
        let Self { metric, source, mut measured, mut oldest, unready, missing, mut new, first_fault, .. } = self;
        if let Some((_, fault)) = first_fault {
            return Err(fault);
        }
        if measured.pods == 0 {
            // No old pod is left to compare the new ones with: they are all that is known of the load.
            oldest = new.iter().map(|(_, _, measured_at)| *measured_at).min();
            new.drain(..).for_each(|(usage, request, _)| measured.add(usage, request));
        }
        let new: Vec<_> = new.into_iter().map(|(usage, request, _)| (usage, request)).collect();
        let coverage = Coverage { measured: measured.pods, unready: unready.len() + new.len(), missing: missing.len() };
        let pods = coverage.measured + coverage.unready + coverage.missing;
        let Some(measured_at) = oldest else {
            return Err(match pods {
                0 => MetricError::NoPods,
                _ => MetricError::NoReadings {
                    metric,
                    pods,
                    unready: coverage.unready,
                    missing: coverage.missing,
                    gap: first_gap(metric, observation),
                },
            });
        };
        let percent = if rules.is_hpa() { measured.percent_as_hpa() } else { measured.percent() };
        let percent = percent.ok_or(MetricError::ZeroRequests { metric })?;
        let utilization = Utilization { percent, source, measured_at, coverage };
        let strays = if rules.is_hpa() { strays(metric, rules, observation) } else { 0 };
        Ok(Sample { utilization, measured, unready, missing, new, strays })
    }
}

/// Why the first pod by name has no GPU reading.
fn first_gap(metric: Metric, observation: &Observation) -> Option<Arc<str>> {
    let gaps = observation.pods.iter().filter_map(|pod| Some((&pod.pod.name, pod.gpu_gap.as_ref()?)));
    gaps.filter(|_| metric.is_of_gpus()).min_by_key(|(name, _)| *name).map(|(_, gap)| gap.clone())
}

/// The readings of pods that the workload does not have, as far as they hold the metric. The HPA counts them among the
/// pods when it fills in what is missing.
fn strays(metric: Metric, rules: &ScalingRules, observation: &Observation) -> usize {
    if metric.is_of_gpus() {
        return 0;
    }
    let container = rules.container.as_deref();
    observation.strays.iter().filter(|usage| usage.total(metric, container).is_some()).count()
}

/// How many replicas does one metric want?
struct Question<'a> {
    target: TargetPercent,
    rules: &'a ScalingRules,
    current: u32,
}

impl Question<'_> {
    /// The current count as Kubernetes has it.
    fn current(&self) -> i32 {
        i32::try_from(self.current).unwrap_or(i32::MAX)
    }

    fn ratio(&self, percent: i32) -> f64 {
        f64::from(percent) / f64::from(self.target.get())
    }

    fn is_within_tolerance(&self, ratio: f64) -> bool {
        let tolerance = |direction| self.rules.policy(direction).tolerance.fraction();
        1.0 - tolerance(Direction::Down) <= ratio && ratio <= 1.0 + tolerance(Direction::Up)
    }

    /// What a pod of unknown use is taken for when the others propose to go down, in percent of its request: all of it,
    /// or the target where that is more.
    fn percent_down(&self) -> u32 {
        self.target.get().max(100)
    }

    /// The measured ratio, and where it proposes a change the ratio with what speaks most against it filled in.
    fn answer(&self, sample: &Sample) -> Proposal {
        let measured = self.ratio(sample.utilization.percent);
        let filled = if measured > 1.0 {
            self.with_capacity_on_its_way(sample)
        } else {
            self.with_missing_load(sample, measured)
        };
        let effective_percent = filled.percent().unwrap_or(sample.utilization.percent);
        let effective = self.ratio(effective_percent);
        let turned = (measured < 1.0 && effective > 1.0) || (measured > 1.0 && effective < 1.0);
        let replicas = if self.is_within_tolerance(effective) || turned {
            self.current()
        } else if effective > 1.0 {
            // Sized on the replicas: the surplus pods of a rolling update will be gone when the new ones come.
            whole_replicas(effective * f64::from(self.current)).max(self.current())
        } else {
            whole_replicas(effective * filled.pods as f64).min(self.current())
        };
        Proposal { target: self.target, effective_percent, replicas }
    }

    /// Every replica that was asked for and is not measured counts as idle: one that starts, one that nothing is known
    /// of, and one that does not exist yet. The young pods of a rollout count as no busier than the old ones are.
    fn with_capacity_on_its_way(&self, sample: &Sample) -> Sum {
        let old = sample.measured;
        let mut sum = old;
        for (usage, request) in &sample.new {
            let as_busy_as_old = i128::from(*request) * old.usage / old.requests.max(1);
            sum.add(as_busy_as_old.min(i128::from(*usage)), *request);
        }
        let room = (self.current as usize).saturating_sub(sum.pods);
        let mut waiting: Vec<i64> = sample.unready.iter().chain(&sample.missing).copied().collect();
        if waiting.len() > room {
            // During an update there can be more than will stay. The largest, so that the order changes nothing.
            waiting.sort_unstable_by(|one, other| other.cmp(one));
            waiting.truncate(room);
        }
        let absent = room - waiting.len();
        waiting.iter().for_each(|request| sum.add(0i64, *request));
        // Those that do not exist yet will request what the measured ones do on average.
        sum.requests += sample.measured.requests * absent as i128 / sample.measured.pods.max(1) as i128;
        sum
    }

    /// What speaks against going down: the pods of unknown use, and what the new pods of a rollout carry of the load.
    fn with_missing_load(&self, sample: &Sample, measured: f64) -> Sum {
        let mut sum = sample.measured;
        if measured < 1.0 {
            let percent = i128::from(self.percent_down());
            sample.missing.iter().for_each(|request| sum.add(i128::from(*request) * percent / 100, *request));
            sample.new.iter().for_each(|(usage, request)| sum.add(*usage, *request));
        }
        sum
    }

    /// `GetResourceReplicas` after the first ratio, in its own number types; `None` when the requests overflow to 0.
    fn as_hpa(&self, sample: &Sample) -> Option<Proposal> {
        let measured = self.ratio(sample.utilization.percent);
        let current = self.current();
        let is_filled_up = !sample.unready.is_empty() && measured > 1.0;
        let mut sum = sample.measured;
        if measured < 1.0 {
            let percent = i64::from(self.percent_down());
            sample.missing.iter().for_each(|request| sum.add(request.wrapping_mul(percent) / 100, *request));
        } else if measured > 1.0 {
            sample.missing.iter().for_each(|request| sum.add(0i64, *request));
        }
        if is_filled_up {
            sample.unready.iter().for_each(|request| sum.add(0i64, *request));
        }
        let effective_percent = sum.percent_as_hpa()?;
        let effective = self.ratio(effective_percent);
        let replicas = if self.is_within_tolerance(effective) {
            current
        } else if !is_filled_up && sample.missing.is_empty() {
            int32(measured * sample.measured.pods as f64)
        } else {
            let wanted = int32(effective * (sum.pods + sample.strays) as f64);
            let turned = (measured < 1.0 && effective > 1.0) || (measured > 1.0 && effective < 1.0);
            let is_against_the_load = (effective < 1.0 && wanted > current) || (effective > 1.0 && wanted < current);
            if turned || is_against_the_load { current } else { wanted }
        };
        Some(Proposal { target: self.target, effective_percent, replicas })
    }
}

/// Rounded up, as the HPA does, within the range of a replica count.
fn whole_replicas(replicas: f64) -> i32 {
    replicas.ceil().clamp(0.0, f64::from(i32::MAX)) as i32
}

/// Rounded up to an int32 as Go does it on amd64: what does not fit is the least one.
pub(super) fn int32(replicas: f64) -> i32 {
    let whole = replicas.ceil();
    if whole >= f64::from(i32::MIN) && whole <= f64::from(i32::MAX) { whole as i32 } else { i32::MIN }
}

/// What a pod requests of the metric (`calculateRequests`).
pub fn request(metric: Metric, rules: &ScalingRules, pod: &ObservedPod) -> Result<i64, MetricError> {
    let (name, requests) = (&pod.pod.name, &pod.pod.requests);
    if metric.is_of_gpus() {
        return Ok(i64::from(requests.gpus) * WHOLE_GPU);
    }
    let wanted = rules.container.as_deref();
    if let (None, Some(pod_level)) = (wanted, &requests.pod_level) {
        let request = pod_level.get(metric).and_then(|amount| counted(rules, amount));
        return request.ok_or_else(|| MetricError::MissingPodRequest { metric, pod: name.clone() });
    }
    let mut sum = 0i64;
    let mut is_found = false;
    for container in &requests.containers {
        if wanted.is_some_and(|wanted| *wanted != *container.name) {
            continue;
        }
        is_found = true;
        let request = container.resources.get(metric).and_then(|amount| counted(rules, amount));
        let request = request.ok_or_else(|| MetricError::MissingRequest {
            metric,
            pod: name.clone(),
            container: container.name.clone(),
        })?;
        sum = if rules.is_hpa() { sum.wrapping_add(request) } else { sum.saturating_add(request) };
    }
    match wanted {
        Some(container) if !is_found => {
            Err(MetricError::ContainerNotFound { pod: name.clone(), container: container.to_owned() })
        }
        _ => Ok(sum),
    }
}

#[cfg(test)]
mod tests;
