//! What happens to autoscalers, as those who follow it are told.

use serde::Serialize;
use utoipa::ToSchema;

use super::scalar::rfc3339;
use crate::actors::events::{Event, EventKind};
use crate::domain::autoscaler::WorkloadKind;

/// Something that happened to an autoscaler.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventBody {
    #[schema(value_type = EventKind)]
    kind: &'static str,
    #[schema(format = DateTime)]
    at: String,
    autoscaling_id: String,
    workload_name: String,
    workload_namespace: String,
    #[schema(value_type = WorkloadKind)]
    workload_type: &'static str,
    /// The replicas before, when it was scaled.
    #[schema(required)]
    from: Option<u32>,
    /// The replicas after, when it was scaled.
    #[schema(required)]
    to: Option<u32>,
    /// Who did it; absent when it was nobody, or nobody knows who.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    by: Option<String>,
    /// What happened, in words.
    message: String,
}

impl From<&Event> for EventBody {
    fn from(event: &Event) -> Self {
        Self {
            kind: event.kind.as_str(),
            at: rfc3339(event.at),
            autoscaling_id: event.autoscaler.clone(),
            workload_name: event.workload.name.clone(),
            workload_namespace: event.workload.namespace.clone(),
            workload_type: event.workload.kind.as_str(),
            from: event.change.map(|(from, _)| from),
            to: event.change.map(|(_, to)| to),
            by: event.by.as_deref().map(str::to_owned),
            message: event.message.clone(),
        }
    }
}
