//! The simulator as a scenario has it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};

use super::Options;
use super::control::{Order, Told};
use super::counts::{Counted, Kind, Patched};
use super::run::READY;
use crate::machine::{OTHERS, Taken, pin_this};
use crate::process::{Process, on_core};

/// How long building a cluster may take.
const BUILDING: Duration = Duration::from_secs(180);

/// A simulator that runs.
pub struct Simulator {
    process: Process,
    control: String,
    kubeconfig: tempfile::TempPath,
    http: reqwest::Client,
}

/// What the service asked of the cluster in some time.
pub struct Asked {
    pub requests: Vec<Counted>,
    pub patched: Vec<Patched>,
    /// When requests were refused, in milliseconds since 1970.
    pub refused: Vec<i64>,
}

impl Simulator {
    /// Starts it on the core of the others, where this process goes, too.
    pub fn start(options: &Options) -> anyhow::Result<Self> {
        pin_this(OTHERS)?;
        let kubeconfig = tempfile::NamedTempFile::new()?.into_temp_path();
        let program = std::env::current_exe().context("this program cannot be found")?;
        let mut command = on_core(Some(OTHERS), program);
        command.args(options.as_arguments()).arg("--kubeconfig").arg(kubeconfig.as_os_str());
        let process = Process::start("the simulator", &mut command)?;
        let control = process.wait_for(BUILDING, |line| line.strip_prefix(READY).map(str::to_owned))?;
        Ok(Self { process, control, kubeconfig, http: reqwest::Client::new() })
    }

    /// The kubeconfig by which the service finds the cluster.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// How long it took to build the cluster, in its own words.
    pub fn built(&self) -> Option<String> {
        self.process.logged("was built").pop()
    }

    pub fn taken(&self) -> anyhow::Result<Taken> {
        Taken::by(self.process.pid())
    }

    /// Gives an order, and waits until it has been carried out.
    pub async fn order(&self, order: Order) -> anyhow::Result<Told> {
        let body = serde_json::to_vec(&order)?;
        let answer = self.http.post(format!("http://{}/", self.control)).body(body).send().await?;
        match answer.json().await? {
            Told::Failed { why } => bail!("the simulator did not {order:?}: {why}"),
            told => Ok(told),
        }
    }

    /// What was asked since the last reset.
    pub async fn asked(&self) -> anyhow::Result<Asked> {
        match self.order(Order::Counts).await? {
            Told::Counts { requests, patched, refused } => Ok(Asked { requests, patched, refused }),
            told => bail!("no counts, but {told:?}"),
        }
    }

    /// How many Deployments were scaled, how many autoscalers there are, and how many of those have a status.
    pub async fn objects(&self) -> anyhow::Result<(usize, usize, usize)> {
        match self.order(Order::Objects).await? {
            Told::Objects { scaled, autoscalers, with_status } => Ok((scaled, autoscalers, with_status)),
            told => bail!("no objects, but {told:?}"),
        }
    }
}

impl Asked {
    /// How many requests there were, without what keeps watches and Leases.
    pub fn calls(&self) -> u64 {
        let calls = self.requests.iter().filter(|one| Kind::is_call(&one.verb, &one.resource));
        calls.map(|one| one.requests).sum()
    }

    /// How many requests there were for a resource or subresource.
    pub fn of(&self, resource: &str) -> u64 {
        self.requests.iter().filter(|one| one.resource == resource).map(|one| one.requests).sum()
    }

    /// How many bytes were sent in answer to everything.
    pub fn bytes(&self) -> u64 {
        self.requests.iter().map(|one| one.bytes).sum()
    }

    /// The same in lines, the most frequent first.
    pub fn by_kind(&self, seconds: f64) -> Vec<String> {
        let mut kinds: Vec<_> = self.requests.iter().collect();
        kinds.sort_by_key(|one| std::cmp::Reverse(one.requests));
        let line = |one: &&Counted| {
            let (rate, kib) = (one.requests as f64 / seconds, one.bytes as f64 / 1024.0);
            format!("{} {}: {} ({rate:.3}/s), {kib:.0} KiB", one.verb, one.resource, one.requests)
        };
        kinds.iter().map(line).collect()
    }
}
