//! A store like the cluster's own: objects with versions, of which every change is told to all who follow.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use ai_storage_orchestrator::clock::Clock;
use ai_storage_orchestrator::domain::access::CallerName;
use ai_storage_orchestrator::domain::saved::SavedStatus;
use ai_storage_orchestrator::ports::store::{
    AutoscalerStore, Change, NewAutoscaler, ObjectKey, ObjectRef, StoreError, StoreEvent, StoreEvents,
    StoredAutoscaler, Wanted,
};
use ai_storage_orchestrator::ports::{ClusterError, PortFuture};
use futures_util::{FutureExt, StreamExt, future};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

#[derive(Clone)]
pub struct Objects(Arc<Inner>);

struct Inner {
    clock: Clock,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    objects: HashMap<ObjectKey, StoredAutoscaler>,
    version: u64,
    followers: Vec<UnboundedSender<StoreEvent>>,
    faults: VecDeque<Fault>,
    saves: usize,
}

/// What becomes of the next write.
pub enum Fault {
    /// It does not reach the store.
    Unreachable,
    /// It is not done, and nobody answers in time.
    Unanswered,
    /// It is done, but nobody says so.
    AnswerLost,
    /// It is done, and answered after all have been told of it.
    AnswerLate,
    /// Nothing.
    None,
}

impl Objects {
    pub fn new(clock: Clock) -> Self {
        Self(Arc::new(Inner { clock, kept: Mutex::default() }))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap()
    }

    /// All that there are, then every change.
    pub fn follow(&self) -> StoreEvents {
        let (sender, mut receiver) = unbounded_channel();
        let mut kept = self.kept();
        sender.send(StoreEvent::Listed(kept.objects.values().cloned().collect())).unwrap();
        kept.followers.push(sender);
        futures_util::stream::poll_fn(move |context| receiver.poll_recv(context)).boxed()
    }

    pub fn next(&self, fault: Fault) {
        self.kept().faults.push_back(fault);
    }

    /// Somebody makes an object by hand.
    pub fn apply(&self, name: &str, wanted: Wanted) -> StoredAutoscaler {
        let key = ObjectKey { namespace: wanted.workload.namespace.clone(), name: name.into() };
        let mut kept = self.kept();
        let stored = kept.insert(self.0.clock, key, None, wanted, None);
        drop(kept);
        stored
    }

    /// All are told all that there are, but for those that were made last: as a list that was on its way when they were.
    pub fn tell_all_but_the_last(&self, last: usize) {
        let mut kept = self.kept();
        let mut all: Vec<_> = kept.objects.values().cloned().collect();
        all.sort_by_key(|stored| stored.version);
        all.truncate(all.len() - last);
        kept.tell(StoreEvent::Listed(all));
    }

    /// All are told how each object is.
    pub fn tell_each(&self) {
        let mut kept = self.kept();
        let all: Vec<_> = kept.objects.values().cloned().collect();
        all.into_iter().for_each(|stored| kept.tell(StoreEvent::Changed(Box::new(stored))));
    }

    /// From now on nothing is told, as while a watch is broken, until the answer is called.
    pub fn silence(&self) -> impl FnOnce() + use<> {
        let followers = std::mem::take(&mut self.kept().followers);
        let objects = self.clone();
        move || objects.kept().followers = followers
    }

    /// Somebody makes another definition of an object, valid or not.
    pub fn redefine(&self, stored: &StoredAutoscaler, wanted: Result<Wanted, String>) {
        self.kept().changed(&stored.object, |stored| {
            stored.wanted = wanted;
            stored.generation += 1;
        });
    }

    /// Somebody deletes an object by hand.
    pub fn remove(&self, stored: &StoredAutoscaler) {
        self.kept().delete(&stored.object).unwrap();
    }

    pub fn all(&self) -> Vec<StoredAutoscaler> {
        self.kept().objects.values().cloned().collect()
    }

    /// The only one.
    pub fn one(&self) -> StoredAutoscaler {
        let mut all = self.all();
        assert_eq!(all.len(), 1);
        all.pop().unwrap()
    }

    /// How often a status was written.
    pub fn saves(&self) -> usize {
        self.kept().saves
    }

    /// Does it, and what the script says of the next write.
    fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&mut Kept) -> Result<T, StoreError>,
    ) -> PortFuture<Result<T, StoreError>> {
        let mut kept = self.kept();
        let lost = || StoreError::Cluster(ClusterError::Unavailable("the connection broke".into()));
        let done = match kept.faults.pop_front() {
            Some(Fault::Unreachable) => Err(lost()),
            Some(Fault::Unanswered) => Err(StoreError::Cluster(ClusterError::Timeout(Duration::from_secs(10)))),
            Some(Fault::AnswerLate) => {
                let done = write(&mut kept);
                let clock = self.0.clock;
                return async move {
                    clock.sleep(Duration::from_millis(500)).await;
                    done
                }
                .boxed();
            }
            Some(Fault::AnswerLost) => write(&mut kept).and_then(|_| Err(lost())),
            Some(Fault::None) | None => write(&mut kept),
        };
        future::ready(done).boxed()
    }
}

impl Kept {
    fn insert(
        &mut self,
        clock: Clock,
        key: ObjectKey,
        id: Option<String>,
        wanted: Wanted,
        by: Option<CallerName>,
    ) -> StoredAutoscaler {
        self.version += 1;
        let stored = StoredAutoscaler {
            object: ObjectRef { key: key.clone(), uid: format!("uid-{}", self.version).into() },
            version: self.version,
            generation: 1,
            created_at: clock.now(),
            id,
            wanted: Ok(wanted),
            created_by: by.clone(),
            changed_by: by.clone(),
            rules_by: by,
            resumed_at: None,
            saved: None,
        };
        self.objects.insert(key, stored.clone());
        self.tell(StoreEvent::Changed(Box::new(stored.clone())));
        stored
    }

    fn delete(&mut self, object: &ObjectRef) -> Result<(), StoreError> {
        self.find(object)?;
        self.objects.remove(&object.key);
        self.tell(StoreEvent::Deleted(object.clone()));
        Ok(())
    }

    fn find(&mut self, object: &ObjectRef) -> Result<&mut StoredAutoscaler, StoreError> {
        self.objects.get_mut(&object.key).filter(|stored| stored.object == *object).ok_or(StoreError::Gone)
    }

    /// Gives an object a new version, and tells of it.
    fn changed(&mut self, object: &ObjectRef, change: impl FnOnce(&mut StoredAutoscaler)) -> StoredAutoscaler {
        self.version += 1;
        let version = self.version;
        let stored = self.find(object).unwrap();
        change(stored);
        stored.version = version;
        let stored = stored.clone();
        self.tell(StoreEvent::Changed(Box::new(stored.clone())));
        stored
    }

    fn tell(&mut self, event: StoreEvent) {
        self.followers.retain(|follower| follower.send(event.clone()).is_ok());
    }
}

impl AutoscalerStore for Objects {
    fn create(&self, new: NewAutoscaler) -> PortFuture<Result<StoredAutoscaler, StoreError>> {
        let clock = self.0.clock;
        self.write(move |kept| {
            if kept.objects.contains_key(&new.key) {
                return Err(StoreError::AlreadyExists);
            }
            Ok(kept.insert(clock, new.key, Some(new.id), new.wanted, new.by))
        })
    }

    fn get(&self, key: &ObjectKey) -> PortFuture<Result<StoredAutoscaler, StoreError>> {
        future::ready(self.kept().objects.get(key).cloned().ok_or(StoreError::Gone)).boxed()
    }

    fn change(
        &self,
        object: &ObjectRef,
        generation: i64,
        change: Change,
    ) -> PortFuture<Result<StoredAutoscaler, StoreError>> {
        let object = object.clone();
        self.write(move |kept| {
            if kept.find(&object)?.generation != generation {
                return Err(StoreError::Changed);
            }
            Ok(kept.changed(&object, |stored| {
                let wanted = stored.wanted.as_mut().unwrap();
                let before = wanted.clone();
                wanted.paused = change.paused.unwrap_or(wanted.paused);
                wanted.rules = change.rules.unwrap_or_else(|| wanted.rules.clone());
                stored.generation += i64::from(*wanted != before);
                stored.resumed_at = change.resumed_at.or(stored.resumed_at);
                stored.id = change.id.or_else(|| stored.id.take());
            }))
        })
    }

    fn delete(&self, object: &ObjectRef) -> PortFuture<Result<(), StoreError>> {
        let object = object.clone();
        self.write(move |kept| kept.delete(&object))
    }

    fn save(&self, object: &ObjectRef, version: u64, status: Arc<SavedStatus>) -> PortFuture<Result<u64, StoreError>> {
        let object = object.clone();
        self.write(move |kept| {
            if kept.find(&object)?.version != version {
                return Err(StoreError::Changed);
            }
            kept.saves += 1;
            Ok(kept.changed(&object, |stored| stored.saved = Some(status)).version)
        })
    }

    fn keeps_status(&self) -> bool {
        true
    }

    fn fault(&self) -> Option<String> {
        None
    }
}
