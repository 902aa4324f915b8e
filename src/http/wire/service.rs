//! What the service says of itself.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use super::mode::shown_mode;
use super::sources::GpuSummaryBody;
use crate::domain::autoscaler::Mode;

/// Which service this is, and where its API is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Index)]
pub struct IndexBody {
    #[schema(value_type = String)]
    service: &'static str,
    #[schema(value_type = String)]
    version: &'static str,
    /// The cluster's name for people.
    cluster: String,
    /// Paths that can be asked for without an id.
    #[schema(value_type = Vec<String>)]
    paths: &'static [&'static str],
}

impl IndexBody {
    /// The index of a service on the cluster of this name.
    pub fn new(cluster: String, paths: &'static [&'static str]) -> Self {
        Self { service: SERVICE, version: VERSION, cluster, paths }
    }
}

const SERVICE: &str = env!("CARGO_PKG_NAME");
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Name and version of the process that listens.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Health)]
pub struct HealthBody {
    status: HealthStatus,
    #[schema(value_type = String)]
    service: &'static str,
    #[schema(value_type = String)]
    version: &'static str,
    /// Only there while the emergency brake is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Mode>, nullable = false)]
    mode: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum HealthStatus {
    Healthy,
}

impl HealthBody {
    /// The answer of a service that is in `mode`.
    pub fn new(mode: Mode) -> Self {
        Self { status: HealthStatus::Healthy, service: SERVICE, version: VERSION, mode: shown_mode(mode) }
    }
}

/// The service lives.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Alive)]
pub struct AliveBody {
    status: AliveStatus,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum AliveStatus {
    Ok,
}

impl AliveBody {
    /// The answer of a service that lives.
    pub const ALIVE: Self = Self { status: AliveStatus::Ok };
}

/// The service can do its work. Whoever may not read its sources is told no more than that.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Ready)]
pub struct ReadyBody {
    status: ReadyStatus,
    /// The cluster's name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    cluster: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    gpu: Option<GpuSummaryBody>,
    /// Only there when the room on the nodes is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    capacity: Option<FaultBody>,
    /// Only there while the emergency brake is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Mode>, nullable = false)]
    mode: Option<&'static str>,
    /// Only there where several replicas can run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    replica: Option<ReplicaBody>,
}

/// A replica of the service.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Replica)]
struct ReplicaBody {
    /// Its name.
    identity: String,
    /// Whether it is the one that scales.
    leads: bool,
    /// The one that scales, as far as is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    leader: Option<String>,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ReadyStatus {
    Ready,
}

/// What is wrong.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Fault)]
struct FaultBody {
    error: String,
}

impl ReadyBody {
    /// The answer to whoever may not know more.
    pub const READY: Self =
        Self { status: ReadyStatus::Ready, cluster: None, gpu: None, capacity: None, mode: None, replica: None };

    /// The answer of a service that works on `cluster` in `mode`.
    pub fn new(cluster: String, gpu: GpuSummaryBody, capacity_fault: Option<String>, mode: Mode) -> Self {
        let capacity = capacity_fault.map(|error| FaultBody { error });
        Self { cluster: Some(cluster), gpu: Some(gpu), capacity, mode: shown_mode(mode), ..Self::READY }
    }

    /// The same of one of several replicas.
    pub fn of_replica(self, identity: &str, leader: Option<Arc<str>>, leads: bool) -> Self {
        let leader = leader.filter(|leader| !leader.is_empty()).map(|leader| leader.to_string());
        Self { replica: Some(ReplicaBody { identity: identity.to_owned(), leads, leader }), ..self }
    }
}
