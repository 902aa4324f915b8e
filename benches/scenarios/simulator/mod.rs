//! The simulated cluster behind a real socket, in a process of its own, which is this program under another name.
//!
//! ```text
//!   scenario ── handle ──(control)──> run ──> world    what is in the cluster, and what happens to it
//!   service  ───────────(Kubernetes)─> server ──> SimulatedApi
//!                                        └─> counts   who asked what, how much was sent, when each scale was patched
//! ```

mod control;
mod counts;
mod handle;
mod run;
mod server;
mod world;

pub use self::control::{Order, Told};
pub use self::handle::Simulator;
pub use self::run::run;
pub use self::world::INTERVAL;

use clap::Args;
use serde::{Deserialize, Serialize};

/// What is in the simulated cluster.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
pub struct Options {
    /// How many workloads are under autoscaling
    #[arg(long, default_value_t = 1000)]
    pub autoscalers: usize,
    /// How many Deployments there are, each of two pods; as many as autoscalers unless there are more
    #[arg(long, default_value_t = 0)]
    pub workloads: usize,
    /// How many namespaces the workloads are in; 0 is one for each hundred
    #[arg(long, default_value_t = 0)]
    pub namespaces: usize,
    /// All workloads are in one namespace, and all their pods have the label that all their selectors ask for
    #[arg(long)]
    pub overlapping: bool,
    /// Seconds from one evaluation to the next
    #[arg(long, default_value_t = INTERVAL)]
    pub interval: u32,
    /// How the autoscalers decide: default or hpa
    #[arg(long, default_value = "default")]
    pub compatibility: String,
    /// Answers are not compressed, whatever the client takes
    #[arg(long)]
    pub plain: bool,
}

impl Options {
    /// The usual cluster for so many autoscalers.
    pub fn of(autoscalers: usize) -> Self {
        Self {
            autoscalers,
            workloads: 0,
            namespaces: 0,
            overlapping: false,
            interval: INTERVAL,
            compatibility: "default".to_owned(),
            plain: false,
        }
    }

    fn deployments(&self) -> usize {
        self.workloads.max(self.autoscalers)
    }

    fn as_arguments(&self) -> Vec<String> {
        let mut arguments = vec!["simulator".to_owned()];
        let mut add = |name: &str, value: String| arguments.extend([format!("--{name}"), value]);
        add("autoscalers", self.autoscalers.to_string());
        add("workloads", self.workloads.to_string());
        add("namespaces", self.namespaces.to_string());
        add("interval", self.interval.to_string());
        add("compatibility", self.compatibility.clone());
        let flags = [("--overlapping", self.overlapping), ("--plain", self.plain)];
        arguments.extend(flags.into_iter().filter(|(_, given)| *given).map(|(flag, _)| flag.to_owned()));
        arguments
    }
}
