//! What an object says of its autoscaler: for people, and for the service when it starts again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::state::StateStatus;
use super::time::{text, time};
use crate::domain::Timestamp;
use crate::domain::autoscaler::{Metric, TargetPercent};
use crate::domain::cause::{Cause, ScaleAction};
use crate::domain::condition::{Condition, ConditionKind};
use crate::domain::decision::Outcome;
use crate::domain::reason::Reason;
use crate::domain::saved::{LastDecision, SavedStatus, Shown, ShownMetric};
use crate::domain::status::Status;

/// So many bytes of a text for people are kept, so that no object grows without bound.
const LONGEST_TEXT: usize = 1024;

/// What a metric shows while it is unknown.
const UNKNOWN: &str = "<unknown>";

/// What is so. It is written by the service alone. Absent parts are written as null, which a merge patch removes.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WorkloadAutoscalerStatus {
    /// The generation of the spec that it follows.
    observed_generation: i64,
    /// active, inactive or failed.
    status: String,
    /// Why it failed.
    failure: Option<String>,
    /// The workload's replicas.
    current_replicas: u32,
    /// Where the last decision wanted to go.
    desired_replicas: u32,
    /// Measured and wanted use of the requested CPU.
    cpu: Option<String>,
    /// Measured and wanted use of the requested memory.
    memory: Option<String>,
    /// Measured and wanted utilisation of the GPUs.
    gpu: Option<String>,
    /// Measured and wanted use of the GPUs' memory.
    gpu_memory: Option<String>,
    /// The conditions of a HorizontalPodAutoscaler.
    conditions: Vec<ConditionStatus>,
    /// How often it scaled up.
    scale_up_count: u64,
    /// How often it scaled down.
    scale_down_count: u64,
    /// How it last scaled its workload.
    last_scale: Option<LastScale>,
    /// What it decided last.
    last_decision: Option<Decided>,
    /// What the service goes on from when it starts again.
    state: StateStatus,
}

/// A condition as everywhere in Kubernetes.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
struct ConditionStatus {
    /// AbleToScale, ScalingActive or ScalingLimited.
    r#type: String,
    /// True or False.
    status: String,
    /// Why, in a word.
    reason: String,
    /// Why, as a sentence.
    message: String,
    /// Since when it has been so.
    last_transition_time: String,
    /// The generation of the spec that it follows.
    observed_generation: i64,
}

/// A change of replicas.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
struct LastScale {
    /// When it happened.
    time: String,
    /// The replicas before.
    from: u32,
    /// The replicas after.
    to: u32,
    /// What decided.
    cause: Option<CauseStatus>,
}

/// What decided a change: a metric, or a bound.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
struct CauseStatus {
    /// cpu, memory, gpu or gpu_memory.
    metric: Option<String>,
    /// Its utilisation in percent.
    percent: Option<i32>,
    /// The wanted utilisation in percent.
    target: Option<i32>,
    /// Whether the utilisation was made up.
    simulated: Option<bool>,
    /// The workload had fewer replicas than this.
    below_min: Option<u32>,
    /// The workload had more replicas than this.
    above_max: Option<u32>,
}

/// A decision in short.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
struct Decided {
    /// When it was made.
    time: String,
    /// scale_up, scale_down, no_change, held, observed or failed.
    outcome: String,
    /// The reason that decided.
    reason: String,
    /// The whole as a sentence.
    message: String,
}

/// A status as JSON.
pub(in super::super) fn written(saved: &SavedStatus) -> Value {
    // Plain strings, numbers, lists and objects: it has a JSON form.
    serde_json::to_value(WorkloadAutoscalerStatus::new(saved)).unwrap_or_default()
}

/// What a status says; `None` when it makes no sense.
pub(super) fn saved(written: Value) -> Option<SavedStatus> {
    serde_json::from_value::<WorkloadAutoscalerStatus>(written).ok()?.saved()
}

/// The one of `all` that has this name.
pub(super) fn named<T: Copy>(all: &[T], name: fn(T) -> &'static str, text: &str) -> Option<T> {
    all.iter().copied().find(|value| name(*value) == text)
}

/// What comes of `read`, provided that it makes sense where there is something to read.
pub(super) fn optional<T, U>(part: Option<T>, read: impl FnOnce(T) -> Option<U>) -> Option<Option<U>> {
    match part {
        Some(part) => read(part).map(Some),
        None => Some(None),
    }
}

/// As much of a text as is kept.
pub(super) fn shortened(text: &str) -> String {
    let end = (0..=LONGEST_TEXT.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text[..end.unwrap_or_default()].to_owned()
}

impl WorkloadAutoscalerStatus {
    fn new(saved: &SavedStatus) -> Self {
        let (shown, observed_generation) = (&saved.shown, saved.observed_generation);
        let metric = |metric| shown.metrics.iter().find(|shown| shown.metric == metric).map(utilization);
        let condition = |(condition, since): &(Condition, Timestamp)| ConditionStatus {
            r#type: condition.kind.as_str().to_owned(),
            status: if condition.holds { "True" } else { "False" }.to_owned(),
            reason: condition.reason.as_str().to_owned(),
            message: shortened(&condition.message),
            last_transition_time: text(*since),
            observed_generation,
        };
        Self {
            observed_generation,
            status: shown.status.as_str().to_owned(),
            failure: shown.failure.as_deref().map(shortened),
            current_replicas: shown.current_replicas,
            desired_replicas: shown.desired_replicas,
            cpu: metric(Metric::Cpu),
            memory: metric(Metric::Memory),
            gpu: metric(Metric::Gpu),
            gpu_memory: metric(Metric::GpuMemory),
            conditions: shown.conditions.iter().map(condition).collect(),
            scale_up_count: shown.scale_up_count,
            scale_down_count: shown.scale_down_count,
            last_scale: shown.last_action.as_ref().map(LastScale::from),
            last_decision: shown.last_decision.as_ref().map(Decided::from),
            state: StateStatus::from(&saved.memory),
        }
    }

    fn saved(self) -> Option<SavedStatus> {
        let metrics = [self.cpu, self.memory, self.gpu, self.gpu_memory];
        let metrics = Metric::ALL.into_iter().zip(metrics);
        let metrics = metrics.filter_map(|(metric, text)| text.map(|text| shown_metric(metric, &text)));
        let shown = Shown {
            status: named(&Status::ALL, Status::as_str, &self.status)?,
            failure: self.failure,
            current_replicas: self.current_replicas,
            desired_replicas: self.desired_replicas,
            metrics: metrics.collect::<Option<_>>()?,
            conditions: self.conditions.into_iter().map(ConditionStatus::condition).collect::<Option<_>>()?,
            scale_up_count: self.scale_up_count,
            scale_down_count: self.scale_down_count,
            last_action: optional(self.last_scale, LastScale::action)?,
            last_decision: optional(self.last_decision, Decided::decision)?,
        };
        Some(SavedStatus { observed_generation: self.observed_generation, shown, memory: self.state.memory()? })
    }
}

/// A metric as `kubectl get` shows it.
fn utilization(shown: &ShownMetric) -> String {
    let percent = shown.percent.map_or_else(|| UNKNOWN.to_owned(), |percent| format!("{percent}%"));
    format!("{percent}/{}%", shown.target.get())
}

fn shown_metric(metric: Metric, text: &str) -> Option<ShownMetric> {
    let (percent, target) = text.split_once('/')?;
    let target = TargetPercent::unbounded(target.strip_suffix('%')?.parse().ok()?)?;
    let percent = match percent {
        UNKNOWN => None,
        percent => Some(percent.strip_suffix('%')?.parse().ok()?),
    };
    Some(ShownMetric { metric, target, percent })
}

impl ConditionStatus {
    fn condition(self) -> Option<(Condition, Timestamp)> {
        let kind = named(&ConditionKind::ALL, ConditionKind::as_str, &self.r#type)?;
        let reason = named(&Reason::ALL, Reason::as_str, &self.reason)?;
        let holds = match &*self.status {
            "True" => true,
            "False" => false,
            _ => return None,
        };
        Some((Condition::new(kind, holds, reason, self.message), time(&self.last_transition_time)?))
    }
}

impl From<&ScaleAction> for LastScale {
    fn from(action: &ScaleAction) -> Self {
        let cause = action.cause.as_ref().map(CauseStatus::from);
        Self { time: text(action.at), from: action.from, to: action.to, cause }
    }
}

impl LastScale {
    fn action(self) -> Option<ScaleAction> {
        let cause = optional(self.cause, CauseStatus::cause)?;
        Some(ScaleAction { at: time(&self.time)?, from: self.from, to: self.to, cause })
    }
}

impl From<&Cause> for CauseStatus {
    fn from(cause: &Cause) -> Self {
        match *cause {
            Cause::Metric { metric, percent, target, simulated } => Self {
                metric: Some(metric.as_str().to_owned()),
                percent: Some(percent),
                target: i32::try_from(target.get()).ok(),
                simulated: Some(simulated),
                ..Self::default()
            },
            Cause::BelowMin(min) => Self { below_min: Some(min), ..Self::default() },
            Cause::AboveMax(max) => Self { above_max: Some(max), ..Self::default() },
        }
    }
}

impl CauseStatus {
    fn cause(self) -> Option<Cause> {
        Some(match (self.metric, self.below_min, self.above_max) {
            (Some(metric), None, None) => Cause::Metric {
                metric: named(&Metric::ALL, Metric::as_str, &metric)?,
                percent: self.percent?,
                target: TargetPercent::unbounded(self.target?)?,
                simulated: self.simulated?,
            },
            (None, Some(min), None) => Cause::BelowMin(min),
            (None, None, Some(max)) => Cause::AboveMax(max),
            _ => return None,
        })
    }
}

impl From<&LastDecision> for Decided {
    fn from(decision: &LastDecision) -> Self {
        Self {
            time: text(decision.at),
            outcome: decision.outcome.as_str().to_owned(),
            reason: decision.reason.as_str().to_owned(),
            message: shortened(&decision.message),
        }
    }
}

impl Decided {
    fn decision(self) -> Option<LastDecision> {
        Some(LastDecision {
            at: time(&self.time)?,
            outcome: named(&Outcome::ALL, Outcome::as_str, &self.outcome)?,
            reason: named(&Reason::ALL, Reason::as_str, &self.reason)?,
            message: self.message,
        })
    }
}
