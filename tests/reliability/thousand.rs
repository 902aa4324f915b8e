//! A thousand autoscalers, made by one `kubectl apply`, and a service that is killed and started again with them.

use std::time::{Duration, Instant};

use chrono::Utc;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::ListParams;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::audit::in_log_of;
use super::fleet::Fleet;
use super::judge;
use super::manifests::{autoscaler, id, list};
use super::report::report;
use super::scene::{EVEN, alone};
use super::service::Service;
use super::waiting::{LIMIT, eventually};
use super::workload::Namespace;

const AUTOSCALERS: usize = 1_000;

/// How many of them the service has evaluated.
async fn evaluated(service: &Service) -> usize {
    let (status, all) = service.api().get("/api/v1/autoscaling").await;
    if status != StatusCode::OK {
        return 0;
    }
    let all = all["autoscalers"].as_array().unwrap();
    all.iter().filter(|autoscaler| autoscaler["details"]["updated_at"].is_string()).count()
}

async fn await_evaluated(service: &Service) {
    eventually("all are evaluated", LIMIT, async || evaluated(service).await == AUTOSCALERS).await;
}

fn deployment(namespace: &Namespace, name: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace.name},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{
                    "name": "main",
                    "image": "none",
                    "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
                }]},
            },
        },
    })
}

#[tokio::test]
async fn a_thousand_autoscalers_from_one_apply_are_there_again_within_seconds_of_a_restart() {
    let _machine = alone();
    let namespace = Namespace::new("thousand", 10).await;
    namespace.set_memory(EVEN);
    let names: Vec<String> = (0..AUTOSCALERS).map(|number| format!("web-{number}")).collect();
    namespace.cluster.apply(&names.iter().map(|name| deployment(&namespace, name)).collect::<Vec<_>>());
    eventually("all pods run", Duration::from_secs(300), async || {
        let deployments = namespace.api::<Deployment>().list(&ListParams::default()).await.unwrap();
        let ready =
            |deployment: &Deployment| deployment.status.as_ref().and_then(|status| status.ready_replicas) == Some(1);
        deployments.iter().filter(|deployment| ready(deployment)).count() == AUTOSCALERS
    })
    .await;
    let fleet = Fleet::new(&[&namespace]);
    let [service] = fleet.start_led(["replica"]).await;

    let manifests = names.iter().map(|name| {
        let mut manifest = autoscaler(&namespace, name, name, 1, 3);
        manifest["spec"].as_object_mut().unwrap().remove("interval_seconds");
        manifest
    });
    let begun = Instant::now();
    namespace.cluster.apply(&manifests.collect::<Vec<_>>());
    let applied = begun.elapsed();
    await_evaluated(&service).await;
    let known = begun.elapsed();
    eventually("all have an id and a status", LIMIT, async || {
        let objects = list(&namespace).await;
        objects.iter().filter(|object| id(object).is_some() && object.data["status"]["status"] == "active").count()
            == AUTOSCALERS
    })
    .await;
    report(
        "1,000 autoscalers created by kubectl in one apply",
        "all are evaluated",
        &format!(
            "applied in {:.0} s; all evaluated {:.1} s after the end of it, and labelled with a status {:.0} s after it",
            applied.as_secs_f64(),
            (known - applied).as_secs_f64(),
            (begun.elapsed() - applied).as_secs_f64(),
        ),
    );

    service.kill();
    let started = Instant::now();
    let service = fleet.start("replica");
    service.api().wait_until_readyz(StatusCode::OK, LIMIT).await;
    let ready = started.elapsed();
    await_evaluated(&service).await;
    let evaluated = started.elapsed();
    fleet.await_leader(&[&service], LIMIT).await;
    // Three rounds of evaluations as the leader; by the last, everything that was worth it has been written.
    tokio::time::sleep(Duration::from_secs(30)).await;
    let settled = Utc::now();
    tokio::time::sleep(Duration::from_secs(16)).await;
    let changes = judge::asked(&namespace);
    assert!(changes.is_empty(), "{changes:?}");
    let path = format!("/namespaces/{}/workloadautoscalers/", namespace.name);
    let written = in_log_of(namespace.cluster, |request| {
        request.is_ours()
            && request.verb == "patch"
            && request.uri.contains(&path)
            && request.request_received_timestamp > settled
    });
    assert!(written.is_empty(), "{} statuses were written of workloads at their target", written.len());
    assert!(evaluated < Duration::from_secs(5), "all are evaluated only {evaluated:?} after the start");
    report(
        "kill -9 and restart of the service with 1,000 autoscalers",
        "ready and evaluating again in under 5 s, zero scale calls caused by it",
        &format!(
            "ready after {:.2} s, all evaluated after {:.2} s ({} build); 0 scale calls in 46 s as the leader, 0 statuses written in the last 16",
            ready.as_secs_f64(),
            evaluated.as_secs_f64(),
            if cfg!(debug_assertions) { "debug" } else { "release" },
        ),
    );
}
