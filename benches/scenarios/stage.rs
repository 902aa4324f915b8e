//! A service on a simulated cluster, up to where a scenario begins.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::scrape::Scrape;
use super::service::{Service, Start};
use super::simulator::{Options, Simulator};

/// When no status has been written for so long, all are.
const QUIET: Duration = Duration::from_secs(8);

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
        let (begun, since) = (Instant::now(), Utc::now());
        let stage = Self { service: start_service(&simulator)?, simulator, http: reqwest::Client::new() };
        let seen = stage.all_evaluated(options.autoscalers, since, Duration::from_secs(300)).await?;
        eprintln!("all {} autoscalers were evaluated {:.1?} later", options.autoscalers, seen - begun);
        Ok(stage)
    }

    pub async fn scrape(&self) -> anyhow::Result<Scrape> {
        Scrape::of(&self.service, &self.http).await
    }

    /// Waits until every autoscaler has been evaluated by measurements since `since`, and says when that was seen.
    pub async fn all_evaluated(
        &self,
        autoscalers: usize,
        since: DateTime<Utc>,
        limit: Duration,
    ) -> anyhow::Result<Instant> {
        let begun = Instant::now();
        loop {
            let asked = Instant::now();
            let scrape = self.scrape().await?;
            // What was decided before anything was known of the pods does not count.
            let decided = scrape.series("orchestrator_decisions_total");
            let decided: f64 = decided.filter(|(labels, _)| !labels.contains("\"held\"")).map(|(_, count)| count).sum();
            let known = scrape.sum("orchestrator_autoscalers");
            // Some may have been evaluated twice before others once, so the cheap count is not all there is to look at.
            let may_be = decided.min(known) >= autoscalers as f64;
            if may_be && self.evaluated(since).await? >= autoscalers {
                return Ok(asked);
            }
            if begun.elapsed() > limit {
                bail!("after {limit:?} there were {decided} decisions by measurements for {known} autoscalers");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// How many autoscalers have been evaluated by measurements since then, to the second.
    async fn evaluated(&self, since: DateTime<Utc>) -> anyhow::Result<usize> {
        let answer = self.http.get(self.service.url("/api/v1/autoscaling")).send().await?.error_for_status()?;
        let list: Value = answer.json().await?;
        let evaluated = list["autoscalers"].as_array().into_iter().flatten().filter(|one| {
            let at = one["details"]["updated_at"].as_str().and_then(|at| DateTime::parse_from_rfc3339(at).ok());
            let is_measured = one["details"]["current_cpu_percent"].as_f64() > Some(0.0);
            is_measured && at.is_some_and(|at| at.timestamp() >= since.timestamp())
        });
        Ok(evaluated.count())
    }

    /// Waits until every autoscaler has a status and none has been written for a while.
    pub async fn all_saved(&self, autoscalers: usize, limit: Duration) -> anyhow::Result<()> {
        let begun = Instant::now();
        let mut last = u64::MAX;
        loop {
            let written = self.simulator.asked().await?.of("workloadautoscalers/status");
            let (_, _, with_status) = self.simulator.objects().await?;
            if with_status >= autoscalers && written == last {
                return Ok(());
            }
            last = written;
            if begun.elapsed() > limit {
                bail!("after {limit:?} {with_status} of {autoscalers} autoscalers have a status");
            }
            tokio::time::sleep(QUIET).await;
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
