//! All autoscalers at a glance: the rows of a table, and the figures above it.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde::Serialize;
use utoipa::ToSchema;

use super::aggregate::AggregateBody;
use super::metric::MetricState;
use super::scalar::rfc3339;
use crate::actors::fleet::{Attention, Fleet, Member};
use crate::actors::snapshot::{AutoscalerRecord, Status};
use crate::domain::Timestamp;
use crate::domain::autoscaler::{Metric, Mode, TargetPercent, WorkloadKind};
use crate::domain::cause::ScaleAction;
use crate::domain::timeline::COARSE_STEP;

/// How many minutes of replicas a row shows.
const MINUTES: i64 = 30;

/// The figures over all autoscalers.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = FleetSummary)]
pub struct FleetSummaryBody {
    /// How many autoscalers there are.
    total: usize,
    /// How many of them need which attention.
    #[schema(value_type = BTreeMap<String, usize>)]
    counts: BTreeMap<&'static str, usize>,
    /// The figures over all of them.
    totals: AggregateBody,
}

impl FleetSummaryBody {
    /// The figures of a fleet.
    pub fn new(fleet: &Fleet, totals: AggregateBody) -> Self {
        let counts = Attention::ALL.map(|attention| (attention.as_str(), fleet.count(attention)));
        Self { total: fleet.len(), counts: counts.into(), totals }
    }
}

/// The answer to `GET /fleet`: a part of the rows that are looked for.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Fleet)]
pub struct FleetBody {
    /// When this was so.
    #[schema(format = DateTime)]
    at: String,
    #[serde(flatten)]
    summary: FleetSummaryBody,
    /// How many are as asked for.
    matching: usize,
    /// How many of these come before the first that is shown.
    offset: usize,
    /// The namespaces of all autoscalers.
    namespaces: Vec<String>,
    /// What was asked for, in its order.
    autoscalers: Vec<RowBody>,
}

impl FleetBody {
    /// The rows from `offset` on, at most `limit`, of those that were found.
    pub fn new(
        summary: FleetSummaryBody,
        namespaces: Vec<String>,
        found: &[Member],
        (offset, limit): (usize, usize),
        service_mode: Mode,
        now: Timestamp,
    ) -> Self {
        let shown = found.iter().skip(offset).take(limit);
        Self {
            at: rfc3339(now),
            summary,
            matching: found.len(),
            offset,
            namespaces,
            autoscalers: shown.map(|member| RowBody::new(member, service_mode, now)).collect(),
        }
    }
}

/// One autoscaler in a line.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = FleetRow)]
pub struct RowBody {
    #[schema(pattern = "^autoscaler-[0-9a-f]{8}$")]
    autoscaling_id: String,
    workload_name: String,
    workload_namespace: String,
    #[schema(value_type = WorkloadKind)]
    workload_type: &'static str,
    #[schema(value_type = Status)]
    status: &'static str,
    #[schema(value_type = Mode)]
    mode: &'static str,
    #[schema(value_type = Attention)]
    attention: &'static str,
    /// Why it needs attention.
    #[schema(required)]
    attention_message: Option<String>,
    min_replicas: u32,
    max_replicas: u32,
    current_replicas: u32,
    desired_replicas: u32,
    #[schema(required)]
    recommended_replicas: Option<u32>,
    /// Those with a target.
    metrics: Vec<CellBody>,
    /// The last change of replicas.
    #[schema(required)]
    last_action: Option<ActionBody>,
    /// The replicas of the last half hour, one a minute, oldest first.
    #[schema(min_items = 30, max_items = 30)]
    replicas: Vec<Option<u32>>,
    /// When it was evaluated last.
    #[schema(required, format = DateTime)]
    updated_at: Option<String>,
}

/// A metric with a target.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = FleetMetric)]
struct CellBody {
    #[schema(value_type = Metric)]
    name: &'static str,
    state: MetricState,
    #[schema(required)]
    utilization_percent: Option<u32>,
    target_percent: u32,
}

/// A change of replicas.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ScaleAction)]
pub struct ActionBody {
    #[schema(format = DateTime)]
    at: String,
    from: u32,
    to: u32,
    /// What decided; null when that is not kept any more.
    #[schema(required)]
    because: Option<String>,
}

impl From<&ScaleAction> for ActionBody {
    fn from(action: &ScaleAction) -> Self {
        Self {
            at: rfc3339(action.at),
            from: action.from,
            to: action.to,
            because: action.cause.map(|cause| cause.to_string()),
        }
    }
}

impl RowBody {
    /// An autoscaler as it is now, while the service is in `service_mode`.
    pub fn new(member: &Member, service_mode: Mode, now: Timestamp) -> Self {
        let record = &*member.record;
        let (workload, rules, snapshot) = (&record.workload, record.rules(), record.snapshot());
        let mode = if service_mode == Mode::Observe { service_mode } else { rules.mode };
        let metrics = Metric::ALL.into_iter().filter_map(|metric| {
            let target = rules.targets.get(metric)?;
            Some(CellBody::new(metric, target, snapshot.utilization_percent(metric), snapshot.shown_percent(metric)))
        });
        Self {
            autoscaling_id: record.id.clone(),
            workload_name: workload.name.clone(),
            workload_namespace: workload.namespace.clone(),
            workload_type: workload.kind.as_str(),
            status: record.status().as_str(),
            mode: mode.as_str(),
            attention: member.attention.as_str(),
            attention_message: member.message.clone(),
            min_replicas: rules.bounds.min(),
            max_replicas: rules.bounds.max(),
            current_replicas: snapshot.current_replicas,
            desired_replicas: snapshot.desired_replicas,
            recommended_replicas: snapshot.decision.as_ref().and_then(|decision| decision.recommended),
            metrics: metrics.collect(),
            last_action: snapshot.last_action.as_ref().map(ActionBody::from),
            replicas: sparkline(record, now),
            updated_at: snapshot.updated_at.map(rfc3339),
        }
    }
}

impl CellBody {
    fn new(metric: Metric, target: TargetPercent, measured: Option<u32>, shown: Option<u32>) -> Self {
        let state = match (measured, shown) {
            (Some(_), _) => MetricState::Known,
            (None, Some(_)) => MetricState::Simulated,
            (None, None) => MetricState::Unknown,
        };
        Self { name: metric.as_str(), state, utilization_percent: shown, target_percent: target.get() }
    }
}

/// The last minute is the one that has begun.
fn sparkline(record: &AutoscalerRecord, now: Timestamp) -> Vec<Option<u32>> {
    let step = i64::from(COARSE_STEP);
    let end = (now.timestamp().div_euclid(step) + 1) * step;
    let Some(to) = Timestamp::from_timestamp(end, 0) else { return Vec::new() };
    let points = record.timeline().points(to - TimeDelta::minutes(MINUTES), to, COARSE_STEP);
    points.into_iter().map(|point| point.current).collect()
}
