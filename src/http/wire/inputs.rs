//! What a decision looked at: each pod with its standing, and what was measured of it.

use serde::Serialize;
use serde_json::Number;
use utoipa::ToSchema;

use super::device::AgedReadingBody;
use super::scalar::{age, phase_name, quantity, seconds};
use crate::domain::autoscaler::{Compatibility, Metric, Mode, ScalingRules};
use crate::domain::decision::Decision;
use crate::domain::observation::{ObservedPod, PodPhase, PodUsage};
use crate::domain::standing::{Look, Standing, Survey, WHOLE_GPU};
use crate::domain::utilization::request;

/// What a decision looked at. Amounts are Kubernetes quantities: cores, bytes and GPUs.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = Inputs)]
pub struct InputsBody {
    /// Older readings are unknown.
    #[schema(required, value_type = Option<f64>, minimum = 0)]
    max_age_seconds: Option<Number>,
    #[schema(required, value_type = Option<Compatibility>)]
    compatibility: Option<&'static str>,
    #[schema(required, value_type = Option<Mode>)]
    mode: Option<&'static str>,
    /// The revision that the pods are to have.
    #[schema(required)]
    revision: Option<String>,
    /// Readings of pods that the workload does not have.
    strays: usize,
    pods: Vec<PodBody>,
}

/// A pod as it was looked at.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Pod)]
struct PodBody {
    name: String,
    #[schema(value_type = PodPhase)]
    phase: &'static str,
    #[schema(required)]
    revision: Option<String>,
    terminating: bool,
    #[schema(required)]
    node: Option<String>,
    /// Why the scheduler finds no node for it.
    #[schema(required)]
    unschedulable: Option<String>,
    cpu: StandingBody,
    memory: StandingBody,
    gpu: StandingBody,
    gpu_memory: StandingBody,
    /// Of CPU and memory; negative for a reading from a time to come.
    #[schema(required, value_type = Option<f64>)]
    usage_age_seconds: Option<Number>,
    /// Over which time CPU and memory were measured.
    #[schema(required, value_type = Option<f64>, minimum = 0)]
    window_seconds: Option<Number>,
    devices: Vec<AgedReadingBody>,
    /// Why nothing, or nothing new, is known of its GPUs.
    #[schema(required)]
    gpu_error: Option<String>,
}

/// What a pod contributes to a metric.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Contribution)]
struct StandingBody {
    #[schema(value_type = Standing)]
    state: &'static str,
    /// Why it is unready or missing.
    #[schema(required)]
    why: Option<&'static str>,
    /// What was measured, whether it counts or not.
    #[schema(required, pattern = "^-?[0-9]+[mu]?$")]
    usage: Option<String>,
    #[schema(required, pattern = "^-?[0-9]+[mu]?$")]
    request: Option<String>,
}

impl InputsBody {
    /// What `decision` looked at.
    pub fn new(decision: &Decision) -> Self {
        let Decision { rules, observation, .. } = decision;
        let survey = Survey::new(rules, observation);
        Self {
            max_age_seconds: Some(seconds(observation.max_age)),
            compatibility: Some(rules.compatibility.as_str()),
            mode: Some(rules.mode.as_str()),
            revision: observation.revision.as_deref().map(str::to_owned),
            strays: observation.strays.len(),
            pods: observation.pods.iter().map(|pod| PodBody::new(&survey, pod)).collect(),
        }
    }
}

impl InputsBody {
    /// Nothing was done because the mode is to observe.
    pub fn observed(&mut self) {
        self.mode = Some(Mode::Observe.as_str());
    }
}

impl PodBody {
    fn new(survey: &Survey, observed: &ObservedPod) -> Self {
        let now = survey.observation.at;
        let ObservedPod { pod, usage, gpus, gpu_gap } = observed;
        let look = survey.look(observed);
        let standing = |metric| StandingBody::new(metric, survey.rules, &look);
        Self {
            name: pod.name.clone(),
            phase: phase_name(pod.phase),
            revision: pod.revision.as_deref().map(str::to_owned),
            terminating: pod.terminating,
            node: pod.node.as_deref().map(str::to_owned),
            unschedulable: pod.unschedulable.as_deref().map(str::to_owned),
            cpu: standing(Metric::Cpu),
            memory: standing(Metric::Memory),
            gpu: standing(Metric::Gpu),
            gpu_memory: standing(Metric::GpuMemory),
            usage_age_seconds: usage.as_ref().map(|usage| age(now, usage.measured_at)),
            window_seconds: usage.as_ref().map(|usage| seconds(usage.window)),
            devices: gpus
                .iter()
                .flat_map(|gpus| &gpus.devices)
                .map(|device| AgedReadingBody::new(device, now))
                .collect(),
            gpu_error: gpu_gap.as_deref().map(str::to_owned),
        }
    }
}

impl StandingBody {
    fn new(metric: Metric, rules: &ScalingRules, look: &Look) -> Self {
        let (observed, standing) = (look.pod(), look.standing(metric));
        let usage = match standing {
            Standing::Measured { usage, .. } => Some(usage.into()),
            _ => observed.usage.as_deref().and_then(|usage| measured(metric, rules, usage)),
        };
        let requested = request(metric, rules, observed).ok().filter(|_| is_requested(metric, observed));
        Self {
            state: standing.as_str(),
            why: standing.why(),
            usage: usage.map(|usage| quantity(usage * millionths(metric))),
            request: requested.map(|request| quantity(i128::from(request) * millionths(metric))),
        }
    }
}

/// What the domain's unit is in millionths of the metric's.
fn millionths(metric: Metric) -> i128 {
    match metric {
        Metric::Cpu | Metric::Memory => 1_000,
        Metric::Gpu | Metric::GpuMemory => 1_000_000 / i128::from(WHOLE_GPU),
    }
}

fn is_requested(metric: Metric, observed: &ObservedPod) -> bool {
    !metric.is_of_gpus() || observed.pod.requests.gpus > 0
}

/// The sum of what was measured in a pod that does not count; `None` when a part of it is not known or cannot be.
fn measured(metric: Metric, rules: &ScalingRules, usage: &PodUsage) -> Option<i128> {
    usage.total(metric, rules.container.as_deref())?.map(|amount| amount.thousandths().map(i128::from)).sum()
}
