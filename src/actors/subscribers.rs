//! Who is told when readings change: autoscalers are evaluated then, and not only when their timers say so.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;
use std::time::Duration;

use actix::{Arbiter, ArbiterHandle, Recipient, WeakRecipient};
use futures_util::future::join_all;

use super::messages::ReadingsChanged;
use crate::clock::Clock;

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
    /// The thread on which it lives, and how to get something done there.
    thread: ThreadId,
    arbiter: Option<ArbiterHandle>,
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

    /// From now on `recipient`, who lives on this thread, is told of other readings in its namespace: of CPU and memory, and of GPUs if it wants that.
    pub(super) fn subscribe(
        self: &Arc<Self>,
        namespace: &str,
        wants_gpus: bool,
        recipient: WeakRecipient<ReadingsChanged>,
    ) -> Subscription {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (thread, arbiter) = (std::thread::current().id(), Arbiter::try_current());
        let subscriber = Subscriber { wants_gpus, recipient, thread, arbiter };
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

    /// Tells those of the namespaces that `is_concerned` names, on the threads on which they live: no thread is woken by
    /// another for each of them.
    pub(super) fn tell(&self, news: &ReadingsChanged, clock: Clock, is_concerned: impl Fn(&str) -> bool) {
        for (arbiter, recipients) in self.to_be_told(news, is_concerned).into_values() {
            let telling = tell(recipients, news.clone(), clock);
            match arbiter {
                // A thread that has ended has nobody on it any more.
                Some(arbiter) => _ = arbiter.spawn(telling),
                // There is no other thread.
                None => _ = actix::spawn(telling),
            }
        }
    }

    fn to_be_told(
        &self,
        news: &ReadingsChanged,
        is_concerned: impl Fn(&str) -> bool,
    ) -> HashMap<ThreadId, (Option<ArbiterHandle>, Vec<Recipient<ReadingsChanged>>)> {
        let of_gpus = matches!(news, ReadingsChanged::Gpus(_));
        let by_namespace = self.lock();
        let concerned = by_namespace.iter().filter(|(namespace, _)| is_concerned(namespace));
        let subscribers = concerned.flat_map(|(_, subscribers)| subscribers.values());
        let mut by_thread = HashMap::new();
        for subscriber in subscribers.filter(|subscriber| subscriber.wants_gpus || !of_gpus) {
            let Some(recipient) = subscriber.recipient.upgrade() else { continue };
            let on_thread = by_thread.entry(subscriber.thread);
            on_thread.or_insert_with(|| (subscriber.arbiter.clone(), Vec::new())).1.push(recipient);
        }
        by_thread
    }
}

/// Tells all of them, some at a time.
async fn tell(subscribers: Vec<Recipient<ReadingsChanged>>, news: ReadingsChanged, clock: Clock) {
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
