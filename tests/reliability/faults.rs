//! The API server answers with errors, late, not at all or in part, as a proxy before it wants.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::json;

use super::fault_proxy::{Fault, FaultProxy, Seen};
use super::fleet::{Fleet, leads};
use super::judge;
use super::leadership::TAKEOVER;
use super::manifests::{autoscaler, by_memory, get, id, list};
use super::report::report;
use super::scene::{EVEN, HIGH, LOW, await_measured, await_replicas, beside_others, workload};
use super::service::Service;
use super::waiting::{LIMIT, eventually};
use super::workload::{NAME, Namespace};

/// A workload, and a service that reaches the API server through a proxy.
struct Stage {
    namespace: Namespace,
    proxy: FaultProxy,
    fleet: Fleet,
    service: Service,
}

impl Stage {
    async fn new(name: &str, memory: u32) -> Self {
        let namespace = workload(name, memory).await;
        let proxy = FaultProxy::start(namespace.cluster).await;
        let fleet = Fleet::new(&[&namespace]).through(proxy.server());
        let [service] = fleet.start_led(["replica"]).await;
        Self { namespace, proxy, fleet, service }
    }

    async fn create(&self) -> String {
        self.service.api().created(&by_memory(&self.namespace, NAME, 2, 4)).await
    }

    /// Waits until all is well again, as the service itself says.
    async fn is_well(&self) -> Duration {
        let begun = Instant::now();
        self.service.api().wait_until_readyz(StatusCode::OK, LIMIT).await;
        self.fleet.await_leader(&[&self.service], LIMIT).await;
        begun.elapsed()
    }
}

fn any(_: &Seen) -> bool {
    true
}

#[tokio::test]
async fn errors_of_half_of_all_requests_neither_stop_nor_double_anything() {
    let _machine = beside_others();
    let stage = Stage::new("errors", EVEN).await;
    let id = stage.create().await;
    let mut counts = Vec::new();
    for (code, memory, count) in [(429, HIGH, 4), (500, LOW, 2), (503, HIGH, 4)] {
        if memory == LOW {
            await_measured(&stage.namespace, 4).await;
        }
        stage.proxy.often(50, Fault::Answer(code), any);
        stage.namespace.set_memory(memory);
        await_replicas(&stage.namespace, count).await;
        // Some more ticks with the error.
        tokio::time::sleep(Duration::from_secs(5)).await;
        stage.proxy.heal();
        stage.is_well().await;
        counts.push(count as u64);
        assert_eq!(judge::counts(&stage.namespace), counts, "with {code}");
    }
    let counted = async || {
        let details = stage.service.api().autoscaler(&id).await["details"].clone();
        (details["scale_up_count"].clone(), details["scale_down_count"].clone())
    };
    let expected = (json!(2), json!(1));
    let deadline = Instant::now() + LIMIT / 5;
    while counted().await != expected && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let log = stage.service.logged("").join("\n");
    assert_eq!(counted().await, expected, "each change is counted once:\n{log}");
    report(
        "half of all requests answered with 429, then 500, then 503",
        "it goes on, and does each thing once",
        &format!("{} refused requests; replicas 2 -> {counts:?}, each by one change", stage.proxy.faults()),
    );
}

#[tokio::test]
async fn late_answers_neither_stop_nor_double_anything() {
    let _machine = beside_others();
    let stage = Stage::new("late", EVEN).await;
    stage.create().await;
    let late = Duration::from_millis(1_500);
    stage.proxy.often(100, Fault::DelayAnswer(late), any);
    stage.namespace.set_memory(HIGH);
    await_replicas(&stage.namespace, 4).await;
    await_measured(&stage.namespace, 4).await;
    stage.namespace.set_memory(LOW);
    await_replicas(&stage.namespace, 2).await;
    assert!(leads(&stage.service), "a slow API server does not cost the leadership");
    // The audit log is written a moment after the change.
    let are_both_there = async || judge::counts(&stage.namespace).len() >= 2;
    eventually("both changes are in the audit log", LIMIT / 5, are_both_there).await;
    assert_eq!(judge::counts(&stage.namespace), [4, 2]);
    report(
        "each answer of the API server 1.5 s late",
        "it goes on, leads on, and does each thing once",
        &format!("{} late answers; replicas 2 -> [4, 2]", stage.proxy.faults()),
    );
}

#[tokio::test]
async fn what_was_done_without_an_answer_is_neither_repeated_nor_forgotten() {
    let _machine = beside_others();
    let stage = Stage::new("lost", EVEN).await;
    // The answer to a create is lost: the client is told that nothing is known, and may ask again.
    stage.proxy.times(1, Fault::LoseAnswer, |seen| seen.method == "POST" && seen.path.contains("/workloadautoscalers"));
    let request = by_memory(&stage.namespace, NAME, 2, 4);
    let (status, answer) = stage.service.api().create(&request).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
    let (status, answer) = stage.service.api().create(&request).await;
    assert!([StatusCode::OK, StatusCode::CREATED].contains(&status), "{answer}");
    assert_eq!(list(&stage.namespace).await.len(), 1);
    let id = answer["autoscaling_id"].as_str().unwrap().to_owned();

    // The announcement's, then the change's own.
    stage.proxy.times(1, Fault::LoseAnswer, |seen| seen.announces());
    stage.proxy.times(1, Fault::LoseAnswer, |seen| seen.scales());
    stage.namespace.set_memory(HIGH);
    await_replicas(&stage.namespace, 4).await;
    await_measured(&stage.namespace, 4).await;
    eventually("both answers were lost", LIMIT, async || stage.proxy.faults() == 3).await;
    eventually("it is counted", LIMIT, async || {
        let details = stage.service.api().autoscaler(&id).await["details"].clone();
        details["scale_up_count"] == 1 && details["current_replicas"] == 4
    })
    .await;
    // One that nobody lives to wait for: the next life finds out that it was made.
    stage.proxy.times(1, Fault::LoseAnswer, |seen| seen.scales());
    stage.namespace.set_memory(LOW);
    await_replicas(&stage.namespace, 2).await;
    let Stage { namespace, proxy, fleet, service } = stage;
    service.kill();
    let service = fleet.start("replica");
    fleet.await_leader(&[&service], LIMIT).await;
    eventually("it is counted once", LIMIT, async || {
        let details = service.api().autoscaler(&id).await["details"].clone();
        details["scale_down_count"] == 1 && details["scale_up_count"] == 1
    })
    .await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(judge::counts(&namespace), [4, 2]);
    assert_eq!(
        get(&namespace, &list(&namespace).await[0].metadata.name.clone().unwrap()).await.data["status"]["scaleDownCount"],
        1
    );
    report(
        "the answers to a create, an announcement and two scale calls are lost; kill -9 while one is waited for",
        "what was done is neither repeated nor forgotten",
        &format!(
            "{} lost answers; one object; replicas 2 -> [4, 2], each by one change and counted once",
            proxy.faults()
        ),
    );
}

#[tokio::test]
async fn a_leader_without_a_network_is_replaced_and_follows_afterwards() {
    let _machine = beside_others();
    let Stage { namespace, proxy, fleet, service: cut_off } = Stage::new("hanging", EVEN).await;
    let direct = Fleet::new(&[&namespace]);
    let other = direct.start("other");
    other.api().wait_until_readyz(StatusCode::OK, LIMIT).await;
    let id = cut_off.api().created(&by_memory(&namespace, NAME, 2, 4)).await;

    proxy.often(100, Fault::Hang, any);
    let begun = Instant::now();
    namespace.set_memory(HIGH);
    let (_, takeover) = direct.await_leader(&[&other], LIMIT).await;
    assert!(takeover <= TAKEOVER, "{takeover:?}");
    assert!(!leads(&cut_off), "nobody leads together with another one");
    await_replicas(&namespace, 4).await;
    // A write through the one that is cut off is not acknowledged.
    let (status, answer) = cut_off.api().patch(&id, &json!({"max_replicas": 3})).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
    cut_off.api().wait_until_readyz(StatusCode::SERVICE_UNAVAILABLE, LIMIT).await;
    let lasted = begun.elapsed();
    proxy.heal();
    cut_off.api().wait_until_readyz(StatusCode::OK, LIMIT).await;
    cut_off.api().wait_for(&id, "it sees what is", LIMIT, |a| a["details"]["current_replicas"] == 4).await;
    let user = fleet.user("replica");
    assert!(judge::asked(&namespace).iter().all(|change| change.user != user));
    assert_eq!(judge::counts(&namespace), [4]);
    assert_eq!(list(&namespace).await[0].data["spec"]["max_replicas"], 4);
    report(
        "all requests of the leader hang",
        "another one takes over within the Lease and 3 s; the cut off one neither acts nor acknowledges",
        &format!(
            "hung for {:.0} s; taken over after {:.1} s; replicas 2 -> [4]",
            lasted.as_secs_f64(),
            takeover.as_secs_f64()
        ),
    );
}

#[tokio::test]
async fn a_leader_that_freezes_between_announcing_and_scaling_leaves_that_to_the_next_one() {
    let _machine = beside_others();
    let Stage { namespace, proxy, fleet, service: frozen } = Stage::new("frozen-late", EVEN).await;
    let direct = Fleet::new(&[&namespace]);
    let other = direct.start("other");
    other.api().wait_until_readyz(StatusCode::OK, LIMIT).await;
    let id = frozen.api().created(&by_memory(&namespace, NAME, 2, 4)).await;
    proxy.times(1, Fault::DelayAnswer(Duration::from_secs(2)), |seen| seen.announces());
    namespace.set_memory(HIGH);
    eventually("it announces a change", LIMIT, async || proxy.faults() == 1).await;
    // It waits for the answer, and will have it when it wakes up.
    frozen.signal("STOP");
    let (_, takeover) = direct.await_leader(&[&other], LIMIT).await;
    await_replicas(&namespace, 4).await;
    await_measured(&namespace, 4).await;
    namespace.set_memory(LOW);
    await_replicas(&namespace, 2).await;
    frozen.signal("CONT");
    frozen.api().wait_for(&id, "it sees what is", LIMIT, |a| a["details"]["scale_down_count"] == 1).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let user = fleet.user("replica");
    assert!(judge::asked(&namespace).iter().all(|change| change.user != user), "{:?}", judge::asked(&namespace));
    assert_eq!(judge::counts(&namespace), [4, 2]);
    report(
        "SIGSTOP of the leader after it has announced a change and before it has made it; SIGCONT when the load has fallen",
        "it does not make the change any more",
        &format!("taken over after {:.1} s; replicas 2 -> [4, 2], all by the new leader", takeover.as_secs_f64()),
    );
}

#[tokio::test]
async fn watches_that_are_cut_or_too_old_miss_nothing() {
    let _machine = beside_others();
    let stage = Stage::new("watches", EVEN).await;
    for number in 0..5 {
        stage.namespace.create("Deployment", &format!("web-{number}"), 1).await;
    }
    let mut told = Duration::ZERO;
    for (round, fault) in [Fault::CutWatch, Fault::ExpireWatch].into_iter().enumerate() {
        stage.proxy.often(40, fault, |seen| seen.is_watch());
        for number in 0..5 {
            let (name, max) = (format!("web-{number}"), 3 + round);
            stage.namespace.cluster.apply(&[autoscaler(&stage.namespace, &name, &name, 1, max as u32)]);
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        if round == 0 {
            stage.namespace.cluster.kubectl(&["delete", "wa", "web-0", "-n", &stage.namespace.name]);
        }
        // Some events more.
        tokio::time::sleep(Duration::from_secs(15)).await;
        stage.proxy.heal();
        let begun = Instant::now();
        let api = stage.service.api();
        eventually("the service knows what there is", LIMIT, async || {
            let objects = list(&stage.namespace).await;
            let (_, listed) = api.get("/api/v1/autoscaling").await;
            if listed["count"] != objects.len() {
                return false;
            }
            for object in objects {
                let Some(id) = id(&object) else { return false };
                let (status, autoscaler) = api.get(&format!("/api/v1/autoscaling/{id}")).await;
                if status != StatusCode::OK
                    || autoscaler["details"]["spec"]["max_replicas"] != object.data["spec"]["max_replicas"]
                {
                    return false;
                }
            }
            true
        })
        .await;
        told = told.max(begun.elapsed());
        stage.is_well().await;
    }
    let changes = judge::asked(&stage.namespace);
    assert!(changes.is_empty(), "{changes:?}");
    assert!(stage.proxy.faults() > 5, "only {} events were disturbed", stage.proxy.faults());
    report(
        "watches cut in the middle of an event, then answered with 410 (resourceVersion too old)",
        "nothing is missed, nothing is scaled by it",
        &format!(
            "{} disturbed events; all objects known as they are {:.1} s after the last; 0 scale calls",
            stage.proxy.faults(),
            told.as_secs_f64()
        ),
    );
}
