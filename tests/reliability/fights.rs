//! Somebody else wants another count.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::fleet::Fleet;
use super::judge;
use super::manifests::{by_memory, condition, list};
use super::report::report;
use super::scene::{HIGH, beside_others, workload};
use super::waiting::{LIMIT, eventually};
use super::workload::NAME;

#[tokio::test]
async fn who_reverses_three_changes_is_left_the_workload_until_it_is_resumed() {
    let _machine = beside_others();
    let namespace = workload("fight", HIGH).await;
    let fleet = Fleet::new(&[&namespace]);
    let [service] = fleet.start_led(["replica"]).await;
    let api = service.api();
    let id = api.created(&by_memory(&namespace, NAME, 2, 4)).await;
    let has = async |count: i32| namespace.replicas("Deployment", NAME).await == count;

    for _ in 0..3 {
        eventually("it scales up", LIMIT, async || has(4).await).await;
        namespace.cluster.kubectl(&["scale", "deployment", NAME, "-n", &namespace.name, "--replicas=2"]);
    }
    let mut able = Value::Null;
    let yielded = eventually("it yields", LIMIT, async || {
        able = condition(&list(&namespace).await[0], "AbleToScale").clone();
        able["reason"] == "YieldedToAnother"
    })
    .await;
    assert_eq!(able["status"], "False");
    assert!(able["message"].as_str().unwrap().starts_with("kubectl reversed 3 changes"), "{able}");
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert!(has(2).await);
    assert_eq!(judge::counts(&namespace), [4, 4, 4]);
    eventually("there is an Event that names the writer", LIMIT, async || {
        let events = namespace.cluster.kubectl(&["get", "events", "-n", &namespace.name, "-o", "json"]);
        let events: Value = serde_json::from_str(&events).unwrap();
        events["items"].as_array().unwrap().iter().any(|event| {
            event["reason"] == "Yielded" && event["message"].as_str().is_some_and(|note| note.starts_with("kubectl "))
        })
    })
    .await;
    // It is still so after a restart.
    service.kill();
    let service = fleet.start("replica");
    let (_, took_over) = fleet.await_leader(&[&service], LIMIT).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(judge::counts(&namespace), [4, 4, 4], "after {took_over:?}");

    let (status, answer) = service.api().ask(Method::POST, &format!("/autoscaling/{id}/resume"), None).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    eventually("it scales again", LIMIT, async || has(4).await).await;
    assert_eq!(judge::counts(&namespace), [4, 4, 4, 4]);
    report(
        "kubectl scale reverses each change of the replicas",
        "after 3 reversals the workload is left to the other, with a condition and an Event that name it; resume ends that",
        &format!(
            "3 changes, then none; condition YieldedToAnother within {:.1} s; still so after kill -9; 1 change after the resume",
            yielded.as_secs_f64()
        ),
    );
}
