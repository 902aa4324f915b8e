//! An autoscaler's definition: the create request, and the same written out in full.

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use super::scalar::{number, seconds};
use crate::domain::autoscaler::{
    Metric, RatePolicy, RequestedAutoscaler, ScalingPolicy, ScalingRules, WarmUp, WorkloadRef,
};
use crate::domain::validation::{RawAutoscaler, RawPolicy, RawRatePolicy, RawWarmUp, ValidationErrors, validate};
use crate::http::json::{MalformedJson, Object, read_value};

/// `POST /autoscaling`: the request. Everything is optional here, so that one answer can name all that is missing.
/// Seconds are int32, and in a what-if any number.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, bound = "Seconds: Deserialize<'de>")]
pub struct CreateRequest<Seconds = i32> {
    workload_name: Option<String>,
    workload_namespace: Option<String>,
    workload_type: Option<String>,
    min_replicas: Option<i32>,
    max_replicas: Option<i32>,
    target_cpu_percent: Option<i32>,
    target_memory_percent: Option<i32>,
    target_gpu_percent: Option<i32>,
    target_gpu_memory_percent: Option<i32>,
    scale_up_policy: Option<Object<Policy<Seconds>>>,
    scale_down_policy: Option<Object<Policy<Seconds>>>,
    interval_seconds: Option<Seconds>,
    mode: Option<String>,
    compatibility: Option<String>,
    container_name: Option<String>,
    warm_up: Option<Object<WarmUpRequest>>,
    capacity: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, bound = "Seconds: Deserialize<'de>")]
struct Policy<Seconds> {
    stabilization_window_seconds: Option<Seconds>,
    max_scale_change: Option<i32>,
    tolerance_percent: Option<f64>,
    stabilization: Option<String>,
    policies: Option<Vec<Object<RatePolicyRequest<Seconds>>>>,
    select_policy: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RatePolicyRequest<Seconds> {
    r#type: Option<String>,
    value: Option<i32>,
    period_seconds: Option<Seconds>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WarmUpRequest {
    cpu_initialization_seconds: Option<f64>,
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
#[derive(Clone, Debug, Serialize)]
pub struct SpecBody {
    workload_name: String,
    workload_namespace: String,
    workload_type: &'static str,
    min_replicas: u32,
    max_replicas: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_cpu_percent: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_memory_percent: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_gpu_percent: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_gpu_memory_percent: Option<u32>,
    scale_up_policy: PolicyBody,
    scale_down_policy: PolicyBody,
    interval_seconds: u64,
    mode: &'static str,
    compatibility: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    container_name: Option<String>,
    warm_up: WarmUpBody,
    capacity: &'static str,
}

#[derive(Clone, Debug, Serialize)]
struct PolicyBody {
    stabilization_window_seconds: u64,
    /// 0 is no limit.
    max_scale_change: u32,
    tolerance_percent: Number,
    stabilization: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    policies: Vec<RatePolicyBody>,
    select_policy: &'static str,
}

#[derive(Clone, Debug, Serialize)]
struct RatePolicyBody {
    r#type: &'static str,
    value: u32,
    period_seconds: u64,
}

#[derive(Clone, Debug, Serialize)]
struct WarmUpBody {
    cpu_initialization_seconds: Number,
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
            })
        );
    }
}
