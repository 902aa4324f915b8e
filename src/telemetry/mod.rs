//! What Prometheus sees (docs/metrics.md): what the instruments counted, what the actors published, and the process.
//!
//! Nothing is kept here for a scrape: each one looks at the records that it is given, so that it can disturb nobody.

mod autoscalers;
mod exporters;
mod families;
mod format;
mod process;
mod service;

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::registry::Registry;

use self::autoscalers::AutoscalerFamilies;
use self::exporters::ExporterFamilies;
pub use self::format::Format;
use self::process::ProcessFamilies;
use self::service::ServiceFamilies;
use crate::actors::brake::Brake;
use crate::actors::collectors::gpu_table::GpuTable;
use crate::actors::leadership::Leadership;
use crate::actors::snapshot::{AutoscalerRecord, ScaleTotals};
use crate::clock::Clock;
use crate::instruments::Instruments;
use crate::ports::WorkloadIndex;
use crate::ports::store::AutoscalerStore;

/// What the names of all metrics begin with, but for those of the process, which have names that all services share.
pub const PREFIX: &str = "orchestrator";

/// How many series there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeriesLimits {
    /// How many autoscalers have series of their own, the oldest first.
    pub autoscalers: usize,
    /// How many GPU exporters do, by name.
    pub exporters: usize,
}

/// Where the figures come from.
#[derive(Clone)]
pub struct Sources {
    /// What was counted.
    pub instruments: Arc<Instruments>,
    /// The scale operations.
    pub totals: Arc<ScaleTotals>,
    /// The service's mode.
    pub brake: Arc<Brake>,
    /// Knows whether the cluster is known.
    pub index: Arc<dyn WorkloadIndex>,
    /// Keeps the autoscalers.
    pub store: Arc<dyn AutoscalerStore>,
    /// Whether this replica acts.
    pub leadership: Leadership,
    /// What the exporters showed last.
    pub gpu_table: Arc<ArcSwap<GpuTable>>,
    /// The cluster's time.
    pub clock: Clock,
}

/// Writes the service's metrics.
pub struct Telemetry {
    sources: Sources,
    limits: SeriesLimits,
    counted: Registry,
}

/// What the registry says when it is asked for a scrape.
#[derive(Clone, Debug, Default)]
pub struct Registered {
    /// All autoscalers, the oldest first.
    pub autoscalers: Vec<Arc<AutoscalerRecord>>,
    /// How many requests wait for it.
    pub waiting: usize,
}

impl Telemetry {
    /// Metrics of these sources.
    pub fn new(sources: Sources, limits: SeriesLimits) -> Self {
        let mut counted = Registry::with_prefix(PREFIX);
        sources.instruments.register(&mut counted);
        Self { sources, limits, counted }
    }

    /// What happens is counted here.
    pub fn instruments(&self) -> &Instruments {
        &self.sources.instruments
    }

    /// All metrics at present, as text. This takes a while when there are many autoscalers: call it where nobody waits.
    pub fn write(&self, registered: Registered, format: Format) -> Result<String, fmt::Error> {
        let mut seen = Registry::with_prefix(PREFIX);
        let Registered { autoscalers, waiting } = registered;
        let families = AutoscalerFamilies::new(autoscalers, self.sources.clock.steady(), self.limits.autoscalers);
        let mut text = String::with_capacity(families.expected_bytes());
        seen.register_collector(Box::new(families));
        seen.register_collector(Box::new(ServiceFamilies::new(&self.sources, waiting)));
        let table = self.sources.gpu_table.load_full();
        let exporters = ExporterFamilies::new(table, self.sources.clock.now(), self.limits.exporters);
        seen.register_collector(Box::new(exporters));
        let mut process = Registry::default();
        process.register_collector(Box::new(ProcessFamilies::read()));

        for registry in [&self.counted, &seen, &process] {
            match format {
                Format::OpenMetrics => text::encode_registry(&mut text, registry)?,
                Format::Prometheus => prometheus_text::encode(&mut text, registry)?,
            }
        }
        if format == Format::OpenMetrics {
            text::encode_eof(&mut text)?;
        }
        Ok(text)
    }
}
