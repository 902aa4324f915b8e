//! Asks the service for autoscalers at a fixed rate, however long it takes to answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::{Value, json};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::MissedTickBehavior;

use super::service::Service;

/// A question that is answered later than this counts as failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks until it is stopped.
pub struct Reader {
    asking: JoinHandle<()>,
    answers: Arc<Mutex<Answers>>,
}

/// How long answers took, counted from when the question was due: one that waited for those before it waited.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    milliseconds: Vec<f64>,
    failed: usize,
}

impl Reader {
    /// Asks for one autoscaler after the other, by id.
    pub async fn start(service: &Service, http: &reqwest::Client, rate: u32) -> anyhow::Result<Self> {
        let list: Value = http.get(service.url("/api/v1/autoscaling?limit=100")).send().await?.json().await?;
        let items = list["autoscalers"].as_array().context("there is no list")?;
        let ids = items.iter().filter_map(|one| one["autoscaling_id"].as_str());
        let urls: Vec<String> = ids.map(|id| service.url(&format!("/api/v1/autoscaling/{id}"))).collect();
        anyhow::ensure!(!urls.is_empty(), "there is no id in {list}");
        let answers = Arc::new(Mutex::new(Answers::default()));
        let asking = tokio::spawn(ask(urls, http.clone(), rate, answers.clone()));
        Ok(Self { asking, answers })
    }

    pub async fn stop(self) -> Answers {
        self.asking.abort();
        let _ = self.asking.await;
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn ask(urls: Vec<String>, http: reqwest::Client, rate: u32, answers: Arc<Mutex<Answers>>) {
    let mut due = tokio::time::interval(Duration::from_secs(1) / rate.max(1));
    // What could not be asked in time is asked at once, and has been due since then.
    due.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut under_way = JoinSet::new();
    for url in urls.iter().cycle() {
        let at: Instant = due.tick().await.into();
        let request = http.get(url).timeout(PATIENCE).send();
        let answers = answers.clone();
        under_way.spawn(async move {
            let answer = async { request.await?.error_for_status()?.bytes().await };
            let is_answered = answer.await.is_ok();
            let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
            answers.failed += usize::from(!is_answered);
            answers.milliseconds.push(at.elapsed().as_secs_f64() * 1000.0);
        });
        while under_way.try_join_next().is_some() {}
    }
}

impl Answers {
    /// The time within which this share of all answers came, in milliseconds.
    pub fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.milliseconds.clone();
        sorted.sort_by(f64::total_cmp);
        let index = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
        sorted.get(index).copied().unwrap_or_default()
    }

    pub fn told(&self) -> Value {
        json!({
            "count": self.milliseconds.len(),
            "failed": self.failed,
            "milliseconds": { "p50": self.quantile(0.5), "p99": self.quantile(0.99), "most": self.quantile(1.0) },
        })
    }
}
