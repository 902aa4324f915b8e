//! The collector for CPU and memory.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use futures_util::FutureExt as _;
use tokio::sync::oneshot;

use super::rhythm::Rhythm;
use super::shelf::Shelf;
use crate::actors::messages::{GetUsage, UsageResult};
use crate::actors::readings::Readings;
use crate::actors::subscribers::Subscribers;
use crate::clock::Clock;
use crate::domain::Timestamp;
use crate::instruments::{Instruments, Source};
use crate::ports::{ClusterError, ResourceMetrics, Scope, UsageTable};

/// How the collector spares the API server.
#[derive(Clone, Copy, Debug)]
pub struct CollectorSettings {
    /// A result younger than this serves everyone who asks. So does an older one as long as the rhythm of the source says
    /// that there is no other.
    pub freshness: Duration,
    /// With this many namespaces in use or more, one request for the cluster replaces one for each.
    pub cluster_scope_from: usize,
}

/// A namespace that nobody has asked for this long is not in use any more.
const IN_USE: Duration = Duration::from_secs(300);

/// However long the API server asks to be left alone, it is asked again after this.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The actor. Its mailbox never waits for the API server: who asks while a request is under way shares its answer. As long
/// as there are subscribers it reads again whenever a result has become old, and tells those whose namespace has changed.
pub struct ResourceCollector {
    source: Arc<dyn ResourceMetrics>,
    clock: Clock,
    settings: CollectorSettings,
    instruments: Arc<Instruments>,
    subscribers: Arc<Subscribers>,
    shelf: Arc<Shelf>,
    /// When each namespace was last asked for.
    namespaces: HashMap<String, Timestamp>,
    cache: HashMap<Scope, Cached>,
}

struct Cached {
    rhythm: Rhythm,
    latest: Option<Fetched>,
    /// The latest that could be read, which others are compared with.
    known: Option<Arc<UsageTable>>,
    /// Those who share the request under way; `None` when there is none.
    waiting: Option<Vec<oneshot::Sender<UsageResult>>>,
}

struct Fetched {
    at: Timestamp,
    good_for: Duration,
    result: UsageResult,
}

impl Cached {
    fn new(freshness: Duration) -> Self {
        Self { rhythm: Rhythm::new(freshness), latest: None, known: None, waiting: None }
    }

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
        subscribers: Arc<Subscribers>,
        shelf: Arc<Shelf>,
    ) -> Self {
        let (namespaces, cache) = (HashMap::new(), HashMap::new());
        Self { source, clock, settings, instruments, subscribers, shelf, namespaces, cache }
    }

    /// Whether one request for the cluster replaces one for each namespace.
    fn is_by_cluster(&self) -> bool {
        self.namespaces.len() >= self.settings.cluster_scope_from
    }

    /// Notes that `namespace` is in use.
    fn note(&mut self, namespace: &str, now: Timestamp) {
        match self.namespaces.get_mut(namespace) {
            Some(asked) => *asked = now,
            None => {
                self.namespaces.insert(namespace.to_owned(), now);
            }
        }
    }

    /// The request that serves a namespace.
    fn scope_of(&self, namespace: &str) -> Scope {
        if self.is_by_cluster() { Scope::Cluster } else { Scope::Namespace(namespace.to_owned()) }
    }

    /// Whether a result that serves is there, or on its way.
    fn is_at_hand(&self, scope: &Scope, now: Timestamp) -> bool {
        self.cache.get(scope).is_some_and(|cached| cached.waiting.is_some() || cached.fresh(now).is_some())
    }

    /// Forgets the namespaces that are not in use any more, and what only they were served by.
    fn forget(&mut self, now: Timestamp) {
        let Self { namespaces, subscribers, .. } = self;
        namespaces.retain(|namespace, asked| {
            (now - *asked).to_std().is_ok_and(|age| age <= IN_USE) || subscribers.are_there(Some(namespace))
        });
        let by_cluster = self.is_by_cluster();
        let in_use = &self.namespaces;
        // A result that will serve nobody any more is forgotten, but none that is fresh: namespaces come and go.
        self.cache.retain(|scope, cached| {
            let serves = match scope {
                Scope::Cluster => by_cluster,
                Scope::Namespace(namespace) => !by_cluster && in_use.contains_key(namespace),
            };
            serves || cached.waiting.is_some() || cached.fresh(now).is_some()
        });
    }

    fn cached(&mut self, scope: &Scope) -> &mut Cached {
        self.cache.entry(scope.clone()).or_insert_with(|| Cached::new(self.settings.freshness))
    }

    /// Reads again what has subscribers, as soon as it is old.
    fn refresh_later(&self, scope: Scope, after: Duration, context: &mut Context<Self>) {
        context.run_later(self.clock.real(after), move |collector, context| {
            collector.forget(collector.clock.now());
            let serves = match &scope {
                Scope::Cluster => collector.is_by_cluster() && collector.subscribers.are_there(None),
                Scope::Namespace(name) => !collector.is_by_cluster() && collector.subscribers.are_there(Some(name)),
            };
            let now = collector.clock.now();
            let cached = collector.cached(&scope);
            if serves && cached.waiting.is_none() && cached.fresh(now).is_none() {
                cached.waiting = Some(Vec::new());
                collector.fetch(scope, context);
            }
        });
    }

    /// Tells the subscribers in namespaces where `table` is not what was known before.
    fn tell_of_changes(&self, scope: &Scope, known: &UsageTable, table: &Arc<UsageTable>) {
        self.subscribers.tell(&Readings::Usage(table.clone()), self.clock, |namespace| match scope {
            Scope::Namespace(name) if name != namespace => false,
            _ => table.differs_in(namespace, known),
        });
    }

    fn fetch(&mut self, scope: Scope, context: &mut Context<Self>) {
        // A panic of the source must not end the collector, on which every autoscaler depends.
        let (source, wanted) = (self.source.clone(), scope.clone());
        let known = self.cache.get(&scope).and_then(|cached| cached.known.clone());
        let listing = AssertUnwindSafe(async move { source.list(wanted, known).await });
        let finished = listing.catch_unwind().into_actor(self).map(move |result, collector, context| {
            let result =
                result.unwrap_or_else(|_| Err(ClusterError::Unavailable("reading the metrics panicked".into())));
            collector.finish(scope, result.map(Arc::new), context);
        });
        context.spawn(finished);
    }

    fn finish(&mut self, scope: Scope, result: UsageResult, context: &mut Context<Self>) {
        let now = self.clock.now();
        self.instruments.read(Source::ResourceMetrics, now, result.is_ok());
        let cached = self.cached(&scope);
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
        let good_for = match &result {
            Ok(table) => {
                let known = cached.known.replace(table.clone());
                let is_measured = known.as_ref().is_some_and(|known| table.was_measured_after(known));
                let good_for = cached.rhythm.look(now, is_measured);
                self.shelf.put(&scope, table.clone(), now, now + good_for);
                if let Some(known) = known {
                    self.tell_of_changes(&scope, &known, table);
                }
                good_for
            }
            Err(error) => {
                cached.rhythm.forget();
                self.settings.freshness.max(pause_after(error))
            }
        };
        self.cached(&scope).latest = Some(Fetched { at: now, good_for, result });
        self.refresh_later(scope, good_for, context);
    }
}

/// How long the API server asks to be left alone.
fn pause_after(error: &ClusterError) -> Duration {
    match error {
        ClusterError::Overloaded { retry_after: Some(pause), .. } => LONGEST_PAUSE.min(*pause),
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
        self.note(&message.namespace, now);
        if !self.is_at_hand(&self.scope_of(&message.namespace), now) {
            self.forget(now);
        }
        let scope = self.scope_of(&message.namespace);
        let cached = self.cached(&scope);
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
