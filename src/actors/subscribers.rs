//! Who is told when readings change: autoscalers are evaluated then, and not only when their timers say so.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;
use std::time::Duration;

use actix::{Arbiter, ArbiterHandle, WeakRecipient};

use super::messages::ReadingsChanged;
use super::readings::Readings;
use super::snapshot::AutoscalerRecord;
use crate::clock::Clock;

/// It is looked at the readings of so many autoscalers at once. Then it is the others' turn, so that ten thousand of them do not
/// make a tick late, on however slow a machine.
const BATCH: usize = 64;

/// How long their turn is.
const TURN: Duration = Duration::from_millis(1);

/// The autoscalers that want to be told when readings change.
#[derive(Debug, Default)]
pub struct Subscribers {
    by_namespace: Mutex<HashMap<String, HashMap<u64, Subscriber>>>,
    next: AtomicU64,
}

#[derive(Clone, Debug)]
struct Subscriber {
    record: Arc<AutoscalerRecord>,
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
        record: Arc<AutoscalerRecord>,
        wants_gpus: bool,
        recipient: WeakRecipient<ReadingsChanged>,
    ) -> Subscription {
        let namespace = record.workload.namespace.clone();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (thread, arbiter) = (std::thread::current().id(), Arbiter::try_current());
        let subscriber = Subscriber { record, wants_gpus, recipient, thread, arbiter };
        self.lock().entry(namespace.clone()).or_default().insert(number, subscriber);
        Subscription { subscribers: self.clone(), namespace, number }
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

    /// Looks at readings for those of the namespaces that `is_concerned` names, and tells whom they make decide otherwise: on
    /// the threads on which they live, so that no thread is woken by another for each of them.
    pub(super) fn tell(&self, readings: &Readings, clock: Clock, is_concerned: impl Fn(&str) -> bool) {
        for (arbiter, subscribers) in self.by_thread(readings, is_concerned).into_values() {
            let telling = tell(subscribers, readings.clone(), clock);
            match arbiter {
                // A thread that has ended has nobody on it any more.
                Some(arbiter) => _ = arbiter.spawn(telling),
                // There is no other thread.
                None => _ = actix::spawn(telling),
            }
        }
    }

    fn by_thread(
        &self,
        readings: &Readings,
        is_concerned: impl Fn(&str) -> bool,
    ) -> HashMap<ThreadId, (Option<ArbiterHandle>, Vec<Subscriber>)> {
        let of_gpus = matches!(readings, Readings::Gpus(_));
        let by_namespace = self.lock();
        let concerned = by_namespace.iter().filter(|(namespace, _)| is_concerned(namespace));
        let subscribers = concerned.flat_map(|(_, subscribers)| subscribers.values());
        let mut by_thread = HashMap::new();
        for subscriber in subscribers.filter(|subscriber| subscriber.wants_gpus || !of_gpus) {
            let on_thread = by_thread.entry(subscriber.thread);
            let (_, subscribers) = on_thread.or_insert_with(|| (subscriber.arbiter.clone(), Vec::new()));
            subscribers.push(subscriber.clone());
        }
        by_thread
    }
}

/// Looks for all of them, some at a time, and tells those to whom it is news.
async fn tell(subscribers: Vec<Subscriber>, readings: Readings, clock: Clock) {
    for batch in subscribers.chunks(BATCH) {
        let concerned = batch.iter().filter(|subscriber| readings.are_news_for(&subscriber.record, clock));
        // One that has ended meanwhile has no use for it.
        concerned.filter_map(|subscriber| subscriber.recipient.upgrade()).for_each(|it| it.do_send(ReadingsChanged));
        clock.sleep(TURN).await;
    }
}
