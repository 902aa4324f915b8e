//! Autoscalers that are kept in memory: they end with the service, and only one replica of it can run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::SubsecRound;
use futures_util::{FutureExt, future};
use uuid::Uuid;

use crate::clock::Clock;
use crate::domain::saved::SavedStatus;
use crate::ports::PortFuture;
use crate::ports::store::{AutoscalerStore, Change, NewAutoscaler, ObjectKey, ObjectRef, StoreError, StoredAutoscaler};

/// The store. It answers at once.
pub struct MemoryStore {
    clock: Clock,
    kept: Mutex<HashMap<ObjectKey, StoredAutoscaler>>,
}

impl MemoryStore {
    /// An empty one.
    pub fn new(clock: Clock) -> Self {
        Self { clock, kept: Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<ObjectKey, StoredAutoscaler>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn create_now(&self, NewAutoscaler { key, id, wanted, by }: NewAutoscaler) -> Result<StoredAutoscaler, StoreError> {
        let mut kept = self.kept();
        if kept.contains_key(&key) {
            return Err(StoreError::AlreadyExists);
        }
        let stored = StoredAutoscaler {
            object: ObjectRef { key: key.clone(), uid: Uuid::new_v4().to_string().into() },
            version: 1,
            generation: 1,
            // As exactly as the token of a page says it.
            created_at: self.clock.now().trunc_subsecs(6),
            id: Some(id),
            wanted: Ok(wanted),
            created_by: by.clone(),
            changed_by: by.clone(),
            rules_by: by,
            resumed_at: None,
            saved: None,
        };
        kept.insert(key, stored.clone());
        Ok(stored)
    }

    fn change_now(&self, object: &ObjectRef, generation: i64, change: Change) -> Result<StoredAutoscaler, StoreError> {
        let mut kept = self.kept();
        let stored = kept.get_mut(&object.key).filter(|stored| stored.object == *object).ok_or(StoreError::Gone)?;
        if stored.generation != generation {
            return Err(StoreError::Changed);
        }
        stored.version += 1;
        if let Ok(wanted) = &mut stored.wanted {
            let before = wanted.clone();
            wanted.paused = change.paused.unwrap_or(wanted.paused);
            if let Some(rules) = change.rules {
                wanted.rules = rules;
            }
            if wanted.rules != before.rules {
                stored.rules_by.clone_from(&change.by);
            }
            if *wanted != before {
                stored.generation += 1;
                stored.changed_by = change.by;
            }
        }
        stored.resumed_at = change.resumed_at.or(stored.resumed_at);
        stored.id = change.id.or_else(|| stored.id.take());
        Ok(stored.clone())
    }
}

impl AutoscalerStore for MemoryStore {
    fn create(&self, new: NewAutoscaler) -> PortFuture<Result<StoredAutoscaler, StoreError>> {
        future::ready(self.create_now(new)).boxed()
    }

    fn get(&self, key: &ObjectKey) -> PortFuture<Result<StoredAutoscaler, StoreError>> {
        future::ready(self.kept().get(key).cloned().ok_or(StoreError::Gone)).boxed()
    }

    fn change(
        &self,
        object: &ObjectRef,
        generation: i64,
        change: Change,
    ) -> PortFuture<Result<StoredAutoscaler, StoreError>> {
        future::ready(self.change_now(object, generation, change)).boxed()
    }

    fn delete(&self, object: &ObjectRef) -> PortFuture<Result<(), StoreError>> {
        let mut kept = self.kept();
        let deleted = match kept.get(&object.key) {
            Some(stored) if stored.object == *object => {
                kept.remove(&object.key);
                Ok(())
            }
            _ => Err(StoreError::Gone),
        };
        future::ready(deleted).boxed()
    }

    fn save(&self, _: &ObjectRef, version: u64, _: Arc<SavedStatus>) -> PortFuture<Result<u64, StoreError>> {
        future::ready(Ok(version)).boxed()
    }

    fn keeps_status(&self) -> bool {
        false
    }

    fn fault(&self) -> Option<String> {
        None
    }
}
