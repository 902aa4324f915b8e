//! What is wanted, as an object says it: the API's definition without the namespace, which is the object's own, and with
//! whether the autoscaler is paused.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::adapters::kubernetes::error::LONGEST;
use crate::domain::autoscaler::{Metric, RatePolicy, ScalingPolicy, ScalingRules, WarmUp, WorkloadKind, WorkloadRef};
use crate::domain::validation::{RawAutoscaler, RawPolicy, RawRatePolicy, RawWarmUp, validate};
use crate::plain_text::shortened;
use crate::ports::store::Wanted;

/// A manifest names its kind as Kubernetes writes it: only the API looks a kind up or takes any case.
pub(super) const KIND_RULE: &str = "workload_type must be one of Deployment, StatefulSet, ReplicaSet";

/// What is wanted of an autoscaler. What is absent has its default.
#[derive(CustomResource, JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "ai-storage.io",
    version = "v1alpha1",
    kind = "WorkloadAutoscaler",
    namespaced,
    shortname = "wa",
    status = "super::status::WorkloadAutoscalerStatus",
    doc = "Keeps the replicas of one workload of its namespace where its use of CPU, memory and GPUs is as wanted.",
    printcolumn = r#"{"name": "Kind", "type": "string", "jsonPath": ".spec.workload_type"}"#,
    printcolumn = r#"{"name": "Workload", "type": "string", "jsonPath": ".spec.workload_name"}"#,
    printcolumn = r#"{"name": "Min", "type": "integer", "jsonPath": ".spec.min_replicas"}"#,
    printcolumn = r#"{"name": "Max", "type": "integer", "jsonPath": ".spec.max_replicas"}"#,
    printcolumn = r#"{"name": "Current", "type": "integer", "jsonPath": ".status.currentReplicas"}"#,
    printcolumn = r#"{"name": "Desired", "type": "integer", "jsonPath": ".status.desiredReplicas"}"#,
    printcolumn = r#"{"name": "CPU", "type": "string", "jsonPath": ".status.cpu"}"#,
    printcolumn = r#"{"name": "Memory", "type": "string", "jsonPath": ".status.memory"}"#,
    printcolumn = r#"{"name": "GPU", "type": "string", "jsonPath": ".status.gpu"}"#,
    printcolumn = r#"{"name": "Status", "type": "string", "jsonPath": ".status.status"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name": "Ups", "type": "integer", "jsonPath": ".status.scaleUpCount", "priority": 1}"#,
    printcolumn = r#"{"name": "Downs", "type": "integer", "jsonPath": ".status.scaleDownCount", "priority": 1}"#,
    printcolumn = r#"{"name": "Last scale", "type": "date", "jsonPath": ".status.lastScale.time", "priority": 1}"#,
    printcolumn = r#"{"name": "ID", "type": "string", "jsonPath": ".metadata.labels.ai-storage\\.io/autoscaling-id", "priority": 1}"#
)]
#[serde(default)]
pub(crate) struct WorkloadAutoscalerSpec {
    /// The workload's name; it cannot be changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) workload_name: Option<String>,
    /// Deployment, StatefulSet or ReplicaSet; it cannot be changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) workload_type: Option<String>,
    /// The least number of replicas, at least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) min_replicas: Option<i32>,
    /// The greatest number of replicas, at least min_replicas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_replicas: Option<i32>,
    /// The wanted use of the requested CPU in percent, up to 100; 0 is no target. At least one metric needs a target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) target_cpu_percent: Option<i32>,
    /// The wanted use of the requested memory in percent, up to 100; 0 is no target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) target_memory_percent: Option<i32>,
    /// The wanted utilisation of the GPUs in percent, up to 100; 0 is no target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) target_gpu_percent: Option<i32>,
    /// The wanted use of the GPUs' memory in percent, up to 100; 0 is no target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) target_gpu_memory_percent: Option<i32>,
    /// How fast replicas may be added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scale_up_policy: Option<Policy>,
    /// How fast replicas may be removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scale_down_policy: Option<Policy>,
    /// The time from one evaluation to the next, up to 3600 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) interval_seconds: Option<i32>,
    /// active, or observe: decide and record, but never scale.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mode: Option<String>,
    /// default, or hpa: decide exactly as a HorizontalPodAutoscaler.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) compatibility: Option<String>,
    /// The container whose CPU and memory count; all when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) container_name: Option<String>,
    /// How long a starting pod's CPU and GPU say more about its start than about its load.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) warm_up: Option<WarmUpSpec>,
    /// respect, or ignore: ask for more replicas than the nodes have GPUs for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) capacity: Option<String>,
    /// yield, or insist: go on although somebody else reverses the changes again and again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) on_conflict: Option<String>,
    /// Whether nothing is evaluated and scaled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) paused: Option<bool>,
}

/// How fast the count may change in one direction.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(default)]
pub(super) struct Policy {
    /// How long recommendations have to agree, up to 3600 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    stabilization_window_seconds: Option<i32>,
    /// Replicas that one operation may add or remove; 0 is no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_scale_change: Option<i32>,
    /// The deviation from the target that changes nothing.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "plain")]
    tolerance_percent: Option<f64>,
    /// default, or hpa: take the least recommendation of a scale-up window.
    #[serde(skip_serializing_if = "Option::is_none")]
    stabilization: Option<String>,
    /// Rate limits; none is no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    policies: Option<Vec<RateLimit>>,
    /// Which of the rate limits counts: Max, Min, or Disabled, which switches the direction off.
    #[serde(skip_serializing_if = "Option::is_none")]
    select_policy: Option<String>,
}

/// How much may change within a period.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(default)]
struct RateLimit {
    /// Pods or Percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<String>,
    /// How much, at least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<i32>,
    /// The period, 1 to 1800 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    period_seconds: Option<i32>,
}

/// How long a starting pod's CPU and GPU say more about its start than about its load.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(default)]
pub(super) struct WarmUpSpec {
    /// A pod this young counts only when it was ready for a whole metric window.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "plain")]
    cpu_initialization_seconds: Option<f64>,
    /// A pod that became unready within this time of its start has never been ready.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "plain")]
    readiness_delay_seconds: Option<f64>,
}

/// Writes a number without a fraction when it has none: the two are one value to the API server, but not to a comparison.
fn plain<S: Serializer>(number: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    /// Up to here every whole number is a float of its own.
    const EXACT: f64 = (1_u64 << 53) as f64;
    match number {
        Some(number) if number.fract() == 0.0 && number.abs() <= EXACT => serializer.serialize_i64(*number as i64),
        Some(number) => serializer.serialize_f64(*number),
        None => serializer.serialize_none(),
    }
}

/// A number that fits an int32, as every valid one does.
fn int32<T: TryInto<i32>>(number: T) -> i32 {
    number.try_into().unwrap_or(i32::MAX)
}

impl WorkloadAutoscalerSpec {
    /// The definition with every default written out.
    pub(super) fn new(workload: &WorkloadRef, rules: &ScalingRules, paused: bool) -> Self {
        let target = |metric| rules.targets.get(metric).map(|target| int32(target.get()));
        Self {
            workload_name: Some(workload.name.clone()),
            workload_type: Some(workload.kind.as_str().to_owned()),
            min_replicas: Some(int32(rules.bounds.min())),
            max_replicas: Some(int32(rules.bounds.max())),
            target_cpu_percent: target(Metric::Cpu),
            target_memory_percent: target(Metric::Memory),
            target_gpu_percent: target(Metric::Gpu),
            target_gpu_memory_percent: target(Metric::GpuMemory),
            scale_up_policy: Some((&rules.scale_up).into()),
            scale_down_policy: Some((&rules.scale_down).into()),
            interval_seconds: Some(int32(rules.interval.length().as_secs())),
            mode: Some(rules.mode.as_str().to_owned()),
            compatibility: Some(rules.compatibility.as_str().to_owned()),
            container_name: rules.container.as_deref().map(str::to_owned),
            warm_up: Some((&rules.warm_up).into()),
            capacity: Some(rules.capacity.as_str().to_owned()),
            on_conflict: Some(rules.on_conflict.as_str().to_owned()),
            paused: Some(paused),
        }
    }

    /// What it asks for in this namespace; otherwise every fault in the API's sentences.
    pub(super) fn wanted(self, namespace: &str) -> Result<Wanted, String> {
        let paused = self.paused.unwrap_or_default();
        let (mut raw, mut faults) = (self.raw(namespace), Vec::new());
        let named = raw.workload_type.as_deref();
        let kind = WorkloadKind::ALL.into_iter().find(|kind| Some(kind.as_str()) == named);
        if kind.is_none() && named.is_some_and(|named| !named.is_empty()) {
            faults.push(KIND_RULE.to_owned());
            // The fault is named: the domain, which allows more, need not look for another.
            raw.workload_type = Some(WorkloadKind::Deployment.as_str().to_owned());
        }
        let requested = match validate(&raw) {
            Ok(requested) => Some(requested),
            Err(errors) => {
                faults.push(errors.to_string());
                None
            }
        };
        match (requested, kind) {
            (Some(requested), Some(kind)) if faults.is_empty() => {
                let workload = WorkloadRef { kind, namespace: requested.namespace, name: requested.name };
                Ok(Wanted { workload, rules: requested.rules, paused })
            }
            _ => Err(faults.join("; ")),
        }
    }

    fn raw(self, namespace: &str) -> RawAutoscaler {
        RawAutoscaler {
            workload_name: self.workload_name,
            workload_namespace: Some(namespace.to_owned()),
            workload_type: self.workload_type,
            min_replicas: self.min_replicas,
            max_replicas: self.max_replicas,
            target_cpu_percent: self.target_cpu_percent,
            target_memory_percent: self.target_memory_percent,
            target_gpu_percent: self.target_gpu_percent,
            target_gpu_memory_percent: self.target_gpu_memory_percent,
            scale_up_policy: self.scale_up_policy.map(RawPolicy::from),
            scale_down_policy: self.scale_down_policy.map(RawPolicy::from),
            interval_seconds: self.interval_seconds.map(f64::from),
            mode: self.mode,
            compatibility: self.compatibility,
            container_name: self.container_name,
            warm_up: self.warm_up.map(|warm_up| RawWarmUp {
                cpu_initialization_seconds: warm_up.cpu_initialization_seconds,
                readiness_delay_seconds: warm_up.readiness_delay_seconds,
            }),
            capacity: self.capacity,
            on_conflict: self.on_conflict,
        }
    }
}

/// A complete definition as JSON.
pub(super) fn definition(wanted: &Wanted) -> Value {
    let spec = WorkloadAutoscalerSpec::new(&wanted.workload, &wanted.rules, wanted.paused);
    // Plain strings, numbers, lists and objects: it has a JSON form.
    serde_json::to_value(spec).unwrap_or_default()
}

/// What a definition asks for; otherwise why it is none.
pub(super) fn wanted(definition: Value, namespace: &str) -> Result<Wanted, String> {
    let spec: WorkloadAutoscalerSpec = serde_path_to_error::deserialize(definition)
        .map_err(|error| shortened(format!("spec.{}: {}", error.path(), error.inner()), LONGEST))?;
    spec.wanted(namespace)
}

impl From<&ScalingPolicy> for Policy {
    fn from(policy: &ScalingPolicy) -> Self {
        let policies: Vec<_> = policy.policies.iter().map(RateLimit::from).collect();
        Self {
            stabilization_window_seconds: Some(int32(policy.window.length().as_secs())),
            max_scale_change: Some(policy.max_scale_change.map_or(0, |change| int32(change.get()))),
            tolerance_percent: Some(policy.tolerance.get()),
            stabilization: Some(policy.stabilization.as_str().to_owned()),
            policies: (!policies.is_empty()).then_some(policies),
            select_policy: Some(policy.select_policy.as_str().to_owned()),
        }
    }
}

impl From<Policy> for RawPolicy {
    fn from(policy: Policy) -> Self {
        Self {
            stabilization_window_seconds: policy.stabilization_window_seconds.map(f64::from),
            max_scale_change: policy.max_scale_change,
            tolerance_percent: policy.tolerance_percent,
            stabilization: policy.stabilization,
            policies: policy.policies.map(|policies| policies.into_iter().map(RawRatePolicy::from).collect()),
            select_policy: policy.select_policy,
        }
    }
}

impl From<&RatePolicy> for RateLimit {
    fn from(policy: &RatePolicy) -> Self {
        Self {
            r#type: Some(policy.unit.as_str().to_owned()),
            value: Some(int32(policy.value.get())),
            period_seconds: Some(int32(policy.period().as_secs())),
        }
    }
}

impl From<RateLimit> for RawRatePolicy {
    fn from(limit: RateLimit) -> Self {
        Self { kind: limit.r#type, value: limit.value, period_seconds: limit.period_seconds.map(f64::from) }
    }
}

impl From<&WarmUp> for WarmUpSpec {
    fn from(warm_up: &WarmUp) -> Self {
        Self {
            cpu_initialization_seconds: Some(warm_up.cpu_initialization.as_secs_f64()),
            readiness_delay_seconds: Some(warm_up.readiness_delay.as_secs_f64()),
        }
    }
}
