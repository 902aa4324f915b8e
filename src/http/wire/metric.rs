//! One metric of a decision: what is behind its number, or why it has none.

use serde::Serialize;
use serde_json::Number;
use utoipa::ToSchema;

use super::scalar::age;
use crate::domain::Timestamp;
use crate::domain::autoscaler::{Metric, TargetPercent};
use crate::domain::utilization::{Coverage, MetricReport, SIMULATED};

/// Whether a metric was measured, and whether it is made up.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetricState {
    /// It was measured.
    Known,
    /// It was not.
    Unknown,
    /// It is made up, and nothing follows from it.
    Simulated,
}

/// A metric in a decision. Every field is always there.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Metric)]
pub struct MetricBody {
    #[schema(value_type = Metric)]
    name: &'static str,
    state: MetricState,
    #[schema(required)]
    target_percent: Option<u32>,
    /// As measured.
    #[schema(required)]
    utilization_percent: Option<i32>,
    /// After what is missing was filled in.
    #[schema(required)]
    effective_utilization_percent: Option<i32>,
    #[schema(required)]
    proposed_replicas: Option<i32>,
    /// Where it was read.
    #[schema(required, value_type = Option<String>)]
    source: Option<&'static str>,
    /// Of the oldest reading that counts.
    #[schema(required, value_type = Option<f64>)]
    age_seconds: Option<Number>,
    #[schema(required)]
    coverage: Option<CoverageBody>,
    /// Why it is not known.
    #[schema(required)]
    error: Option<String>,
}

impl MetricBody {
    /// A metric of a decision that was made at `decided_at`.
    pub fn new(report: &MetricReport, decided_at: Timestamp) -> Self {
        let measured = report.utilization.as_ref().ok();
        let simulated = report.simulated.as_ref();
        let unknown = simulated.map(|simulated| &simulated.because).or(report.utilization.as_ref().err());
        Self {
            name: report.metric.as_str(),
            state: match (simulated, measured) {
                (Some(_), _) => MetricState::Simulated,
                (None, Some(_)) => MetricState::Known,
                (None, None) => MetricState::Unknown,
            },
            target_percent: report.target.map(TargetPercent::get),
            utilization_percent: report.shown_percent(),
            effective_utilization_percent: report.proposal.as_ref().map(|proposal| proposal.effective_percent),
            proposed_replicas: report.proposal.as_ref().map(|proposal| proposal.replicas),
            source: measured.map(|utilization| utilization.source).or(simulated.map(|_| SIMULATED)),
            age_seconds: measured.map(|utilization| age(decided_at, utilization.measured_at)),
            coverage: measured.map(|utilization| utilization.coverage.into()),
            error: unknown.map(ToString::to_string),
        }
    }
}

/// A metric in an autoscaler's details, where what does not apply is left out.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MetricSummary {
    #[schema(value_type = Metric)]
    name: &'static str,
    state: MetricState,
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    utilization_percent: Option<i32>,
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    effective_utilization_percent: Option<i32>,
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    target_percent: Option<u32>,
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    proposed_replicas: Option<i32>,
    #[schema(nullable = false, value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'static str>,
    /// Of the oldest reading that counts.
    #[schema(nullable = false, minimum = 0)]
    #[serde(skip_serializing_if = "Option::is_none")]
    age_seconds: Option<i64>,
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    coverage: Option<CoverageBody>,
    /// Why it is not known.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl MetricSummary {
    /// A metric of a decision that was made at `decided_at`.
    pub fn new(report: &MetricReport, decided_at: Timestamp) -> Self {
        let age = |measured_at: Timestamp| (decided_at - measured_at).num_seconds().max(0);
        let body = MetricBody::new(report, decided_at);
        Self {
            name: body.name,
            state: body.state,
            utilization_percent: body.utilization_percent,
            effective_utilization_percent: body.effective_utilization_percent,
            target_percent: body.target_percent,
            proposed_replicas: body.proposed_replicas,
            source: body.source,
            age_seconds: report.utilization.as_ref().ok().map(|utilization| age(utilization.measured_at)),
            coverage: body.coverage,
            error: body.error,
        }
    }

    /// A metric of which nothing is known.
    pub fn unknown(metric: Metric, target: Option<TargetPercent>, error: &str) -> Self {
        Self {
            name: metric.as_str(),
            state: MetricState::Unknown,
            utilization_percent: None,
            effective_utilization_percent: None,
            target_percent: target.map(TargetPercent::get),
            proposed_replicas: None,
            source: None,
            age_seconds: None,
            coverage: None,
            error: Some(error.to_owned()),
        }
    }
}

/// How many pods were measured, how many are warming up, and of how many nothing is known.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Coverage)]
struct CoverageBody {
    measured_pods: usize,
    unready_pods: usize,
    missing_pods: usize,
}

impl From<Coverage> for CoverageBody {
    fn from(coverage: Coverage) -> Self {
        Self { measured_pods: coverage.measured, unready_pods: coverage.unready, missing_pods: coverage.missing }
    }
}
