//! The autoscalers as readers find them. The registry enters them here and takes them out; a reader looks without asking
//! it, so that no read waits for its mailbox.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use super::news::News;
use super::roster::Place;
use super::snapshot::{AutoscalerRecord, ScaleTotals, Status};
use super::sums::{Share, Sums};
use crate::domain::Timestamp;
use crate::domain::autoscaler::Direction;
use crate::domain::namespaces::NamespaceScope;
use crate::ports::store::ObjectKey;

/// Which autoscalers are looked for.
#[derive(Clone, Debug, Default)]
pub struct List {
    /// Only those whose workload is in one of these namespaces.
    pub scope: NamespaceScope,
    /// Only those with this status.
    pub status: Option<Status>,
    /// At most this many.
    pub limit: Option<usize>,
    /// Only those after this place, where an earlier page ended.
    pub after: Option<Place>,
}

/// What [`List`] finds, by creation time.
#[derive(Clone, Debug)]
pub struct Page {
    /// The autoscalers.
    pub autoscalers: Vec<Arc<AutoscalerRecord>>,
    /// Where the next page begins; `None` when nothing follows.
    pub next: Option<Place>,
}

/// Figures over the autoscalers of some namespaces.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    /// Autoscalers that exist.
    pub total: usize,
    /// Autoscalers whose status is active.
    pub active: usize,
    /// Scale-ups since the service started, those of deleted autoscalers included. Of some namespaces: those of the
    /// autoscalers that there are.
    pub scale_ups: u64,
    /// Scale-downs, likewise.
    pub scale_downs: u64,
    /// Mean CPU utilisation of the active autoscalers whose CPU is known; `None` when there is none.
    pub average_cpu_percent: Option<f64>,
}

/// All autoscalers.
#[derive(Debug, Default)]
pub struct Listing {
    all: RwLock<All>,
    news: Arc<News>,
    sums: Arc<Sums>,
}

#[derive(Debug, Default)]
struct All {
    /// In the order of [`Place`]. Almost always one is added at the end.
    by_creation: Vec<Arc<AutoscalerRecord>>,
    by_id: HashMap<String, Arc<AutoscalerRecord>>,
    /// How many are in each namespace.
    namespaces: BTreeMap<String, usize>,
}

impl Listing {
    /// Counts what becomes of all of them.
    pub fn news(&self) -> &Arc<News> {
        &self.news
    }

    /// What an autoscaler tells of what becomes of it.
    pub(super) fn is_told(&self) -> (Arc<News>, Arc<Sums>) {
        (self.news.clone(), self.sums.clone())
    }

    /// Enters an autoscaler, which is not there yet.
    pub(super) fn enter(&self, record: Arc<AutoscalerRecord>) {
        self.change(|all| {
            record.is_listed(true);
            *all.namespaces.entry(record.object.key.namespace.clone()).or_default() += 1;
            all.by_id.insert(record.id.clone(), record.clone());
            all.by_creation.insert(all.index_of(&record), record);
        });
    }

    /// Takes an autoscaler out.
    pub(super) fn take_out(&self, record: &AutoscalerRecord) {
        self.change(|all| {
            if all.by_id.remove(&record.id).is_none() {
                return;
            }
            record.is_listed(false);
            let index = all.index_of(record);
            if all.by_creation.get(index).is_some_and(|there| there.id == record.id) {
                all.by_creation.remove(index);
            }
            let namespace = &record.object.key.namespace;
            if let Some(count) = all.namespaces.get_mut(namespace) {
                *count -= 1;
                if *count == 0 {
                    all.namespaces.remove(namespace);
                }
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut All)) {
        change(&mut self.all.write().unwrap_or_else(PoisonError::into_inner));
        self.news.happened();
    }

    fn all(&self) -> RwLockReadGuard<'_, All> {
        self.all.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The autoscaler with this id.
    pub fn get(&self, id: &str) -> Option<Arc<AutoscalerRecord>> {
        self.all().by_id.get(id).cloned()
    }

    /// The autoscalers that are looked for.
    pub fn list(&self, list: &List) -> Page {
        let all = self.all();
        let from = list
            .after
            .as_ref()
            .map_or(0, |after| all.by_creation.partition_point(|one| place(one) <= (after.created_at, &after.key)));
        let matches = |record: &&Arc<AutoscalerRecord>| {
            list.scope.contains(&record.workload.namespace)
                && list.status.is_none_or(|status| status == record.status())
        };
        let mut matching = all.by_creation.iter().skip(from).filter(matches);
        let autoscalers: Vec<_> = matching.by_ref().take(list.limit.unwrap_or(usize::MAX)).cloned().collect();
        let last = autoscalers.last().filter(|_| matching.next().is_some());
        let next = last.map(|last| Place { created_at: last.created_at, key: last.object.key.clone() });
        Page { autoscalers, next }
    }

    /// Figures over the autoscalers of these namespaces; `totals` are those of the whole service.
    pub fn aggregate(&self, scope: &NamespaceScope, totals: &ScaleTotals) -> Aggregate {
        match scope {
            NamespaceScope::All => Aggregate {
                total: self.all().by_creation.len(),
                active: self.sums.active(),
                scale_ups: totals.get(Direction::Up),
                scale_downs: totals.get(Direction::Down),
                average_cpu_percent: self.sums.average_cpu_percent(),
            },
            NamespaceScope::Only(_) => self.aggregate_of_some(scope),
        }
    }

    /// What is counted of deleted ones says nothing of their namespaces, so it is not in there.
    fn aggregate_of_some(&self, scope: &NamespaceScope) -> Aggregate {
        let seen = self.list(&List { scope: scope.clone(), ..List::default() }).autoscalers;
        let (sums, totals) = (Sums::default(), ScaleTotals::default());
        for record in &seen {
            sums.replace(Share::default(), record.share_now());
            for direction in [Direction::Up, Direction::Down] {
                totals.add(direction, record.snapshot().scale_count(direction));
            }
        }
        Aggregate {
            total: seen.len(),
            active: sums.active(),
            scale_ups: totals.get(Direction::Up),
            scale_downs: totals.get(Direction::Down),
            average_cpu_percent: sums.average_cpu_percent(),
        }
    }

    /// The namespaces in which there are autoscalers.
    pub fn namespaces(&self) -> BTreeSet<String> {
        self.all().namespaces.keys().cloned().collect()
    }
}

impl All {
    /// Where an autoscaler is, or is to be.
    fn index_of(&self, record: &AutoscalerRecord) -> usize {
        self.by_creation.partition_point(|one| place(one) < place(record))
    }
}

fn place(record: &AutoscalerRecord) -> (Timestamp, &ObjectKey) {
    (record.created_at, &record.object.key)
}
