//! The collector for CPU and memory.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use futures_util::FutureExt as _;
use tokio::sync::oneshot;

use crate::actors::messages::{GetUsage, UsageResult};
use crate::clock::Clock;
use crate::domain::Timestamp;
use crate::instruments::{Instruments, Source};
use crate::ports::{ClusterError, ResourceMetrics, Scope};

/// How the collector spares the API server.
#[derive(Clone, Copy, Debug)]
pub struct CollectorSettings {
    /// A result younger than this serves everyone who asks.
    pub freshness: Duration,
    /// With this many namespaces in use or more, one request for the cluster replaces one for each.
    pub cluster_scope_from: usize,
}

/// A namespace that nobody has asked for this long is not in use any more.
const IN_USE: Duration = Duration::from_secs(300);

/// However long the API server asks to be left alone, it is asked again after this.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The actor. Its mailbox never waits for the API server: who asks while a request is under way shares its answer.
pub struct ResourceCollector {
    source: Arc<dyn ResourceMetrics>,
    clock: Clock,
    settings: CollectorSettings,
    instruments: Arc<Instruments>,
    namespaces: HashMap<String, Timestamp>,
    cache: HashMap<Scope, Cached>,
}

#[derive(Default)]
struct Cached {
    latest: Option<Fetched>,
    /// Those who share the request under way; `None` when there is none.
    waiting: Option<Vec<oneshot::Sender<UsageResult>>>,
}

struct Fetched {
    at: Timestamp,
    good_for: Duration,
    result: UsageResult,
}

impl Cached {
    /// The latest result, if it still serves.
    fn fresh(&self, now: Timestamp) -> Option<&UsageResult> {
        let fetched = self.latest.as_ref()?;
        (now - fetched.at).to_std().is_ok_and(|age| age < fetched.good_for).then_some(&fetched.result)
    }
}

impl ResourceCollector {
    /// A collector that reads from `source`.
    pub fn new(
        source: Arc<dyn ResourceMetrics>,
        clock: Clock,
        settings: CollectorSettings,
        instruments: Arc<Instruments>,
    ) -> Self {
        Self { source, clock, settings, instruments, namespaces: HashMap::new(), cache: HashMap::new() }
    }

    /// Notes that `namespace` is in use, and says which request serves it.
    fn scope_for(&mut self, namespace: String, now: Timestamp) -> Scope {
        self.namespaces.insert(namespace.clone(), now);
        self.namespaces.retain(|_, asked| (now - *asked).to_std().is_ok_and(|age| age <= IN_USE));
        let by_cluster = self.namespaces.len() >= self.settings.cluster_scope_from;
        let in_use = &self.namespaces;
        // A result that will serve nobody any more is forgotten, but none that is fresh: namespaces come and go.
        self.cache.retain(|scope, cached| {
            let serves = match scope {
                Scope::Cluster => by_cluster,
                Scope::Namespace(namespace) => !by_cluster && in_use.contains_key(namespace),
            };
            serves || cached.waiting.is_some() || cached.fresh(now).is_some()
        });
        if by_cluster { Scope::Cluster } else { Scope::Namespace(namespace) }
    }

    fn fetch(&mut self, scope: Scope, context: &mut Context<Self>) {
        // A panic of the source must not end the collector, on which every autoscaler depends.
        let (source, wanted) = (self.source.clone(), scope.clone());
        let listing = AssertUnwindSafe(async move { source.list(wanted).await });
        let finished = listing.catch_unwind().into_actor(self).map(move |result, collector, _| {
            let result =
                result.unwrap_or_else(|_| Err(ClusterError::Unavailable("reading the metrics panicked".into())));
            collector.finish(scope, result.map(Arc::new));
        });
        context.spawn(finished);
    }

    fn finish(&mut self, scope: Scope, result: UsageResult) {
        self.instruments.read(Source::ResourceMetrics, self.clock.now(), result.is_ok());
        let good_for = self.settings.freshness.max(pause_after(&result));
        let cached = self.cache.entry(scope).or_default();
        let failed_before = cached.latest.as_ref().is_some_and(|fetched| fetched.result.is_err());
        match &result {
            Err(error) if !failed_before => log::warn!("CPU and memory cannot be read: {error}"),
            Ok(_) if failed_before => log::info!("CPU and memory can be read again"),
            _ => {}
        }
        for waiting in cached.waiting.take().unwrap_or_default() {
            // Who has stopped waiting needs no answer.
            let _ = waiting.send(result.clone());
        }
        cached.latest = Some(Fetched { at: self.clock.now(), good_for, result });
    }
}

/// How long the API server asks to be left alone.
fn pause_after(result: &UsageResult) -> Duration {
    match result {
        Err(ClusterError::Overloaded { retry_after: Some(pause), .. }) => LONGEST_PAUSE.min(*pause),
        _ => Duration::ZERO,
    }
}

impl Actor for ResourceCollector {
    type Context = Context<Self>;
}

impl Handler<GetUsage> for ResourceCollector {
    type Result = ResponseFuture<UsageResult>;

    fn handle(&mut self, message: GetUsage, context: &mut Self::Context) -> Self::Result {
        let now = self.clock.now();
        let scope = self.scope_for(message.namespace, now);
        let cached = self.cache.entry(scope.clone()).or_default();
        if let Some(result) = cached.fresh(now).cloned() {
            return Box::pin(async move { result });
        }
        let (answer, answered) = oneshot::channel();
        let under_way = cached.waiting.is_some();
        cached.waiting.get_or_insert_default().push(answer);
        if !under_way {
            self.fetch(scope, context);
        }
        Box::pin(async move {
            answered.await.unwrap_or_else(|_| Err(ClusterError::Unavailable("the metrics collector has ended".into())))
        })
    }
}

#[cfg(test)]
mod tests;
