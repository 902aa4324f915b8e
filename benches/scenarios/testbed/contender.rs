//! Who scales: the HPA's controller of Kubernetes, or this service. Each has an account of its own, by which the audit log
//! knows its requests, its informers' or watches' included.

use std::time::Duration;

use anyhow::Context;
use futures_util::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::Api;
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, PostParams};
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cluster::{Cluster, SERVICE_ACCOUNT, binary};
use super::say;
use super::waiting::until;
use super::world::{BUSY_REPLICAS, Name, QUIET_REPLICAS, TARGET, World};
use crate::machine::MEASURED;
use crate::process::{Process, on_core};
use crate::service::{Service, Start};

/// The namespace of the accounts and of the Leases.
const HOME: &str = "kube-system";
/// Requests to the API server at the same time, when objects are made.
const AT_ONCE: usize = 16;
/// The HPA at its defaults needs more than a minute for its first look at 500.
const LIMIT: Duration = Duration::from_secs(600);
const PACE: Duration = Duration::from_secs(2);

/// One of those who are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contender {
    /// The HPA's controller alone in a controller manager, with all flags at their defaults.
    HpaDefaults,
    /// The same with more workers and without what slows its requests down.
    HpaTuned,
    /// This service, with its autoscalers as objects.
    Service,
}

/// How the service and its autoscalers are set up, where that is not by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tuning {
    /// The seconds from one evaluation to the next.
    pub interval_seconds: Option<u64>,
    /// The seconds for which readings serve everyone who asks.
    pub freshness_seconds: Option<u64>,
    /// Whether less load scales down at once.
    pub without_window: bool,
}

/// A contender that runs.
pub enum Running {
    Hpa(Process),
    Service(Service),
}

impl Contender {
    pub const ALL: [Self; 3] = [Self::HpaDefaults, Self::HpaTuned, Self::Service];

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::HpaDefaults => "the HPA at its defaults",
            Self::HpaTuned => "the tuned HPA",
            Self::Service => "this service",
        }
    }

    fn account(self) -> &'static str {
        match self {
            Self::HpaDefaults => "hpa-defaults",
            Self::HpaTuned => "hpa-tuned",
            Self::Service => SERVICE_ACCOUNT,
        }
    }

    /// The user as whom it asks.
    pub fn user(self) -> String {
        format!("system:serviceaccount:{HOME}:{}", self.account())
    }

    /// Makes its account, where `deploy/` does not.
    pub fn register(self, cluster: &Cluster) {
        if self == Self::Service {
            return;
        }
        // What it may do costs nothing of what is measured; the account is for counting.
        let name = self.account();
        let rbac = "rbac.authorization.k8s.io";
        cluster.apply(&[
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": HOME}}),
            json!({
                "apiVersion": format!("{rbac}/v1"),
                "kind": "ClusterRoleBinding",
                "metadata": {"name": name},
                "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "cluster-admin"},
                "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": HOME}],
            }),
        ]);
    }

    /// Starts it on the core that is measured, without anything to scale yet.
    pub fn start(self, cluster: &Cluster, tuning: &Tuning) -> anyhow::Result<Running> {
        let kubeconfig = cluster.kubeconfig_for(self.account(), HOME, &cluster.server);
        if self != Self::Service {
            let mut command = on_core(Some(MEASURED), binary());
            command.arg("kube-controller-manager").arg("--kubeconfig").arg(&kubeconfig).args([
                "--controllers=horizontal-pod-autoscaler-controller",
                &format!("--leader-elect-resource-name={}", self.account()),
                "--bind-address=127.0.0.1",
                // Nobody asks it anything.
                "--secure-port=0",
            ]);
            if self == Self::HpaTuned {
                command.args([
                    "--kube-api-qps=500",
                    "--kube-api-burst=1000",
                    "--concurrent-horizontal-pod-autoscaler-syncs=50",
                ]);
            }
            return Ok(Running::Hpa(Process::start(self.name(), &mut command)?));
        }
        let freshness = tuning.freshness_seconds.map(|seconds| seconds.to_string());
        let mut settings =
            vec![("ORCHESTRATOR__STORE__KIND", "kubernetes"), ("ORCHESTRATOR__LEADER_ELECTION__NAMESPACE", HOME)];
        settings.extend(freshness.as_deref().map(|seconds| ("ORCHESTRATOR__METRICS__FRESHNESS_SECONDS", seconds)));
        let start = Start { kubeconfig: Some(&kubeconfig), settings: &settings, ..Start::default() };
        Ok(Running::Service(Service::start(&start)?))
    }

    /// Makes one object for each Deployment.
    pub async fn create_objects(self, world: &World, tuning: &Tuning) -> anyhow::Result<()> {
        let create = async |name: &Name| -> anyhow::Result<()> {
            let object = serde_json::from_value(self.object(name, tuning))?;
            self.api(world, &name.0).create(&PostParams::default(), &object).await?;
            Ok(())
        };
        let made = stream::iter(&world.deployments).map(create).buffer_unordered(AT_ONCE);
        made.try_collect::<()>().await.with_context(|| format!("the objects of {} cannot be made", self.name()))
    }

    /// Deletes them, and waits until they are gone.
    pub async fn delete_objects(self, world: &World) -> anyhow::Result<()> {
        for namespace in &world.namespaces {
            let api = self.api(world, namespace);
            api.delete_collection(&DeleteParams::default(), &ListParams::default()).await?;
            until("the objects are gone", LIMIT, PACE, async || {
                Ok(api.list_metadata(&ListParams::default()).await?.items.is_empty())
            })
            .await?;
        }
        Ok(())
    }

    fn api(self, world: &World, namespace: &str) -> Api<DynamicObject> {
        let kind = |group: &str, version: &str, kind: &str| ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version: format!("{group}/{version}"),
            kind: kind.to_owned(),
            plural: format!("{}s", kind.to_lowercase()),
        };
        let resource = match self {
            Self::HpaDefaults | Self::HpaTuned => kind("autoscaling", "v2", "HorizontalPodAutoscaler"),
            Self::Service => kind("ai-storage.io", "v1alpha1", "WorkloadAutoscaler"),
        };
        Api::namespaced_with(world.client.clone(), namespace, &resource)
    }

    fn object(self, (namespace, name): &Name, tuning: &Tuning) -> Value {
        let metadata = json!({"name": name, "namespace": namespace});
        if self != Self::Service {
            let target = |resource: &str| {
                json!({"type": "Resource", "resource":
                    {"name": resource, "target": {"type": "Utilization", "averageUtilization": TARGET}}})
            };
            return json!({
                "apiVersion": "autoscaling/v2",
                "kind": "HorizontalPodAutoscaler",
                "metadata": metadata,
                "spec": {
                    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
                    "minReplicas": QUIET_REPLICAS,
                    "maxReplicas": BUSY_REPLICAS,
                    "metrics": [target("cpu"), target("memory")],
                },
            });
        }
        let mut spec = json!({
            "workload_name": name,
            "workload_type": "Deployment",
            "min_replicas": QUIET_REPLICAS,
            "max_replicas": BUSY_REPLICAS,
            "target_cpu_percent": TARGET,
            "target_memory_percent": TARGET,
        });
        if let Some(seconds) = tuning.interval_seconds {
            spec["interval_seconds"] = seconds.into();
        }
        if tuning.without_window {
            spec["scale_down_policy"] = json!({"stabilization_window_seconds": 0});
        }
        json!({"apiVersion": "ai-storage.io/v1alpha1", "kind": "WorkloadAutoscaler", "metadata": metadata, "spec": spec})
    }
}

impl Running {
    pub fn pid(&self) -> u32 {
        match self {
            Self::Hpa(process) => process.pid(),
            Self::Service(service) => service.pid(),
        }
    }

    /// Waits until it has evaluated all, both metrics known.
    pub async fn await_evaluated(&self, world: &World) -> anyhow::Result<Duration> {
        let all = world.deployments.len();
        until("all are evaluated", LIMIT, PACE, async || {
            let evaluated = match self {
                Self::Hpa(_) => evaluated_by_hpa(world).await?,
                Self::Service(service) => evaluated_by_service(service).await?,
            };
            if evaluated < all {
                say(&format!("{evaluated} of {all} are evaluated"));
            }
            Ok(evaluated >= all)
        })
        .await
    }

    /// Ends it.
    pub fn stop(mut self) -> anyhow::Result<()> {
        match &mut self {
            Self::Hpa(process) => process.terminate()?,
            Self::Service(service) => service.process.terminate()?,
        };
        Ok(())
    }
}

async fn evaluated_by_hpa(world: &World) -> anyhow::Result<usize> {
    let hpas = Api::<HorizontalPodAutoscaler>::all(world.client.clone()).list(&ListParams::default()).await?;
    let knows_both = |hpa: &HorizontalPodAutoscaler| {
        let metrics = hpa.status.as_ref().and_then(|status| status.current_metrics.as_ref());
        metrics.is_some_and(|metrics| metrics.len() == 2)
    };
    Ok(hpas.iter().filter(|hpa| knows_both(hpa)).count())
}

async fn evaluated_by_service(service: &Service) -> anyhow::Result<usize> {
    let answer = reqwest::get(service.url("/api/v1/autoscaling")).await?;
    // It does not know its autoscalers yet.
    if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
        return Ok(0);
    }
    let answer: Value = answer.error_for_status()?.json().await?;
    let all = answer["autoscalers"].as_array().context("the list of autoscalers is none")?;
    let known = |details: &Value| {
        details["updated_at"].is_string()
            && details["current_cpu_percent"].is_number()
            && details["current_memory_percent"].is_number()
    };
    Ok(all.iter().filter(|autoscaler| known(&autoscaler["details"])).count())
}
