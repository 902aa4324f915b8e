//! What clients want changed: the registry writes it to the store, and follows what the store makes of it. Once a client
//! has its answer, the change is kept, and nothing happens by the old will any more.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use tokio::time::timeout;

use super::super::events::EventKind;
use super::super::messages::{Create, CreateError, Created, Delete, SetPaused, Stop, StoreSays, Update, UpdateError};
use super::super::snapshot::AutoscalerRecord;
use super::naming::{hpa_name, random_id};
use super::{Entry, Registry};
use crate::domain::access::CallerName;
use crate::domain::autoscaler::{Mode, RequestedAutoscaler, RequestedKind, ScalingRules, WorkloadRef};
use crate::ports::store::{Change, NewAutoscaler, ObjectKey, ObjectRef, StoreError, StoreEvent, Wanted};
use crate::ports::{ClusterError, PortFuture, ResolveError, ResolvedWorkload};

/// How long a workload is looked for. A client must wait longer, or it would not learn what came of it.
const RESOLVE_LIMIT: Duration = Duration::from_secs(10);

/// How long a leader elsewhere may take to follow a change. Longer than two of its calls to the API server: what it announced
/// before is over then, and it can announce nothing more by the old will.
const FOLLOW_LIMIT: Duration = Duration::from_secs(11);

/// The future of an answer, which has the registry again in the end.
type Answer<T> = ResponseActFuture<Registry, T>;

impl Registry {
    /// The answer to a request for a workload that has an autoscaler; `None` when it has none.
    fn existing(&self, workload: &WorkloadRef, rules: &ScalingRules) -> Option<Result<Created, CreateError>> {
        let record = &self.autoscalers.of_workload(workload).next()?.record;
        Some(if *record.rules() == *rules {
            Ok(Created::Existing(record.clone()))
        } else {
            Err(CreateError::Exists { id: record.id.clone(), workload: workload.to_string() })
        })
    }

    /// The autoscaler of this id, if it is the one of this object.
    fn entry_of(&self, id: &str, object: &ObjectRef) -> Option<&Entry> {
        self.autoscalers.by_id(id).filter(|entry| entry.record.object == *object)
    }

    fn free_id(&self) -> String {
        loop {
            let id = random_id();
            if self.autoscalers.by_id(&id).is_none() {
                return id;
            }
        }
    }

    /// What the cluster or the store answers. A panic of `what` must not end the registry, on which everything depends.
    fn guarded<T, E: From<ClusterError>>(
        what: &'static str,
        answer: impl Future<Output = Result<T, E>>,
    ) -> impl Future<Output = Result<T, E>> {
        AssertUnwindSafe(answer).catch_unwind().map(move |answer| {
            answer.unwrap_or_else(|_| Err(ClusterError::Unavailable(format!("{what} panicked")).into()))
        })
    }

    /// What the store answers.
    fn of_store<T>(answer: PortFuture<Result<T, StoreError>>) -> impl Future<Output = Result<T, StoreError>> {
        Self::guarded("asking the store", answer)
    }

    /// Looks a workload up in the cluster.
    fn resolve(
        &self,
        namespace: String,
        name: String,
        kind: RequestedKind,
    ) -> impl Future<Output = Result<ResolvedWorkload, ResolveError>> + use<> {
        let resolver = self.shared.cluster.resolver.clone();
        Self::guarded("looking the workload up", async move {
            let resolving = resolver.resolve(namespace, name, kind);
            timeout(RESOLVE_LIMIT, resolving).await.unwrap_or_else(|_| Err(ClusterError::Timeout(RESOLVE_LIMIT).into()))
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

    /// Puts a workload under autoscaling that was found in the cluster.
    fn create(
        &mut self,
        resolved: ResolvedWorkload,
        rules: ScalingRules,
        by: Option<CallerName>,
    ) -> Answer<Result<Created, CreateError>> {
        if self.stopping {
            return Box::pin(fut::err(CreateError::Stopping));
        }
        // Another request may have been quicker while the cluster was asked.
        if let Some(existing) = self.existing(&resolved.workload, &rules) {
            return Box::pin(fut::ready(existing));
        }
        let workload = resolved.workload.clone();
        let key = ObjectKey { namespace: workload.namespace.clone(), name: hpa_name(&workload) };
        let wanted = Wanted { workload: workload.clone(), rules: rules.clone(), paused: false };
        self.creating.insert(key.clone(), resolved);
        let new = NewAutoscaler { key: key.clone(), id: self.free_id(), wanted, by: by.clone() };
        let creating = Self::of_store(self.shared.store.create(new));
        Box::pin(creating.into_actor(self).then(move |created, registry, context: &mut Context<Self>| {
            let answer: Answer<_> = match created {
                Ok(stored) => {
                    let record = registry.apply(stored, &context.address());
                    if let Some(record) = &record {
                        registry.shared.credit(record, EventKind::Created, by.as_ref());
                    }
                    // Deleted by somebody else meanwhile.
                    Box::pin(fut::ready(record.map(Created::New).ok_or_else(|| StoreError::Gone.into())))
                }
                Err(StoreError::AlreadyExists) => registry.find_existing(key.clone(), workload, rules),
                Err(error) => Box::pin(fut::err(error.into())),
            };
            answer.map(move |answer, registry, _| {
                registry.creating.remove(&key);
                answer
            })
        }))
    }

    /// The answer when the store has the object already, which somebody else has made a moment ago.
    fn find_existing(
        &self,
        key: ObjectKey,
        workload: WorkloadRef,
        rules: ScalingRules,
    ) -> Answer<Result<Created, CreateError>> {
        let getting = Self::of_store(self.shared.store.get(&key));
        Box::pin(getting.into_actor(self).map(move |stored, registry, context: &mut Context<Self>| {
            registry.apply(stored?, &context.address());
            registry.existing(&workload, &rules).unwrap_or(Err(CreateError::NameTaken(key)))
        }))
    }

    /// Writes a change to the store, follows it, and waits until nothing happens by the old will any more.
    fn change(&self, entry: &Entry, change: Change) -> Answer<Result<Arc<AutoscalerRecord>, StoreError>> {
        let record = &entry.record;
        let (object, key) = (record.object.clone(), record.object.key.clone());
        let changing = Self::of_store(self.shared.store.change(&object, record.generation(), change));
        Box::pin(changing.into_actor(self).then(move |changed, registry, context: &mut Context<Self>| {
            let settled: LocalBoxFuture<'static, Result<_, StoreError>> = match changed {
                Ok(stored) => {
                    let generation = stored.generation;
                    registry.apply(stored, &context.address());
                    match registry.autoscalers.by_key(&key) {
                        Some(entry) => Box::pin(registry.settled(entry, generation).map(Ok)),
                        None => Box::pin(async { Err(StoreError::Gone) }),
                    }
                }
                Err(StoreError::Changed) => registry.look_again(key, context.address()),
                Err(error) => Box::pin(async { Err(error) }),
            };
            settled.into_actor(registry)
        }))
    }

    /// Reads an object that is not as it was thought to be; the client may then try again.
    fn look_again(
        &self,
        key: ObjectKey,
        registry: Addr<Self>,
    ) -> LocalBoxFuture<'static, Result<Arc<AutoscalerRecord>, StoreError>> {
        let getting = Self::of_store(self.shared.store.get(&key));
        Box::pin(async move {
            let stored = getting.await?;
            let news = StoreSays(StoreEvent::Changed(Box::new(stored)));
            // A registry that has ended follows nothing more.
            let _ = registry.send(news).await;
            Err(StoreError::Changed)
        })
    }

    /// Completes when nothing happens by a will before this generation any more, neither here nor at a leader elsewhere.
    fn settled(&self, entry: &Entry, generation: i64) -> impl Future<Output = Arc<AutoscalerRecord>> + use<> {
        let (settled, leadership) = (entry.settle(), self.shared.leadership.clone());
        async move {
            let record = settled.await;
            // Nobody who does not lead at this moment can announce anything, because the object has been changed.
            if !leadership.is_ours() && leadership.leader().is_some() {
                let _ = timeout(FOLLOW_LIMIT, record.is_followed(generation)).await;
            }
            record
        }
    }

    /// Gives an autoscaler other rules.
    fn update(&self, update: Update) -> Answer<Result<Arc<AutoscalerRecord>, UpdateError>> {
        let Some(entry) = self.autoscalers.by_id(&update.id) else { return Box::pin(fut::err(UpdateError::NotFound)) };
        if !Arc::ptr_eq(&entry.record.rules(), &update.expected) {
            return Box::pin(fut::err(UpdateError::Changed));
        }
        if *update.expected == update.rules {
            // A retry: the change that it repeats may still be under way.
            let settled = self.settled(entry, entry.record.generation());
            return Box::pin(settled.map(Ok).into_actor(self));
        }
        let by = update.by;
        let changing = self.change(entry, Change { rules: Some(update.rules), by: by.clone(), ..Change::default() });
        Box::pin(changing.map(move |changed, registry: &mut Self, _| {
            let record = changed.map_err(UpdateError::from)?;
            registry.shared.credit(&record, EventKind::Updated, by.as_ref());
            Ok(record)
        }))
    }

    fn delete(&mut self, record: Arc<AutoscalerRecord>, by: Option<CallerName>) -> Answer<Result<bool, StoreError>> {
        let object = record.object.clone();
        let address = self.entry_of(&record.id, &object).map(|entry| entry.address.clone());
        if let Some(by) = &by {
            self.deleting.insert(object.clone(), by.clone());
        }
        let deleting = Self::of_store(self.shared.store.delete(&object));
        Box::pin(deleting.into_actor(self).then(move |deleted, registry: &mut Self, _| {
            let existed = match deleted {
                Ok(()) => Ok(true),
                Err(StoreError::Gone) => Ok(false),
                Err(error) => Err(error),
            };
            if existed.is_ok() {
                registry.bury(&object);
            }
            if existed == Ok(true) {
                registry.shared.credit(&record, EventKind::Deleted, by.as_ref());
            }
            let stopped = existed.as_ref().ok().and_then(|_| registry.forget(&object));
            registry.deleting.remove(&object);
            async move {
                match (stopped, address) {
                    (Some(stopped), _) => stopped.await,
                    // The store has told of it before it answered: the autoscaler is ending, and that is awaited all the same.
                    (None, Some(address)) if existed.is_ok() => drop(address.send(Stop).await),
                    (None, _) => {}
                }
                existed
            }
            .into_actor(registry)
        }))
    }
}

impl Handler<Create> for Registry {
    type Result = Answer<Result<Created, CreateError>>;

    fn handle(&mut self, Create { requested, by }: Create, _: &mut Self::Context) -> Self::Result {
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
        Box::pin(self.resolve(namespace, name, kind).into_actor(self).then(move |resolved, registry, _| {
            let resolved = match rules.mode {
                // It pulls at nothing, so somebody else may scale the workload meanwhile.
                Mode::Observe => resolved,
                Mode::Active => resolved.and_then(ResolvedWorkload::nobody_elses),
            };
            match resolved {
                Ok(resolved) => registry.create(resolved, rules, by),
                Err(error) => Box::pin(fut::err(error.into())),
            }
        }))
    }
}

impl Handler<Update> for Registry {
    type Result = Answer<Result<Arc<AutoscalerRecord>, UpdateError>>;

    fn handle(&mut self, update: Update, _: &mut Self::Context) -> Self::Result {
        let begins_to_scale = update.expected.mode == Mode::Observe && update.rules.mode == Mode::Active;
        let Some(entry) = self.autoscalers.by_id(&update.id).filter(|_| begins_to_scale) else {
            return self.update(update);
        };
        let alone = self.resolve_alone(&entry.record.workload);
        Box::pin(alone.into_actor(self).then(move |alone, registry, _| match alone {
            Ok(()) => registry.update(update),
            Err(error) => Box::pin(fut::err(error.into())),
        }))
    }
}

impl Handler<SetPaused> for Registry {
    type Result = Answer<Result<Option<Arc<AutoscalerRecord>>, StoreError>>;

    fn handle(&mut self, SetPaused { id, object, paused, by }: SetPaused, _: &mut Self::Context) -> Self::Result {
        let Some(entry) = self.entry_of(&id, &object) else { return Box::pin(fut::ok(None)) };
        let record = &entry.record;
        let has_yielded = record.snapshot().conflicts.yielded.is_some();
        let change = match (paused, record.is_paused()) {
            (true, false) => Change { paused: Some(true), ..Change::default() },
            (false, true) => {
                Change { paused: Some(false), resumed_at: Some(self.shared.clock.now()), ..Change::default() }
            }
            // It was not paused, but does not scale: whoever it has left the workload to is forgotten.
            (false, false) if has_yielded => Change { resumed_at: Some(self.shared.clock.now()), ..Change::default() },
            // One that is under way is awaited by everyone who asks for it.
            _ => {
                return Box::pin(
                    self.settled(entry, record.generation()).map(|record| Ok(Some(record))).into_actor(self),
                );
            }
        };
        let change = Change { by: by.clone(), ..change };
        Box::pin(self.change(entry, change).map(move |changed, registry: &mut Self, _| match changed {
            Err(StoreError::Gone) => Ok(None),
            Err(error) => Err(error),
            Ok(record) => {
                let kind = if paused { EventKind::Paused } else { EventKind::Resumed };
                registry.shared.credit(&record, kind, by.as_ref());
                Ok(Some(record))
            }
        }))
    }
}

impl Handler<Delete> for Registry {
    type Result = Answer<Result<bool, StoreError>>;

    fn handle(&mut self, Delete { id, object, by }: Delete, _: &mut Self::Context) -> Self::Result {
        let Some(entry) = self.entry_of(&id, &object) else { return Box::pin(fut::ok(false)) };
        if self.shared.leadership.is_ours() {
            return self.delete(entry.record.clone(), by);
        }
        // What does not exist any more cannot be confirmed by a leader elsewhere, so it is paused first.
        let was_paused = entry.record.is_paused();
        let pausing: Answer<Result<_, StoreError>> = if was_paused {
            Box::pin(self.settled(entry, entry.record.generation()).map(Ok).into_actor(self))
        } else {
            self.change(entry, Change { paused: Some(true), by: by.clone(), ..Change::default() })
        };
        Box::pin(pausing.then(move |paused, registry: &mut Self, _| -> Self::Result {
            match (paused, registry.autoscalers.by_id(&id)) {
                (Err(StoreError::Gone), _) | (_, None) => Box::pin(fut::ok(false)),
                (Err(error), _) => Box::pin(fut::err(error)),
                (Ok(_), Some(entry)) if was_paused => registry.delete(entry.record.clone(), by),
                (Ok(_), Some(entry)) => registry.delete_paused(entry.record.clone(), by),
            }
        }))
    }
}

impl Registry {
    /// Deletes an autoscaler that was paused for that. If that fails, it is as it was before.
    fn delete_paused(
        &mut self,
        record: Arc<AutoscalerRecord>,
        by: Option<CallerName>,
    ) -> Answer<Result<bool, StoreError>> {
        let id = record.id.clone();
        Box::pin(self.delete(record, by.clone()).then(
            move |deleted, registry, _| -> Answer<Result<bool, StoreError>> {
                match (deleted, registry.autoscalers.by_id(&id)) {
                    (Err(error), Some(entry)) => {
                        let resuming = registry.change(entry, Change { paused: Some(false), by, ..Change::default() });
                        Box::pin(resuming.map(move |resumed, _, _| {
                            if let Err(error) = resumed {
                                log::warn!("{id}: was paused to be deleted, could not be, and stays paused: {error}");
                            }
                            Err(error)
                        }))
                    }
                    (deleted, _) => Box::pin(fut::ready(deleted)),
                }
            },
        ))
    }
}
