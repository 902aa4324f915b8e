//! A running service on a simulated cluster of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::rt::task::JoinHandle;
use ai_storage_orchestrator::app::{Application, ConnectedCluster};
use ai_storage_orchestrator::clock::Clock;
use ai_storage_orchestrator::ports::reviewer::AccessReviewer;
use ai_storage_orchestrator::settings::{Flags, Settings};
use ai_storage_orchestrator::simulation::{
    LoadCurve, SimulatedCluster, SimulationSettings, WorkloadKind, WorkloadSettings,
};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::sync::oneshot;

/// The service, until it is stopped or dropped.
pub struct TestApp {
    pub cluster: SimulatedCluster,
    pub base: String,
    http: reqwest::Client,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<std::io::Result<()>>,
}

/// A file with this token, and the settings that it is known by.
pub fn token_file(token: &str) -> (tempfile::NamedTempFile, String) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, token).unwrap();
    let settings = format!("[auth]\ntoken_file = {:?}\n", file.path());
    (file, settings)
}

/// How many times as fast as real time the cluster runs, unless a test says otherwise.
const SPEED: f64 = 20.0;

/// How long is waited for something that should happen soon.
const SOON: Duration = Duration::from_secs(40);

impl TestApp {
    /// A service on the guide's example workloads.
    pub async fn start() -> Self {
        Self::start_with(&SimulationSettings::default(), SPEED, |_| {}).await
    }

    /// A service that knows its cluster, in which the Deployment `web` has two pods, each at 50 % of its CPU.
    pub async fn with_web() -> Self {
        Self::start_with(&empty_cluster(), 20.0, |cluster| {
            cluster.add_running_workloads([deployment("web", 2, 500.0)]).unwrap();
        })
        .await
        .ready()
        .await
    }

    /// A service on workloads of a test's own.
    pub async fn start_with(
        simulation: &SimulationSettings,
        speed: f64,
        prepare: impl FnOnce(&SimulatedCluster),
    ) -> Self {
        Self::start_configured(simulation, speed, "", prepare).await
    }

    /// The same with settings as TOML.
    pub async fn start_configured(
        simulation: &SimulationSettings,
        speed: f64,
        configuration: &str,
        prepare: impl FnOnce(&SimulatedCluster),
    ) -> Self {
        Self::start_for(None, simulation, speed, configuration, prepare).await
    }

    /// The same for the users of a cluster.
    pub async fn start_for(
        users: Option<Arc<dyn AccessReviewer>>,
        simulation: &SimulationSettings,
        speed: f64,
        configuration: &str,
        prepare: impl FnOnce(&SimulatedCluster),
    ) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, configuration).unwrap();
        let flags = Flags { config: Some(file.path().to_owned()), port: Some(0), ..Flags::default() };
        let settings = Settings::load(&flags).unwrap();
        let clock = Clock::scaled_from_now(speed);
        let cluster = SimulatedCluster::start(simulation, clock);
        prepare(&cluster);
        let mut connected = ConnectedCluster::simulated(&cluster, clock, "test".to_owned(), &settings).unwrap();
        if let Some(users) = users {
            connected = connected.with_users(users);
        }
        let application = Application::build(&settings, false, connected).unwrap();
        let base = format!("http://{}", application.address());
        let (stop, stopped) = oneshot::channel();
        let ended = actix_web::rt::spawn(application.run_until(async {
            let _ = stopped.await;
        }));
        Self { cluster, base, http: reqwest::Client::new(), stop, ended }
    }

    /// Waits until the service knows its cluster.
    pub async fn ready(self) -> Self {
        self.eventually("it is ready", async || (self.get("/readyz").await.0 == StatusCode::OK).then_some(())).await;
        self
    }

    /// Stops the service, which must end well.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        self.ended.await.unwrap().unwrap();
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        answer(self.request(Method::GET, path)).await
    }

    pub async fn delete(&self, path: &str) -> (StatusCode, Value) {
        answer(self.request(Method::DELETE, path)).await
    }

    /// Sends a JSON body.
    pub async fn send(&self, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
        answer(self.request(method, path).json(body)).await
    }

    pub async fn patch(&self, id: &str, patch: &Value) -> (StatusCode, Value) {
        self.send(Method::PATCH, &format!("/api/v1/autoscaling/{id}"), patch).await
    }

    pub async fn create(&self, body: &Value) -> (StatusCode, Value) {
        self.send(Method::POST, "/api/v1/autoscaling", body).await
    }

    /// `POST /autoscaling` with a body as it is.
    pub async fn post_text(&self, body: impl Into<reqwest::Body>) -> (StatusCode, Value) {
        let request = self.request(Method::POST, "/api/v1/autoscaling").header("Content-Type", "application/json");
        answer(request.body(body)).await
    }

    /// Creates an autoscaler, which must succeed; returns its id.
    pub async fn created(&self, body: &Value) -> String {
        let (status, answer) = self.create(body).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        answer["autoscaling_id"].as_str().unwrap().to_owned()
    }

    pub async fn autoscaler(&self, id: &str) -> Value {
        let (status, body) = self.get(&format!("/api/v1/autoscaling/{id}")).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    /// Waits until the autoscaler is as wanted.
    pub async fn wait_for(&self, id: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.eventually(what, async || Some(self.autoscaler(id).await).filter(&wanted)).await
    }

    /// Looks until `look` sees something. The API has no way to be told, so it is asked.
    pub async fn eventually<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let deadline = Instant::now() + SOON;
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            if Instant::now() > deadline {
                let (_, all) = self.get("/api/v1/autoscaling").await;
                panic!("not within {SOON:?}: {what}; the autoscalers are {all:#}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Sends a request, whose answer must be JSON.
pub async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{status} with no JSON ({error}): {text}")))
}

/// The condition of a type, in an autoscaler's details.
pub fn condition<'a>(autoscaler: &'a Value, kind: &str) -> &'a Value {
    let conditions = autoscaler["details"]["conditions"].as_array();
    conditions.and_then(|all| all.iter().find(|condition| condition["type"] == kind)).unwrap_or(&Value::Null)
}

/// A request to put `default/<name>` under autoscaling, evaluated each second.
pub fn request(name: &str) -> Value {
    json!({
        "workload_name": name,
        "workload_namespace": "default",
        "workload_type": "Deployment",
        "min_replicas": 1,
        "max_replicas": 10,
        "target_cpu_percent": 50,
        "interval_seconds": 1,
    })
}

/// A cluster with one node and nothing on it.
pub fn empty_cluster() -> SimulationSettings {
    SimulationSettings { workloads: Vec::new(), ..SimulationSettings::default() }
}

/// A Deployment in `default` that has been running for an hour; each pod requests half a core, and `millicores` are
/// asked of all of them together.
pub fn deployment(name: &str, replicas: u32, millicores: f64) -> WorkloadSettings {
    let mut settings = WorkloadSettings::new(WorkloadKind::Deployment, "default", name);
    settings.replicas = replicas;
    settings.load = LoadCurve::constant(millicores);
    settings
}
