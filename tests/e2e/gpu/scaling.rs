//! Up and down by what GPUs do.

use super::nodes::{Devices, MIG_INSTANCE, WHOLE_GPU};
use super::stage::{LIMIT, Stage, measured, pod};

#[tokio::test]
async fn a_stateful_set_with_two_gpus_a_pod_goes_up_and_down_by_their_mean() {
    let stage = Stage::new("gpu-busy", &[Devices::Whole(8)]).await;
    stage.workload("StatefulSet", "train", 2, stage.nodes.pod(WHOLE_GPU, 2), &[100.0, 90.0]).await;
    let exporter = stage.exporters.on(&stage.nodes.names[0]);
    assert_eq!(exporter.requests(), 0, "nobody needs it yet");
    let id = stage.api.created(&stage.request("StatefulSet", "train", ("target_gpu_percent", 60), 2, 4)).await;
    stage.namespace.wait_for_ready("StatefulSet", "train", 4, LIMIT).await;
    let up = stage.api.wait_for(&id, "all four are measured", LIMIT, |a| measured(a, "gpu") == Some(95)).await;
    let first = pod(&up, "train-0");
    assert_eq!((&first["utilization_percent"], &first["imbalance_percent"]), (&95.into(), &10.into()), "{first:#}");
    assert_eq!((first["devices"].as_array().unwrap().len(), &first["devices"][0]["container"]), (2, &"main".into()));

    stage.exporters.set_utilization("train", &[40.0, 20.0]);
    stage.namespace.wait_for_ready("StatefulSet", "train", 2, LIMIT).await;
    stage.api.delete(&id).await;
}

#[tokio::test]
async fn a_stateful_set_goes_up_and_down_by_the_memory_of_its_gpus() {
    let stage = Stage::new("gpu-full", &[Devices::Whole(8)]).await;
    stage.exporters.set_memory("serve", 90.0);
    stage.workload("StatefulSet", "serve", 2, stage.nodes.pod(WHOLE_GPU, 1), &[1.0]).await;
    let id = stage.api.created(&stage.request("StatefulSet", "serve", ("target_gpu_memory_percent", 60), 1, 3)).await;
    stage.namespace.wait_for_ready("StatefulSet", "serve", 3, LIMIT).await;
    let up = stage.api.wait_for(&id, "all are measured", LIMIT, |a| measured(a, "gpu_memory") == Some(90)).await;
    assert_eq!(up["details"]["current_gpu_memory_percent"], 90);
    stage.exporters.set_memory("serve", 15.0);
    stage.namespace.wait_for_ready("StatefulSet", "serve", 1, LIMIT).await;
    stage.api.delete(&id).await;
}

#[tokio::test]
async fn a_deployment_on_mig_instances_goes_up_by_their_engines() {
    let stage = Stage::new("gpu-mig", &[Devices::Mig(7)]).await;
    stage.workload("Deployment", "small", 2, stage.nodes.pod(MIG_INSTANCE, 1), &[90.0]).await;
    let id = stage.api.created(&stage.request("Deployment", "small", ("target_gpu_percent", 60), 1, 3)).await;
    stage.namespace.wait_for_ready("Deployment", "small", 3, LIMIT).await;
    let up = stage.api.wait_for(&id, "all are measured", LIMIT, |a| measured(a, "gpu") == Some(90)).await;
    assert_eq!(up["details"]["gpu"]["pods"][0]["devices"][0]["mig_profile"], "1g.5gb");
    stage.api.delete(&id).await;
}
