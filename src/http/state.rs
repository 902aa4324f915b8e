//! What the handlers share.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::followers::Followers;
use super::kept::KeptAnswers;
use super::wire::FleetSummaryBody;
use crate::access::Access;
use crate::actors::brake::Brake;
use crate::actors::collectors::gpu_table::GpuTable;
use crate::actors::events::Journal;
use crate::actors::leadership::Leadership;
use crate::actors::registry_handle::RegistryHandle;
use crate::clock::Clock;
use crate::ports::election::Election;
use crate::ports::store::AutoscalerStore;
use crate::ports::{ExporterDirectory, WorkloadIndex};
use crate::telemetry::Telemetry;

/// What the handlers need.
pub struct HttpState {
    /// The registry.
    pub registry: RegistryHandle,
    /// The emergency brake.
    pub brake: Arc<Brake>,
    /// A reading of a what-if older than this is unknown.
    pub max_age: Duration,
    /// Knows whether the cluster is known.
    pub index: Arc<dyn WorkloadIndex>,
    /// Keeps the autoscalers.
    pub store: Arc<dyn AutoscalerStore>,
    /// Whether this replica acts.
    pub leadership: Leadership,
    /// Elects the replica that acts, where there can be several.
    pub election: Option<Arc<dyn Election>>,
    /// Knows the exporters.
    pub exporters: Arc<dyn ExporterDirectory>,
    /// What the exporters showed last.
    pub gpu_table: Arc<ArcSwap<GpuTable>>,
    /// Writes what Prometheus sees, and counts requests.
    pub telemetry: Arc<Telemetry>,
    /// The cluster's time.
    pub clock: Clock,
    /// The cluster's name for people.
    pub cluster_name: String,
    /// Who is let in, and what they may do.
    pub access: Access,
    /// Cancelled when the service is about to stop, so that no more traffic is sent to it and nobody is told more.
    pub stopping: CancellationToken,
    /// What happens to the autoscalers.
    pub journal: Arc<Journal>,
    /// The figures over all autoscalers, once somebody has followed them.
    pub pulse: watch::Sender<Option<FleetSummaryBody>>,
    /// Answers about all autoscalers, for a moment.
    pub kept: KeptAnswers,
    /// Places for those who follow what happens.
    pub followers: Arc<Followers>,
    /// Tells this life of the service from others.
    pub life: i64,
}
