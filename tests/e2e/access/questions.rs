//! What can be asked of the service, and how it answers.

use std::collections::BTreeSet;
use std::fmt;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::callers::Caller;
use super::client::{Answer, Client};
use super::stage::{BANK, SHOP, Stage, request};

/// Something that a caller can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    Index,
    Whoami,
    Mode,
    Evaluate,
    List,
    ListOf(Place),
    Fleet,
    FleetOf(Place),
    Figures,
    Events,
    Get(Place),
    Decisions(Place),
    History(Place),
    Preview(Place),
    Create(Place, &'static str),
    Patch(Place),
    Pause(Place),
    Resume(Place),
    Delete(Place),
    Observe,
    Activate,
    Sources,
    Metrics,
}

/// One of the two namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Shop,
    Bank,
}

/// What a caller gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// What they asked for.
    Yes,
    /// The same, with what is in the shop.
    Shop,
    /// The same, with what is in both namespaces.
    Both,
    /// The same, with nothing in it.
    Nothing,
    /// 401.
    Unknown,
    /// 403.
    Forbidden,
    /// 404, as for something that does not exist.
    Hidden,
}

impl Place {
    pub fn namespace(self) -> &'static str {
        match self {
            Self::Shop => SHOP,
            Self::Bank => BANK,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shop => "shop",
            Self::Bank => "bank",
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yes => "yes",
            Self::Shop => "shop",
            Self::Both => "both",
            Self::Nothing => "empty",
            Self::Unknown => "401",
            Self::Forbidden => "403",
            Self::Hidden => "404",
        })
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = |f: &mut fmt::Formatter<'_>, method: &str, path: &str, place: &Place| {
            write!(f, "`{method} /autoscaling/:id{path}`, {place}")
        };
        match self {
            Self::Index => f.write_str("`GET /api/v1`"),
            Self::Whoami => f.write_str("`GET /whoami`"),
            Self::Mode => f.write_str("`GET /mode`"),
            Self::Evaluate => f.write_str("`POST /autoscaling/evaluate`"),
            Self::List => f.write_str("`GET /autoscaling`"),
            Self::ListOf(place) => write!(f, "`GET /autoscaling?namespace=`, {place}"),
            Self::Fleet => f.write_str("`GET /fleet`"),
            Self::FleetOf(place) => write!(f, "`GET /fleet?namespace=`, {place}"),
            Self::Figures => f.write_str("`GET /autoscaling/metrics`"),
            Self::Events => f.write_str("`GET /events`"),
            Self::Get(place) => id(f, "GET", "", place),
            Self::Decisions(place) => id(f, "GET", "/decisions", place),
            Self::History(place) => id(f, "GET", "/history", place),
            Self::Preview(place) => id(f, "POST", "/preview", place),
            Self::Create(place, kind) => write!(f, "`POST /autoscaling`, {kind}, {place}"),
            Self::Patch(place) => id(f, "PATCH", "", place),
            Self::Pause(place) => id(f, "POST", "/pause", place),
            Self::Resume(place) => id(f, "POST", "/resume", place),
            Self::Delete(place) => id(f, "DELETE", "", place),
            Self::Observe => f.write_str("`PUT /mode`, observe"),
            Self::Activate => f.write_str("`PUT /mode`, active"),
            Self::Sources => f.write_str("`GET /sources`"),
            Self::Metrics => f.write_str("`GET /metrics`"),
        }
    }
}

/// The workload of this kind that only one caller deals with.
fn own(kind: &str, caller: Caller) -> String {
    let kind = if kind == "auto" { "deployment".to_owned() } else { kind.to_lowercase() };
    format!("{kind}-{}", caller.name())
}

impl Question {
    /// Asks it, and says what came of it. What is made or changed is then as before.
    pub async fn ask(self, stage: &Stage, caller: Caller) -> Outcome {
        let client = stage.client(caller);
        let administrator = stage.client(Caller::Administrator);
        match self {
            Self::List => seen(autoscalers(&client).await.iter().map(namespace_of)),
            Self::Fleet => {
                let fleet = ok(client.get("/api/v1/fleet?limit=1000").await);
                let rows = fleet["autoscalers"].as_array().unwrap();
                let namespaces = fleet["namespaces"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
                assert_eq!(fleet["total"].as_u64(), Some(rows.len() as u64), "{fleet}");
                let outcome = seen(rows.iter().map(|row| row["workload_namespace"].as_str().unwrap()));
                assert_eq!(seen(namespaces), outcome, "{fleet}");
                outcome
            }
            Self::Figures => figures(&client).await,
            Self::Events => events(stage, &client).await,
            Self::Create(place, kind) => {
                let asked = request(place.namespace(), kind, &own(kind, caller));
                let answer = client.ask(Method::POST, "/api/v1/autoscaling", Some(&asked)).await;
                if answer.status == StatusCode::CREATED {
                    let id = answer.json()["autoscaling_id"].as_str().unwrap().to_owned();
                    ok(administrator.ask(Method::DELETE, &format!("/api/v1/autoscaling/{id}"), None).await);
                }
                outcome(&answer)
            }
            Self::Delete(place) => {
                let asked = request(place.namespace(), "Deployment", &own("Deployment", caller));
                let id = super::stage::created(&administrator, asked).await.id;
                let path = format!("/api/v1/autoscaling/{id}");
                let answer = client.ask(Method::DELETE, &path, None).await;
                if answer.status != StatusCode::OK {
                    ok(administrator.ask(Method::DELETE, &path, None).await);
                }
                outcome(&answer)
            }
            Self::Observe | Self::Activate => {
                let _one_at_a_time = stage.brake.lock().await;
                let put = |mode: &str| json!({"mode": mode});
                let mode = if self == Self::Observe { "observe" } else { "active" };
                let answer = client.ask(Method::PUT, "/api/v1/mode", Some(&put(mode))).await;
                if answer.status == StatusCode::OK {
                    ok(administrator.ask(Method::PUT, "/api/v1/mode", Some(&put("active"))).await);
                }
                outcome(&answer)
            }
            _ => {
                let (method, path, body) = self.plain(stage);
                outcome(&client.ask(method, &path, body.as_ref()).await)
            }
        }
    }

    /// The question as one request, for those whom it is all the same what it is about.
    pub fn plain(self, stage: &Stage) -> (Method, String, Option<Value>) {
        let one =
            |place: Place, rest: &str| format!("/api/v1/autoscaling/{}{rest}", stage.autoscaler(place.namespace()).id);
        let get = |path: &str| (Method::GET, format!("/api/v1{path}"), None);
        match self {
            Self::Index => get(""),
            Self::Whoami => get("/whoami"),
            Self::Mode => get("/mode"),
            Self::Evaluate => (Method::POST, "/api/v1/autoscaling/evaluate".to_owned(), Some(document())),
            Self::List => get("/autoscaling"),
            Self::ListOf(place) => get(&format!("/autoscaling?namespace={}", place.namespace())),
            Self::Fleet => get("/fleet"),
            Self::FleetOf(place) => get(&format!("/fleet?namespace={}", place.namespace())),
            Self::Figures => get("/autoscaling/metrics"),
            Self::Events => get("/events"),
            Self::Get(place) => (Method::GET, one(place, ""), None),
            Self::Decisions(place) => (Method::GET, one(place, "/decisions"), None),
            Self::History(place) => (Method::GET, one(place, "/history"), None),
            Self::Preview(place) => (Method::POST, one(place, "/preview"), Some(json!({"target_cpu_percent": 50}))),
            Self::Create(place, kind) => {
                let body = request(place.namespace(), kind, "spare");
                (Method::POST, "/api/v1/autoscaling".to_owned(), Some(body))
            }
            // What it is already.
            Self::Patch(place) => (Method::PATCH, one(place, ""), Some(json!({"max_replicas": 3}))),
            Self::Pause(place) => (Method::POST, one(place, "/pause"), None),
            Self::Resume(place) => (Method::POST, one(place, "/resume"), None),
            Self::Delete(place) => (Method::DELETE, one(place, ""), None),
            Self::Observe => (Method::PUT, "/api/v1/mode".to_owned(), Some(json!({"mode": "observe"}))),
            Self::Activate => (Method::PUT, "/api/v1/mode".to_owned(), Some(json!({"mode": "active"}))),
            Self::Sources => get("/sources"),
            Self::Metrics => (Method::GET, "/metrics".to_owned(), None),
        }
    }
}

/// A document that `evaluate` can decide on.
fn document() -> Value {
    json!({
        "spec": {"min_replicas": 1, "max_replicas": 5, "target_cpu_percent": 70}, "current_replicas": 2,
        "pods": [], "usage": [],
    })
}

/// What an answer with one status is.
pub fn outcome(answer: &Answer) -> Outcome {
    match answer.status {
        StatusCode::OK | StatusCode::CREATED => Outcome::Yes,
        StatusCode::UNAUTHORIZED => Outcome::Unknown,
        StatusCode::FORBIDDEN => Outcome::Forbidden,
        StatusCode::NOT_FOUND => Outcome::Hidden,
        other => panic!("{other}: {}", answer.text),
    }
}

pub fn ok(answer: Answer) -> Value {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json()
}

/// What is seen by who sees these namespaces.
fn seen<'a>(namespaces: impl Iterator<Item = &'a str>) -> Outcome {
    let namespaces: BTreeSet<&str> = namespaces.collect();
    match namespaces.into_iter().collect::<Vec<_>>().as_slice() {
        [] => Outcome::Nothing,
        [one] if *one == SHOP => Outcome::Shop,
        [first, second] if (*first, *second) == (BANK, SHOP) => Outcome::Both,
        others => panic!("nobody sees just {others:?}"),
    }
}

/// All autoscalers that a caller is shown, page by page.
pub async fn autoscalers(client: &Client) -> Vec<Value> {
    let mut all = Vec::new();
    let mut path = "/api/v1/autoscaling?limit=2".to_owned();
    loop {
        let page = ok(client.get(&path).await);
        all.extend(page["autoscalers"].as_array().unwrap().iter().cloned());
        let Some(place) = page["continue"].as_str() else { return all };
        path = format!("/api/v1/autoscaling?limit=2&continue={place}");
    }
}

pub fn namespace_of(autoscaler: &Value) -> &str {
    autoscaler["details"]["workload_namespace"].as_str().unwrap()
}

/// The figures over all are of those that the list shows.
async fn figures(client: &Client) -> Outcome {
    loop {
        let before = autoscalers(client).await;
        let figures = ok(client.get("/api/v1/autoscaling/metrics").await);
        // Others make and end autoscalers meanwhile.
        if autoscalers(client).await.len() != before.len() {
            continue;
        }
        assert_eq!(figures["total_autoscalers"].as_u64(), Some(before.len() as u64), "{figures}");
        return seen(before.iter().map(namespace_of));
    }
}

/// A stream begins with the figures, and with the rows that were asked for in their order.
async fn events(stage: &Stage, client: &Client) -> Outcome {
    let mut stream = client.follow(&format!("/api/v1/events?ids={},{}", stage.bank.id, stage.shop.id)).await;
    assert_eq!(stream.status(), StatusCode::OK);
    let mut rows = Vec::new();
    loop {
        let event = stream.next().await.expect("the stream goes on");
        match event.name.as_str() {
            "fleet" if event.data["total"] == 0 => return Outcome::Nothing,
            "row" => rows.push(event.data["workload_namespace"].as_str().unwrap().to_owned()),
            _ => {}
        }
        // Who sees anything sees the shop.
        if rows.last().is_some_and(|row| row == SHOP) {
            return seen(rows.iter().map(String::as_str));
        }
    }
}
