//! The real HPA and this service beside each other: the same Deployment twice, the same usage, and the sequence of counts
//! that each of them sets.
//!
//! Memory decides, because a metrics API shows a change of it at once, where CPU passes through values in between. Even
//! so a reading can catch some pods before and some after a change; so each change happens while equal bounds hold the
//! count, which is let go when all pods show it. The load is a total, as a real one is: as soon as the count is what the
//! load needs, each pod uses 70 % again.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ai_storage_orchestrator::domain::quantity::Amount;
use futures_util::{StreamExt, pin_mut};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{Pod, ResourceQuota};
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::api::Api;
use super::cluster::cluster;
use super::service::shared_service;
use super::workload::{NAME, Namespace};

/// What each pod requests, so that a MiB is a percent.
const REQUEST: &str = "100Mi";

/// The pods ask for a GPU each and run on one node, which has eight: more than that stay pending.
const FIT: usize = 8;

/// What the count may be.
const BOUNDS: (i32, i32) = (2, 14);

/// The scale-down window, and a tick more: what was recommended before does not count any more.
const WINDOW_IS_OVER: Duration = Duration::from_secs(40);

/// metrics-server's two readings, the autoscaler's tick, and room for a busy machine.
const LIMIT: Duration = Duration::from_secs(150);

/// Who scales a Deployment.
enum Scaler {
    Hpa,
    Us { api: Api, id: String },
}

/// One of the two Deployments, with what is set of it written down.
struct Side {
    namespace: Namespace,
    scaler: Option<Scaler>,
    counts: Arc<Mutex<Vec<i32>>>,
    watch: JoinHandle<()>,
}

impl Side {
    /// A Deployment of four pods on this node, each of which uses 70 % of its memory and little of its CPU, far from where
    /// a percent more or less would count.
    async fn new(name: &str, node: &str) -> Self {
        let namespace = Namespace::new(name, 10).await;
        namespace.set_memory(70);
        let deployment = json!({
            "metadata": {"name": NAME},
            "spec": {
                "replicas": 4,
                "selector": {"matchLabels": {"app": NAME}},
                // An update brings all new pods at once, and keeps the old ones for a minute.
                "minReadySeconds": 60,
                "strategy": {"rollingUpdate": {"maxSurge": "100%", "maxUnavailable": 0}},
                "template": {
                    "metadata": {"labels": {"app": NAME}},
                    "spec": {
                        "nodeSelector": {"kubernetes.io/hostname": node},
                        "containers": [{
                            "name": "main",
                            "image": "none",
                            "resources": {
                                "requests": {"cpu": "100m", "memory": REQUEST},
                                "limits": {"nvidia.com/gpu": "1"},
                            },
                        }],
                    },
                },
            },
        });
        let deployments = namespace.api::<Deployment>();
        deployments.create(&PostParams::default(), &serde_json::from_value(deployment).unwrap()).await.unwrap();
        let counts = Arc::new(Mutex::new(Vec::new()));
        let watch = tokio::spawn({
            let counts = counts.clone();
            async move {
                let stream = watcher(deployments, watcher::Config::default()).default_backoff().applied_objects();
                pin_mut!(stream);
                while let Some(deployment) = stream.next().await {
                    let Ok(deployment) = deployment else { continue };
                    let count = deployment.spec.unwrap().replicas.unwrap();
                    let mut counts = counts.lock().unwrap();
                    if counts.last() != Some(&count) {
                        counts.push(count);
                    }
                }
            }
        });
        let side = Self { namespace, scaler: None, counts, watch };
        side.wait_until_measured(4, 70).await;
        side
    }

    /// Puts the Deployment under the real HPA, whose defaults are spelled out but for the shorter scale-down window.
    async fn scaled_by_the_hpa(&mut self) {
        let target = |resource: &str| {
            json!({"type": "Resource", "resource":
                {"name": resource, "target": {"type": "Utilization", "averageUtilization": 70}}})
        };
        let hpa = json!({
            "metadata": {"name": NAME},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME},
                "minReplicas": BOUNDS.0,
                "maxReplicas": BOUNDS.1,
                "metrics": [target("cpu"), target("memory")],
                "behavior": {
                    "scaleUp": {
                        "stabilizationWindowSeconds": 0,
                        "selectPolicy": "Max",
                        "policies": [
                            {"type": "Percent", "value": 100, "periodSeconds": 15},
                            {"type": "Pods", "value": 4, "periodSeconds": 15},
                        ],
                    },
                    "scaleDown": {
                        "stabilizationWindowSeconds": 30,
                        "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
                    },
                },
            },
        });
        let hpas = self.namespace.api::<HorizontalPodAutoscaler>();
        hpas.create(&PostParams::default(), &serde_json::from_value(hpa).unwrap()).await.unwrap();
        self.scaler = Some(Scaler::Hpa);
    }

    /// Puts the Deployment under this service with the same rules.
    async fn scaled_by_us(&mut self, compatibility: &str) {
        let request = json!({
            "workload_name": NAME,
            "workload_namespace": self.namespace.name,
            "workload_type": "Deployment",
            "min_replicas": BOUNDS.0,
            "max_replicas": BOUNDS.1,
            "target_cpu_percent": 70,
            "target_memory_percent": 70,
            "interval_seconds": 5,
            "compatibility": compatibility,
            "scale_up_policy": {"select_policy": "Max", "policies": [
                {"type": "Percent", "value": 100, "period_seconds": 15},
                {"type": "Pods", "value": 4, "period_seconds": 15},
            ]},
            "scale_down_policy": {
                "stabilization_window_seconds": 30,
                "policies": [{"type": "Percent", "value": 100, "period_seconds": 15}],
            },
        });
        let api = shared_service().api();
        let id = api.created(&request).await;
        self.scaler = Some(Scaler::Us { api, id });
    }

    async fn bound(&self, (min, max): (i32, i32)) {
        match self.scaler.as_ref().unwrap() {
            Scaler::Hpa => {
                let patch = json!({"spec": {"minReplicas": min, "maxReplicas": max}});
                let hpas = self.namespace.api::<HorizontalPodAutoscaler>();
                hpas.patch(NAME, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
            }
            Scaler::Us { api, id } => {
                let (status, answer) = api.patch(id, &json!({"min_replicas": min, "max_replicas": max})).await;
                assert!(status.is_success(), "{answer}");
            }
        }
    }

    /// Holds the count where it is.
    async fn hold(&self) {
        let count = *self.counts().last().unwrap();
        self.bound((count, count)).await;
    }

    /// The autoscaler of this service.
    fn autoscaler(&self) -> (&Api, &str) {
        match self.scaler.as_ref().unwrap() {
            Scaler::Us { api, id } => (api, id),
            Scaler::Hpa => panic!("the HPA scales this"),
        }
    }

    fn counts(&self) -> Vec<i32> {
        self.counts.lock().unwrap().clone()
    }

    /// Each of the pods that run uses so much; once all show it, the count may follow, and then each uses 70 % again.
    async fn load(&self, running: usize, percent: u32, count: i32) {
        self.hold().await;
        self.namespace.set_memory(percent);
        self.wait_until_measured(running, percent).await;
        if percent < 70 {
            tokio::time::sleep(WINDOW_IS_OVER).await;
        }
        self.let_go(count).await;
        self.wait_until_measured(usize::try_from(count).unwrap().min(FIT), 70).await;
    }

    /// The count may be what the load needs, and is that soon.
    async fn let_go(&self, count: i32) {
        self.bound(BOUNDS).await;
        self.wait_for_count(count).await;
        self.namespace.set_memory(70);
    }

    async fn wait_for_count(&self, count: i32) {
        let what = format!("{} has {count} replicas", self.namespace.name);
        self.wait_until(&what, || async { self.counts().last() == Some(&count) }).await;
    }

    /// Waits until the metrics API shows that many pods, each with this memory.
    async fn wait_until_measured(&self, pods: usize, percent: u32) {
        let what = format!("{} has {pods} pods at {percent} %", self.namespace.name);
        self.wait_until(&what, || async {
            let memory = self.measured().await;
            memory.len() == pods && memory.iter().all(|memory| *memory == u64::from(percent) << 20)
        })
        .await;
    }

    /// The memory of each pod that the metrics API knows, in bytes.
    async fn measured(&self) -> Vec<u64> {
        let path = format!("/apis/metrics.k8s.io/v1beta1/namespaces/{}/pods", self.namespace.name);
        let answer: Value = serde_json::from_str(&cluster().kubectl(&["get", "--raw", &path])).unwrap();
        let items = answer["items"].as_array().unwrap();
        let memory = items.iter().map(|item| item["containers"][0]["usage"]["memory"].as_str().unwrap());
        memory.map(|text| text.parse::<Amount>().unwrap().thousandths().unwrap() / 1000).collect()
    }

    async fn wait_until<F: Future<Output = bool>>(&self, what: &str, mut is_so: impl FnMut() -> F) {
        let waiting = async {
            while !is_so().await {
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        };
        if tokio::time::timeout(LIMIT, waiting).await.is_err() {
            panic!("not within {LIMIT:?}: {what}; counts {:?}, measured {:?}", self.counts(), self.measured().await);
        }
    }

    async fn pods(&self) -> Vec<String> {
        let pods = self.namespace.api::<Pod>().list(&ListParams::default()).await.unwrap();
        pods.items.into_iter().map(|pod| pod.metadata.name.unwrap()).collect()
    }

    async fn annotate(&self, pod: &str, memory: Value) {
        let patch = json!({"metadata": {"annotations": {"kwok.x-k8s.io/usage-memory": memory}}});
        let patched = self.namespace.api::<Pod>().patch(pod, &PatchParams::default(), &Patch::Merge(patch)).await;
        // The pod may have been scaled away meanwhile.
        assert!(patched.is_ok() || !self.pods().await.iter().any(|name| name == pod), "{patched:?}");
    }

    /// Two of the six pods have no metrics any more while the others use little: the HPA takes them for fully used.
    async fn lose_two_of_six(&self) {
        self.hold().await;
        let lost: Vec<_> = self.pods().await.into_iter().take(2).collect();
        for pod in &lost {
            // KWOK's kubelet leaves out a pod that uses nothing.
            self.annotate(pod, json!("0")).await;
        }
        self.namespace.set_memory(20);
        self.wait_until_measured(4, 20).await;
        tokio::time::sleep(WINDOW_IS_OVER).await;
        self.let_go(4).await;
        for pod in &lost {
            self.annotate(pod, Value::Null).await;
        }
        self.wait_until_measured(4, 70).await;
    }

    /// An update of the four pods, in the middle of which there are eight, each with more than its target.
    async fn update_under_load(&self, count: i32) {
        self.hold().await;
        let patch = json!({"spec": {"template": {"metadata": {"annotations": {"revision": "2"}}}}});
        let deployments = self.namespace.api::<Deployment>();
        deployments.patch(NAME, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
        self.wait_until_measured(8, 70).await;
        self.namespace.set_memory(84);
        self.wait_until_measured(8, 84).await;
        self.let_go(count).await;
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

/// The whole story, and the counts that it takes.
async fn story(side: &Side) -> Vec<i32> {
    // Up, by what the pods use.
    side.load(4, 105, 6).await;
    // Missing metrics hold a part of the way down up: 4 x 20 % and 2 x 100 % are 46 % of 6.
    side.lose_two_of_six().await;
    side.load(4, 140, 8).await;
    // Up to more than fit: four pods stay pending.
    side.load(8, 105, 12).await;
    // They count as idle: 8 x 119 % of 12 are 79 %.
    side.load(8, 119, 14).await;
    // Down, on the pods that run: half of eight.
    side.load(8, 35, 4).await;
    // The surplus pods of an update count like all others: 8 x 84 % of 70 % are 10, of which the policies allow 8.
    side.update_under_load(8).await;
    side.counts()
}

#[tokio::test]
async fn compatible_with_the_hpa_the_counts_are_the_hpas() {
    let (mut theirs, mut ours) = tokio::join!(Side::new("side-hpa", "node-7"), Side::new("side-ours", "node-8"));
    theirs.scaled_by_the_hpa().await;
    ours.scaled_by_us("hpa").await;
    let (their_counts, our_counts) = tokio::join!(story(&theirs), story(&ours));
    assert_eq!(our_counts, their_counts);
    assert_eq!(our_counts, [4, 6, 4, 8, 12, 14, 4, 8]);
    let (api, id) = ours.autoscaler();
    api.delete(id).await;
}

#[tokio::test]
async fn by_default_an_update_does_not_inflate_the_count_as_the_hpa_does() {
    let (mut theirs, mut ours) = tokio::join!(Side::new("update-hpa", "node-9"), Side::new("update-ours", "node-10"));
    theirs.scaled_by_the_hpa().await;
    ours.scaled_by_us("default").await;
    // Both see eight pods with 84 % of 70 %, for four replicas: 8 x 1.2 is 10, of which the policies allow 8; 4 x 1.2 is 5.
    tokio::join!(theirs.update_under_load(8), ours.update_under_load(5));
    assert_eq!((theirs.counts(), ours.counts()), (vec![4, 8], vec![4, 5]));
    let (api, id) = ours.autoscaler();
    let (_, decisions) = api.get(&format!("/api/v1/autoscaling/{id}/decisions?outcome=scale_up")).await;
    let decision = &decisions["decisions"][0];
    assert_eq!(decision["rollout"], json!({"new_pods": 4, "old_pods": 4}), "{decision}");
    api.delete(id).await;
}

#[tokio::test]
async fn by_default_pods_that_a_quota_keeps_away_do_not_turn_the_count_around_as_in_the_hpa() {
    let (mut theirs, mut ours) = tokio::join!(Side::new("quota-hpa", "node-5"), Side::new("quota-ours", "node-6"));
    for side in [&theirs, &ours] {
        let quota = json!({"metadata": {"name": "pods"}, "spec": {"hard": {"pods": "6"}}});
        let quotas = side.namespace.api::<ResourceQuota>();
        quotas.create(&PostParams::default(), &serde_json::from_value(quota).unwrap()).await.unwrap();
        cluster().kubectl(&["scale", "deployment", NAME, "--replicas", "10", "--namespace", &side.namespace.name]);
        side.wait_until_measured(6, 70).await;
        side.namespace.set_memory(84);
        side.wait_until_measured(6, 84).await;
    }
    theirs.scaled_by_the_hpa().await;
    ours.scaled_by_us("default").await;
    let (api, id) = ours.autoscaler();
    // Six pods with 84 % of 70 %: 6 x 1.2 is 8, fewer than the ten that were asked for under more than the target.
    theirs.wait_for_count(8).await;
    let watched = |a: &Value| a["details"]["last_decision"]["count"].as_u64().unwrap_or(0) > 8;
    let held = api.wait_for(id, "the same was decided for 45 s", LIMIT, watched).await;
    assert_eq!(ours.counts(), [4, 10], "{held:#}");
    let decision = &held["details"]["last_decision"];
    assert_eq!(decision["in_flight"]["not_created"], 4, "{decision:#}");
    assert_eq!((&decision["outcome"], &decision["recommended_replicas"]), (&json!("no_change"), &json!(10)));
    api.delete(id).await;
}
