//! Where autoscalers are kept, who of several replicas acts on them, and where it is told.

use std::time::Duration;

use serde::Deserialize;

use super::{Cluster, ClusterKind, SettingsError};
use crate::domain::validation::is_dns_label;

/// `[store]`
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    kind: StoreKind,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
enum StoreKind {
    Auto,
    Kubernetes,
    Memory,
}

impl TryFrom<String> for StoreKind {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "auto" => Ok(Self::Auto),
            "kubernetes" => Ok(Self::Kubernetes),
            "memory" => Ok(Self::Memory),
            _ => Err("it must be one of auto, kubernetes or memory"),
        }
    }
}

impl Store {
    /// Whether autoscalers are objects in a real cluster; the simulated one has no such objects.
    pub fn is_kubernetes(&self) -> bool {
        self.kind != StoreKind::Memory
    }

    pub(super) fn check(&self, cluster: &Cluster) -> Result<(), SettingsError> {
        if self.kind == StoreKind::Kubernetes && cluster.kind == ClusterKind::Simulated {
            return Err(SettingsError::Range("store.kind must not be kubernetes on the simulated cluster"));
        }
        Ok(())
    }
}

/// `[leader_election]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaderElection {
    /// The name of the Lease.
    pub lease_name: String,
    namespace: String,
    lease_seconds: u64,
}

impl LeaderElection {
    /// The Lease's namespace; `None` is the service's own.
    pub fn namespace(&self) -> Option<String> {
        (!self.namespace.is_empty()).then(|| self.namespace.clone())
    }

    /// How long the Lease holds without being renewed.
    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds)
    }

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let range = |holds: bool, rule| if holds { Ok(()) } else { Err(SettingsError::Range(rule)) };
        range((5..=300).contains(&self.lease_seconds), "leader_election.lease_seconds must be between 5 and 300")?;
        range(is_dns_label(&self.lease_name), "leader_election.lease_name must be the name of a Lease")?;
        let is_namespace = self.namespace.is_empty() || is_dns_label(&self.namespace);
        range(is_namespace, "leader_election.namespace must be empty or the name of a namespace")
    }
}

/// `[events]`
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// Whether the cluster's people are told.
    pub enabled: bool,
}
