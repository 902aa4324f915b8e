//! What the handlers share.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use arc_swap::ArcSwap;
use secrecy::SecretString;

use crate::actors::brake::Brake;
use crate::actors::collectors::gpu_table::GpuTable;
use crate::actors::registry_handle::RegistryHandle;
use crate::clock::Clock;
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
    /// Whether only this machine can reach the service.
    pub on_loopback: bool,
    /// What a client must send, if anything.
    pub token: Option<SecretString>,
    /// Set when the service is about to stop, so that no more traffic is sent to it.
    pub stopping: AtomicBool,
}
