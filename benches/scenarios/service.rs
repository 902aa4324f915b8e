//! The service as a process of its own, on the core that is measured.

use std::path::Path;
use std::time::Duration;

use super::machine::MEASURED;
use super::process::{Process, on_core};

/// A running service.
pub struct Service {
    pub process: Process,
    url: String,
}

/// How a service is started.
#[derive(Clone, Debug)]
pub struct Start<'a> {
    /// The cluster's kubeconfig; without one it is the simulated cluster of its own.
    pub kubeconfig: Option<&'a Path>,
    /// Further arguments.
    pub arguments: &'a [&'a str],
    /// Settings, as variables of the environment: `ORCHESTRATOR__HTTP__WORKERS`.
    pub settings: &'a [(&'a str, &'a str)],
    /// Its core; `None` is all of them.
    pub core: Option<usize>,
}

impl Default for Start<'_> {
    fn default() -> Self {
        Self { kubeconfig: None, arguments: &[], settings: &[], core: Some(MEASURED) }
    }
}

impl Service {
    /// Starts it, and waits until it listens.
    pub fn start(start: &Start<'_>) -> anyhow::Result<Self> {
        let mut command = on_core(start.core, env!("CARGO_BIN_EXE_ai-storage-orchestrator"));
        command.args(["--port", "0"]).args(start.arguments).envs(start.settings.iter().copied());
        if let Some(kubeconfig) = start.kubeconfig {
            command.arg("--kubeconfig").arg(kubeconfig);
        }
        let process = Process::start("the service", &mut command)?;
        let url = process.wait_for(Duration::from_secs(60), |line| {
            let (_, address) = line.split_once("; open ")?;
            Some(address.trim_end_matches('/').to_owned())
        })?;
        Ok(Self { process, url })
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The address of something it serves: `/metrics`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}
