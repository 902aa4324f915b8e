//! Who is asked, and how often.

use std::time::Instant;

use super::exporter::Exporter;
use super::nodes::{Devices, WHOLE_GPU};
use super::stage::{LIMIT, Stage, measured, metric};
use crate::workload::NAME;

/// Two hundred more nodes keep the whole control plane busy, so it runs only with the test command's `--full`.
#[tokio::test]
async fn two_hundred_exporters_are_all_read() {
    if std::env::var_os("E2E_FULL").is_none() {
        eprintln!("left out: two hundred nodes are too much beside the other tests; scripts/test --full runs it");
        return;
    }
    const NODES: u32 = 200;
    let stage = Stage::new("gpu-many", &[Devices::Whole(1); NODES as usize]).await;
    stage.workload("Deployment", NAME, NODES, stage.nodes.pod(WHOLE_GPU, 1), &[50.0]).await;
    let id = stage.api.created(&stage.request("Deployment", NAME, ("target_gpu_percent", 50), NODES, NODES)).await;
    let all = stage.api.wait_for(&id, "all pods are read", LIMIT, |a| measured(a, "gpu") == Some(50)).await;
    assert_eq!(metric(&all, "gpu")["coverage"]["measured_pods"], NODES);
    let all_are_ok = |all: &[serde_json::Value]| all.iter().all(|exporter| exporter["state"] == "ok");
    let sources = stage.wait_for_sources("all are read", all_are_ok).await;
    assert_eq!(sources.len(), NODES as usize);
    stage.nodes.delete().await;
}

#[tokio::test]
async fn exporters_are_read_only_when_needed_and_once_for_everybody() {
    let stage = Stage::new("gpu-requests", &[Devices::Whole(8); 2]).await;
    let names = ["a", "b", "c"];
    for name in names {
        stage.workload("Deployment", name, 2, stage.nodes.pod(WHOLE_GPU, 1), &[50.0]).await;
    }
    let without = stage.request("Deployment", "a", ("target_cpu_percent", 70), 2, 2);
    let id = stage.api.created(&without).await;
    stage.evaluations(&id, 3).await;
    assert_eq!(stage.exporters.all().map(Exporter::requests).sum::<usize>(), 0, "no target needs them");
    let unread = |all: &[serde_json::Value]| all.iter().all(|exporter| exporter["state"] == "unread");
    assert_eq!(stage.wait_for_sources("nobody has asked", unread).await.len(), 2);
    stage.api.delete(&id).await;

    let begun = Instant::now();
    let mut ids = Vec::new();
    for name in names {
        ids.push(stage.api.created(&stage.request("Deployment", name, ("target_gpu_percent", 50), 2, 2)).await);
    }
    for id in &ids {
        stage.evaluations(id, 5).await;
        stage.api.wait_for(id, "it is read", LIMIT, |a| measured(a, "gpu") == Some(50)).await;
    }
    let requests: Vec<_> = stage.exporters.all().map(Exporter::requests).collect();
    // A reading is fresh for one second. Were each autoscaler to read for itself, there would be three for each second.
    let refreshes = 2 + begun.elapsed().as_secs() as usize;
    assert!(
        requests.iter().all(|requests| (1..=refreshes).contains(requests)),
        "{requests:?} in {refreshes} refreshes"
    );
}
