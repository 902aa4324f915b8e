//! The real control plane of `testbed/` for scenarios: without the HPA's controller, which comes when it is its turn, and on
//! the core of everything else.

use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use super::machine::OTHERS;
use cluster::Cluster;

#[path = "../../tests/e2e/audit.rs"]
#[allow(dead_code, clippy::unwrap_used)]
pub mod audit;
#[path = "../../tests/e2e/cluster.rs"]
#[allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
pub mod cluster;
pub mod contender;
pub mod requests;
pub mod surge;
pub mod traffic;
pub mod waiting;
pub mod world;

/// Starts a control plane without anything that scales. It ends with its value, and with this process.
pub fn start() -> anyhow::Result<Cluster> {
    move_to(OTHERS)?;
    say("starting the control plane (building it the first time takes some ten minutes)");
    Ok(Cluster::start(&["--controllers", "*,-horizontal-pod-autoscaler-controller"]))
}

/// Runs a scenario on this thread.
pub fn run(scenario: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("a runtime cannot be made")?.block_on(scenario)
}

/// Tells whoever waits what goes on; rows alone go to the standard output.
pub fn say(what: &str) {
    eprintln!("{} {what}", chrono::Utc::now().format("%H:%M:%S"));
}

/// Leaves the core of what is measured alone; what is started from now on does so, too.
fn move_to(core: usize) -> anyhow::Result<()> {
    let (core, this) = (core.to_string(), std::process::id().to_string());
    let mut command = Command::new("taskset");
    command.args(["--all-tasks", "--cpu-list", "--pid", &core, &this]).stdout(Stdio::null());
    let status = command.status().context("taskset (of util-linux) cannot be run")?;
    ensure!(status.success(), "this process cannot be moved to core {core}");
    Ok(())
}
