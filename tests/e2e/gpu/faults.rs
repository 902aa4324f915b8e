//! Exporters that die, hang, and talk nonsense.

use serde_json::Value;

use super::exporter::Behaviour;
use super::nodes::{Devices, WHOLE_GPU};
use super::stage::{LIMIT, Stage, measured, metric};
use crate::api::condition;

fn coverage(autoscaler: &Value) -> (u64, u64) {
    let count = |kind: &str| metric(autoscaler, "gpu")["coverage"][kind].as_u64().unwrap_or(0);
    (count("measured_pods"), count("missing_pods"))
}

/// The error of each pod of which there is one.
fn errors(autoscaler: &Value) -> Vec<&str> {
    let pods = autoscaler["details"]["gpu"]["pods"].as_array().unwrap();
    pods.iter().filter_map(|pod| pod["error"].as_str()).collect()
}

#[tokio::test]
async fn what_exporters_that_died_do_not_show_is_missing_and_scales_nothing_down() {
    // Two pods on each node, no more fit.
    let stage = Stage::new("gpu-dying", &[Devices::Whole(2), Devices::Whole(2)]).await;
    stage.workload("StatefulSet", "train", 4, stage.nodes.pod(WHOLE_GPU, 1), &[60.0]).await;
    let id = stage.api.created(&stage.request("StatefulSet", "train", ("target_gpu_percent", 60), 2, 4)).await;
    stage.api.wait_for(&id, "all are measured", LIMIT, |a| measured(a, "gpu") == Some(60)).await;

    let dead = stage.exporters.on(&stage.nodes.names[0]);
    dead.set(Behaviour::Dead);
    let half = stage.api.wait_for(&id, "half are missing", LIMIT, |a| coverage(a) == (2, 2)).await;
    let why = errors(&half);
    assert!(why.len() == 2 && why.iter().all(|why| why.contains(&dead.name) && why.contains("refused")), "{why:?}");
    // Of 20 %, 20 % and twice 100 % for what is not known, 60 % remain.
    stage.exporters.set_utilization("train", &[20.0]);
    stage.api.wait_for(&id, "the others are measured", LIMIT, |a| metric(a, "gpu")["utilization_percent"] == 20).await;
    stage.evaluations(&id, 5).await;
    assert_eq!(stage.namespace.replicas("StatefulSet", "train").await, 4);

    stage.exporters.set_all(Behaviour::Dead);
    let blind = stage.api.wait_for(&id, "all are", LIMIT, |a| metric(a, "gpu")["state"] == "simulated").await;
    assert_eq!(metric(&blind, "gpu")["source"], "simulated");
    let shown = blind["details"]["current_gpu_percent"].as_u64().unwrap();
    assert!((60..=90).contains(&shown), "{shown}");
    let active = condition(&blind, "ScalingActive");
    assert_eq!((&active["status"], &active["reason"]), (&"False".into(), &"FailedGetGpuMetric".into()));
    assert!(active["message"].as_str().unwrap().contains("nvidia.com/gpu=present"), "{active}");
    stage.evaluations(&id, 5).await;
    let held = stage.api.autoscaler(&id).await;
    assert_eq!((&held["status"], &held["details"]["scale_down_count"]), (&"active".into(), &0.into()));

    stage.exporters.set_all(Behaviour::Serving);
    stage.namespace.wait_for_ready("StatefulSet", "train", 2, LIMIT).await;
    stage.api.delete(&id).await;
}

#[tokio::test]
async fn an_exporter_that_hangs_or_talks_nonsense_costs_its_own_node_only() {
    let stage = Stage::new("gpu-odd", &[Devices::Whole(1); 4]).await;
    stage.workload("Deployment", "train", 4, stage.nodes.pod(WHOLE_GPU, 1), &[60.0]).await;
    let id = stage.api.created(&stage.request("Deployment", "train", ("target_gpu_percent", 60), 1, 4)).await;
    stage.api.wait_for(&id, "all are measured", LIMIT, |a| measured(a, "gpu") == Some(60)).await;

    let odd = [Behaviour::Hanging, Behaviour::Saying("<html>502</html>\n".into()), Behaviour::Huge];
    for (node, behaviour) in stage.nodes.names.iter().zip(odd) {
        stage.exporters.on(node).set(behaviour);
    }
    let errors = ["no complete answer within 2 s", "its answer shows no GPU", "longer than 8192 KiB"];
    let failing = |exporters: &[Value]| {
        let error = |index: usize| exporters[index]["error"].as_str().unwrap_or_default();
        errors.iter().enumerate().all(|(index, wanted)| error(index).contains(wanted))
    };
    let sources = stage.wait_for_sources("each fault is named", failing).await;
    assert_eq!((&sources[3]["state"], &sources[3]["devices_seen"]), (&"ok".into(), &2.into()));
    stage.api.wait_for(&id, "three are missing", LIMIT, |a| coverage(a) == (1, 3)).await;
    stage.exporters.set_utilization("train", &[5.0]);
    stage.api.wait_for(&id, "the fourth is measured", LIMIT, |a| metric(a, "gpu")["utilization_percent"] == 5).await;
    stage.evaluations(&id, 5).await;
    assert_eq!(stage.namespace.replicas("Deployment", "train").await, 4);

    // A pod without its labels is not idle.
    stage.exporters.set_all(Behaviour::NoPodLabels);
    let says_why = |a: &Value| {
        let why = metric(a, "gpu")["error"].as_str().unwrap_or_default();
        metric(a, "gpu")["state"] == "simulated" && why.contains("shows no device of the pod")
    };
    let unknown = stage.api.wait_for(&id, "no pod is known, and why is said", LIMIT, says_why).await;
    assert_eq!(unknown["details"]["scale_down_count"], 0);
    stage.api.delete(&id).await;
}

#[tokio::test]
async fn simulated_utilization_acts_where_the_operator_wants_that() {
    let acting = [("ORCHESTRATOR__GPU__ACT_ON_SIMULATED", "true")];
    let stage = Stage::with("gpu-invented", &[Devices::Whole(4)], &acting).await;
    stage.exporters.set_all(Behaviour::Dead);
    stage.workload("Deployment", "train", 1, stage.nodes.pod(WHOLE_GPU, 1), &[60.0]).await;
    let id = stage.api.created(&stage.request("Deployment", "train", ("target_gpu_percent", 20), 1, 3)).await;
    stage.namespace.wait_for_ready("Deployment", "train", 3, LIMIT).await;
    stage.api.delete(&id).await;
}

#[tokio::test]
async fn an_exporter_where_requests_may_not_go_is_not_asked_and_the_setting_is_named() {
    // All addresses of the test bed's pods.
    let denying = [("ORCHESTRATOR__OUTGOING__DENY", "127.0.0.0/8")];
    let stage = Stage::with("gpu-denied", &[Devices::Whole(1)], &denying).await;
    stage.workload("Deployment", "train", 1, stage.nodes.pod(WHOLE_GPU, 1), &[60.0]).await;
    let id = stage.api.created(&stage.request("Deployment", "train", ("target_gpu_percent", 20), 1, 3)).await;
    let refused = |exporters: &[Value]| {
        exporters[0]["error"].as_str().is_some_and(|why| why.contains("because outgoing.deny has 127.0.0.0/8"))
    };
    stage.wait_for_sources("it is refused", refused).await;
    stage.evaluations(&id, 3).await;
    assert_eq!(stage.exporters.all().next().unwrap().requests(), 0);
    stage.api.delete(&id).await;
}
