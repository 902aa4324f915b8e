//! An autoscaler's definition: the create request, and the same written out in full.

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use utoipa::ToSchema;

pub use self::schema::{NewAutoscaler, what_if_spec};
use self::schema::{SpanSchema, interval, period, window, workload_type};
use super::scalar::{number, seconds};
use crate::domain::autoscaler::{
    CapacityRule, Compatibility, Metric, Mode, OnConflict, RatePolicy, RateUnit, RequestedAutoscaler, ScalingPolicy,
    ScalingRules, SelectPolicy, Stabilization, WarmUp, WorkloadKind, WorkloadRef,
};
use crate::domain::validation::{RawAutoscaler, RawPolicy, RawRatePolicy, RawWarmUp, ValidationErrors, validate};
use crate::http::json::{MalformedJson, Object, read_value};

mod schema;

/// `POST /autoscaling`: the request. Everything is optional here, so that one answer can name all that is missing.
/// Seconds are int32, and in a what-if any number.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, bound = "Seconds: Deserialize<'de>")]
#[schema(
    as = Definition,
    bound = "Seconds: SpanSchema + ToSchema",
    description = "What is wanted of an autoscaler. What is absent or null has its default; in a patch, what is absent stays as it is."
)]
pub struct CreateRequest<Seconds = i32> {
    #[schema(
        pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        max_length = 253,
        example = "web-frontend"
    )]
    workload_name: Option<String>,
    #[schema(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length = 63, example = "production")]
    workload_namespace: Option<String>,
    /// `Deployment`, `StatefulSet` or `ReplicaSet` in any case, or `auto`: looked up by name.
    #[schema(schema_with = workload_type)]
    workload_type: Option<String>,
    #[schema(minimum = 1, example = 2)]
    min_replicas: Option<i32>,
    /// At least `min_replicas`.
    #[schema(minimum = 1, example = 10)]
    max_replicas: Option<i32>,
    /// 0 is no target, as for the next three; at least one metric needs one.
    #[schema(minimum = 0, maximum = 100, example = 70)]
    target_cpu_percent: Option<i32>,
    #[schema(minimum = 0, maximum = 100)]
    target_memory_percent: Option<i32>,
    #[schema(minimum = 0, maximum = 100)]
    target_gpu_percent: Option<i32>,
    #[schema(minimum = 0, maximum = 100)]
    target_gpu_memory_percent: Option<i32>,
    #[schema(value_type = Option<Policy<Seconds>>)]
    scale_up_policy: Option<Object<Policy<Seconds>>>,
    #[schema(value_type = Option<Policy<Seconds>>)]
    scale_down_policy: Option<Object<Policy<Seconds>>>,
    #[schema(schema_with = interval::<Seconds>)]
    interval_seconds: Option<Seconds>,
    #[schema(value_type = Option<Mode>)]
    mode: Option<String>,
    #[schema(value_type = Option<Compatibility>)]
    compatibility: Option<String>,
    /// The container whose CPU and memory count; all when absent.
    #[schema(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length = 63)]
    container_name: Option<String>,
    #[schema(value_type = Option<WarmUpRequest>)]
    warm_up: Option<Object<WarmUpRequest>>,
    #[schema(value_type = Option<CapacityRule>)]
    capacity: Option<String>,
    #[schema(value_type = Option<OnConflict>)]
    on_conflict: Option<String>,
}

/// How fast the count may change in one direction.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, bound = "Seconds: Deserialize<'de>")]
#[schema(bound = "Seconds: SpanSchema + ToSchema")]
struct Policy<Seconds> {
    #[schema(schema_with = window::<Seconds>)]
    stabilization_window_seconds: Option<Seconds>,
    /// Replicas that one operation may add or remove; 0 or absent is no limit.
    #[schema(minimum = 0)]
    max_scale_change: Option<i32>,
    /// The deviation from the target that changes nothing; 10 when absent.
    #[schema(minimum = 0)]
    tolerance_percent: Option<f64>,
    #[schema(value_type = Option<Stabilization>)]
    stabilization: Option<String>,
    /// Rate limits; none is no limit.
    #[schema(value_type = Option<Vec<RatePolicyRequest<Seconds>>>, max_items = 16)]
    policies: Option<Vec<Object<RatePolicyRequest<Seconds>>>>,
    #[schema(value_type = Option<SelectPolicy>)]
    select_policy: Option<String>,
}

/// How much may change within a period.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RateLimit, bound = "Seconds: SpanSchema + ToSchema")]
struct RatePolicyRequest<Seconds> {
    #[schema(value_type = RateUnit, required)]
    r#type: Option<String>,
    #[schema(value_type = i32, required, minimum = 1)]
    value: Option<i32>,
    #[schema(schema_with = period::<Seconds>, required)]
    period_seconds: Option<Seconds>,
}

/// How long a starting pod's CPU and GPU say more about its start than about its load.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WarmUp)]
struct WarmUpRequest {
    /// 300 when absent.
    #[schema(minimum = 0)]
    cpu_initialization_seconds: Option<f64>,
    /// 30 when absent.
    #[schema(minimum = 0)]
    readiness_delay_seconds: Option<f64>,
}

/// Why a create request is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRequest {
    /// It has the wrong form.
    #[error(transparent)]
    Malformed(#[from] MalformedJson),
    /// A value is not allowed.
    #[error(transparent)]
    Rules(#[from] ValidationErrors),
}

/// The autoscaler that a create request's body asks for.
pub fn requested_autoscaler(body: Value) -> Result<RequestedAutoscaler, InvalidRequest> {
    let request: CreateRequest = read_value(body)?;
    Ok(validate(&request.into())?)
}

impl<Seconds: Into<f64>> From<CreateRequest<Seconds>> for RawAutoscaler {
    fn from(request: CreateRequest<Seconds>) -> Self {
        Self {
            workload_name: request.workload_name,
            workload_namespace: request.workload_namespace,
            workload_type: request.workload_type,
            min_replicas: request.min_replicas,
            max_replicas: request.max_replicas,
            target_cpu_percent: request.target_cpu_percent,
            target_memory_percent: request.target_memory_percent,
            target_gpu_percent: request.target_gpu_percent,
            target_gpu_memory_percent: request.target_gpu_memory_percent,
            scale_up_policy: request.scale_up_policy.map(|Object(policy)| policy.into()),
            scale_down_policy: request.scale_down_policy.map(|Object(policy)| policy.into()),
            interval_seconds: request.interval_seconds.map(Into::into),
            mode: request.mode,
            compatibility: request.compatibility,
            container_name: request.container_name,
            warm_up: request.warm_up.map(|Object(warm_up)| RawWarmUp {
                cpu_initialization_seconds: warm_up.cpu_initialization_seconds,
                readiness_delay_seconds: warm_up.readiness_delay_seconds,
            }),
            capacity: request.capacity,
            on_conflict: request.on_conflict,
        }
    }
}

impl<Seconds: Into<f64>> From<Policy<Seconds>> for RawPolicy {
    fn from(policy: Policy<Seconds>) -> Self {
        let rate_policy = |Object(policy): Object<RatePolicyRequest<Seconds>>| RawRatePolicy {
            kind: policy.r#type,
            value: policy.value,
            period_seconds: policy.period_seconds.map(Into::into),
        };
        Self {
            stabilization_window_seconds: policy.stabilization_window_seconds.map(Into::into),
            max_scale_change: policy.max_scale_change,
            tolerance_percent: policy.tolerance_percent,
            stabilization: policy.stabilization,
            policies: policy.policies.map(|policies| policies.into_iter().map(rate_policy).collect()),
            select_policy: policy.select_policy,
        }
    }
}

/// An autoscaler's definition with every default filled in. It is a valid create request itself, and what a merge patch
/// is applied to.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Spec)]
pub struct SpecBody {
    workload_name: String,
    workload_namespace: String,
    #[schema(value_type = WorkloadKind)]
    workload_type: &'static str,
    #[schema(minimum = 1)]
    min_replicas: u32,
    #[schema(minimum = 1)]
    max_replicas: u32,
    #[schema(nullable = false, minimum = 1, maximum = 100)]
    #[serde(skip_serializing_if = "Option::is_none")]
    target_cpu_percent: Option<u32>,
    #[schema(nullable = false, minimum = 1, maximum = 100)]
    #[serde(skip_serializing_if = "Option::is_none")]
    target_memory_percent: Option<u32>,
    #[schema(nullable = false, minimum = 1, maximum = 100)]
    #[serde(skip_serializing_if = "Option::is_none")]
    target_gpu_percent: Option<u32>,
    #[schema(nullable = false, minimum = 1, maximum = 100)]
    #[serde(skip_serializing_if = "Option::is_none")]
    target_gpu_memory_percent: Option<u32>,
    scale_up_policy: PolicyBody,
    scale_down_policy: PolicyBody,
    #[schema(minimum = 1, maximum = 3600)]
    interval_seconds: u64,
    #[schema(value_type = Mode)]
    mode: &'static str,
    #[schema(value_type = Compatibility)]
    compatibility: &'static str,
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    container_name: Option<String>,
    warm_up: WarmUpBody,
    #[schema(value_type = CapacityRule)]
    capacity: &'static str,
    #[schema(value_type = OnConflict)]
    on_conflict: &'static str,
}

/// How fast the count may change in one direction, with every default filled in.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SpecPolicy)]
struct PolicyBody {
    #[schema(maximum = 3600)]
    stabilization_window_seconds: u64,
    /// 0 is no limit.
    max_scale_change: u32,
    #[schema(value_type = f64, minimum = 0)]
    tolerance_percent: Number,
    #[schema(value_type = Stabilization)]
    stabilization: &'static str,
    /// Rate limits; absent when there is none.
    #[schema(required = false, min_items = 1, max_items = 16)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    policies: Vec<RatePolicyBody>,
    #[schema(value_type = SelectPolicy)]
    select_policy: &'static str,
}

/// How much may change within a period.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SpecRateLimit)]
struct RatePolicyBody {
    #[schema(value_type = RateUnit)]
    r#type: &'static str,
    #[schema(minimum = 1)]
    value: u32,
    #[schema(minimum = 1, maximum = 1800)]
    period_seconds: u64,
}

/// The warm-up with every default filled in.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SpecWarmUp)]
struct WarmUpBody {
    #[schema(value_type = f64, minimum = 0)]
    cpu_initialization_seconds: Number,
    #[schema(value_type = f64, minimum = 0)]
    readiness_delay_seconds: Number,
}

impl SpecBody {
    /// The definition of a workload's autoscaler.
    pub fn new(workload: &WorkloadRef, rules: &ScalingRules) -> Self {
        let target = |metric| rules.targets.get(metric).map(|target| target.get());
        Self {
            workload_name: workload.name.clone(),
            workload_namespace: workload.namespace.clone(),
            workload_type: workload.kind.as_str(),
            min_replicas: rules.bounds.min(),
            max_replicas: rules.bounds.max(),
            target_cpu_percent: target(Metric::Cpu),
            target_memory_percent: target(Metric::Memory),
            target_gpu_percent: target(Metric::Gpu),
            target_gpu_memory_percent: target(Metric::GpuMemory),
            scale_up_policy: (&rules.scale_up).into(),
            scale_down_policy: (&rules.scale_down).into(),
            interval_seconds: rules.interval.length().as_secs(),
            mode: rules.mode.as_str(),
            compatibility: rules.compatibility.as_str(),
            container_name: rules.container.as_deref().map(str::to_owned),
            warm_up: (&rules.warm_up).into(),
            capacity: rules.capacity.as_str(),
            on_conflict: rules.on_conflict.as_str(),
        }
    }
}

impl From<&ScalingPolicy> for PolicyBody {
    fn from(policy: &ScalingPolicy) -> Self {
        Self {
            stabilization_window_seconds: policy.window.length().as_secs(),
            max_scale_change: policy.max_scale_change.map_or(0, |change| change.get()),
            tolerance_percent: number(policy.tolerance.get()),
            stabilization: policy.stabilization.as_str(),
            policies: policy.policies.iter().map(RatePolicyBody::from).collect(),
            select_policy: policy.select_policy.as_str(),
        }
    }
}

impl From<&RatePolicy> for RatePolicyBody {
    fn from(policy: &RatePolicy) -> Self {
        Self { r#type: policy.unit.as_str(), value: policy.value.get(), period_seconds: policy.period().as_secs() }
    }
}

impl From<&WarmUp> for WarmUpBody {
    fn from(warm_up: &WarmUp) -> Self {
        Self {
            cpu_initialization_seconds: seconds(warm_up.cpu_initialization),
            readiness_delay_seconds: seconds(warm_up.readiness_delay),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::autoscaler::{ReplicaBounds, TargetPercent, Targets, WorkloadKind};

    #[test]
    fn a_definition_shows_every_default_and_no_target_that_is_not_set() {
        let workload = WorkloadRef { kind: WorkloadKind::StatefulSet, namespace: "ml".into(), name: "training".into() };
        let targets = Targets::only(Metric::Cpu, TargetPercent::new(70).unwrap());
        let rules = ScalingRules::new(ReplicaBounds::new(2, 10).unwrap(), targets);
        let policy = |window: u32| {
            json!({
                "stabilization_window_seconds": window, "max_scale_change": 0, "tolerance_percent": 10,
                "stabilization": "default", "select_policy": "Max",
            })
        };
        assert_eq!(
            serde_json::to_value(SpecBody::new(&workload, &rules)).unwrap(),
            json!({
                "workload_name": "training", "workload_namespace": "ml", "workload_type": "StatefulSet",
                "min_replicas": 2, "max_replicas": 10, "target_cpu_percent": 70,
                "scale_up_policy": policy(0), "scale_down_policy": policy(300), "interval_seconds": 15,
                "mode": "active", "compatibility": "default",
                "warm_up": {"cpu_initialization_seconds": 300, "readiness_delay_seconds": 30}, "capacity": "respect",
                "on_conflict": "yield",
            })
        );
    }
}
