//! All autoscalers at a glance: the rows of a table, and the figures above it.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde::Serialize;

use super::aggregate::AggregateBody;
use super::scalar::rfc3339;
use crate::actors::fleet::{Attention, Fleet, Member};
use crate::actors::snapshot::AutoscalerRecord;
use crate::domain::Timestamp;
use crate::domain::autoscaler::{Metric, Mode, TargetPercent};
use crate::domain::cause::ScaleAction;
use crate::domain::timeline::COARSE_STEP;

/// How many minutes of replicas a row shows.
const MINUTES: i64 = 30;

/// The figures over all autoscalers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FleetSummaryBody {
    total: usize,
    counts: BTreeMap<&'static str, usize>,
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
#[derive(Clone, Debug, Serialize)]
pub struct FleetBody {
    at: String,
    #[serde(flatten)]
    summary: FleetSummaryBody,
    matching: usize,
    offset: usize,
    namespaces: Vec<String>,
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
#[derive(Clone, Debug, Serialize)]
pub struct RowBody {
    autoscaling_id: String,
    workload_name: String,
    workload_namespace: String,
    workload_type: &'static str,
    status: &'static str,
    mode: &'static str,
    attention: &'static str,
    attention_message: Option<String>,
    min_replicas: u32,
    max_replicas: u32,
    current_replicas: u32,
    desired_replicas: u32,
    recommended_replicas: Option<u32>,
    metrics: Vec<CellBody>,
    last_action: Option<ActionBody>,
    /// The replicas of the last half hour, one a minute, oldest first.
    replicas: Vec<Option<u32>>,
    updated_at: Option<String>,
}

/// A metric with a target.
#[derive(Clone, Debug, Serialize)]
struct CellBody {
    name: &'static str,
    state: &'static str,
    utilization_percent: Option<u32>,
    target_percent: u32,
}

/// A change of replicas.
#[derive(Clone, Debug, Serialize)]
pub struct ActionBody {
    at: String,
    from: u32,
    to: u32,
    /// What decided; null when that is not kept any more.
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
            (Some(_), _) => "known",
            (None, Some(_)) => "simulated",
            (None, None) => "unknown",
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
