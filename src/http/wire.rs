//! The API's JSON, field by field as in the guide, and its conversion to and from the domain.

use chrono::SecondsFormat;
use serde::{Deserialize, Serialize};

use super::body::Object;
use crate::actors::messages::{Aggregate, Page};
use crate::actors::snapshot::{AutoscalerRecord, Snapshot, Status};
use crate::domain::Timestamp;
use crate::domain::autoscaler::Metric;
use crate::domain::decision::Condition;
use crate::domain::utilization::MetricReport;
use crate::domain::validation::{RawAutoscaler, RawPolicy};

/// `POST /autoscaling`: the request. Everything is optional here, so that one answer can name all that is missing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateRequest {
    workload_name: Option<String>,
    workload_namespace: Option<String>,
    workload_type: Option<String>,
    min_replicas: Option<i32>,
    max_replicas: Option<i32>,
    target_cpu_percent: Option<i32>,
    target_memory_percent: Option<i32>,
    target_gpu_percent: Option<i32>,
    scale_up_policy: Option<Object<Policy>>,
    scale_down_policy: Option<Object<Policy>>,
    interval_seconds: Option<i32>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Policy {
    stabilization_window_seconds: Option<i32>,
    max_scale_change: Option<i32>,
    tolerance_percent: Option<f64>,
    stabilization: Option<String>,
}

impl From<CreateRequest> for RawAutoscaler {
    fn from(request: CreateRequest) -> Self {
        Self {
            workload_name: request.workload_name,
            workload_namespace: request.workload_namespace,
            workload_type: request.workload_type,
            min_replicas: request.min_replicas,
            max_replicas: request.max_replicas,
            target_cpu_percent: request.target_cpu_percent,
            target_memory_percent: request.target_memory_percent,
            target_gpu_percent: request.target_gpu_percent,
            scale_up_policy: request.scale_up_policy.map(|Object(policy)| policy.into()),
            scale_down_policy: request.scale_down_policy.map(|Object(policy)| policy.into()),
            interval_seconds: request.interval_seconds,
        }
    }
}

impl From<Policy> for RawPolicy {
    fn from(policy: Policy) -> Self {
        Self {
            stabilization_window_seconds: policy.stabilization_window_seconds,
            max_scale_change: policy.max_scale_change,
            tolerance_percent: policy.tolerance_percent,
            stabilization: policy.stabilization,
        }
    }
}

/// One autoscaler, in the answers to create, get and list.
#[derive(Debug, Serialize)]
pub struct AutoscalerBody {
    autoscaling_id: String,
    status: &'static str,
    message: &'static str,
    details: Details,
}

#[derive(Debug, Serialize)]
struct Details {
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
    current_replicas: u32,
    desired_replicas: u32,
    current_cpu_percent: u32,
    current_memory_percent: u32,
    current_gpu_percent: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_scale_time: Option<String>,
    scale_up_count: u64,
    scale_down_count: u64,
    hpa_name: String,
    workload_name: String,
    workload_namespace: String,
    workload_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    restarts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<Vec<MetricBody>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    conditions: Vec<ConditionBody>,
}

/// One metric, with what is behind its number, or why it has none.
#[derive(Debug, Serialize)]
struct MetricBody {
    name: &'static str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    utilization_percent: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effective_utilization_percent: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_percent: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proposed_replicas: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    age_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    coverage: Option<CoverageBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct CoverageBody {
    measured_pods: usize,
    unready_pods: usize,
    missing_pods: usize,
}

#[derive(Debug, Serialize)]
struct ConditionBody {
    r#type: &'static str,
    status: &'static str,
    reason: &'static str,
    message: String,
}

impl AutoscalerBody {
    /// The answer to create.
    pub fn created(record: &AutoscalerRecord) -> Self {
        // Not the latest: the first evaluation is under way already, and the answer must not depend on who is quicker.
        Self { message: "Autoscaler created successfully", ..Self::at(record, record.first_snapshot()) }
    }

    /// The answer to create for a workload that has this autoscaler already.
    pub fn existing(record: &AutoscalerRecord) -> Self {
        Self { message: "Autoscaler already exists", ..Self::new(record) }
    }

    /// The answer to get, and an item of the answer to list.
    pub fn new(record: &AutoscalerRecord) -> Self {
        Self::at(record, &record.snapshot())
    }

    fn at(record: &AutoscalerRecord, snapshot: &Snapshot) -> Self {
        Self {
            autoscaling_id: record.id.clone(),
            status: snapshot.status.as_str(),
            message: match snapshot.status {
                Status::Active => "Autoscaler is active",
                Status::Inactive => "Autoscaler is inactive",
                Status::Failed => "Autoscaler failed",
            },
            details: Details::new(record, snapshot),
        }
    }
}

impl Details {
    fn new(record: &AutoscalerRecord, snapshot: &Snapshot) -> Self {
        // The guide's numbers are always there; `metrics` tells whether a 0 was measured.
        let percent = |metric| snapshot.utilization_percent(metric).unwrap_or(0);
        let workload = &record.spec.workload;
        Self {
            created_at: rfc3339(record.created_at),
            updated_at: snapshot.updated_at.map(rfc3339),
            current_replicas: snapshot.current_replicas,
            desired_replicas: snapshot.desired_replicas,
            current_cpu_percent: percent(Metric::Cpu),
            current_memory_percent: percent(Metric::Memory),
            current_gpu_percent: percent(Metric::Gpu),
            last_scale_time: snapshot.last_scale_time.map(rfc3339),
            scale_up_count: snapshot.scale_up_count,
            scale_down_count: snapshot.scale_down_count,
            hpa_name: record.hpa_name.clone(),
            workload_name: workload.name.clone(),
            workload_namespace: workload.namespace.clone(),
            workload_type: workload.kind.as_str(),
            failure: snapshot.failure.clone(),
            restarts: Some(record.restarts()).filter(|&restarts| restarts > 0),
            metrics: metrics(record, snapshot),
            conditions: snapshot.conditions.iter().map(ConditionBody::from).collect(),
        }
    }
}

/// Each metric as the last decision saw it. Where nothing could be decided, nothing is known; before the first
/// evaluation there is nothing to say.
fn metrics(record: &AutoscalerRecord, snapshot: &Snapshot) -> Option<Vec<MetricBody>> {
    if let Some(decision) = &snapshot.decision {
        return Some(decision.metrics.iter().map(|report| MetricBody::new(report, decision.at)).collect());
    }
    let why = snapshot.conditions.first()?;
    Some(Metric::ALL.into_iter().map(|metric| MetricBody::unknown(metric, record, &why.message)).collect())
}

impl MetricBody {
    fn unknown(metric: Metric, record: &AutoscalerRecord, error: &str) -> Self {
        Self {
            name: metric.as_str(),
            state: "unknown",
            utilization_percent: None,
            effective_utilization_percent: None,
            target_percent: record.spec.rules.targets.get(metric).map(|target| target.get()),
            proposed_replicas: None,
            source: None,
            age_seconds: None,
            coverage: None,
            error: Some(error.to_owned()),
        }
    }

    fn new(report: &MetricReport, decided_at: Timestamp) -> Self {
        let measured = report.utilization.as_ref().ok();
        Self {
            name: report.metric.as_str(),
            state: if measured.is_some() { "known" } else { "unknown" },
            utilization_percent: measured.map(|utilization| utilization.percent),
            effective_utilization_percent: report.proposal.as_ref().map(|proposal| proposal.effective_percent),
            target_percent: report.target.map(|target| target.get()),
            proposed_replicas: report.proposal.as_ref().map(|proposal| proposal.replicas),
            source: measured.map(|utilization| utilization.source),
            age_seconds: measured.map(|utilization| (decided_at - utilization.measured_at).num_seconds().max(0)),
            coverage: measured.map(|utilization| CoverageBody {
                measured_pods: utilization.coverage.measured,
                unready_pods: utilization.coverage.unready,
                missing_pods: utilization.coverage.missing,
            }),
            error: report.utilization.as_ref().err().map(ToString::to_string),
        }
    }
}

impl From<&Condition> for ConditionBody {
    fn from(condition: &Condition) -> Self {
        Self {
            r#type: condition.kind.as_str(),
            status: if condition.holds { "True" } else { "False" },
            reason: condition.reason.as_str(),
            message: condition.message.clone(),
        }
    }
}

/// The answer to list.
#[derive(Debug, Serialize)]
pub struct ListBody {
    autoscalers: Vec<AutoscalerBody>,
    count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#continue: Option<String>,
}

impl From<Page> for ListBody {
    fn from(page: Page) -> Self {
        let autoscalers: Vec<_> = page.autoscalers.iter().map(|record| AutoscalerBody::new(record)).collect();
        Self { count: autoscalers.len(), autoscalers, r#continue: page.next.map(|next| next.to_string()) }
    }
}

/// The answer to delete.
#[derive(Debug, Serialize)]
pub struct DeletedBody {
    message: &'static str,
    autoscaler_id: String,
}

impl DeletedBody {
    /// The answer for the autoscaler with this id.
    pub fn new(id: String) -> Self {
        Self { message: "Autoscaler deleted successfully", autoscaler_id: id }
    }
}

/// The answer to the aggregate metrics.
#[derive(Debug, Serialize)]
pub struct AggregateBody {
    total_autoscalers: usize,
    active_autoscalers: usize,
    total_scale_ups: u64,
    total_scale_downs: u64,
    average_cpu_utilization: f64,
}

impl From<Aggregate> for AggregateBody {
    fn from(aggregate: Aggregate) -> Self {
        let average = aggregate.average_cpu_percent.unwrap_or(0.0);
        Self {
            total_autoscalers: aggregate.total,
            active_autoscalers: aggregate.active,
            total_scale_ups: aggregate.scale_ups,
            total_scale_downs: aggregate.scale_downs,
            average_cpu_utilization: (average * 100.0).round() / 100.0,
        }
    }
}

fn rfc3339(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
