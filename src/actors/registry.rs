//! The registry: knows every autoscaler, starts, restarts and stops their actors, and keeps the [`Listing`] that
//! readers look at. What there is it learns from the store ([`following`]), which it also writes to for its clients ([`changing`]).

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::prelude::*;
use chrono::TimeDelta;
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::autoscaler::Autoscaler;
use super::events::EventKind;
use super::listing::Listing;
use super::messages::{ActorGone, Drain, GetUsage, Probe, Settle, Stop};
use super::roster::{Listed, Place, Roster};
use super::saving::{complete, status_of};
use super::shared::Shared;
use super::snapshot::{AutoscalerRecord, ScaleTotals, Snapshot, Status};
use super::supervision::{DeathNotice, restart_delay};
use crate::domain::Timestamp;
use crate::domain::access::CallerName;
use crate::domain::autoscaler::{Mode, WorkloadRef};
use crate::domain::namespaces::NamespaceRules;
use crate::domain::saved::urgency;
use crate::instruments::Instruments;
use crate::ports::ResolvedWorkload;
use crate::ports::store::{ObjectKey, ObjectRef, StoredAutoscaler};

mod changing;
mod following;
mod naming;

/// How long evaluations in hand may go on when the service stops. A change that was sent is awaited after that, too, for
/// as long as the API server may take.
const TO_FINISH: Duration = Duration::from_secs(2);

/// How long the last statuses may take to be written when the service stops.
const TO_SAVE: Duration = Duration::from_millis(500);

/// The actor.
pub struct Registry {
    shared: Arc<Shared>,
    namespaces: NamespaceRules,
    /// The threads that autoscalers run on; on the registry's own when there is none.
    arbiters: Vec<ArbiterHandle>,
    autoscalers: Roster<Entry>,
    /// The same for readers.
    listing: Arc<Listing>,
    /// Objects that are no autoscalers, because their definitions are not valid.
    unusable: HashMap<ObjectKey, StoredAutoscaler>,
    /// Objects whose label is not their id.
    unlabelled: HashSet<ObjectKey>,
    /// The uids of the objects that were deleted last.
    gone: VecDeque<Arc<str>>,
    /// Workloads that were looked up for objects that are being made.
    creating: HashMap<ObjectKey, ResolvedWorkload>,
    /// Who wants the objects deleted whose deletion is on its way: the store may tell of it before it answers.
    deleting: HashMap<ObjectRef, CallerName>,
    /// Whether all autoscalers are known.
    synced: Arc<AtomicBool>,
    /// Whether this replica was leading when that was looked at last.
    leads: bool,
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
    pub fn new(shared: Arc<Shared>, namespaces: NamespaceRules, arbiters: Vec<ArbiterHandle>) -> Self {
        // A store that tells nothing of its own accord has nothing yet.
        let synced = Arc::new(AtomicBool::new(!shared.saver.is_needed()));
        Self {
            shared,
            namespaces,
            arbiters,
            autoscalers: Roster::default(),
            listing: Arc::default(),
            unusable: HashMap::new(),
            unlabelled: HashSet::new(),
            gone: VecDeque::new(),
            creating: HashMap::new(),
            deleting: HashMap::new(),
            synced,
            leads: false,
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

    /// What readers find.
    pub(super) fn listing(&self) -> Arc<Listing> {
        self.listing.clone()
    }

    pub(super) fn totals(&self) -> Arc<ScaleTotals> {
        self.shared.totals.clone()
    }

    /// Tells whether all autoscalers are known.
    pub(super) fn synced(&self) -> Arc<AtomicBool> {
        self.synced.clone()
    }

    /// Tells what somebody did with an autoscaler, the log too.
    fn tell(&self, record: &AutoscalerRecord, kind: EventKind, by: Option<CallerName>, what: &str) {
        match &by {
            Some(by) => log::info!("{}: {} {what} (by {by})", record.id, record.workload),
            None => log::info!("{}: {} {what}", record.id, record.workload),
        }
        self.shared.tell_of_deed(record, kind, by, what);
    }

    fn start(&mut self, record: Arc<AutoscalerRecord>, crashes: u32, registry: &Addr<Self>) -> Entry {
        let generation = self.next_generation;
        self.next_generation += 1;
        let notice = DeathNotice { registry: registry.downgrade().recipient(), id: record.id.clone(), generation };
        let shared = self.shared.clone();
        let spec = record.clone();
        let address = match self.arbiter_for(generation) {
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
        let Some(entry) = self.autoscalers.by_id(id).filter(|entry| entry.generation == generation) else { return };
        if self.stopping {
            return;
        }
        let record = entry.record.clone();
        log::info!("{id}: the autoscaler is started again");
        let started = self.start(record, crashes, registry);
        if let Some(entry) = self.autoscalers.by_id_mut(id) {
            *entry = started;
        }
    }
}

impl Listed for Entry {
    fn place(&self) -> Place {
        Place { created_at: self.record.created_at, key: self.record.object.key.clone() }
    }

    fn id(&self) -> &str {
        &self.record.id
    }

    fn workload(&self) -> &WorkloadRef {
        &self.record.workload
    }
}

impl Entry {
    /// Abandons the evaluation in hand, unless it is changing something. Completes when the autoscaler does nothing more.
    fn abandon(&self) -> impl Future<Output = ()> + use<> {
        self.record.deleted.cancel();
        self.finish()
    }

    /// Completes when nothing happens by an earlier will any more.
    fn settle(&self) -> impl Future<Output = Arc<AutoscalerRecord>> + use<> {
        let (record, settled) = (self.record.clone(), self.address.send(Settle));
        async move {
            // An actor that is gone does nothing; it will be started again with the new will.
            let _ = settled.await;
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

    fn started(&mut self, context: &mut Self::Context) {
        self.leads = self.shared.leadership.is_ours();
        self.follow_leadership(self.shared.leadership.clone(), context);
    }
}

impl Handler<Probe> for Registry {
    type Result = ();

    fn handle(&mut self, _: Probe, _: &mut Self::Context) {}
}

impl Handler<Drain> for Registry {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Drain, _: &mut Self::Context) -> Self::Result {
        self.stopping = true;
        let finishing = join_all(self.autoscalers.iter().map(Entry::finish));
        let records: Vec<_> = self.autoscalers.iter().map(|entry| entry.record.clone()).collect();
        let shared = self.shared.clone();
        Box::pin(async move {
            tokio::pin!(finishing);
            if timeout(TO_FINISH, &mut finishing).await.is_err() {
                // Those that wait for something are abandoned; a change that was sent is still awaited.
                records.iter().map(|record| &record.deleted).for_each(CancellationToken::cancel);
                finishing.await;
            }
            if timeout(TO_SAVE, save_all(&shared, &records)).await.is_err() {
                log::warn!("not every status was written; what was decided of late may be decided anew");
            }
        })
    }
}

/// Writes what would be missed: whoever comes next goes on from there.
async fn save_all(shared: &Shared, records: &[Arc<AutoscalerRecord>]) {
    if !shared.saver.is_needed() || !shared.leadership.is_ours() {
        return;
    }
    let saving: FuturesUnordered<_> = records
        .iter()
        .filter_map(|record| {
            let holder = shared.leadership.identity();
            let next = status_of(record, &record.snapshot(), record.generation(), &shared.clock, holder);
            let rules = record.rules();
            urgency(record.saved().as_deref(), &next, Some(&*rules).filter(|rules| rules.mode == Mode::Active))?;
            Some(shared.saver.save(record, complete(next, record)))
        })
        .collect();
    // One that fails is logged.
    saving.for_each(|_| async {}).await;
}

impl Handler<ActorGone> for Registry {
    type Result = ();

    fn handle(&mut self, gone: ActorGone, context: &mut Self::Context) {
        let Some(entry) = self.autoscalers.by_id(&gone.id).filter(|entry| entry.generation == gone.generation) else {
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
