//! A service on a simulated cluster, up to where a scenario begins.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::scrape::Scrape;
use super::service::{Service, Start};
use super::simulator::{Options, Simulator};

/// How often it is looked whether something is so.
const LOOK: Duration = Duration::from_millis(100);

/// The two processes.
pub struct Stage {
    // The order is that in which they end.
    pub service: Service,
    pub simulator: Simulator,
    pub http: reqwest::Client,
}

/// Settings of the service in all scenarios.
const SETTINGS: [(&str, &str); 3] = [
    ("ORCHESTRATOR__STORE__KIND", "kubernetes"),
    // Looking often must not be what is measured: what ten thousand autoscalers show is sixteen megabytes.
    ("ORCHESTRATOR__PROMETHEUS__PER_AUTOSCALER", "false"),
    // Whoever measures answers asks as many questions as it likes.
    ("ORCHESTRATOR__HTTP__REQUESTS_PER_SECOND", "100000"),
];

impl Stage {
    /// Starts both, and waits until every autoscaler has been evaluated.
    pub async fn set(options: &Options) -> anyhow::Result<Self> {
        let simulator = Simulator::start(options)?;
        eprintln!("{}", simulator.built().unwrap_or_default());
        let stage = Self { service: start_service(&simulator)?, simulator, http: reqwest::Client::new() };
        let took = stage.all_evaluated(options.autoscalers, Duration::from_secs(300)).await?;
        eprintln!("all {} autoscalers were evaluated {took:.1?} later", options.autoscalers);
        Ok(stage)
    }

    pub async fn scrape(&self) -> anyhow::Result<Scrape> {
        Scrape::of(&self.service, &self.http).await
    }

    /// Waits until there were as many decisions as there are autoscalers, and says how long that took.
    pub async fn all_evaluated(&self, autoscalers: usize, limit: Duration) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        loop {
            let evaluated = self.scrape().await?.sum("orchestrator_autoscalers");
            let decided = self.scrape().await?.sum("orchestrator_decisions_total");
            if evaluated >= autoscalers as f64 && decided >= autoscalers as f64 {
                return Ok(begun.elapsed());
            }
            if begun.elapsed() > limit {
                bail!("after {limit:?} there were {decided} decisions for {evaluated} autoscalers");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until every autoscaler has a status and none has been written for a while.
    pub async fn all_saved(&self, autoscalers: usize, limit: Duration) -> anyhow::Result<()> {
        let begun = Instant::now();
        let mut last = u64::MAX;
        loop {
            let calls = self.simulator.asked().await?.requests;
            let written = calls.iter().filter(|one| one.resource == "workloadautoscalers/status");
            let written = written.map(|one| one.requests).sum();
            let (_, _, with_status) = self.simulator.objects().await?;
            if with_status >= autoscalers && written == last {
                return Ok(());
            }
            last = written;
            if begun.elapsed() > limit {
                bail!("after {limit:?} {with_status} of {autoscalers} autoscalers have a status");
            }
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    }
}

/// Starts the service on the core that is measured.
pub fn start_service(simulator: &Simulator) -> anyhow::Result<Service> {
    let start = Start { kubeconfig: Some(simulator.kubeconfig()), settings: &SETTINGS, ..Start::default() };
    Service::start(&start).context("the service")
}

/// Runs a scenario.
pub fn play<T>(scenario: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    // Fails only when one is installed already. HTTP clients want one, whatever they speak.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(scenario)
}
