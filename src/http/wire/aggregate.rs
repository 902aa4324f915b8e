//! Figures over all autoscalers.

use serde::Serialize;
use utoipa::ToSchema;

use super::mode::shown_mode;
use crate::actors::listing::Aggregate;
use crate::domain::autoscaler::Mode;

/// The answer to the aggregate metrics.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = Figures)]
pub struct AggregateBody {
    /// How many autoscalers there are.
    total_autoscalers: usize,
    /// How many of them are active.
    active_autoscalers: usize,
    /// Changes upwards in the lifetime of the service, those of deleted autoscalers included.
    total_scale_ups: u64,
    /// Changes downwards, likewise.
    total_scale_downs: u64,
    /// Of the active autoscalers whose CPU is known; 0 when there is none.
    #[schema(minimum = 0)]
    average_cpu_utilization: f64,
    /// Only there while the emergency brake is on.
    #[schema(value_type = Option<Mode>, nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
}

impl AggregateBody {
    /// The figures, while the service is in `service_mode`.
    pub fn new(aggregate: &Aggregate, service_mode: Mode) -> Self {
        let average = aggregate.average_cpu_percent.unwrap_or(0.0);
        Self {
            total_autoscalers: aggregate.total,
            active_autoscalers: aggregate.active,
            total_scale_ups: aggregate.scale_ups,
            total_scale_downs: aggregate.scale_downs,
            average_cpu_utilization: (average * 100.0).round() / 100.0,
            mode: shown_mode(service_mode),
        }
    }
}
