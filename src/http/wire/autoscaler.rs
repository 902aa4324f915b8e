//! Autoscalers, in the answers to create, get, list, update, pause, resume and delete.

use std::sync::Arc;

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::decision::{ConditionBody, DecisionBody};
use super::gpu::GpuBody;
use super::metric::MetricSummary;
use super::mode::shown_mode;
use super::page_token::page_token;
use super::scalar::rfc3339;
use super::spec::SpecBody;
use crate::actors::listing::Page;
use crate::actors::snapshot::{AutoscalerRecord, Snapshot, Status};
use crate::domain::autoscaler::{Metric, Mode, ScalingRules, WorkloadKind};
use crate::domain::decision_log::Entry;

/// One autoscaler.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Autoscaler)]
pub struct AutoscalerBody {
    /// The name of the autoscaler in the API.
    #[schema(pattern = "^autoscaler-[0-9a-f]{8}$", example = "autoscaler-08a469ac")]
    autoscaling_id: String,
    #[schema(value_type = Status)]
    status: &'static str,
    /// What was done, or the status in words.
    #[schema(value_type = String)]
    message: &'static str,
    details: Details,
}

/// Everything about one autoscaler. What does not apply is absent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AutoscalerDetails)]
struct Details {
    /// When it was created.
    #[schema(format = DateTime)]
    created_at: String,
    /// Who created it; absent when nobody knows.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<String>,
    /// Who made its definition what it is now; absent when nobody knows.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    changed_by: Option<String>,
    /// When it was evaluated last.
    #[schema(nullable = false, format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
    /// The workload's `spec.replicas`, as last seen or set.
    current_replicas: u32,
    /// Where the last decision wanted to go.
    desired_replicas: u32,
    /// 0 when unknown; `metrics` tells whether it was measured. So are the next three.
    current_cpu_percent: i64,
    current_memory_percent: i64,
    current_gpu_percent: i64,
    current_gpu_memory_percent: i64,
    /// When the count was changed last.
    #[schema(nullable = false, format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    last_scale_time: Option<String>,
    /// How often the count was raised.
    scale_up_count: u64,
    /// How often it was lowered.
    scale_down_count: u64,
    /// A name as the HPA's would be.
    #[schema(pattern = "^hpa-", example = "hpa-web-frontend-025aa4")]
    hpa_name: String,
    workload_name: String,
    workload_namespace: String,
    #[schema(value_type = WorkloadKind)]
    workload_type: &'static str,
    /// What holds for this autoscaler, be it by its own mode or by the service's.
    #[schema(value_type = Mode)]
    mode: &'static str,
    /// Only there while the emergency brake is on.
    #[schema(value_type = Option<Mode>, nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    service_mode: Option<&'static str>,
    /// Who else scales the workload that is only observed, as it was at the creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    scaled_by: Option<String>,
    /// The definition with every default filled in. The items of a list do without it.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    spec: Option<SpecBody>,
    /// Why it failed.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    /// How often it crashed, when it did.
    #[schema(nullable = false, minimum = 1)]
    #[serde(skip_serializing_if = "Option::is_none")]
    restarts: Option<u32>,
    /// Each metric as the last evaluation saw it, once there was one.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<Vec<MetricSummary>>,
    /// The GPUs of the pods that request some. The items of a list do without it.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    gpu: Option<GpuBody>,
    /// The HPA's conditions, once it was evaluated.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    conditions: Vec<ConditionBody>,
    /// The newest decision, once there is one. The items of a list do without it.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    last_decision: Option<DecisionBody>,
}

impl AutoscalerBody {
    /// The answer to create.
    pub fn created(record: &AutoscalerRecord, service_mode: Mode) -> Self {
        // Not the latest: the first evaluation is under way already, and the answer must not depend on who is quicker.
        let first = Self::at(record, record.first_snapshot(), Status::Active, None, service_mode);
        Self { message: "Autoscaler created successfully", ..first }
    }

    /// The answer to create for a workload that has this autoscaler already.
    pub fn existing(record: &AutoscalerRecord, service_mode: Mode) -> Self {
        Self { message: "Autoscaler already exists", ..Self::new(record, service_mode) }
    }

    /// The answer to a change of its definition.
    pub fn updated(record: &AutoscalerRecord, service_mode: Mode) -> Self {
        Self { message: "Autoscaler updated successfully", ..Self::new(record, service_mode) }
    }

    /// The answer to get.
    pub fn new(record: &AutoscalerRecord, service_mode: Mode) -> Self {
        let newest = record.last_decision();
        Self::at(record, &record.snapshot(), record.status(), newest.as_deref(), service_mode)
    }

    /// An item of the answer to list: without the definition, the devices and the last decision, which are most of the text.
    pub(super) fn item(record: &AutoscalerRecord, service_mode: Mode) -> Self {
        Self::in_short(record, &record.snapshot(), record.status(), service_mode)
    }

    fn at(
        record: &AutoscalerRecord,
        snapshot: &Snapshot,
        status: Status,
        newest: Option<&Entry>,
        service_mode: Mode,
    ) -> Self {
        let mut body = Self::in_short(record, snapshot, status, service_mode);
        let details = &mut body.details;
        details.spec = Some(SpecBody::new(&record.workload, &record.rules()));
        details.gpu = snapshot.decision.as_ref().and_then(|decision| GpuBody::new(&decision.observation));
        details.last_decision = newest.map(DecisionBody::logged);
        body
    }

    fn in_short(record: &AutoscalerRecord, snapshot: &Snapshot, status: Status, service_mode: Mode) -> Self {
        Self {
            autoscaling_id: record.id.clone(),
            status: status.as_str(),
            message: match status {
                Status::Active => "Autoscaler is active",
                Status::Inactive => "Autoscaler is inactive",
                Status::Failed => "Autoscaler failed",
            },
            details: Details::in_short(record, snapshot, service_mode),
        }
    }
}

impl Details {
    /// Without what an item of a list does without.
    fn in_short(record: &AutoscalerRecord, snapshot: &Snapshot, service_mode: Mode) -> Self {
        // The guide's numbers are always there; `metrics` tells whether a 0 was measured.
        let percent = |metric| snapshot.shown_percent(metric).map_or(0, i64::from);
        let workload = &record.workload;
        let rules = record.rules();
        Self {
            created_at: rfc3339(record.created_at),
            created_by: record.created_by.as_deref().map(str::to_owned),
            changed_by: record.changed_by().as_deref().map(str::to_owned),
            updated_at: snapshot.updated_at.map(rfc3339),
            current_replicas: snapshot.current_replicas,
            desired_replicas: snapshot.desired_replicas,
            current_cpu_percent: percent(Metric::Cpu),
            current_memory_percent: percent(Metric::Memory),
            current_gpu_percent: percent(Metric::Gpu),
            current_gpu_memory_percent: percent(Metric::GpuMemory),
            last_scale_time: snapshot.last_scale_time().map(rfc3339),
            scale_up_count: snapshot.scale_up_count,
            scale_down_count: snapshot.scale_down_count,
            hpa_name: record.hpa_name.clone(),
            workload_name: workload.name.clone(),
            workload_namespace: workload.namespace.clone(),
            workload_type: workload.kind.as_str(),
            mode: if service_mode == Mode::Observe { service_mode } else { rules.mode }.as_str(),
            service_mode: shown_mode(service_mode),
            scaled_by: record.scaled_by.clone().filter(|_| rules.mode == Mode::Observe),
            spec: None,
            failure: snapshot.failure.clone(),
            restarts: Some(record.restarts()).filter(|&restarts| restarts > 0),
            metrics: metrics(&rules, snapshot),
            gpu: None,
            conditions: snapshot.conditions.iter().map(ConditionBody::from).collect(),
            last_decision: None,
        }
    }
}

/// Each metric as the last decision saw it. Where nothing could be decided, nothing is known; before the first
/// evaluation there is nothing to say.
fn metrics(rules: &ScalingRules, snapshot: &Snapshot) -> Option<Vec<MetricSummary>> {
    if let Some(decision) = &snapshot.decision {
        return Some(decision.metrics.iter().map(|report| MetricSummary::new(report, decision.at)).collect());
    }
    let why = &snapshot.conditions.first()?.message;
    Some(Metric::ALL.map(|metric| MetricSummary::unknown(metric, rules.targets.get(metric), why)).into())
}

/// The answer to list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AutoscalerList)]
pub struct ListBody<'a> {
    /// By creation time.
    #[schema(value_type = Vec<AutoscalerBody>)]
    autoscalers: Items<'a>,
    /// The number of items in this answer.
    count: usize,
    /// Only there when more follow: the value to pass for the next page.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    r#continue: Option<String>,
}

impl<'a> ListBody<'a> {
    /// A page, while the service is in `service_mode`.
    pub fn new(page: &'a Page, service_mode: Mode) -> Self {
        let autoscalers = Items { records: &page.autoscalers, service_mode };
        Self { autoscalers, count: page.autoscalers.len(), r#continue: page.next.as_ref().map(page_token) }
    }

    /// The same without its items.
    pub(super) fn shell(page: &'a Page, service_mode: Mode) -> Self {
        Self { autoscalers: Items { records: &[], service_mode }, ..Self::new(page, service_mode) }
    }
}

/// The items of a list. Each is made when it is written: ten thousand are many megabytes.
#[derive(Debug)]
struct Items<'a> {
    records: &'a [Arc<AutoscalerRecord>],
    service_mode: Mode,
}

impl Serialize for Items<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.records.iter().map(|record| AutoscalerBody::item(record, self.service_mode)))
    }
}

/// The answer to delete.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Deleted)]
pub struct DeletedBody {
    #[schema(value_type = String)]
    message: &'static str,
    /// The autoscaler that there is no more.
    autoscaler_id: String,
}

impl DeletedBody {
    /// The answer for the autoscaler with this id.
    pub fn new(id: String) -> Self {
        Self { message: "Autoscaler deleted successfully", autoscaler_id: id }
    }
}
