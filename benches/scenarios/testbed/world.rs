//! Deployments that are scaled, and what their pods use.

use std::collections::HashMap;
use std::time::Duration;

use ai_storage_orchestrator::domain::quantity::Amount;
use anyhow::Context;
use futures_util::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Event, Namespace};
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde::Deserialize;
use serde_json::json;

use super::cluster::Cluster;
use super::waiting::until;

/// The replicas with little load, which is also the minimum.
pub const QUIET_REPLICAS: i32 = 2;
/// The replicas with much load, which is also the maximum.
pub const BUSY_REPLICAS: i32 = 3;
/// The target for CPU and for memory, in percent of what is requested.
pub const TARGET: i32 = 70;

/// What each pod uses of its memory, in percent, when two replicas do. Its CPU is always as busy.
const QUIET: u32 = 40;
/// The same when a third one is needed. Of memory a change shows at once, where CPU has values in between.
const BUSY: u32 = 100;
/// Between the two.
const MIDDLE: u64 = 70;

/// Requests to the API server at the same time.
const AT_ONCE: usize = 16;
/// Two scrapes of metrics-server, the pods' start, and a busy machine.
const LIMIT: Duration = Duration::from_secs(300);
const PACE: Duration = Duration::from_secs(1);

/// What the load is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// `QUIET_REPLICAS` are enough.
    Quiet,
    /// `BUSY_REPLICAS` are needed.
    Busy,
}

/// A Deployment's namespace and name.
pub type Name = (String, String);

/// Deployments spread over namespaces.
pub struct World {
    pub client: Client,
    pub namespaces: Vec<String>,
    pub deployments: Vec<Name>,
}

#[derive(Deserialize)]
struct Listed {
    items: Vec<Measured>,
}

#[derive(Deserialize)]
struct Measured {
    metadata: Metadata,
    containers: Vec<Container>,
}

#[derive(Deserialize)]
struct Metadata {
    namespace: String,
    #[serde(default)]
    labels: HashMap<String, String>,
}

#[derive(Deserialize)]
struct Container {
    usage: HashMap<String, String>,
}

/// What the metrics API shows of each Deployment's pods.
#[derive(Default)]
pub struct Shown {
    pods: HashMap<Name, (usize, usize)>,
}

impl Shown {
    /// What all pods of the Deployment show, if they agree and there are enough of them.
    pub fn load(&self, deployment: &Name) -> Option<Load> {
        match *self.pods.get(deployment)? {
            (quiet, 0) if quiet >= QUIET_REPLICAS as usize => Some(Load::Quiet),
            (0, busy) if busy >= QUIET_REPLICAS as usize => Some(Load::Busy),
            _ => None,
        }
    }

    /// How many pods it shows of the Deployment.
    pub fn pods(&self, deployment: &Name) -> usize {
        self.pods.get(deployment).map_or(0, |(quiet, busy)| quiet + busy)
    }
}

impl World {
    /// Makes that many Deployments with little load in that many namespaces, and waits until all pods are measured.
    pub async fn new(cluster: &Cluster, namespaces: usize, deployments: usize) -> anyhow::Result<Self> {
        let client = cluster.client().await;
        let namespaces: Vec<String> = (0..namespaces.max(1)).map(|number| format!("load-{number}")).collect();
        let name = |number: usize| (namespaces[number % namespaces.len()].clone(), format!("web-{number}"));
        let deployments: Vec<Name> = (0..deployments).map(name).collect();
        let world = Self { client, namespaces, deployments };
        for namespace in &world.namespaces {
            let object = json!({"metadata": {"name": namespace, "annotations": usage(QUIET)}});
            let api = Api::<Namespace>::all(world.client.clone());
            api.create(&PostParams::default(), &serde_json::from_value(object)?).await?;
        }
        let made = stream::iter(&world.deployments).map(|name| world.create(name)).buffer_unordered(AT_ONCE);
        made.try_collect::<()>().await.context("the Deployments cannot be made")?;
        world.await_quiet().await?;
        Ok(world)
    }

    async fn create(&self, (namespace, name): &Name) -> anyhow::Result<()> {
        let object = json!({
            "metadata": {"name": name},
            "spec": {
                "replicas": QUIET_REPLICAS,
                "selector": {"matchLabels": {"app": name}},
                "template": {
                    "metadata": {"labels": {"app": name}},
                    "spec": {"containers": [{
                        "name": "main",
                        "image": "none",
                        // So that a thousandth of a core and a MiB are a percent each.
                        "resources": {"requests": {"cpu": "100m", "memory": "100Mi"}},
                    }]},
                },
            },
        });
        let api = Api::<Deployment>::namespaced(self.client.clone(), namespace);
        api.create(&PostParams::default(), &serde_json::from_value(object)?).await?;
        Ok(())
    }

    /// Sets the load of all Deployments in these namespaces, at once. It shows at metrics-server's next scrape.
    pub async fn set_load(&self, namespaces: &[String], load: Load) -> anyhow::Result<()> {
        let percent = if load == Load::Quiet { QUIET } else { BUSY };
        let patch = Patch::Merge(json!({"metadata": {"annotations": usage(percent)}}));
        let api = Api::<Namespace>::all(self.client.clone());
        let parameters = PatchParams::default();
        let patches = namespaces.iter().map(|namespace| api.patch(namespace, &parameters, &patch));
        futures_util::future::try_join_all(patches).await.context("the load cannot be set")?;
        Ok(())
    }

    /// One list of what the metrics API shows.
    pub async fn shown(&self) -> anyhow::Result<Shown> {
        let request = http::Request::get("/apis/metrics.k8s.io/v1beta1/pods").body(Vec::new())?;
        let text = self.client.request_text(request).await.context("the metrics cannot be listed")?;
        let list: Listed = serde_json::from_str(&text)?;
        let mut shown = Shown::default();
        for mut pod in list.items {
            let Some(app) = pod.metadata.labels.remove("app") else { continue };
            let memory = pod.containers.first().and_then(|container| container.usage.get("memory"));
            let bytes = memory.and_then(|text| text.parse::<Amount>().ok()?.thousandths()).unwrap_or(0) / 1000;
            let (quiet, busy) = shown.pods.entry((pod.metadata.namespace, app)).or_default();
            *(if bytes >> 20 < MIDDLE { quiet } else { busy }) += 1;
        }
        Ok(shown)
    }

    /// Makes all as it was at the beginning, when nothing scales it any more.
    pub async fn reset(&self) -> anyhow::Result<()> {
        self.set_load(&self.namespaces, Load::Quiet).await?;
        let reset = stream::iter(&self.deployments).map(|name| self.scale_back(name)).buffer_unordered(AT_ONCE);
        reset.try_collect::<()>().await.context("the Deployments cannot be scaled back")?;
        self.await_quiet().await
    }

    async fn scale_back(&self, (namespace, name): &Name) -> anyhow::Result<()> {
        let api = Api::<Deployment>::namespaced(self.client.clone(), namespace);
        let patch = Patch::Merge(json!({"spec": {"replicas": QUIET_REPLICAS}}));
        api.patch_scale(name, &PatchParams::default(), &patch).await?;
        Ok(())
    }

    /// Waits until the metrics show exactly the pods that there are with little load.
    async fn await_quiet(&self) -> anyhow::Result<()> {
        until("all pods are measured with little load", LIMIT, PACE, async || {
            let shown = self.shown().await?;
            Ok(self.deployments.iter().all(|deployment| {
                shown.load(deployment) == Some(Load::Quiet) && shown.pods(deployment) == QUIET_REPLICAS as usize
            }))
        })
        .await?;
        Ok(())
    }

    /// How many times a node was taken for dead, within the last hour.
    pub async fn nodes_lost(&self) -> anyhow::Result<usize> {
        let wanted = ListParams::default().fields("reason=NodeNotReady");
        let events = Api::<Event>::all(self.client.clone()).list(&wanted).await?;
        Ok(events.items.len())
    }
}

/// The annotations that KWOK takes usage from.
fn usage(percent: u32) -> serde_json::Value {
    json!({
        "kwok.x-k8s.io/usage-cpu": format!("{QUIET}m"),
        "kwok.x-k8s.io/usage-memory": format!("{percent}Mi"),
    })
}
