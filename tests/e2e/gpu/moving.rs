//! A pod of a StatefulSet moves to another node and keeps its name.

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::Api;
use kube::runtime::wait::await_condition;
use serde_json::Value;

use super::exporter::Behaviour;
use super::nodes::{Devices, WHOLE_GPU};
use super::stage::{LIMIT, Stage, measured, metric, pod};
use crate::cluster::cluster;
use crate::workload::NAME;

#[tokio::test]
async fn what_the_old_node_still_shows_of_a_moved_pod_does_not_count() {
    let stage = Stage::new("gpu-moving", &[Devices::Whole(1); 2]).await;
    stage.workload("StatefulSet", NAME, 1, stage.nodes.pod(WHOLE_GPU, 1), &[50.0]).await;
    let id = stage.api.created(&stage.request("StatefulSet", NAME, ("target_gpu_percent", 50), 1, 2)).await;
    let first = stage.api.wait_for(&id, "it is read", LIMIT, |a| measured(a, "gpu") == Some(50)).await;
    let old = pod(&first, "web-0")["node"].as_str().unwrap().to_owned();
    let new = stage.nodes.names.iter().find(|name| **name != old).unwrap();

    // The new node's exporter does not know the pod yet, and the old one's says of it what would double it.
    let (old_exporter, new_exporter) = (stage.exporters.on(&old), stage.exporters.on(new));
    old_exporter.set(Behaviour::Saying(stage.exporters.says(&old)));
    stage.exporters.set_utilization(NAME, &[100.0]);
    let stale = stage.exporters.says(&old);
    assert!(stale.contains("pod=\"web-0\"} 100"), "{stale}");
    stage.exporters.set_utilization(NAME, &[48.0]);
    new_exporter.set(Behaviour::NoPodLabels);
    cordon(&old).await;
    let pods = stage.namespace.api::<Pod>();
    let uid = pods.get("web-0").await.unwrap().metadata.uid;
    pods.delete("web-0", &Default::default()).await.unwrap();
    let is_another = |pod: Option<&Pod>| pod.is_some_and(|pod| pod.metadata.uid != uid);
    tokio::time::timeout(LIMIT, await_condition(pods, "web-0", is_another)).await.unwrap().unwrap();
    stage.namespace.wait_for_ready("StatefulSet", NAME, 1, LIMIT).await;
    stage.api.wait_for(&id, "it has moved", LIMIT, |a| pod(a, "web-0")["node"] == **new).await;
    old_exporter.set(Behaviour::Saying(stale));
    let shows_100 = |all: &[Value]| {
        all.iter().any(|exporter| {
            let devices = exporter["devices"].as_array().unwrap();
            devices.iter().any(|device| device["pod"] == "web-0" && device["utilization_percent"] == 100)
        })
    };
    stage.wait_for_sources("the old exporter shows it busy", shows_100).await;

    stage.evaluations(&id, 3).await;
    let unknown = stage.api.autoscaler(&id).await;
    assert_ne!(metric(&unknown, "gpu")["state"], "known", "{unknown:#}");
    assert_eq!(pod(&unknown, "web-0")["utilization_percent"], Value::Null);
    new_exporter.set(Behaviour::Serving);
    let moved = stage.api.wait_for(&id, "it is read again", LIMIT, |a| measured(a, "gpu") == Some(48)).await;
    assert_eq!(moved["details"]["scale_up_count"], 0);
}

/// Takes no more pods on a node.
async fn cordon(node: &str) {
    Api::<Node>::all(cluster().client().await).cordon(node).await.unwrap();
}
