//! The API server, its etcd and metrics-server are killed, and come back.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::api::condition;
use super::cluster::Cluster;
use super::fleet::Fleet;
use super::judge;
use super::manifests::{by_memory, list};
use super::report::report;
use super::scene::{EVEN, HIGH, LOW, await_measured, await_replicas, beside_others, workload_on};
use super::service::signal;
use super::waiting::{LIMIT, eventually};
use super::workload::NAME;

/// A control plane whose parts are started again when they were killed.
fn breakable() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| Cluster::start(&["--restart", "--nodes", "2"]))
}

/// Kills a component, and keeps it from coming back.
fn take_down(name: &str) {
    std::fs::write(breakable().run.join("down").join(name), "").unwrap();
    signal(pid(name), "KILL");
}

/// Lets it come back, and waits until it has been started.
async fn bring_back(name: &str) {
    let before = pid(name);
    std::fs::remove_file(breakable().run.join("down").join(name)).unwrap();
    eventually(&format!("{name} is started again"), LIMIT, async || pid(name) != before).await;
}

fn pid(name: &str) -> u32 {
    let ready = std::fs::read(breakable().run.join("ready")).unwrap();
    serde_json::from_slice::<Value>(&ready).unwrap()["pids"][name].as_u64().unwrap() as u32
}

#[tokio::test]
async fn a_control_plane_that_goes_away_in_parts_and_comes_back_causes_nothing() {
    let _machine = beside_others();
    let namespace = workload_on(breakable(), "control-plane", EVEN).await;
    let fleet = Fleet::new(&[&namespace]);
    let [service] = fleet.start_led(["replica"]).await;
    let api = service.api();
    let id = api.created(&by_memory(&namespace, NAME, 2, 4)).await;
    api.wait_for(&id, "memory is measured", LIMIT, |a| a["details"]["current_memory_percent"] == 70).await;
    let mut counts: Vec<u64> = Vec::new();

    for (component, memory, count, seconds) in [("kube-apiserver", HIGH, 4, 15), ("etcd", LOW, 2, 15)] {
        // The change is due when nothing can be asked any more.
        namespace.set_memory(memory);
        take_down(component);
        let begun = Instant::now();
        // A write is not acknowledged that is not kept.
        let (status, answer) = api.patch(&id, &json!({"min_replicas": 1})).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
        tokio::time::sleep(Duration::from_secs(seconds).saturating_sub(begun.elapsed())).await;
        let lasted = begun.elapsed();
        bring_back(component).await;
        let back = Instant::now();
        api.wait_until_readyz(StatusCode::OK, LIMIT).await;
        fleet.await_leader(&[&service], LIMIT).await;
        let well = back.elapsed();
        await_replicas(&namespace, count).await;
        await_measured(&namespace, count as usize).await;
        counts.push(count as u64);
        assert_eq!(judge::counts(&namespace), counts, "{component}");
        let kept = list(&namespace).await;
        assert_eq!((kept.len(), &kept[0].data["spec"]["min_replicas"]), (1, &json!(2)));
        report(
            &format!("{component} killed and away for {:.0} s", lasted.as_secs_f64()),
            "nothing is scaled twice or by old knowledge; no write is acknowledged that is not kept",
            &format!(
                "ready and leading {:.1} s after its start; replicas {counts:?} by one change each",
                well.as_secs_f64()
            ),
        );
    }

    take_down("metrics-server");
    namespace.set_memory(HIGH);
    let begun = Instant::now();
    let blind = eventually("it knows that it knows nothing", LIMIT, async || {
        condition(&api.autoscaler(&id).await, "ScalingActive")["status"] == "False"
    })
    .await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(judge::counts(&namespace), counts);
    let (status, answer) = api.get("/readyz").await;
    assert_eq!(status, StatusCode::OK, "without metrics it can still be asked: {answer}");
    let lasted = begun.elapsed();
    bring_back("metrics-server").await;
    let back = Instant::now();
    await_replicas(&namespace, 4).await;
    counts.push(4);
    assert_eq!(judge::counts(&namespace), counts);
    report(
        &format!("metrics-server killed and away for {:.0} s, while the load rises", lasted.as_secs_f64()),
        "nothing is scaled on what is not known, and all goes on when it is back",
        &format!(
            "unknown after {:.1} s; 0 scale calls meanwhile; scaled 2 -> 4 within {:.0} s of its start",
            blind.as_secs_f64(),
            back.elapsed().as_secs_f64()
        ),
    );
}
