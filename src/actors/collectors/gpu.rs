//! The collector for GPUs: reads every node's exporter, as long as somebody asks or subscribes.

use std::collections::{BTreeMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use arc_swap::ArcSwap;
use futures_util::FutureExt as _;
use tokio::sync::{Semaphore, oneshot};

use super::gpu_table::{ExporterFault, ExporterReport, GpuTable, Reading};
use crate::actors::messages::GetGpus;
use crate::actors::readings::Readings;
use crate::actors::subscribers::Subscribers;
use crate::clock::Clock;
use crate::domain::Timestamp;
use crate::instruments::{Instruments, Source};
use crate::ports::{Exporter, ExporterDirectory, GpuMetrics, Scrape, ScrapeError};

/// How the collector spares the exporters and whoever asks.
#[derive(Clone, Copy, Debug)]
pub struct GpuCollectorSettings {
    /// An exporter is read at most once in this time.
    pub freshness: Duration,
    /// How long what was read counts.
    pub max_age: Duration,
    /// How many exporters are read at the same time.
    pub concurrency: usize,
    /// How long before it is shown a value may have been true: the exporters' own interval.
    pub window: Duration,
}

/// Whoever asks waits no longer than this. What is late is there for the next who asks, and until then what was read
/// before counts.
const PATIENCE: Duration = Duration::from_secs(2);

/// Exporters that failed the last time have this share of the readings at the same time, so that they keep nobody waiting.
const SHARE_OF_THE_FAILING: usize = 4;

/// The actor. Its mailbox never waits for an exporter, and who asks never waits for one that failed the last time.
pub struct GpuCollector {
    directory: Arc<dyn ExporterDirectory>,
    source: Arc<dyn GpuMetrics>,
    clock: Clock,
    settings: GpuCollectorSettings,
    instruments: Arc<Instruments>,
    places: Arc<Semaphore>,
    places_of_the_failing: Arc<Semaphore>,
    reports: BTreeMap<Exporter, Arc<ExporterReport>>,
    no_exporters: Option<Arc<str>>,
    under_way: HashSet<Exporter>,
    /// Those under way that the answer waits for.
    awaited: HashSet<Exporter>,
    waiting: Vec<oneshot::Sender<Arc<GpuTable>>>,
    refresh: u64,
    refreshed_at: Option<Timestamp>,
    published: Arc<ArcSwap<GpuTable>>,
    subscribers: Arc<Subscribers>,
}

impl GpuCollector {
    /// A collector that reads from `source` the exporters that `directory` knows, and shows in `published` what it read.
    pub fn new(
        directory: Arc<dyn ExporterDirectory>,
        source: Arc<dyn GpuMetrics>,
        clock: Clock,
        settings: GpuCollectorSettings,
        published: Arc<ArcSwap<GpuTable>>,
        instruments: Arc<Instruments>,
        subscribers: Arc<Subscribers>,
    ) -> Self {
        let places = settings.concurrency.max(1);
        Self {
            directory,
            source,
            clock,
            settings,
            instruments,
            places: Arc::new(Semaphore::new(places)),
            places_of_the_failing: Arc::new(Semaphore::new(places.div_ceil(SHARE_OF_THE_FAILING))),
            reports: BTreeMap::new(),
            no_exporters: None,
            under_way: HashSet::new(),
            awaited: HashSet::new(),
            waiting: Vec::new(),
            refresh: 0,
            refreshed_at: None,
            published,
            subscribers,
        }
    }

    fn is_fresh(&self) -> bool {
        let age = self.refreshed_at.map(|at| (self.clock.steady() - at).to_std());
        age.is_some_and(|age| age.is_ok_and(|age| age < self.settings.freshness))
    }

    /// Begins to read every exporter that is not being read already.
    fn refresh(&mut self, context: &mut Context<Self>) {
        self.refreshed_at = Some(self.clock.steady());
        self.refresh += 1;
        let refresh = self.refresh;
        context.run_later(self.clock.real(PATIENCE), move |collector, _| {
            if collector.refresh == refresh && !collector.awaited.is_empty() {
                collector.answer();
            }
        });
        let listed = self.directory.exporters();
        let no_exporters = listed.as_ref().err().map(|error| Arc::from(error.as_str()));
        if let Some(error) = no_exporters.as_deref().filter(|_| self.no_exporters != no_exporters) {
            log::warn!("GPUs cannot be read: {error}");
        }
        self.no_exporters = no_exporters;
        let exporters = listed.unwrap_or_default();
        self.forget_all_but(&exporters);
        for exporter in exporters {
            if self.under_way.insert(exporter.clone()) {
                self.read(exporter, context);
            }
        }
        self.publish();
        context.run_later(self.clock.real(self.settings.freshness), |collector, context| {
            if collector.awaited.is_empty() && !collector.is_fresh() && collector.subscribers.are_there_for_gpus() {
                collector.refresh(context);
            }
        });
    }

    /// Exporters that are gone are remembered as long as what they showed counts.
    fn forget_all_but(&mut self, exporters: &[Exporter]) {
        let present: HashSet<_> = exporters.iter().collect();
        let (now, max_age) = (self.clock.now(), self.settings.max_age);
        self.reports.retain(|exporter, report| {
            let counts = |reading: &Arc<Reading>| (now - reading.at).to_std().is_ok_and(|age| age <= max_age);
            present.contains(exporter) || report.reading.as_ref().is_some_and(counts)
        });
        for (exporter, report) in &mut self.reports {
            if !present.contains(exporter) && report.fault.is_none() {
                let fault = ExporterFault { since: now, error: "it is not there any more".into() };
                *report = Arc::new(ExporterReport { fault: Some(fault), ..ExporterReport::clone(report) });
            }
        }
    }

    fn read(&mut self, exporter: Exporter, context: &mut Context<Self>) {
        let failed = self.reports.get(&exporter).is_some_and(|report| report.fault.is_some());
        let places = if failed { &self.places_of_the_failing } else { &self.places };
        if !failed {
            self.awaited.insert(exporter.clone());
        }
        let (source, places, clock, wanted) = (self.source.clone(), places.clone(), self.clock, exporter.clone());
        let reading = async move {
            // The semaphore is never closed.
            let _place = places.acquire_owned().await;
            let begun = clock.steady();
            // A panic of the source must not end the collector, on which every autoscaler depends.
            let scraping = AssertUnwindSafe(async { source.scrape(&wanted).await }).catch_unwind();
            let scraped = scraping.await;
            let scraped = scraped.unwrap_or_else(|_| Err(ScrapeError::Unreachable("reading it panicked".into())));
            (scraped, (clock.steady() - begun).to_std().unwrap_or_default())
        };
        context.spawn(reading.into_actor(self).map(move |(scraped, took), collector, _| {
            collector.finish(exporter, scraped, took);
        }));
    }

    fn finish(&mut self, exporter: Exporter, scraped: Result<Scrape, ScrapeError>, took: Duration) {
        self.under_way.remove(&exporter);
        self.instruments.read(Source::GpuExporter, self.clock.now(), scraped.is_ok());
        let before = self.reports.get(&exporter);
        let report = match scraped {
            Ok(scrape) => {
                if before.is_some_and(|before| before.fault.is_some()) {
                    log::info!("the DCGM exporter {} can be read again", exporter.name);
                }
                let reading = Reading::new(scrape, self.clock.now(), took, self.settings.window);
                ExporterReport { exporter: exporter.clone(), reading: Some(Arc::new(reading)), fault: None }
            }
            Err(error) => {
                let known = before.and_then(|before| before.fault.as_ref());
                if known.is_none() {
                    log::warn!("the DCGM exporter {} cannot be read: {error}", exporter.name);
                }
                let since = known.map_or_else(|| self.clock.now(), |known| known.since);
                let fault = Some(ExporterFault { since, error: error.to_string().into() });
                let reading = before.and_then(|before| before.reading.clone());
                ExporterReport { exporter: exporter.clone(), reading, fault }
            }
        };
        self.reports.insert(exporter.clone(), Arc::new(report));
        let was_awaited = self.awaited.remove(&exporter);
        if self.awaited.is_empty() {
            if was_awaited { self.answer() } else { self.publish() }
        }
    }

    /// Answers everybody with what is known now, and tells the subscribers.
    fn answer(&mut self) {
        self.awaited.clear();
        self.publish();
        let table = self.published.load_full();
        for waiting in self.waiting.drain(..) {
            // Who has stopped waiting needs no answer.
            let _ = waiting.send(table.clone());
        }
        self.subscribers.tell(&Readings::Gpus(table), self.clock, |_| true);
    }

    fn publish(&self) {
        let reports = self.reports.values().cloned().collect();
        self.published.store(Arc::new(GpuTable::new(reports, self.no_exporters.clone())));
    }
}

impl Actor for GpuCollector {
    type Context = Context<Self>;
}

impl Handler<GetGpus> for GpuCollector {
    type Result = ResponseFuture<Arc<GpuTable>>;

    fn handle(&mut self, _: GetGpus, context: &mut Self::Context) -> Self::Result {
        if self.awaited.is_empty() && !self.is_fresh() {
            self.refresh(context);
        }
        if self.awaited.is_empty() {
            let table = self.published.load_full();
            return Box::pin(async move { table });
        }
        let (answer, answered) = oneshot::channel();
        self.waiting.push(answer);
        let published = self.published.clone();
        // A collector that has ended leaves what it knew.
        Box::pin(async move { answered.await.unwrap_or_else(|_| published.load_full()) })
    }
}

#[cfg(test)]
mod tests;
