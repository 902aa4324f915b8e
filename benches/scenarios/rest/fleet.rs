//! A service that holds many autoscalers, on a simulated cluster of its own or beside one in another process.

use std::fmt::Write as _;
use std::io::Write as _;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value;
use tempfile::NamedTempFile;

use super::plain_http::Connection;
use crate::service::{Service, Start};
use crate::simulator::{Options, Simulator};
use crate::stage::start_service;

/// How long a service may take until it holds all autoscalers.
const TO_FILL: Duration = Duration::from_secs(300);

/// In how many namespaces the workloads are.
const NAMESPACES: usize = 20;

/// A running service and its cluster.
pub struct Fleet {
    // The order is that in which they end.
    pub service: Service,
    _settings: Option<NamedTempFile>,
    _simulator: Option<Simulator>,
}

/// The workload of a number, in its namespace.
pub fn workload(number: usize) -> (String, String) {
    (format!("team-{}", number % NAMESPACES), format!("web-{number}"))
}

/// The definition of an autoscaler for it.
pub fn definition(number: usize) -> Value {
    let (namespace, name) = workload(number);
    serde_json::json!({
        "workload_name": name, "workload_namespace": namespace, "workload_type": "Deployment",
        "min_replicas": 1, "max_replicas": 5, "target_cpu_percent": 70,
    })
}

impl Fleet {
    /// A service on `core` with so many workloads, of which the first are under autoscaling.
    pub fn start(workloads: usize, autoscalers: usize, core: Option<usize>) -> anyhow::Result<Self> {
        let mut cluster = tempfile::Builder::new().suffix(".toml").tempfile().context("there is no temporary file")?;
        cluster.write_all(settings(workloads, autoscalers)?.as_bytes()).context("it cannot be written to")?;
        let path = cluster.path().to_str().context("its path is no text")?.to_owned();
        let service =
            Service::start(&Start { arguments: &["--simulated", "--config", &path], core, ..Start::default() })?;
        let fleet = Self { service, _settings: Some(cluster), _simulator: None };
        fleet.wait_for(autoscalers)?;
        Ok(fleet)
    }

    /// A service on the core that is measured, with so many autoscalers on a cluster that is simulated on the other one.
    pub fn beside_its_cluster(autoscalers: usize) -> anyhow::Result<Self> {
        let simulator = Simulator::start(&Options::of(autoscalers))?;
        let fleet = Self { service: start_service(&simulator)?, _settings: None, _simulator: Some(simulator) };
        fleet.wait_for(autoscalers)?;
        Ok(fleet)
    }

    /// The host and port that it listens on.
    pub fn address(&self) -> String {
        self.service.url("").trim_start_matches("http://").to_owned()
    }

    /// Asks it once.
    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        let mut connection = Connection::open(&self.address())?;
        serde_json::from_slice(connection.get(path)?.body).with_context(|| format!("{path} does not answer with JSON"))
    }

    /// The ids of all autoscalers.
    pub fn ids(&self) -> anyhow::Result<Vec<String>> {
        let list = self.get("/api/v1/autoscaling")?;
        let items = list.get("autoscalers").and_then(Value::as_array).context("the list has no items")?;
        let id = |item: &Value| item.get("autoscaling_id").and_then(Value::as_str).map(str::to_owned);
        items.iter().map(|item| id(item).context("an item has no id")).collect()
    }

    fn wait_for(&self, autoscalers: usize) -> anyhow::Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < TO_FILL {
            // It refuses to answer as long as it does not know which autoscalers there are.
            let figures = self.get("/api/v1/autoscaling/metrics").unwrap_or_default();
            if figures.get("total_autoscalers").and_then(Value::as_u64) == Some(autoscalers as u64) {
                return Ok(());
            }
            sleep(Duration::from_millis(500));
        }
        bail!("the service does not hold {autoscalers} autoscalers after {} s", TO_FILL.as_secs())
    }
}

fn settings(workloads: usize, autoscalers: usize) -> anyhow::Result<String> {
    // Room for all of them with their most replicas.
    let nodes = workloads * 5 / 110 + 1;
    let mut text = format!(
        "[simulation]\nseed = 1\ngpu_exporters = false\n\n\
         [[simulation.nodes]]\nname = \"node\"\ncount = {nodes}\ncpu = 1000\nmemory = \"4096Gi\"\n\n"
    );
    for number in 0..workloads {
        let (namespace, name) = workload(number);
        write!(
            text,
            "[[simulation.workloads]]\nkind = \"Deployment\"\nnamespace = \"{namespace}\"\nname = \"{name}\"\n\
             cpu_request = \"500m\"\nmemory_request = \"256Mi\"\nmemory_base = \"96Mi\"\nnoise = 0.05\n\
             load = {{ curve = \"constant\", millicores = 320 }}\n\n"
        )?;
    }
    for number in 0..autoscalers {
        let (namespace, name) = workload(number);
        write!(
            text,
            "[[simulation.autoscalers]]\nworkload_name = \"{name}\"\nworkload_namespace = \"{namespace}\"\n\
             workload_type = \"Deployment\"\nmin_replicas = 1\nmax_replicas = 5\ntarget_cpu_percent = 70\n\n"
        )?;
    }
    Ok(text)
}
