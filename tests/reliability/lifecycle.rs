//! Autoscalers that are made, changed and deleted by kubectl, and workloads that come and go.

use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::Deployment;
use kube::ResourceExt;
use kube::api::DeleteParams;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::audit::in_log_of;
use super::fleet::Fleet;
use super::judge;
use super::manifests::{autoscaler, condition, get, id, list};
use super::report::report;
use super::scene::{HIGH, beside_others, workload};
use super::waiting::{LIMIT, eventually};
use super::workload::{NAME, Namespace};

async fn has(namespace: &Namespace, count: i32) -> bool {
    namespace.replicas("Deployment", NAME).await == count
}

#[tokio::test]
async fn a_manifest_scales_a_workload_without_any_http_call_and_kubectl_shows_what_the_api_shows() {
    let _machine = beside_others();
    let namespace = workload("applied", HIGH).await;
    let fleet = Fleet::new(&[&namespace]);
    let [service] = fleet.start_led(["replica"]).await;
    let applied = Instant::now();
    namespace.cluster.apply(&[autoscaler(&namespace, "by-hand", NAME, 2, 4)]);
    eventually("it is scaled", LIMIT, async || has(&namespace, 4).await).await;
    let took = applied.elapsed();
    assert_eq!(judge::counts(&namespace), [4]);

    let mut shown = Value::Null;
    eventually("the object tells all", LIMIT, async || {
        let object = get(&namespace, "by-hand").await;
        shown = json!({"status": object.data["status"], "spec": object.data["spec"], "id": id(&object)});
        shown["status"]["scaleUpCount"] == 1 && shown["status"]["currentReplicas"] == 4 && shown["id"].is_string()
    })
    .await;
    let (_, listed) = service.api().get("/api/v1/autoscaling").await;
    let listed = &listed["autoscalers"];
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    let listed = &service.api().autoscaler(listed[0]["autoscaling_id"].as_str().unwrap()).await;
    let (details, status) = (&listed["details"], &shown["status"]);
    for (object, api) in [
        (&shown["id"], &listed["autoscaling_id"]),
        (&json!("by-hand"), &details["hpa_name"]),
        (&status["status"], &listed["status"]),
        (&status["currentReplicas"], &details["current_replicas"]),
        (&status["desiredReplicas"], &details["desired_replicas"]),
        (&status["scaleUpCount"], &details["scale_up_count"]),
        (&status["scaleDownCount"], &details["scale_down_count"]),
        (&shown["spec"]["min_replicas"], &details["spec"]["min_replicas"]),
        (&shown["spec"]["max_replicas"], &details["spec"]["max_replicas"]),
    ] {
        assert_eq!(object, api, "{shown:#} {listed:#}");
    }
    let table = namespace.cluster.kubectl(&["get", "wa", "-A", "-o", "wide"]);
    let row = table.lines().find(|line| line.starts_with("applied ")).unwrap();
    for part in ["by-hand", "Deployment", NAME, "active", listed["autoscaling_id"].as_str().unwrap()] {
        assert!(row.split_whitespace().any(|word| word == part), "no {part} in {table}");
    }
    report(
        "none: kubectl apply of a manifest",
        "the workload is scaled with no HTTP call at all; kubectl get wa and the API show the same",
        &format!("2 -> 4 within {:.1} s of the apply, by one call", took.as_secs_f64()),
    );
}

#[tokio::test]
async fn of_two_objects_for_one_workload_the_oldest_acts_and_the_other_one_takes_over() {
    let _machine = beside_others();
    let namespace = workload("two-objects", HIGH).await;
    let fleet = Fleet::new(&[&namespace]);
    let [service] = fleet.start_led(["replica"]).await;
    namespace.cluster.apply(&[autoscaler(&namespace, "older", NAME, 2, 4)]);
    // An object's age is known to the second.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    namespace.cluster.apply(&[autoscaler(&namespace, "a-younger", NAME, 2, 6)]);
    eventually("the older one scales", LIMIT, async || has(&namespace, 4).await).await;
    let mut able = Value::Null;
    eventually("the younger one says that it does not", LIMIT, async || {
        able = condition(&get(&namespace, "a-younger").await, "AbleToScale").clone();
        able["status"] == "False"
    })
    .await;
    assert_eq!(able["reason"], "ScaledByAnother", "{able}");
    assert!(able["message"].as_str().unwrap().contains(&id(&get(&namespace, "older").await).unwrap()), "{able}");
    assert_eq!(judge::counts(&namespace), [4]);

    let deleted = Instant::now();
    namespace.cluster.kubectl(&["delete", "wa", "older", "-n", &namespace.name]);
    eventually("the younger one scales", LIMIT, async || has(&namespace, 6).await).await;
    assert_eq!(judge::counts(&namespace), [4, 6]);
    let (_, listed) = service.api().get("/api/v1/autoscaling").await;
    assert_eq!(listed["count"], 1, "{listed}");
    report(
        "a second object for a workload, by kubectl; then the oldest is deleted",
        "the oldest acts, the other one has a condition; then that takes over",
        &format!("replicas 2 -> [4, 6]; taken over within {:.1} s", deleted.elapsed().as_secs_f64()),
    );
}

#[tokio::test]
async fn rules_that_kubectl_changes_during_ticks_hold_from_then_on() {
    let _machine = beside_others();
    let namespace = workload("changed-rules", HIGH).await;
    let fleet = Fleet::new(&[&namespace]);
    let [service] = fleet.start_led(["replica"]).await;
    namespace.cluster.apply(&[autoscaler(&namespace, "ours", NAME, 2, 4)]);
    eventually("it is scaled", LIMIT, async || has(&namespace, 4).await).await;
    // Up and down, as fast as kubectl can.
    let rules: Vec<u64> = vec![5, 3, 6, 4, 7, 3, 8, 5];
    for max in &rules {
        let patch = json!({"spec": {"max_replicas": max}}).to_string();
        namespace.cluster.kubectl(&["patch", "wa", "ours", "-n", &namespace.name, "--type=merge", "-p", &patch]);
        tokio::time::sleep(Duration::from_millis(fastrand::u64(0..1_500))).await;
    }
    let last = *rules.last().unwrap();
    eventually("the last rules hold", LIMIT, async || has(&namespace, last as i32).await).await;
    // When each of them came into force, by the API server.
    let patched = in_log_of(namespace.cluster, |request| {
        request.verb == "patch"
            && request.user_agent.starts_with("kubectl")
            && request.uri.contains("/changed-rules/")
            && request.uri.contains("/workloadautoscalers/ours")
    });
    let patched: Vec<_> =
        patched.iter().map(|request| request.request_received_timestamp).rev().take(rules.len()).collect();
    let since: Vec<_> = patched.into_iter().rev().zip(&rules).collect();
    assert_eq!(since.len(), rules.len());
    for change in judge::made(&namespace) {
        // What was announced a moment before a change of the rules is made a moment after it.
        let before = |at: chrono::DateTime<chrono::Utc>| {
            since.iter().rfind(|(begun, _)| *begun <= at).map_or(4, |(_, max)| **max)
        };
        let bounds = [before(change.at), before(change.at - chrono::TimeDelta::milliseconds(300))];
        assert!(bounds.iter().any(|max| change.to <= *max), "{change:?} under {since:?}");
    }
    let object = get(&namespace, "ours").await;
    let autoscaler = service.api().autoscaler(&id(&object).unwrap()).await;
    assert_eq!(autoscaler["details"]["spec"]["max_replicas"], last);
    eventually("the object follows", LIMIT, async || {
        let object = get(&namespace, "ours").await;
        object.data["status"]["observedGeneration"] == object.metadata.generation.unwrap()
    })
    .await;
    report(
        "8 changes of an object's spec by kubectl during ticks of 1 s",
        "each holds from then on: nothing is scaled by the old rules",
        &format!("{} scale calls, all within the rules of their moment", judge::made(&namespace).len()),
    );
}

#[tokio::test]
async fn an_id_that_is_copied_onto_another_object_stays_with_the_older_one() {
    let _machine = beside_others();
    let namespace = workload("copied-id", HIGH).await;
    namespace.create("Deployment", "copy", 2).await;
    let fleet = Fleet::new(&[&namespace]);
    let [service] = fleet.start_led(["replica"]).await;
    namespace.cluster.apply(&[autoscaler(&namespace, "original", NAME, 2, 2)]);
    let mut first = None;
    eventually("it has an id", LIMIT, async || {
        first = id(&get(&namespace, "original").await);
        first.is_some()
    })
    .await;
    let first = first.unwrap();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let mut copy = autoscaler(&namespace, "copy", "copy", 2, 2);
    copy["metadata"]["labels"] = json!({super::manifests::ID: first});
    namespace.cluster.apply(&[copy]);
    let mut second = None;
    eventually("the copy has an id of its own", LIMIT, async || {
        second = id(&get(&namespace, "copy").await);
        second.as_ref().is_some_and(|second| *second != first)
    })
    .await;
    let second = second.unwrap();
    for (id, named) in [(&first, NAME), (&second, "copy")] {
        assert_eq!(service.api().autoscaler(id).await["details"]["workload_name"], named);
    }
    // So it is after a restart, too.
    service.kill();
    let service = fleet.start("replica");
    service.api().wait_until_readyz(StatusCode::OK, LIMIT).await;
    for (id, named) in [(&first, NAME), (&second, "copy")] {
        assert_eq!(service.api().autoscaler(id).await["details"]["workload_name"], named);
    }
    report(
        "the label with the id copied onto another object",
        "the older one keeps the id, the other one gets its own, also after a kill -9",
        &format!("{first} and {second}"),
    );
}

#[tokio::test]
async fn an_autoscaler_that_kubectl_deletes_does_nothing_more() {
    let _machine = beside_others();
    let namespace = workload("deleted-object", HIGH).await;
    namespace.create("Deployment", "kept", 2).await;
    namespace.wait_for_ready("Deployment", "kept", 2, LIMIT).await;
    let fleet = Fleet::new(&[&namespace]);
    let [service] = fleet.start_led(["replica"]).await;
    // The same window: when the one that was kept has scaled, the deleted one would have.
    let manifests = [("deleted", NAME), ("kept", "kept")].map(|(name, workload)| {
        let mut manifest = autoscaler(&namespace, name, workload, 2, 4);
        manifest["spec"]["scale_up_policy"] = json!({"stabilization_window_seconds": 30});
        manifest
    });
    namespace.cluster.apply(&manifests);
    eventually("both wait for their window", LIMIT, async || {
        let reason = |object: &kube::api::DynamicObject| condition(object, "AbleToScale")["reason"].clone();
        let objects = list(&namespace).await;
        objects.len() == 2 && objects.iter().all(|object| reason(object) == "ScaleUpStabilized")
    })
    .await;
    let deleted = id(&get(&namespace, "deleted").await).unwrap();
    namespace.cluster.kubectl(&["delete", "wa", "deleted", "-n", &namespace.name]);
    eventually("the kept one scales", LIMIT, async || namespace.replicas("Deployment", "kept").await == 4).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(has(&namespace, 2).await);
    assert_eq!(judge::asked(&namespace).len(), 1, "{:?}", judge::asked(&namespace));
    let (status, answer) = service.api().get(&format!("/api/v1/autoscaling/{deleted}")).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{answer}");
    report(
        "an autoscaler deleted by kubectl while its window delays a scale-up",
        "nothing is scaled by it any more",
        "0 scale calls; one beside it that was kept scaled 2 -> 4",
    );
}

#[tokio::test]
async fn workloads_and_namespaces_that_go_away_take_nothing_with_them() {
    let _machine = beside_others();
    let (lost, namespace) = tokio::join!(workload("lost-namespace", HIGH), workload("lost-workload", HIGH));
    let fleet = Fleet::new(&[&namespace, &lost]);
    let [service] = fleet.start_led(["replica"]).await;
    namespace.cluster.apply(&[autoscaler(&namespace, "ours", NAME, 2, 4), autoscaler(&lost, "ours", NAME, 2, 4)]);
    eventually("both are scaled", LIMIT, async || has(&namespace, 4).await && has(&lost, 4).await).await;

    lost.api::<Deployment>().delete(NAME, &DeleteParams::default()).await.unwrap();
    lost.cluster.kubectl(&["delete", "namespace", &lost.name, "--wait=false"]);
    namespace.delete_deployment(NAME).await;
    let (mut failed, begun) = (Value::Null, Instant::now());
    eventually("the object says that its workload is gone", LIMIT, async || {
        failed = get(&namespace, "ours").await.data["status"].clone();
        failed["status"] == "failed"
    })
    .await;
    let noticed = begun.elapsed();
    assert_eq!(failed["failure"], "deployment \"web\" not found");
    eventually("the namespace's autoscaler is gone", LIMIT, async || {
        let (_, listed) = service.api().get("/api/v1/autoscaling").await;
        let left = listed["autoscalers"].as_array().unwrap();
        left.len() == 1 && left[0]["details"]["workload_namespace"] == namespace.name
    })
    .await;
    let before = judge::made(&namespace).len();
    namespace.create("Deployment", NAME, 2).await;
    eventually("the new workload is scaled", LIMIT, async || has(&namespace, 4).await).await;
    assert_eq!(judge::made(&namespace).len(), before + 1);
    let object = get(&namespace, "ours").await;
    eventually("the object says that all is well", LIMIT, async || {
        get(&namespace, "ours").await.data["status"]["status"] == "active"
    })
    .await;
    assert_eq!(object.uid(), get(&namespace, "ours").await.uid());
    service.api().wait_until_readyz(StatusCode::OK, LIMIT).await;
    report(
        "the workload deleted and created again; another namespace deleted",
        "the autoscaler fails, and scales the new workload; those of the namespace end; nothing else is disturbed",
        &format!("said to be failed after {:.1} s; the new workload scaled 2 -> 4 by one call", noticed.as_secs_f64()),
    );
}
