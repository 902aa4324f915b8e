//! The API's JSON, field by field as in the guide, and its conversion to and from the domain.

mod aggregate;
mod autoscaler;
mod decision;
mod decisions;
mod device;
mod evaluate;
mod event;
mod fleet;
mod gpu;
mod history;
mod inputs;
mod list_text;
mod metric;
mod mode;
mod page_token;
mod patch;
mod preview;
mod scalar;
mod service;
mod sources;
mod spec;
mod whoami;
mod words;

pub use aggregate::AggregateBody;
pub use autoscaler::{AutoscalerBody, DeletedBody, ListBody};
pub use decision::DecisionBody;
pub use decisions::{DecisionFilter, DecisionsBody};
pub use device::DeviceBody;
pub use evaluate::{EvaluateError, EvaluateRequest};
pub use event::EventBody;
pub use fleet::{FleetBody, FleetSummaryBody, RowBody};
pub use history::{HistoryBody, HistoryRange};
pub use list_text::ListText;
pub use mode::{ModeBody, ModeRequest};
pub use page_token::page_place;
pub use patch::{MergePatch, PatchError, patched_rules};
pub use preview::PreviewBody;
pub use service::{AliveBody, HealthBody, IndexBody, ReadyBody};
pub use sources::{GpuSummaryBody, SourcesBody};
#[cfg(fuzzing)]
pub use spec::SpecBody;
pub use spec::{CreateRequest, InvalidRequest, NewAutoscaler, requested_autoscaler};
pub use whoami::WhoamiBody;
