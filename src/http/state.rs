//! What the handlers share.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use secrecy::SecretString;

use crate::actors::brake::Brake;
use crate::actors::registry_handle::RegistryHandle;
use crate::ports::WorkloadIndex;

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
    /// The cluster's name for people.
    pub cluster_name: String,
    /// Whether only this machine can reach the service.
    pub on_loopback: bool,
    /// What a client must send, if anything.
    pub token: Option<SecretString>,
    /// Set when the service is about to stop, so that no more traffic is sent to it.
    pub stopping: AtomicBool,
}
