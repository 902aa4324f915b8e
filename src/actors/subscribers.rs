//! Who is told when readings change: autoscalers are evaluated then, and not only when their timers say so.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix::{Recipient, WeakRecipient};
use futures_util::future::join_all;

use super::messages::ReadingsChanged;
use crate::clock::Clock;
use crate::domain::autoscaler::Metric;

/// So many autoscalers are told at once. When they have looked it is the others' turn, so that ten thousand who are told do
/// not make a tick late, on however slow a machine.
const BATCH: usize = 64;

/// How long their turn is.
const TURN: Duration = Duration::from_millis(1);

/// The autoscalers that want to be told when readings change.
#[derive(Debug, Default)]
pub struct Subscribers {
    by_namespace: Mutex<HashMap<String, HashMap<u64, Subscriber>>>,
    next: AtomicU64,
}

#[derive(Debug)]
struct Subscriber {
    wants_gpus: bool,
    recipient: WeakRecipient<ReadingsChanged>,
}

/// An autoscaler that is told, for as long as this lives.
#[derive(Debug)]
pub(super) struct Subscription {
    subscribers: Arc<Subscribers>,
    namespace: String,
    number: u64,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut by_namespace = self.subscribers.lock();
        if let Some(subscribers) = by_namespace.get_mut(&self.namespace) {
            subscribers.remove(&self.number);
            if subscribers.is_empty() {
                by_namespace.remove(&self.namespace);
            }
        }
    }
}

impl Subscribers {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, HashMap<u64, Subscriber>>> {
        self.by_namespace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on `recipient` is told of other readings in its namespace: of CPU and memory, and of GPUs if it wants that.
    pub(super) fn subscribe(
        self: &Arc<Self>,
        namespace: &str,
        wants_gpus: bool,
        recipient: WeakRecipient<ReadingsChanged>,
    ) -> Subscription {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let subscriber = Subscriber { wants_gpus, recipient };
        self.lock().entry(namespace.to_owned()).or_default().insert(number, subscriber);
        Subscription { subscribers: self.clone(), namespace: namespace.to_owned(), number }
    }

    /// Whether anybody in a namespace is to be told; or in any, without one.
    pub(super) fn are_there(&self, namespace: Option<&str>) -> bool {
        let by_namespace = self.lock();
        namespace.map_or(!by_namespace.is_empty(), |namespace| by_namespace.contains_key(namespace))
    }

    /// Whether anybody is to be told of GPUs.
    pub(super) fn are_there_for_gpus(&self) -> bool {
        self.lock().values().flat_map(HashMap::values).any(|subscriber| subscriber.wants_gpus)
    }

    /// Those of the namespaces that `is_concerned` names, of the metric's source.
    pub(super) fn of(&self, metric: Metric, is_concerned: impl Fn(&str) -> bool) -> Vec<Recipient<ReadingsChanged>> {
        let by_namespace = self.lock();
        let concerned = by_namespace.iter().filter(|(namespace, _)| is_concerned(namespace));
        let subscribers = concerned.flat_map(|(_, subscribers)| subscribers.values());
        let subscribers = subscribers.filter(|subscriber| subscriber.wants_gpus || !metric.is_of_gpus());
        subscribers.filter_map(|subscriber| subscriber.recipient.upgrade()).collect()
    }
}

/// Tells all of them, some at a time.
pub(super) async fn tell(subscribers: Vec<Recipient<ReadingsChanged>>, news: ReadingsChanged, clock: Clock) {
    let mut unheard = 0;
    for batch in subscribers.chunks(BATCH) {
        let looked = join_all(batch.iter().map(|subscriber| subscriber.send(news.clone()))).await;
        // One that has ended meanwhile has no use for it.
        unheard += looked.iter().filter(|looked| looked.is_err()).count();
        clock.sleep(TURN).await;
    }
    if unheard > 0 {
        log::debug!("{unheard} of {} autoscalers were gone when readings changed", subscribers.len());
    }
}
