//! The service is killed again and again while clients create, change and delete.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::cluster::cluster;
use super::fleet::Fleet;
use super::judge;
use super::manifests::list;
use super::report::report;
use super::scene::beside_others;
use super::waiting::LIMIT;
use super::workload::Namespace;

const CLIENTS: usize = 4;
const WORKLOADS_EACH: usize = 6;

/// What may be true of one workload's autoscaler: `None` is that there is none, a number its `max_replicas`. After an
/// acknowledged write that is one thing; a write without an answer may or may not have taken place.
struct Belief {
    workload: String,
    possible: BTreeSet<Option<u32>>,
    id: Option<String>,
}

/// A client with workloads of its own.
struct Client {
    namespace: String,
    url: watch::Receiver<String>,
    http: reqwest::Client,
    beliefs: Vec<Belief>,
    acknowledged: Arc<AtomicU64>,
    unanswered: Arc<AtomicU64>,
}

impl Client {
    async fn run(mut self, stop: Arc<AtomicBool>) -> Vec<Belief> {
        while !stop.load(Ordering::Relaxed) {
            let which = fastrand::usize(..self.beliefs.len());
            self.act(which).await;
            tokio::time::sleep(Duration::from_millis(fastrand::u64(0..50))).await;
        }
        self.beliefs
    }

    async fn act(&mut self, which: usize) {
        let max = fastrand::u32(1..1000);
        let belief = &self.beliefs[which];
        let exists = belief.possible.iter().any(Option::is_some);
        match belief.id.clone().filter(|_| exists) {
            Some(id) if fastrand::u8(..10) < 6 => self.patch(which, &id, max).await,
            Some(id) if fastrand::u8(..10) < 6 => self.delete(which, &id).await,
            _ => self.create(which, max).await,
        }
    }

    async fn create(&mut self, which: usize, max: u32) {
        let body = json!({
            "workload_name": self.beliefs[which].workload,
            "workload_namespace": self.namespace,
            "workload_type": "Deployment",
            "min_replicas": 1,
            "max_replicas": max,
            "target_cpu_percent": 70,
        });
        let answer = self.send(Method::POST, "", Some(body)).await;
        let belief = &mut self.beliefs[which];
        let (id, possible) = match &answer {
            Some((StatusCode::CREATED, body)) => {
                assert!(belief.possible.contains(&None), "created, but it was there: {:?}", belief.possible);
                (body["autoscaling_id"].as_str(), [Some(max)].into())
            }
            Some((StatusCode::OK, body)) => {
                assert!(belief.possible.contains(&Some(max)), "said to be there: {:?} {body}", belief.possible);
                (body["autoscaling_id"].as_str(), [Some(max)].into())
            }
            Some((StatusCode::CONFLICT, body)) => {
                let others: BTreeSet<_> =
                    belief.possible.iter().copied().filter(|max_now| max_now.is_some_and(|now| now != max)).collect();
                assert!(!others.is_empty(), "refused, but nothing else was there: {:?} {body}", belief.possible);
                let details = body["details"].as_str().unwrap();
                let id = details
                    .split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
                    .find(|w| w.starts_with("autoscaler-"));
                (id, others)
            }
            _ => {
                if belief.possible.contains(&None) {
                    belief.possible.insert(Some(max));
                    belief.id = None;
                }
                return;
            }
        };
        belief.id = id.map(str::to_owned);
        belief.possible = possible;
    }

    async fn patch(&mut self, which: usize, id: &str, max: u32) {
        let answer = self.send(Method::PATCH, id, Some(json!({"max_replicas": max}))).await;
        let possible = &mut self.beliefs[which].possible;
        match answer {
            Some((StatusCode::OK, body)) => {
                assert_eq!(body["details"]["spec"]["max_replicas"], max, "{body}");
                *possible = [Some(max)].into();
            }
            Some((StatusCode::NOT_FOUND, body)) => self.is_gone(which, &body),
            // Nothing was changed.
            Some((StatusCode::CONFLICT, _)) => {}
            _ => {
                possible.insert(Some(max));
            }
        }
    }

    async fn delete(&mut self, which: usize, id: &str) {
        match self.send(Method::DELETE, id, None).await {
            Some((StatusCode::OK, _)) => self.beliefs[which].possible = [None].into(),
            Some((StatusCode::NOT_FOUND, body)) => self.is_gone(which, &body),
            Some((StatusCode::CONFLICT, _)) => {}
            _ => {
                self.beliefs[which].possible.insert(None);
            }
        }
    }

    fn is_gone(&mut self, which: usize, body: &Value) {
        let belief = &mut self.beliefs[which];
        assert!(
            belief.possible.contains(&None),
            "{}: an acknowledged autoscaler is not known: {:?} {body}",
            belief.workload,
            belief.possible
        );
        belief.possible = [None].into();
    }

    /// The answer; `None` when there is none, or it does not say what became of the request.
    async fn send(&self, method: Method, id: &str, body: Option<Value>) -> Option<(StatusCode, Value)> {
        let url = format!("{}/api/v1/autoscaling/{id}", self.url.borrow().as_str());
        let mut request = self.http.request(method, url.trim_end_matches('/'));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = async {
            let response = request.send().await.ok()?;
            Some((response.status(), response.json::<Value>().await.ok()?))
        };
        let answer = answer.await.filter(|(status, _)| !status.is_server_error());
        let counter = if answer.is_some() { &self.acknowledged } else { &self.unanswered };
        counter.fetch_add(1, Ordering::Relaxed);
        if let Some((status, body)) = &answer {
            let expected = [200, 201, 404, 409].contains(&status.as_u16());
            assert!(expected, "{status} {body}");
        }
        answer
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_kills_at_random_moments_and_nothing_else_is_there() {
    let _machine = beside_others();
    let kills = if std::env::var_os("E2E_FULL").is_some() { 50 } else { 10 };
    let namespace = Namespace::new("kills", 70).await;
    for number in 0..CLIENTS * WORKLOADS_EACH {
        namespace.create("Deployment", &format!("web-{number}"), 1).await;
    }
    // A life that is longer than the Lease is a leader's.
    let fleet = Fleet::new(&[&namespace]).lease_seconds(5);
    let mut service = fleet.start("replica");
    let (moved, url) = watch::channel(service.url());
    let stop = Arc::new(AtomicBool::new(false));
    let (acknowledged, unanswered) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let workloads = (0..WORKLOADS_EACH).map(|number| format!("web-{}", client * WORKLOADS_EACH + number));
        let belief = |workload| Belief { workload, possible: [None].into(), id: None };
        let client = Client {
            namespace: namespace.name.clone(),
            url: url.clone(),
            http: reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap(),
            beliefs: workloads.map(belief).collect(),
            acknowledged: acknowledged.clone(),
            unanswered: unanswered.clone(),
        };
        clients.spawn(client.run(stop.clone()));
    }

    let begun = Instant::now();
    let mut slowest = Duration::ZERO;
    for _ in 0..kills {
        tokio::time::sleep(Duration::from_millis(fastrand::u64(100..9_000))).await;
        service.kill();
        let started = Instant::now();
        service = fleet.start("replica");
        moved.send_replace(service.url());
        slowest = slowest.max(started.elapsed());
    }
    let took = begun.elapsed();
    // The last life is not disturbed: most doubts end in it.
    let api = service.api();
    fleet.await_leader(&[&service], LIMIT).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    stop.store(true, Ordering::Relaxed);
    let beliefs: Vec<Belief> = clients.join_all().await.into_iter().flatten().collect();

    let mut objects = std::collections::BTreeMap::new();
    for object in list(&namespace).await {
        let workload = object.data["spec"]["workload_name"].as_str().unwrap().to_owned();
        let max = object.data["spec"]["max_replicas"].as_u64().unwrap() as u32;
        assert!(objects.insert(workload, max).is_none(), "two objects for one workload");
    }
    let mut lost = 0;
    for belief in &beliefs {
        let there = objects.get(&belief.workload).copied();
        assert!(
            belief.possible.contains(&there),
            "{}: {there:?} is there, but it must be one of {:?}",
            belief.workload,
            belief.possible
        );
        lost += usize::from(belief.possible.len() > 1);
    }
    assert!(objects.keys().all(|workload| beliefs.iter().any(|belief| belief.workload == *workload)), "{objects:?}");
    let (_, all) = api.get(&format!("/api/v1/autoscaling?namespace={}", namespace.name)).await;
    let mut listed = std::collections::BTreeMap::new();
    for item in all["autoscalers"].as_array().unwrap() {
        let autoscaler = api.autoscaler(item["autoscaling_id"].as_str().unwrap()).await;
        let spec = &autoscaler["details"]["spec"];
        let max = spec["max_replicas"].as_u64().unwrap() as u32;
        listed.insert(spec["workload_name"].as_str().unwrap().to_owned(), max);
    }
    assert_eq!(listed, objects, "the API shows what is there");
    let changes = judge::asked(&namespace);
    assert!(changes.is_empty(), "{changes:?}");
    let acknowledged = acknowledged.load(Ordering::Relaxed);
    assert!(acknowledged > 5 * kills, "the clients got {acknowledged} answers only");
    assert!(cluster().kubectl(&["get", "wa", "-n", &namespace.name, "-o", "name"]).lines().count() == objects.len());
    report(
        &format!("kill -9 of the service at {kills} random moments under load"),
        "every acknowledged write is there, nothing else is",
        &format!(
            "{acknowledged} answered and {} unanswered requests of {CLIENTS} clients in {:.0} s; {} autoscalers, none lost, none too \
             many; {lost} in doubt at the end; 0 scale calls; listening again within {:.1} s",
            unanswered.load(Ordering::Relaxed),
            took.as_secs_f64(),
            objects.len(),
            slowest.as_secs_f64(),
        ),
    );
}
