//! `[gpu]`

use std::time::Duration;

use serde::Deserialize;

use super::SettingsError;
use crate::domain::gpu::{Fallback, Preference};
use crate::domain::validation::is_dns_label;

/// `[gpu]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gpu {
    /// Where the exporters run.
    pub namespace: String,
    /// One of these must match an exporter's labels.
    pub selectors: Vec<String>,
    /// The name of their port.
    pub port_name: String,
    /// Their port when none has the name.
    pub default_port: u16,
    /// The path of their metrics.
    pub path: String,
    /// Exporters that are read in the place of those in the cluster.
    pub urls: Vec<String>,
    freshness_seconds: u64,
    timeout_seconds: u64,
    /// How many exporters are read at the same time.
    pub concurrency: usize,
    max_answer_kib: usize,
    prefer: PreferenceName,
    collect_interval_seconds: u64,
    act_on_simulated: bool,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
struct PreferenceName(Preference);

impl TryFrom<String> for PreferenceName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self).map_err(|()| "it must be one of gpu_util or gr_engine_active")
    }
}

impl Gpu {
    /// What was read so recently serves everyone who asks, where readings count for `max_age`: half of that at most.
    pub fn freshness(&self, max_age: Duration) -> Duration {
        Duration::from_secs(self.freshness_seconds).min(max_age / 2)
    }

    /// How long one exporter may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }

    /// The longest answer, in bytes.
    pub fn max_answer(&self) -> usize {
        self.max_answer_kib * 1024
    }

    /// Which utilisation counts when a GPU has both.
    pub fn prefer(&self) -> Preference {
        self.prefer.0
    }

    /// How often exporters collect.
    pub fn collect_interval(&self) -> Duration {
        Duration::from_secs(self.collect_interval_seconds)
    }

    /// What becomes of simulated utilisation.
    pub fn fallback(&self) -> Fallback {
        if self.act_on_simulated { Fallback::Acted } else { Fallback::Shown }
    }

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let range = |holds: bool, rule| if holds { Ok(()) } else { Err(SettingsError::Range(rule)) };
        range(is_dns_label(&self.namespace), "gpu.namespace must be the name of a namespace")?;
        range(!self.selectors.is_empty() || !self.urls.is_empty(), "gpu.selectors must have at least one selector")?;
        range(self.default_port > 0, "gpu.default_port must be at least 1")?;
        range(self.path.starts_with('/'), "gpu.path must start with a /")?;
        range(self.freshness_seconds > 0, "gpu.freshness_seconds must be at least 1")?;
        range((1..=10).contains(&self.timeout_seconds), "gpu.timeout_seconds must be between 1 and 10")?;
        range((1..=1024).contains(&self.concurrency), "gpu.concurrency must be between 1 and 1024")?;
        range((1..=65_536).contains(&self.max_answer_kib), "gpu.max_answer_kib must be between 1 and 65536")?;
        range(self.collect_interval_seconds <= 3600, "gpu.collect_interval_seconds must be at most 3600")
    }
}
