//! More is wanted than there are GPUs.

use serde_json::{Value, json};

use super::nodes::{Devices, WHOLE_GPU};
use super::stage::{LIMIT, Stage};
use crate::api::condition;
use crate::audit;

fn is_blocked(autoscaler: &Value) -> bool {
    let limited = condition(autoscaler, "ScalingLimited");
    limited["reason"] == "InsufficientCapacity" && autoscaler["details"]["current_replicas"] == 4
}

#[tokio::test]
async fn no_more_replicas_are_asked_for_than_gpus_can_hold_unless_that_is_wanted() {
    let stage = Stage::new("gpu-scarce", &[Devices::Whole(3), Devices::Whole(1)]).await;
    stage.workload("Deployment", "train", 2, stage.nodes.pod(WHOLE_GPU, 1), &[100.0]).await;
    let id = stage.api.created(&stage.request("Deployment", "train", ("target_gpu_percent", 20), 1, 8)).await;
    let full = stage.api.wait_for(&id, "the GPUs run out", LIMIT, is_blocked).await;
    let limited = condition(&full, "ScalingLimited");
    assert_eq!(limited["message"], "wanted 8, 4 can run, 4 blocked: Insufficient nvidia.com/gpu");
    stage.namespace.wait_for_ready("Deployment", "train", 4, LIMIT).await;
    stage.evaluations(&id, 10).await;
    let held = stage.api.autoscaler(&id).await;
    assert_eq!(
        (held["details"]["scale_up_count"].clone(), held["details"]["scale_down_count"].clone()),
        (1.into(), 0.into())
    );
    let path = format!("/namespaces/{}/", stage.namespace.name);
    let changes = audit::requests(|request| request.changes_scale() && request.uri.contains(&path));
    assert_eq!(changes.len(), 1, "{changes:?}");

    let (status, answer) = stage.api.patch(&id, &json!({"capacity": "ignore"})).await;
    assert_eq!(status, 200, "{answer}");
    stage.api.wait_for(&id, "it goes on", LIMIT, |a| a["details"]["current_replicas"] == 8).await;
    stage.api.delete(&id).await;
}
