//! What a simulated cluster consists of.
//!
//! `config/simulation.toml` is compiled in and holds the defaults, so that the file that documents the keys and the
//! values that apply cannot part ways. A key that is absent from somebody's settings takes its value from there.

use std::fmt;
use std::time::Duration;

use config::{Config, File, FileFormat};
use serde::{Deserialize, Deserializer};

use super::gpus::MigProfile;
use super::load::LoadCurve;
use super::quantity::{Cpu, Memory};

/// The text of `config/simulation.toml`, which documents every key.
pub const DEFAULTS: &str = include_str!("../../config/simulation.toml");

/// Everything about a simulated cluster that can be chosen.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "Written")]
pub struct SimulationSettings {
    /// Where all randomness comes from: the same seed gives the same run.
    pub seed: u64,
    /// How many times as fast as the machine's clock the cluster's clock runs. Whoever makes the clock reads this.
    pub speed: f64,
    /// How long the cluster has been running when it starts.
    pub age: Duration,
    /// How often the metrics server reads the usage of all pods.
    pub metrics_resolution: Duration,
    /// Whether a DCGM exporter runs on each machine with GPUs.
    pub gpu_exporters: bool,
    /// How often the exporters read what the GPUs do.
    pub gpu_collect_interval: Duration,
    /// The machines.
    pub nodes: Vec<NodeSettings>,
    /// The workloads that run from the beginning.
    pub workloads: Vec<WorkloadSettings>,
    /// The autoscalers that exist from the beginning, as a client would ask for them. They are not the cluster's; whoever
    /// makes a service on it creates them.
    pub autoscalers: Vec<serde_json::Value>,
}

/// A group of equal machines.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeSettings {
    /// The name's beginning; a number follows it.
    pub name: String,
    /// How many there are.
    #[serde(default = "one")]
    pub count: u32,
    /// Each one's CPU.
    pub cpu: Cpu,
    /// Each one's memory.
    pub memory: Memory,
    /// Each one's GPUs.
    #[serde(default, deserialize_with = "at_most::<1024, _>")]
    pub gpus: u32,
    /// The GPUs' model.
    #[serde(default = "usual_gpu_model")]
    pub gpu_model: String,
    /// Each GPU's memory.
    #[serde(default = "usual_gpu_memory")]
    pub gpu_memory: Memory,
    /// How the GPUs are cut; they are whole when absent.
    #[serde(default)]
    pub mig: Option<MigSettings>,
    /// How many pods fit on each.
    #[serde(default = "usual_pods_per_node")]
    pub pods: u32,
}

/// How each GPU of a machine is cut into MIG instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MigSettings {
    /// The size of all instances.
    pub profile: MigProfile,
    /// How many instances each GPU is cut into.
    #[serde(deserialize_with = "at_most::<7, _>")]
    pub per_gpu: u32,
}

impl NodeSettings {
    /// A group of one machine without GPUs.
    pub fn new(name: impl Into<String>, cpu: Cpu, memory: Memory) -> Self {
        Self {
            name: name.into(),
            count: 1,
            cpu,
            memory,
            gpus: 0,
            gpu_model: usual_gpu_model(),
            gpu_memory: usual_gpu_memory(),
            mig: None,
            pods: usual_pods_per_node(),
        }
    }

    /// How many devices each machine offers: GPUs, or the instances that they are cut into.
    pub(super) fn devices(&self) -> u32 {
        self.gpus.saturating_mul(self.mig.map_or(1, |mig| mig.per_gpu))
    }

    /// The profile of the MIG instances that it offers instead of GPUs, if it does.
    pub(super) fn mig_profile(&self) -> Option<MigProfile> {
        self.mig.map(|mig| mig.profile)
    }
}

/// The kinds of workload that own pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
pub enum WorkloadKind {
    /// `apps/v1` Deployment.
    Deployment,
    /// `apps/v1` StatefulSet.
    StatefulSet,
    /// `apps/v1` ReplicaSet that no Deployment owns.
    ReplicaSet,
}

impl WorkloadKind {
    /// The kind's name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::ReplicaSet => "ReplicaSet",
        }
    }
}

impl fmt::Display for WorkloadKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A workload: what it is in the API, and how its pods behave.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkloadSettings {
    /// Deployment, StatefulSet or ReplicaSet.
    pub kind: WorkloadKind,
    /// Its namespace, which comes into being with it.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The value of the label `app` of its pods, by which its selector finds them; its name when absent. Selectors of
    /// workloads that share one overlap.
    pub app: Option<String>,
    /// How many pods it starts with.
    #[serde(default = "one")]
    pub replicas: u32,
    /// Whether a StatefulSet starts its pods one after the other (`OrderedReady`, the default) or all at once.
    #[serde(default)]
    pub pod_management: PodManagement,

    /// The CPU that each pod requests.
    pub cpu_request: Option<Cpu>,
    /// The CPU that no pod can exceed.
    pub cpu_limit: Option<Cpu>,
    /// The memory that each pod requests.
    pub memory_request: Option<Memory>,
    /// The memory that no pod can exceed.
    pub memory_limit: Option<Memory>,
    /// The GPUs (`nvidia.com/gpu`) that each pod requests, or MIG instances if there is a profile.
    #[serde(default)]
    pub gpus: u32,
    /// The profile of the MIG instances that each pod requests in place of whole GPUs.
    pub mig: Option<MigProfile>,

    /// How long a pod is Pending on its node: pulling the image, creating the container.
    #[serde(rename = "start_seconds", deserialize_with = "seconds", default = "usual_start")]
    pub start: Duration,
    /// How long a running pod takes to become Ready.
    #[serde(rename = "ready_after_seconds", deserialize_with = "seconds", default = "usual_readiness")]
    pub ready_after: Duration,
    /// How long a pod takes to end after it was told to.
    #[serde(rename = "stop_seconds", deserialize_with = "seconds", default = "usual_stop")]
    pub stop: Duration,

    /// What the clients ask of the workload as a whole; its ready pods share it.
    pub load: LoadCurve,
    /// The CPU that a pod uses without any load.
    #[serde(default)]
    pub cpu_base: Cpu,
    /// The CPU that a pod uses from its start until it is ready, `cpu_base` when absent: a model that is loaded, a
    /// virtual machine that compiles.
    pub cpu_starting: Option<Cpu>,
    /// The memory that a pod uses without any load.
    #[serde(default)]
    pub memory_base: Memory,
    /// The memory that a pod uses on top for each core that its load keeps busy.
    #[serde(default)]
    pub memory_per_core: Memory,
    /// What the clients ask of the GPUs of the workload as a whole, in percent of one GPU (or one MIG instance); its
    /// ready pods share it, and each pod's devices share what falls to the pod.
    #[serde(default = "idle")]
    pub gpu_load: LoadCurve,
    /// How busy each of a pod's GPUs is from the pod's start until it is ready, in percent: a model that is loaded.
    #[serde(default)]
    pub gpu_starting: f64,
    /// The memory that a running pod uses on each of its GPUs without any load.
    #[serde(default)]
    pub gpu_memory_base: Memory,
    /// The memory that it uses on top for each percent of utilisation.
    #[serde(default)]
    pub gpu_memory_per_percent: Memory,
    /// How far a reading strays from the truth at most, as a fraction of it.
    #[serde(default)]
    pub noise: f64,
}

/// In which order a StatefulSet starts and stops its pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum PodManagement {
    /// One after the other, each when the one before is ready.
    #[default]
    OrderedReady,
    /// All at once.
    Parallel,
}

impl WorkloadSettings {
    /// A workload of one pod that requests half a core and 512 MiB, with no load and no noise.
    pub fn new(kind: WorkloadKind, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            kind,
            namespace: namespace.into(),
            name: name.into(),
            app: None,
            replicas: 1,
            pod_management: PodManagement::OrderedReady,
            cpu_request: Some(Cpu::millis(500)),
            cpu_limit: None,
            memory_request: Some(Memory::mebibytes(512)),
            memory_limit: None,
            gpus: 0,
            mig: None,
            start: usual_start(),
            ready_after: usual_readiness(),
            stop: usual_stop(),
            load: LoadCurve::constant(0.0),
            cpu_base: Cpu::default(),
            cpu_starting: None,
            memory_base: Memory::mebibytes(128),
            memory_per_core: Memory::default(),
            gpu_load: idle(),
            gpu_starting: 0.0,
            gpu_memory_base: Memory::default(),
            gpu_memory_per_percent: Memory::default(),
            noise: 0.0,
        }
    }
}

impl Default for SimulationSettings {
    fn default() -> Self {
        let written = parse(DEFAULTS).unwrap_or_else(|error| {
            // Cannot happen to a build whose tests have passed.
            log::error!("the built-in simulation settings are not valid: {error}");
            Written::default()
        });
        written.or(Self::empty())
    }
}

impl SimulationSettings {
    /// A cluster without machines, exporters and workloads: the ground to build a particular one on.
    pub fn empty() -> Self {
        Self {
            seed: 0,
            speed: 1.0,
            age: Duration::from_secs(3600),
            metrics_resolution: Duration::from_secs(15),
            gpu_exporters: false,
            gpu_collect_interval: Duration::from_secs(30),
            nodes: Vec::new(),
            workloads: Vec::new(),
            autoscalers: Vec::new(),
        }
    }
}

/// The settings as somebody writes them: every key may be absent.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    seed: Option<u64>,
    speed: Option<f64>,
    #[serde(rename = "age_seconds", deserialize_with = "optional_seconds", default)]
    age: Option<Duration>,
    #[serde(rename = "metrics_resolution_seconds", deserialize_with = "optional_seconds", default)]
    metrics_resolution: Option<Duration>,
    gpu_exporters: Option<bool>,
    #[serde(rename = "gpu_collect_interval_seconds", deserialize_with = "optional_seconds", default)]
    gpu_collect_interval: Option<Duration>,
    nodes: Option<Vec<NodeSettings>>,
    workloads: Option<Vec<WorkloadSettings>>,
    autoscalers: Option<Vec<serde_json::Value>>,
}

impl Written {
    fn or(self, base: SimulationSettings) -> SimulationSettings {
        SimulationSettings {
            seed: self.seed.unwrap_or(base.seed),
            speed: self.speed.unwrap_or(base.speed),
            age: self.age.unwrap_or(base.age),
            metrics_resolution: self.metrics_resolution.unwrap_or(base.metrics_resolution),
            gpu_exporters: self.gpu_exporters.unwrap_or(base.gpu_exporters),
            gpu_collect_interval: self.gpu_collect_interval.unwrap_or(base.gpu_collect_interval),
            nodes: self.nodes.unwrap_or(base.nodes),
            // Those of the usual workloads make no sense for others.
            autoscalers: match (self.autoscalers, &self.workloads) {
                (Some(autoscalers), _) => autoscalers,
                (None, Some(_)) => Vec::new(),
                (None, None) => base.autoscalers,
            },
            workloads: self.workloads.unwrap_or(base.workloads),
        }
    }
}

impl From<Written> for SimulationSettings {
    fn from(written: Written) -> Self {
        written.or(Self::default())
    }
}

fn parse(text: &str) -> Result<Written, config::ConfigError> {
    Config::builder().add_source(File::from_str(text, FileFormat::Toml)).build()?.try_deserialize()
}

fn one() -> u32 {
    1
}

fn usual_gpu_model() -> String {
    "NVIDIA A100-SXM4-80GB".to_owned()
}

fn usual_gpu_memory() -> Memory {
    Memory::mebibytes(80 << 10)
}

fn idle() -> LoadCurve {
    LoadCurve::constant(0.0)
}

fn usual_pods_per_node() -> u32 {
    110
}

fn usual_start() -> Duration {
    Duration::from_secs(2)
}

fn usual_readiness() -> Duration {
    Duration::from_secs(10)
}

fn usual_stop() -> Duration {
    Duration::from_secs(3)
}

/// A number that does not exceed what hardware can be like.
fn at_most<'de, const MOST: u32, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = u32::deserialize(deserializer)?;
    if number > MOST {
        return Err(serde::de::Error::custom(format_args!("{number} is too many: there can be {MOST} at most")));
    }
    Ok(number)
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

fn optional_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    seconds(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SimulationSettings, config::ConfigError> {
        Config::builder().add_source(File::from_str(text, FileFormat::Toml)).build()?.try_deserialize()
    }

    #[test]
    fn the_documented_file_sets_every_key() {
        let written = parse(DEFAULTS).unwrap();
        assert!(written.seed.is_some() && written.speed.is_some());
        assert!(written.age.is_some() && written.metrics_resolution.is_some());
        assert!(written.gpu_exporters == Some(true) && written.gpu_collect_interval.is_some());
        assert!(written.nodes.is_some_and(|nodes| !nodes.is_empty()));
        assert!(written.workloads.is_some_and(|workloads| !workloads.is_empty()));
    }

    #[test]
    fn a_key_that_is_absent_keeps_its_default() {
        let settings = read("seed = 7").unwrap();
        assert_eq!(settings, SimulationSettings { seed: 7, ..SimulationSettings::default() });
    }

    #[test]
    fn a_typo_and_nonsense_are_refused_by_name() {
        for (text, named) in [
            ("sed = 7", "sed"),
            ("age_seconds = -1", "negative"),
            ("[[nodes]]\nname = \"n\"\ncpu = \"much\"\nmemory = \"1Gi\"", "much"),
            ("[[nodes]]\nname = \"n\"\ncpu = 1\nmemory = \"1Gi\"\ngpus = 5000", "1024 at most"),
            (
                "[[nodes]]\nname = \"n\"\ncpu = 1\nmemory = \"1Gi\"\nmig = { profile = \"1g\", per_gpu = 7 }",
                "no MIG profile",
            ),
            (
                "[[nodes]]\nname = \"n\"\ncpu = 1\nmemory = \"1Gi\"\nmig = { profile = \"1g.10gb\", per_gpu = 8 }",
                "7 at most",
            ),
            ("[[workloads]]\nkind = \"Job\"\nnamespace = \"a\"\nname = \"b\"", "Job"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn the_guides_workloads_are_there_and_all_but_the_frontend_request_a_gpu() {
        let settings = SimulationSettings::default();
        let named: Vec<_> = settings
            .workloads
            .iter()
            .map(|workload| (workload.kind.as_str(), &*workload.namespace, &*workload.name, workload.gpus))
            .collect();
        assert_eq!(
            named,
            [
                ("Deployment", "default", "nginx-deployment", 1),
                ("Deployment", "ml-workloads", "ai-training-job", 1),
                ("Deployment", "production", "web-frontend", 0),
                ("Deployment", "ml", "ai-inference", 1),
                ("Deployment", "ml", "mig-inference", 1),
                ("StatefulSet", "research", "model-training", 2),
            ]
        );
    }
}
