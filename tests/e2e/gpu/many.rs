//! As many exporters as a large cluster has.

use super::nodes::{Devices, WHOLE_GPU};
use super::stage::{LIMIT, Stage, measured};

const NODES: usize = 200;

/// Two hundred more nodes keep the whole control plane busy, so it runs only with the test command's `--full`.
#[tokio::test]
async fn two_hundred_exporters_are_read_at_once() {
    if std::env::var_os("E2E_FULL").is_none() {
        eprintln!("left out: two hundred nodes are too much beside the other tests; scripts/test --full runs it");
        return;
    }
    let stage = Stage::new("gpu-many", &[Devices::Whole(8); NODES]).await;
    stage.workload("Deployment", "train", 20, stage.nodes.pod(WHOLE_GPU, 8), &[60.0]).await;
    let id = stage.api.created(&stage.request("Deployment", "train", ("target_gpu_percent", 60), 1, 300)).await;
    stage.api.wait_for(&id, "all are measured", LIMIT, |a| measured(a, "gpu") == Some(60)).await;
    let read = |exporters: &[serde_json::Value]| {
        exporters.iter().filter(|exporter| exporter["state"] == "ok").count() == NODES
    };
    stage.wait_for_sources("all are read", read).await;
    stage.api.delete(&id).await;
    stage.nodes.delete().await;
}
