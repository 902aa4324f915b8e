//! What is in the simulated cluster of the scenarios, and what happens to it.

use std::collections::VecDeque;

use ai_storage_orchestrator::clock::Clock;
use ai_storage_orchestrator::simulation::{
    Cpu, LoadCurve, Memory, NodeSettings, SimulatedApi, SimulatedCluster, SimulationSettings, WorkloadKind,
    WorkloadSettings,
};
use anyhow::{Context, bail, ensure};
use http::{Method, Request};
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::{Value, json};
use tower::Service;

use super::Options;

/// How many pods each workload begins with.
pub const REPLICAS: u32 = 2;

/// How many seconds there are from one evaluation to the next, unless an option says otherwise.
pub const INTERVAL: u32 = 15;

/// What a pod requests.
const CPU: Cpu = Cpu::millis(500);
const MEMORY: Memory = Memory::mebibytes(512);

/// The wanted use of it, and how busy the pods are to begin with: nothing is scaled.
const CPU_TARGET: f64 = 70.0;
const MEMORY_TARGET: f64 = 80.0;

/// How far readings stray: noticeably, but within the tolerance of 10 %.
const NOISE: f64 = 0.04;

/// How many pods fit on a machine, as in large clusters.
const PODS_PER_NODE: u32 = 250;

const API: &str = "/apis/ai-storage.io/v1alpha1";

/// The simulated cluster.
pub struct World {
    pub cluster: SimulatedCluster,
    options: Options,
    /// The numbers of the workloads that are under autoscaling, the oldest first.
    autoscaled: VecDeque<usize>,
    made: usize,
    turn: usize,
}

impl World {
    /// Builds it. There are autoscalers for the first workloads.
    pub async fn build(options: Options) -> anyhow::Result<Self> {
        let deployments = options.deployments();
        // Twice the room, so that scaling out fails for no lack of it.
        let nodes = u32::try_from(deployments).context("so many?")? * REPLICAS * 4 / PODS_PER_NODE + 2;
        let node = NodeSettings {
            count: nodes,
            pods: PODS_PER_NODE,
            ..NodeSettings::new("node", Cpu::millis(1_000_000), Memory::mebibytes(4 << 20))
        };
        let settings = SimulationSettings {
            seed: 42,
            nodes: vec![node],
            workloads: (0..deployments).map(|number| workload(&options, number)).collect(),
            ..SimulationSettings::empty()
        };
        let cluster = SimulatedCluster::start(&settings, Clock::wall());
        cluster.install_autoscalers();
        let mut world =
            Self { cluster, autoscaled: VecDeque::new(), made: deployments, turn: 0, options: options.clone() };
        for number in 0..options.autoscalers {
            world.autoscale(number).await?;
        }
        Ok(world)
    }

    async fn autoscale(&mut self, number: usize) -> anyhow::Result<()> {
        let place = format!("{API}/namespaces/{}/workloadautoscalers", namespace(&self.options, number));
        ask(&self.cluster.service(), Method::POST, &place, Some(autoscaler(&self.options, number))).await?;
        self.autoscaled.push_back(number);
        Ok(())
    }

    /// Lets all workloads use this share of what their first pods request. The metrics show it from their next reading
    /// on, and in whole: they show the mean since the one before, and a constant load is its own mean.
    pub fn load(&self, percent: f64) -> i64 {
        let load = millicores(percent);
        self.cluster.set_loads(|_| Some(LoadCurve::constant(load)));
        self.cluster.next_reading().timestamp_millis()
    }

    /// Replaces the pods of the next workloads, one after the other in turn.
    pub fn replace(&mut self, workloads: usize) -> anyhow::Result<()> {
        for _ in 0..workloads {
            self.turn = (self.turn + 1) % self.autoscaled.len().max(1);
            let Some(&number) = self.autoscaled.get(self.turn) else { continue };
            self.cluster.roll_out(WorkloadKind::Deployment, &namespace(&self.options, number), &name(number))?;
        }
        Ok(())
    }

    /// Makes workloads, and autoscalers for them.
    pub async fn add(&mut self, workloads: usize) -> anyhow::Result<()> {
        for _ in 0..workloads {
            let number = self.made;
            self.made += 1;
            self.cluster.add_workload(workload(&self.options, number))?;
            self.autoscale(number).await?;
        }
        Ok(())
    }

    /// Deletes the oldest workloads with their autoscalers.
    pub async fn remove(&mut self, workloads: usize) -> anyhow::Result<()> {
        for _ in 0..workloads {
            let Some(number) = self.autoscaled.pop_front() else { continue };
            let (namespace, name) = (namespace(&self.options, number), name(number));
            let place = format!("{API}/namespaces/{namespace}/workloadautoscalers/{name}");
            ask(&self.cluster.service(), Method::DELETE, &place, None).await?;
            self.cluster.remove_workload(WorkloadKind::Deployment, &namespace, &name)?;
        }
        Ok(())
    }

    /// How many Deployments want another number of pods than they began with, how many autoscalers there are, and how
    /// many of those have a status.
    pub async fn objects(&self) -> anyhow::Result<(usize, usize, usize)> {
        let deployments = self.list("/apis/apps/v1/deployments").await?;
        let scaled = deployments.iter().filter(|one| one["spec"]["replicas"] != REPLICAS).count();
        let autoscalers = self.list(&format!("{API}/workloadautoscalers")).await?;
        let with_status = autoscalers.iter().filter(|one| one["status"].is_object()).count();
        Ok((scaled, autoscalers.len(), with_status))
    }

    async fn list(&self, place: &str) -> anyhow::Result<Vec<Value>> {
        let mut list = ask(&self.cluster.service(), Method::GET, place, None).await?;
        match list["items"].take() {
            Value::Array(items) => Ok(items),
            _ => bail!("{place} is no list"),
        }
    }
}

/// What two pods ask for at this use.
fn millicores(percent: f64) -> f64 {
    f64::from(REPLICAS) * CPU.millis as f64 * percent / 100.0
}

fn name(number: usize) -> String {
    format!("workload-{number:06}")
}

fn namespace(options: &Options, number: usize) -> String {
    match options.namespaces {
        _ if options.overlapping => "crowd".to_owned(),
        0 => format!("team-{:04}", number / 100),
        namespaces => format!("team-{:04}", number % namespaces),
    }
}

fn workload(options: &Options, number: usize) -> WorkloadSettings {
    // Half of the memory is for the load that there is to begin with.
    let (mebibytes, cores) = (MEMORY.bytes as f64 * MEMORY_TARGET / 100.0 / 2.0, CPU_TARGET / 100.0 * 0.5);
    WorkloadSettings {
        app: options.overlapping.then(|| "crowd".to_owned()),
        replicas: REPLICAS,
        cpu_request: Some(CPU),
        memory_request: Some(MEMORY),
        load: LoadCurve::constant(millicores(CPU_TARGET)),
        memory_base: Memory { bytes: mebibytes as u64 },
        memory_per_core: Memory { bytes: (mebibytes / cores) as u64 },
        noise: NOISE,
        ..WorkloadSettings::new(WorkloadKind::Deployment, namespace(options, number), name(number))
    }
}

fn autoscaler(options: &Options, number: usize) -> Value {
    json!({
        "apiVersion": "ai-storage.io/v1alpha1",
        "kind": "WorkloadAutoscaler",
        "metadata": {
            "name": name(number),
            // As the service gives them, so that it has none to give.
            "labels": { "ai-storage.io/autoscaling-id": format!("autoscaler-{number:08x}") },
        },
        "spec": {
            "workload_name": name(number),
            "workload_type": "Deployment",
            "min_replicas": 1,
            "max_replicas": 20,
            "target_cpu_percent": CPU_TARGET as i32,
            "target_memory_percent": MEMORY_TARGET as i32,
            "interval_seconds": options.interval,
            "compatibility": options.compatibility,
        },
    })
}

/// Asks the simulated API in this process.
async fn ask(api: &SimulatedApi, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
    let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
    let request = Request::builder().method(method.clone()).uri(path).body(Body::from(body))?;
    let answer = api.clone().call(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    ensure!(status.is_success(), "{method} {path}: {status}: {}", String::from_utf8_lossy(&body));
    Ok(serde_json::from_slice(&body)?)
}
