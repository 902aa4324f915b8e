//! What the store says there is, and who leads: the registry follows both.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use actix::prelude::*;
use futures_util::FutureExt as _;

use super::super::events::EventKind;
use super::super::leadership::Leadership;
use super::super::messages::{Followed, IntentChanged, Lead, StoreSays};
use super::super::saving::{has_forgotten_rivals, restored, unusable_status};
use super::super::snapshot::{AutoscalerRecord, Intent, Snapshot};
use super::naming::{id_of_object, is_id};
use super::{Entry, Registry};
use crate::domain::autoscaler::{Direction, WorkloadRef};
use crate::domain::saved::SavedStatus;
use crate::ports::store::{Change, ObjectRef, StoreEvent, StoredAutoscaler, Wanted};
use crate::ports::{PodSelection, WorkloadView};

/// So many objects that were deleted of late are remembered.
pub(super) const GONE_KEPT: usize = 1_024;

impl Registry {
    /// Takes notice of a stored autoscaler as it is, or was a moment ago: news may come twice and in any order.
    pub(super) fn apply(&mut self, stored: StoredAutoscaler, registry: &Addr<Self>) -> Option<Arc<AutoscalerRecord>> {
        let key = &stored.object.key;
        let known = self.autoscalers.by_key(key).map(|entry| entry.record.clone());
        if let Some(record) = known {
            let same = record.object == stored.object;
            if stored.version < record.object_version() {
                return Some(record).filter(|_| same);
            }
            let same_workload = stored.wanted.as_ref().is_ok_and(|wanted| wanted.workload == record.workload);
            if same && same_workload {
                self.update_known(&record, stored);
                return Some(record);
            }
            // Another one of the same name; or the same one, which has become something else.
            self.end(&record.object);
        }
        self.unusable.remove(key);
        // The answer to a change can come later than the news that somebody else has deleted the object since.
        if self.gone.contains(&stored.object.uid) {
            return None;
        }
        if !self.namespaces.permit(&key.namespace) {
            log::debug!("{key}: its namespace is not open to this service");
            return None;
        }
        match stored.wanted.clone() {
            Ok(wanted) => Some(self.insert(stored, wanted, registry)),
            Err(why) => {
                log::warn!("{key}: not a valid autoscaler: {why}");
                self.show_unusable(&stored, &why);
                self.unusable.insert(stored.object.key.clone(), stored);
                None
            }
        }
    }

    /// Follows a change of an autoscaler that is known.
    fn update_known(&mut self, record: &Arc<AutoscalerRecord>, stored: StoredAutoscaler) {
        record.saw_version(stored.version);
        self.label(record, &stored);
        let is_resumed = record.was_resumed(stored.resumed_at);
        let by = stored.changed_by.clone();
        let Some(entry) = self.autoscalers.by_key(&record.object.key) else { return };
        if let Ok(Wanted { rules, paused, .. }) = stored.wanted
            && stored.generation > record.generation()
        {
            record.saw_generation(stored.generation);
            let (was, was_paused) = (record.rules(), record.is_paused());
            let same = *was == rules;
            record.intend(Intent {
                rules: if same { was } else { Arc::new(rules) },
                paused,
                by: by.clone(),
                rules_by: stored.rules_by,
            });
            entry.address.do_send(IntentChanged);
            if !same {
                self.tell(record, EventKind::Updated, by.clone(), "is scaled by other rules from now on");
            }
            match (was_paused, paused) {
                (false, true) => self.tell(record, EventKind::Paused, by, "is paused from now on"),
                (true, false) => self.tell(record, EventKind::Resumed, by, "is scaled again from now on"),
                _ => {}
            }
        } else if is_resumed {
            entry.address.do_send(IntentChanged);
            // The definition is as it was, and its author need not be who resumed it.
            self.tell(record, EventKind::Resumed, None, "is scaled again from now on");
        }
        let is_ours = |saved: &SavedStatus| saved.memory.holder == self.shared.leadership.identity();
        if let Some(saved) = stored.saved.filter(|saved| !is_ours(saved))
            && record.saved().is_none_or(|known| *known != *saved)
            && let Some(entry) = self.autoscalers.by_key(&record.object.key)
        {
            record.was_saved_by_another(saved);
            entry.address.do_send(Followed);
        }
    }

    fn insert(&mut self, stored: StoredAutoscaler, wanted: Wanted, registry: &Addr<Self>) -> Arc<AutoscalerRecord> {
        let id = self.id_for(&stored);
        let resolved = self.creating.get(&stored.object.key);
        let first = match (&stored.saved, resolved) {
            (Some(saved), _) => self.take_up(&stored, saved),
            (None, Some(resolved)) => Snapshot::new(resolved.replicas),
            (None, None) => Snapshot::new(self.replicas_at_first(&wanted.workload)),
        };
        let scaled_by = resolved.and_then(|resolved| resolved.scaled_by.clone());
        let (log, told) = (self.shared.log_bounds, self.listing.is_told());
        let record = Arc::new(AutoscalerRecord::new(&stored, wanted, id, first, scaled_by, log, told));
        record.was_resumed(stored.resumed_at);
        self.label(&record, &stored);
        // What there was before is no news.
        if self.synced.load(Ordering::Relaxed) {
            self.tell(&record, EventKind::Created, record.created_by.clone(), "is under autoscaling from now on");
        }
        // Before its actor begins to evaluate.
        let older = self.autoscalers.of_workload(&record.workload).next().map(|entry| entry.record.clone());
        if let Some(older) = older {
            let place = |record: &AutoscalerRecord| (record.created_at, record.object.key.clone());
            if place(&older) < place(&record) {
                record.shadow(Some(&older.id));
            }
        }
        let entry = self.start(record.clone(), 0, registry);
        self.autoscalers.insert(entry);
        self.listing.enter(record.clone());
        self.shadow_all_but_the_oldest(&record.workload);
        record
    }

    /// Begins where the one left off who saved this.
    fn take_up(&self, stored: &StoredAutoscaler, saved: &SavedStatus) -> Snapshot {
        let mut first = restored(saved, &self.shared.clock);
        if has_forgotten_rivals(stored, saved) {
            first.conflicts.forget();
        }
        self.shared.totals.add(Direction::Up, first.scale_up_count);
        self.shared.totals.add(Direction::Down, first.scale_down_count);
        first
    }

    /// The count of a workload whose autoscaler somebody made by hand, as the watches have it. The first evaluation, which
    /// follows at once, knows better.
    fn replicas_at_first(&self, workload: &WorkloadRef) -> u32 {
        match self.shared.cluster.index.view(workload, PodSelection::Owned) {
            WorkloadView::Present { replicas, .. } => replicas,
            WorkloadView::Absent | WorkloadView::Unknown { .. } => 0,
        }
    }

    /// The id of a stored autoscaler: that of its label, unless an older one has that; else one that follows from its uid.
    fn id_for(&self, stored: &StoredAutoscaler) -> String {
        let is_free = |id: &String| self.autoscalers.by_id(id).is_none();
        let label = stored.id.clone().filter(|id| is_id(id));
        let of_object = (0..).map(|attempt| id_of_object(&stored.object.uid, attempt));
        label.into_iter().chain(of_object).find(is_free).unwrap_or_default()
    }

    /// Writes an autoscaler's id on its object, where it is not.
    fn label(&mut self, record: &AutoscalerRecord, stored: &StoredAutoscaler) {
        let key = &stored.object.key;
        if stored.id.as_deref() == Some(&record.id) {
            self.unlabelled.remove(key);
            return;
        }
        self.unlabelled.insert(key.clone());
        self.write_label(record);
    }

    fn write_label(&self, record: &AutoscalerRecord) {
        if !self.shared.leadership.is_ours() {
            return;
        }
        let change = Change { id: Some(record.id.clone()), ..Change::default() };
        let labelling = self.shared.saver.change(&record.object, record.generation(), change);
        let id = record.id.clone();
        actix::spawn(labelling.map(move |labelled| {
            if let Err(error) = labelled {
                log::warn!("{id}: cannot be written on its object: {error}");
            }
        }));
    }

    /// Says on an object that it is no autoscaler, and why.
    fn show_unusable(&self, stored: &StoredAutoscaler, why: &str) {
        let is_shown = stored.saved.as_ref().is_some_and(|saved| saved.observed_generation == stored.generation);
        if !self.shared.saver.is_needed() || !self.shared.leadership.is_ours() || is_shown {
            return;
        }
        let status = unusable_status(stored, why, self.shared.leadership.identity(), self.shared.clock.now());
        let (saving, key) = (self.shared.saver.show(&stored.object, stored.version, status), stored.object.key.clone());
        actix::spawn(saving.map(move |saved| {
            if let Err(error) = saved {
                log::warn!("{key}: that it is not valid cannot be written on it: {error}");
            }
        }));
    }

    /// Of several autoscalers of one workload only the oldest scales it.
    fn shadow_all_but_the_oldest(&self, workload: &WorkloadRef) {
        let mut entries = self.autoscalers.of_workload(workload);
        let Some(oldest) = entries.next() else { return };
        let shadow = |entry: &Entry, by: Option<&str>| {
            if entry.record.shadow(by) {
                entry.address.do_send(IntentChanged);
            }
        };
        shadow(oldest, None);
        entries.for_each(|entry| shadow(entry, Some(&oldest.record.id)));
    }

    /// Ends an autoscaler whose object does not exist any more. Completes when it does nothing more; `None` when there is no
    /// such autoscaler.
    pub(super) fn forget(&mut self, object: &ObjectRef) -> Option<impl Future<Output = ()> + use<>> {
        self.unusable.remove(&object.key);
        self.unlabelled.remove(&object.key);
        let known = self.autoscalers.by_key(&object.key)?;
        if known.record.object != *object {
            return None;
        }
        let entry = self.autoscalers.remove(&object.key)?;
        self.listing.take_out(&entry.record);
        let stopped = entry.abandon();
        let by = self.deleting.get(object).cloned();
        self.tell(&entry.record, EventKind::Deleted, by, "is not under autoscaling any more");
        self.shadow_all_but_the_oldest(&entry.record.workload);
        Some(stopped)
    }

    /// Remembers that an object was deleted.
    pub(super) fn bury(&mut self, object: &ObjectRef) {
        if self.gone.contains(&object.uid) {
            return;
        }
        if self.gone.len() == GONE_KEPT {
            self.gone.pop_front();
        }
        self.gone.push_back(object.uid.clone());
    }

    /// The same when nobody waits for it.
    fn end(&mut self, object: &ObjectRef) {
        if let Some(stopped) = self.forget(object) {
            actix::spawn(stopped);
        }
    }

    /// Takes notice of what the store tells of its own accord.
    fn apply_told(&mut self, stored: StoredAutoscaler, registry: &Addr<Self>) {
        if let Some(record) = self.apply(stored, registry) {
            record.was_told_of.store(true, Ordering::Relaxed);
        }
    }

    fn apply_list(&mut self, all: Vec<StoredAutoscaler>, registry: &Addr<Self>) {
        let listed: HashSet<_> = all.iter().map(|stored| stored.object.clone()).collect();
        // One that was made while the list was on its way is not in it.
        let told_of = self.autoscalers.iter().filter(|entry| entry.record.was_told_of.load(Ordering::Relaxed));
        let objects = told_of.map(|entry| entry.record.object.clone());
        let gone: Vec<_> = objects.filter(|object| !listed.contains(object)).collect();
        for object in gone {
            self.end(&object);
        }
        self.unusable.retain(|_, stored| listed.contains(&stored.object));
        let mut all = all;
        // The oldest first, so that each knows at once whether it is shadowed, and whose id is whose.
        all.sort_by(|one, other| (one.created_at, &one.object.key).cmp(&(other.created_at, &other.object.key)));
        for stored in all {
            self.apply_told(stored, registry);
        }
        if !self.synced.swap(true, Ordering::Relaxed) {
            log::info!("{} autoscalers are known", self.autoscalers.len());
        }
    }

    pub(super) fn follow_leadership(&self, leadership: Leadership, context: &mut Context<Self>) {
        let mut leadership = leadership;
        let changed = async move {
            leadership.changed().await;
            leadership
        };
        context.spawn(changed.into_actor(self).map(|leadership, registry, context| {
            let leads = leadership.is_ours();
            if leads && !registry.leads {
                registry.take_over();
            }
            registry.leads = leads;
            registry.follow_leadership(leadership, context);
        }));
    }

    /// From now on this replica acts.
    fn take_over(&self) {
        log::info!("this replica leads from now on, and scales {} autoscalers", self.autoscalers.len());
        for entry in self.autoscalers.iter() {
            entry.address.do_send(Lead);
        }
        for key in &self.unlabelled {
            if let Some(entry) = self.autoscalers.by_key(key) {
                self.write_label(&entry.record);
            }
        }
        for stored in self.unusable.values() {
            if let Err(why) = &stored.wanted {
                self.show_unusable(stored, why);
            }
        }
    }
}

impl Handler<StoreSays> for Registry {
    type Result = ();

    fn handle(&mut self, StoreSays(event): StoreSays, context: &mut Self::Context) {
        if self.stopping {
            return;
        }
        let registry = context.address();
        match event {
            StoreEvent::Listed(all) => self.apply_list(all, &registry),
            StoreEvent::Changed(stored) => self.apply_told(*stored, &registry),
            StoreEvent::Deleted(object) => {
                self.bury(&object);
                self.end(&object);
            }
        }
    }
}
