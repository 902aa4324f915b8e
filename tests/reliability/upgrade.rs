//! From a service that keeps its autoscalers in memory, as every version before the custom resource did, to one that keeps
//! them in the cluster.

use std::process::Command;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::fleet::Fleet;
use super::judge;
use super::manifests::by_memory;
use super::report::report;
use super::scene::{EVEN, beside_others, workload};
use super::service::{Service, binary};
use super::waiting::LIMIT;
use super::workload::{NAME, Namespace};

/// What must be the same before and after: ids, names, definitions, and who is paused.
async fn autoscalers(service: &Service) -> Vec<Value> {
    let (status, all) = service.api().get("/api/v1/autoscaling").await;
    assert_eq!(status, StatusCode::OK, "{all}");
    let mut found = Vec::new();
    for listed in all["autoscalers"].as_array().unwrap() {
        let one = service.api().autoscaler(listed["autoscaling_id"].as_str().unwrap()).await;
        let details = &one["details"];
        found.push(json!([one["autoscaling_id"], one["status"], details["hpa_name"], details["spec"]]));
    }
    found.sort_by_key(Value::to_string);
    found
}

fn apply_export(service: &Service, namespace: &Namespace) {
    let exported = Command::new(binary()).args(["export", "--server", &service.url()]).output().unwrap();
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    let file = namespace.cluster.folder.path().join("exported.yaml");
    std::fs::write(&file, &exported.stdout).unwrap();
    namespace.cluster.kubectl(&["apply", "--filename", file.to_str().unwrap()]);
}

#[tokio::test]
async fn every_autoscaler_of_a_service_that_kept_them_in_memory_is_kept() {
    let _quiet = beside_others();
    let namespace = workload("upgraded", EVEN).await;
    namespace.create("Deployment", "paused", 2).await;
    let fleet = Fleet::new(&[&namespace]);
    let before = fleet.start_as(Command::new(binary()), "before", &[("ORCHESTRATOR__STORE__KIND", "memory")]);
    before.api().wait_until_readyz(StatusCode::OK, LIMIT).await;
    before.api().created(&by_memory(&namespace, NAME, 1, 7)).await;
    let paused = before.api().created(&by_memory(&namespace, "paused", 1, 9)).await;
    let pause = format!("{}/api/v1/autoscaling/{paused}/pause", before.url());
    assert_eq!(reqwest::Client::new().post(pause).send().await.unwrap().status(), StatusCode::OK);
    let known = autoscalers(&before).await;
    assert_eq!(known.len(), 2);

    apply_export(&before, &namespace);
    before.terminate();
    let [after] = fleet.start_led(["after"]).await;
    assert_eq!(autoscalers(&after).await, known);
    let changes = judge::asked(&namespace);
    assert!(changes.is_empty(), "{changes:?}");
    report(
        "upgrade from a version with its autoscalers in memory",
        "ids, definitions and pauses are kept",
        "2 of 2, 0 scale calls",
    );
}
