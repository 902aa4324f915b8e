//! The registry: owns every autoscaler, starts, restarts and stops their actors, and answers for all of them.

use std::collections::{BTreeMap, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix::prelude::*;
use chrono::TimeDelta;
use futures_util::FutureExt as _;
use futures_util::future::{self, LocalBoxFuture, join_all};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::autoscaler::{Autoscaler, Shared};
use super::events::EventKind;
use super::messages::{
    ActorGone, Aggregate, Create, CreateError, Created, Delete, Drain, Get, GetAggregate, GetUsage, IntentChanged,
    List, Page, SetPaused, Settle, Stop, Update, UpdateError,
};
use super::snapshot::{AutoscalerRecord, Intent, Snapshot, Status};
use super::supervision::{DeathNotice, restart_delay};
use crate::domain::Timestamp;
use crate::domain::autoscaler::{
    Direction, Metric, Mode, RequestedAutoscaler, RequestedKind, ScalingRules, WorkloadRef,
};
use crate::domain::namespaces::NamespaceRules;
use crate::instruments::Instruments;
use crate::ports::{ClusterError, ResolveError, ResolvedWorkload};

/// How long evaluations in hand may go on when the service stops. A change that was sent is awaited after that, too, for
/// as long as the API server may take.
const TO_FINISH: Duration = Duration::from_secs(2);

/// How long a workload is looked for. A client must wait longer, or it would not learn what came of it.
const RESOLVE_LIMIT: Duration = Duration::from_secs(10);

/// The actor.
pub struct Registry {
    shared: Shared,
    namespaces: NamespaceRules,
    /// The threads that autoscalers run on; on the registry's own when there is none.
    arbiters: Vec<ArbiterHandle>,
    /// By a number that grows with each creation, so by creation time.
    autoscalers: BTreeMap<u64, Entry>,
    by_id: HashMap<String, u64>,
    by_workload: HashMap<WorkloadRef, u64>,
    next_number: u64,
    next_generation: u64,
    stopping: bool,
}

struct Entry {
    record: Arc<AutoscalerRecord>,
    address: Addr<Autoscaler>,
    generation: u64,
    started_at: Timestamp,
    /// Crashes in quick succession before this start.
    crashes: u32,
}

/// Who has run this long without a crash has recovered from the last one.
const RECOVERED_AFTER: TimeDelta = TimeDelta::minutes(10);

impl Registry {
    /// A registry whose autoscalers are spread over `arbiters`.
    pub fn new(shared: Shared, namespaces: NamespaceRules, arbiters: Vec<ArbiterHandle>) -> Self {
        Self {
            shared,
            namespaces,
            arbiters,
            autoscalers: BTreeMap::new(),
            by_id: HashMap::new(),
            by_workload: HashMap::new(),
            next_number: 0,
            next_generation: 0,
            stopping: false,
        }
    }

    /// The collector for CPU and memory.
    pub(super) fn usage(&self) -> Recipient<GetUsage> {
        self.shared.usage.clone()
    }

    pub(super) fn instruments(&self) -> Arc<Instruments> {
        self.shared.instruments.clone()
    }

    /// The answer to a request for a workload that has an autoscaler; `None` when it has none.
    fn existing(&self, workload: &WorkloadRef, rules: &ScalingRules) -> Option<Result<Created, CreateError>> {
        let record = &self.autoscalers.get(self.by_workload.get(workload)?)?.record;
        Some(if *record.rules() == *rules {
            Ok(Created::Existing(record.clone()))
        } else {
            Err(CreateError::Exists { id: record.id.clone(), workload: workload.to_string() })
        })
    }

    /// Puts a workload under autoscaling that was found in the cluster.
    fn insert(
        &mut self,
        resolved: ResolvedWorkload,
        rules: ScalingRules,
        address: &Addr<Self>,
    ) -> Result<Created, CreateError> {
        if self.stopping {
            return Err(CreateError::Stopping);
        }
        // Another request may have been quicker while the cluster was asked.
        if let Some(existing) = self.existing(&resolved.workload, &rules) {
            return existing;
        }
        let number = self.next_number;
        self.next_number += 1;
        let record = Arc::new(AutoscalerRecord::new(
            self.free_id(),
            hpa_name(&resolved.workload),
            resolved,
            rules,
            self.shared.clock.now(),
            self.shared.log_bounds,
        ));
        self.tell(&record, EventKind::Created, "is under autoscaling from now on");
        let entry = self.start(record.clone(), number, 0, address);
        self.by_id.insert(record.id.clone(), number);
        self.by_workload.insert(record.workload.clone(), number);
        self.autoscalers.insert(number, entry);
        Ok(Created::New(record))
    }

    /// Looks a workload up in the cluster.
    fn resolve(
        &self,
        namespace: String,
        name: String,
        kind: RequestedKind,
    ) -> impl Future<Output = Result<ResolvedWorkload, ResolveError>> + use<> {
        let resolver = self.shared.cluster.resolver.clone();
        // A panic of the lookup must not end the registry, on which everything depends.
        let resolving = AssertUnwindSafe(async move {
            let resolving = resolver.resolve(namespace, name, kind);
            timeout(RESOLVE_LIMIT, resolving).await.unwrap_or_else(|_| Err(ClusterError::Timeout(RESOLVE_LIMIT).into()))
        });
        resolving.catch_unwind().map(|resolved| {
            resolved
                .unwrap_or_else(|_| Err(ClusterError::Unavailable("looking the workload up panicked".into()).into()))
        })
    }

    /// Makes sure that nobody else scales the workload of an autoscaler that is to scale after it only observed. One that
    /// does not exist is scaled by nobody.
    fn resolve_alone(&self, workload: &WorkloadRef) -> impl Future<Output = Result<(), ResolveError>> + use<> {
        let WorkloadRef { kind, namespace, name } = workload.clone();
        self.resolve(namespace, name, RequestedKind::Exactly(kind)).map(|resolved| {
            match resolved.and_then(ResolvedWorkload::nobody_elses) {
                Err(error @ (ResolveError::ScaledBy { .. } | ResolveError::Cluster(_))) => Err(error),
                _ => Ok(()),
            }
        })
    }

    /// Gives an autoscaler other rules.
    fn update(&self, update: Update) -> LocalBoxFuture<'static, Result<Arc<AutoscalerRecord>, UpdateError>> {
        let Some(entry) = self.entry(&update.id) else { return Box::pin(async { Err(UpdateError::NotFound) }) };
        if !Arc::ptr_eq(&entry.record.rules(), &update.expected) {
            return Box::pin(async { Err(UpdateError::Changed) });
        }
        if *update.expected == update.rules {
            // A retry: the change that it repeats may still be under way.
            let (record, settled) = (entry.record.clone(), entry.address.send(Settle));
            return Box::pin(async move {
                let _ = settled.await;
                Ok(record)
            });
        }
        self.tell(&entry.record, EventKind::Updated, "is scaled by other rules from now on");
        let changed = entry.intend(Intent { rules: Arc::new(update.rules), paused: entry.record.is_paused() });
        Box::pin(async { Ok(changed.await) })
    }

    /// Tells what became of an autoscaler, the log too.
    fn tell(&self, record: &AutoscalerRecord, kind: EventKind, what: &str) {
        log::info!("{}: {} {what}", record.id, record.workload);
        self.shared.tell(record, kind, what);
    }

    fn entry(&self, id: &str) -> Option<&Entry> {
        self.autoscalers.get(self.by_id.get(id)?)
    }

    fn free_id(&self) -> String {
        loop {
            let id = format!("autoscaler-{:08x}", Uuid::new_v4().as_fields().0);
            if !self.by_id.contains_key(&id) {
                return id;
            }
        }
    }

    fn start(&mut self, record: Arc<AutoscalerRecord>, number: u64, crashes: u32, registry: &Addr<Self>) -> Entry {
        let generation = self.next_generation;
        self.next_generation += 1;
        let notice = DeathNotice { registry: registry.downgrade().recipient(), id: record.id.clone(), generation };
        let shared = self.shared.clone();
        let spec = record.clone();
        let address = match self.arbiter_for(number) {
            None => Autoscaler::new(spec, shared, notice).start(),
            Some(arbiter) => Autoscaler::start_in_arbiter(arbiter, move |_| Autoscaler::new(spec, shared, notice)),
        };
        Entry { record, address, generation, started_at: self.shared.clock.now(), crashes }
    }

    fn arbiter_for(&self, number: u64) -> Option<&ArbiterHandle> {
        let count = u64::try_from(self.arbiters.len()).ok()?;
        self.arbiters.get(usize::try_from(number.checked_rem(count)?).ok()?)
    }

    fn restart(&mut self, id: &str, generation: u64, crashes: u32, registry: &Addr<Self>) {
        let Some(&number) = self.by_id.get(id) else { return };
        let Some(entry) = self.autoscalers.get(&number).filter(|entry| entry.generation == generation) else { return };
        if self.stopping {
            return;
        }
        let record = entry.record.clone();
        log::info!("{id}: the autoscaler is started again");
        let entry = self.start(record, number, crashes, registry);
        self.autoscalers.insert(number, entry);
    }

    fn remove(&mut self, id: &str) -> Option<Entry> {
        let number = self.by_id.remove(id)?;
        let entry = self.autoscalers.remove(&number)?;
        self.by_workload.remove(&entry.record.workload);
        Some(entry)
    }
}

impl Entry {
    /// Abandons the evaluation in hand, unless it is changing something. Completes when the autoscaler does nothing more.
    fn abandon(&self) -> impl Future<Output = ()> + use<> {
        self.record.deleted.cancel();
        self.finish()
    }

    /// Lets the autoscaler know that something else is wanted. Completes when nothing happens by the old will any more.
    fn intend(&self, intent: Intent) -> impl Future<Output = Arc<AutoscalerRecord>> + use<> {
        self.record.intend(intent);
        let (record, told) = (self.record.clone(), self.address.send(IntentChanged));
        async move {
            // An actor that is gone does nothing; it will be started again with the new will.
            let _ = told.await;
            record
        }
    }

    /// Completes when the evaluation in hand is finished and the autoscaler does nothing more.
    fn finish(&self) -> impl Future<Output = ()> + use<> {
        let stopped = self.address.send(Stop);
        async move {
            // An actor that is gone has stopped.
            let _ = stopped.await;
        }
    }
}

impl Actor for Registry {
    type Context = Context<Self>;
}

impl Handler<Create> for Registry {
    type Result = ResponseActFuture<Self, Result<Created, CreateError>>;

    fn handle(&mut self, Create(requested): Create, context: &mut Self::Context) -> Self::Result {
        let RequestedAutoscaler { namespace, name, kind, rules } = requested;
        if !self.namespaces.permit(&namespace) {
            return Box::pin(fut::err(CreateError::NamespaceDenied(namespace)));
        }
        if let RequestedKind::Exactly(kind) = kind
            && let Some(existing) =
                self.existing(&WorkloadRef { kind, namespace: namespace.clone(), name: name.clone() }, &rules)
        {
            return Box::pin(fut::ready(existing));
        }
        let address = context.address();
        Box::pin(self.resolve(namespace, name, kind).into_actor(self).map(move |resolved, registry, _| {
            let resolved = match rules.mode {
                // It pulls at nothing, so somebody else may scale the workload meanwhile.
                Mode::Observe => resolved?,
                Mode::Active => resolved?.nobody_elses()?,
            };
            registry.insert(resolved, rules, &address)
        }))
    }
}

impl Handler<Get> for Registry {
    type Result = Option<Arc<AutoscalerRecord>>;

    fn handle(&mut self, Get(id): Get, _: &mut Self::Context) -> Self::Result {
        self.entry(&id).map(|entry| entry.record.clone())
    }
}

impl Handler<List> for Registry {
    type Result = MessageResult<List>;

    fn handle(&mut self, list: List, _: &mut Self::Context) -> Self::Result {
        let matches = |record: &AutoscalerRecord| {
            list.namespace.as_ref().is_none_or(|namespace| *namespace == record.workload.namespace)
                && list.status.is_none_or(|status| status == record.status())
        };
        let first = list.after.map_or(0, |after| after.saturating_add(1));
        let mut matching = self.autoscalers.range(first..).filter(|(_, entry)| matches(&entry.record)).peekable();
        let limit = list.limit.unwrap_or(usize::MAX);
        let mut last = None;
        let mut autoscalers = Vec::new();
        while autoscalers.len() < limit
            && let Some((number, entry)) = matching.next()
        {
            autoscalers.push(entry.record.clone());
            last = Some(*number);
        }
        let next = if matching.peek().is_some() { last } else { None };
        MessageResult(Page { autoscalers, next })
    }
}

impl Handler<Delete> for Registry {
    type Result = ResponseFuture<bool>;

    fn handle(&mut self, Delete(id): Delete, _: &mut Self::Context) -> Self::Result {
        let Some(entry) = self.remove(&id) else { return Box::pin(async { false }) };
        self.tell(&entry.record, EventKind::Deleted, "is not under autoscaling any more");
        let stopped = entry.abandon();
        Box::pin(async move {
            stopped.await;
            true
        })
    }
}

impl Handler<Update> for Registry {
    type Result = ResponseActFuture<Self, Result<Arc<AutoscalerRecord>, UpdateError>>;

    fn handle(&mut self, update: Update, _: &mut Self::Context) -> Self::Result {
        let begins_to_scale = update.expected.mode == Mode::Observe && update.rules.mode == Mode::Active;
        let Some(entry) = self.entry(&update.id).filter(|_| begins_to_scale) else {
            return Box::pin(self.update(update).into_actor(self));
        };
        let alone = self.resolve_alone(&entry.record.workload);
        Box::pin(alone.into_actor(self).then(move |alone, registry, _| {
            let updated = match alone {
                Ok(()) => registry.update(update),
                Err(error) => Box::pin(future::err(error.into())),
            };
            updated.into_actor(registry)
        }))
    }
}

impl Handler<SetPaused> for Registry {
    type Result = ResponseFuture<Option<Arc<AutoscalerRecord>>>;

    fn handle(&mut self, SetPaused { id, paused }: SetPaused, _: &mut Self::Context) -> Self::Result {
        let Some(entry) = self.entry(&id) else { return Box::pin(async { None }) };
        let record = entry.record.clone();
        // A pause that is under way is awaited by everyone who asks for it.
        if !paused && !record.is_paused() {
            return Box::pin(async { Some(record) });
        }
        let (kind, what) = if paused {
            (EventKind::Paused, "is paused from now on")
        } else {
            (EventKind::Resumed, "is scaled again from now on")
        };
        self.tell(&record, kind, what);
        let changed = entry.intend(Intent { rules: record.rules(), paused });
        Box::pin(async { Some(changed.await) })
    }
}

impl Handler<GetAggregate> for Registry {
    type Result = MessageResult<GetAggregate>;

    fn handle(&mut self, _: GetAggregate, _: &mut Self::Context) -> Self::Result {
        let active: Vec<_> = self
            .autoscalers
            .values()
            .filter(|entry| entry.record.status() == Status::Active)
            .map(|entry| entry.record.snapshot())
            .collect();
        let known: Vec<f64> =
            active.iter().filter_map(|snapshot| snapshot.utilization_percent(Metric::Cpu)).map(f64::from).collect();
        let average = (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64);
        MessageResult(Aggregate {
            total: self.autoscalers.len(),
            active: active.len(),
            scale_ups: self.shared.totals.get(Direction::Up),
            scale_downs: self.shared.totals.get(Direction::Down),
            average_cpu_percent: average,
        })
    }
}

impl Handler<Drain> for Registry {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Drain, _: &mut Self::Context) -> Self::Result {
        self.stopping = true;
        let finishing = join_all(self.autoscalers.values().map(Entry::finish));
        let unfinished: Vec<_> = self.autoscalers.values().map(|entry| entry.record.deleted.clone()).collect();
        Box::pin(async move {
            tokio::pin!(finishing);
            if timeout(TO_FINISH, &mut finishing).await.is_err() {
                // Those that wait for something are abandoned; a change that was sent is still awaited.
                unfinished.iter().for_each(CancellationToken::cancel);
                finishing.await;
            }
        })
    }
}

impl Handler<ActorGone> for Registry {
    type Result = ();

    fn handle(&mut self, gone: ActorGone, context: &mut Self::Context) {
        let Some(number) = self.by_id.get(&gone.id) else { return };
        let Some(entry) = self.autoscalers.get(number).filter(|entry| entry.generation == gone.generation) else {
            return;
        };
        if self.stopping {
            return;
        }
        self.shared.instruments.crashed();
        let record = &entry.record;
        let restarts = record.restarts.fetch_add(1, Ordering::Relaxed) + 1;
        let recovered = self.shared.clock.now() - entry.started_at >= RECOVERED_AFTER;
        let crashes = if recovered { 1 } else { entry.crashes + 1 };
        let delay = restart_delay(crashes);
        let how = if gone.panicked { "crashed" } else { "ended" };
        let message = format!("the autoscaler {how} (time {restarts}); it is started again in {} s", delay.as_secs());
        log::error!("{}: {message}", record.id);
        self.shared.tell(record, EventKind::Failed, message.clone());
        let last = Snapshot::clone(&record.snapshot());
        record.publish(Snapshot { status: Status::Failed, failure: Some(message), ..last });
        let address = context.address();
        context.run_later(self.shared.clock.real(delay), move |registry, _| {
            registry.restart(&gone.id, gone.generation, crashes, &address);
        });
    }
}

/// The name under which the autoscaler is an object in Kubernetes. The same workload always gives the same one.
fn hpa_name(workload: &WorkloadRef) -> String {
    const LONGEST: usize = 253;
    const CUT: usize = (LONGEST - "hpa---000000".len()) / 2;
    let hash = Uuid::new_v5(&Uuid::NAMESPACE_OID, workload.to_string().as_bytes()).simple().to_string();
    let suffix = hash.get(..6).unwrap_or_default();
    let name = &workload.name;
    // Names are ASCII, so a cut never falls inside a character.
    match (name.get(..CUT), name.get(name.len().saturating_sub(CUT)..)) {
        (Some(head), Some(tail)) if name.len() > 2 * CUT + 1 => {
            let (head, tail) = (head.trim_end_matches(['-', '.']), tail.trim_start_matches(['-', '.']));
            format!("hpa-{head}-{tail}-{suffix}")
        }
        _ => format!("hpa-{name}-{suffix}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::autoscaler::WorkloadKind;

    fn workload(name: &str) -> WorkloadRef {
        WorkloadRef { kind: WorkloadKind::Deployment, namespace: "default".into(), name: name.into() }
    }

    #[test]
    fn the_same_workload_always_gets_the_same_object_name() {
        let name = hpa_name(&workload("nginx"));
        assert_eq!(name, hpa_name(&workload("nginx")));
        assert!(name.starts_with("hpa-nginx-") && name.len() == "hpa-nginx-000000".len(), "{name}");
        let elsewhere = WorkloadRef { namespace: "other".into(), ..workload("nginx") };
        assert_ne!(name, hpa_name(&elsewhere));
        let set = WorkloadRef { kind: WorkloadKind::StatefulSet, ..workload("nginx") };
        assert_ne!(name, hpa_name(&set));
    }

    #[test]
    fn the_middle_of_a_long_name_is_cut() {
        let long = format!("start.{}.end", "x".repeat(243));
        let name = hpa_name(&workload(&long));
        assert!(name.len() <= 253, "{}", name.len());
        assert!(name.starts_with("hpa-start.x") && name.contains("x.end-"), "{name}");
    }
}
