//! What clients ask of a replica that does not lead.

use std::time::Duration;

use chrono::Utc;
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::fleet::Fleet;
use super::judge;
use super::manifests::{by_memory, list};
use super::report::report;
use super::scene::{HIGH, beside_others, workload};
use super::waiting::{LIMIT, eventually};
use super::workload::{NAME, Namespace};

#[tokio::test]
async fn creates_at_the_same_instant_on_two_replicas_make_one_autoscaler() {
    let _machine = beside_others();
    const WORKLOADS: usize = 20;
    let namespace = Namespace::new("same-instant", 70).await;
    for number in 0..WORKLOADS {
        namespace.create("Deployment", &format!("web-{number}"), 1).await;
    }
    let fleet = Fleet::new(&[&namespace]);
    let replicas = fleet.start_led(["one", "two"]).await;
    let apis = replicas.each_ref().map(|service| service.api());
    let [one, two] = &apis;
    let rounds = (0..WORKLOADS).map(async |number| {
        let same = by_memory(&namespace, &format!("web-{number}"), 1, 3);
        let mut other = same.clone();
        // Every other one wants something else.
        other["max_replicas"] = (3 + number % 2).into();
        let ((first, said), (second, answered)) = tokio::join!(one.create(&same), two.create(&other));
        let statuses = [first.as_u16(), second.as_u16()];
        let later = if number % 2 == 0 { 200 } else { 409 };
        assert!(statuses == [201, later] || statuses == [later, 201], "{statuses:?} {said} {answered}");
        if later == 200 {
            assert_eq!(said["autoscaling_id"], answered["autoscaling_id"]);
        }
    });
    join_all(rounds).await;
    assert_eq!(list(&namespace).await.len(), WORKLOADS);
    for api in &apis {
        let knows_all = async || api.get("/api/v1/autoscaling").await.1["count"] == WORKLOADS;
        eventually("each replica knows all", LIMIT, knows_all).await;
    }
    report(
        "two creates in the same instant on two replicas",
        "one object, the same id; a different wish is refused",
        &format!("{WORKLOADS} pairs: {WORKLOADS} objects"),
    );
}

/// One more replica at each tick, without end.
fn wish(namespace: &Namespace) -> Value {
    let mut request = by_memory(namespace, NAME, 2, 400);
    request["scale_up_policy"] = json!({"max_scale_change": 1});
    request
}

/// Waits until it has grown so often since now.
async fn grows(namespace: &Namespace, by: usize) {
    let before = judge::made(namespace).len();
    eventually("it grows", LIMIT, async || judge::made(namespace).len() >= before + by).await;
}

/// How many changes came after what was just answered, within some ticks.
async fn changes_from_now(namespace: &Namespace) -> Vec<judge::Change> {
    let answered = Utc::now();
    tokio::time::sleep(Duration::from_secs(4)).await;
    judge::asked(namespace).into_iter().filter(|change| change.at > answered).collect()
}

#[tokio::test]
async fn what_a_standby_has_answered_holds_for_the_leader_at_once() {
    let _machine = beside_others();
    let namespace = workload("through-standby", HIGH).await;
    let fleet = Fleet::new(&[&namespace]);
    let [leader, standby] = fleet.start_led(["leader", "standby"]).await;
    let (number, _) = fleet.await_leader(&[&leader, &standby], LIMIT).await;
    assert_eq!(number, 0, "the first leads");
    let api = standby.api();
    let id = api.created(&wish(&namespace)).await;
    let path = format!("/autoscaling/{id}");
    grows(&namespace, 2).await;

    let (mut slowest, mut slowest_was) = (Duration::ZERO, String::new());
    let mut timed = async |method: Method, path: &str, body: Option<Value>| {
        let (begun, name) = (std::time::Instant::now(), method.to_string());
        let (status, answer) = api.ask(method, path, body.as_ref()).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        if begun.elapsed() > slowest {
            (slowest, slowest_was) = (begun.elapsed(), format!("{name} {}", path.rsplit('/').next().unwrap()));
        }
    };
    for _ in 0..3 {
        timed(Method::POST, &format!("{path}/pause"), None).await;
        let after = changes_from_now(&namespace).await;
        assert!(after.is_empty(), "scaled after it was paused: {after:?}");
        timed(Method::POST, &format!("{path}/resume"), None).await;
        grows(&namespace, 2).await;
    }
    for _ in 0..3 {
        let max = judge::counts(&namespace).last().copied().unwrap() + 2;
        timed(Method::PATCH, &path, Some(json!({"max_replicas": max}))).await;
        let after = changes_from_now(&namespace).await;
        assert!(after.iter().all(|change| change.to <= max), "more than {max}: {after:?}");
        eventually("the bound is reached", LIMIT, async || namespace.replicas("Deployment", NAME).await as u64 == max)
            .await;
        timed(Method::PATCH, &path, Some(json!({"max_replicas": 400}))).await;
        grows(&namespace, 2).await;
    }
    timed(Method::PUT, "/mode", Some(json!({"mode": "observe"}))).await;
    let after = changes_from_now(&namespace).await;
    assert!(after.is_empty(), "scaled although the brake is on: {after:?}");
    assert_eq!(leader.api().get("/api/v1/mode").await.1["mode"], "observe");

    // The brake survives the service.
    leader.kill();
    standby.kill();
    let again = fleet.start("leader");
    again.api().wait_until_readyz(StatusCode::OK, LIMIT).await;
    let (_, took_over) = fleet.await_leader(&[&again], LIMIT).await;
    assert_eq!(again.api().get("/api/v1/mode").await.1["mode"], "observe");
    let after = changes_from_now(&namespace).await;
    assert!(after.is_empty(), "scaled although the brake is on: {after:?}");
    let standby = fleet.start("standby");
    let api = standby.api();
    api.wait_until_readyz(StatusCode::OK, LIMIT).await;
    let (status, answer) = api.ask(Method::PUT, "/mode", Some(&json!({"mode": "active"}))).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    grows(&namespace, 2).await;

    let (status, answer) = api.delete(&id).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let after = changes_from_now(&namespace).await;
    assert!(after.is_empty(), "scaled after it was deleted: {after:?}");
    assert!(list(&namespace).await.is_empty());
    report(
        "pause, resume, PATCH, DELETE and PUT /mode through a standby while the leader scales each second",
        "nothing is scaled by the old rules after the answer; the brake holds at the leader and survives kill -9 of all replicas",
        &format!(
            "3 pauses, 3 patches, brake, delete: 0 scale calls by the old rules; slowest answer {:.1} s ({slowest_was}); braked after a \
             restart, leading again after {:.1} s",
            slowest.as_secs_f64(),
            took_over.as_secs_f64(),
        ),
    );
}
