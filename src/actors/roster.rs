//! The autoscalers that there are: in the order of their creation, and found by id, by object and by workload.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::domain::Timestamp;
use crate::domain::autoscaler::WorkloadRef;
use crate::ports::store::ObjectKey;

/// Where an autoscaler stands in the order of creation. All replicas of the service have the same order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// When it was created.
    pub created_at: Timestamp,
    /// Its object, which tells those apart that were created at the same time.
    pub key: ObjectKey,
}

/// An entry of a [`Roster`].
pub(super) trait Listed {
    fn place(&self) -> Place;
    fn id(&self) -> &str;
    fn workload(&self) -> &WorkloadRef;
}

/// All entries.
pub(super) struct Roster<E> {
    entries: BTreeMap<Place, E>,
    by_id: HashMap<String, Place>,
    by_key: HashMap<ObjectKey, Place>,
    /// Usually one; of several, the first scales the workload.
    by_workload: HashMap<WorkloadRef, BTreeSet<Place>>,
}

impl<E> Default for Roster<E> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), by_id: HashMap::new(), by_key: HashMap::new(), by_workload: HashMap::new() }
    }
}

impl<E: Listed> Roster<E> {
    /// Adds an entry. Neither its id nor its object may be there already.
    pub(super) fn insert(&mut self, entry: E) {
        let place = entry.place();
        self.by_id.insert(entry.id().to_owned(), place.clone());
        self.by_key.insert(place.key.clone(), place.clone());
        self.by_workload.entry(entry.workload().clone()).or_default().insert(place.clone());
        self.entries.insert(place, entry);
    }

    /// Removes an entry.
    pub(super) fn remove(&mut self, key: &ObjectKey) -> Option<E> {
        let place = self.by_key.remove(key)?;
        let entry = self.entries.remove(&place)?;
        self.by_id.remove(entry.id());
        if let Some(places) = self.by_workload.get_mut(entry.workload()) {
            places.remove(&place);
            if places.is_empty() {
                self.by_workload.remove(entry.workload());
            }
        }
        Some(entry)
    }

    pub(super) fn by_id(&self, id: &str) -> Option<&E> {
        self.entries.get(self.by_id.get(id)?)
    }

    pub(super) fn by_id_mut(&mut self, id: &str) -> Option<&mut E> {
        self.entries.get_mut(self.by_id.get(id)?)
    }

    pub(super) fn by_key(&self, key: &ObjectKey) -> Option<&E> {
        self.entries.get(self.by_key.get(key)?)
    }

    /// The autoscalers of a workload, the one that scales it first.
    pub(super) fn of_workload(&self, workload: &WorkloadRef) -> impl Iterator<Item = &E> {
        let places = self.by_workload.get(workload).into_iter().flatten();
        places.filter_map(|place| self.entries.get(place))
    }

    /// All, by creation.
    pub(super) fn iter(&self) -> impl Iterator<Item = &E> {
        self.entries.values()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::domain::autoscaler::WorkloadKind;

    #[derive(Debug, PartialEq)]
    struct Entry {
        place: Place,
        id: &'static str,
        workload: WorkloadRef,
    }

    impl Listed for Entry {
        fn place(&self) -> Place {
            self.place.clone()
        }

        fn id(&self) -> &str {
            self.id
        }

        fn workload(&self) -> &WorkloadRef {
            &self.workload
        }
    }

    fn entry(id: &'static str, second: i64, workload: &str) -> Entry {
        Entry {
            place: Place {
                created_at: Timestamp::UNIX_EPOCH + TimeDelta::seconds(second),
                key: ObjectKey { namespace: "default".into(), name: format!("hpa-{id}") },
            },
            id,
            workload: WorkloadRef {
                kind: WorkloadKind::Deployment,
                namespace: "default".into(),
                name: workload.into(),
            },
        }
    }

    fn ids<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<&'static str> {
        entries.map(|entry| entry.id).collect()
    }

    #[test]
    fn entries_are_in_the_order_of_creation_and_then_of_their_names() {
        let mut roster = Roster::default();
        for (id, second) in [("c", 2), ("b", 1), ("a", 1)] {
            roster.insert(entry(id, second, id));
        }
        assert_eq!(ids(roster.iter()), ["a", "b", "c"]);
    }

    #[test]
    fn the_oldest_autoscaler_of_a_workload_is_its_first_until_it_is_removed() {
        let mut roster = Roster::default();
        for (id, second) in [("young", 9), ("old", 1)] {
            roster.insert(entry(id, second, "web"));
        }
        let web = entry("any", 0, "web").workload;
        assert_eq!(ids(roster.of_workload(&web)), ["old", "young"]);
        let old = roster.by_id("old").unwrap().place().key;
        assert_eq!(roster.remove(&old).unwrap().id, "old");
        assert_eq!(ids(roster.of_workload(&web)), ["young"]);
        assert!(roster.by_id("old").is_none() && roster.by_key(&old).is_none());
        assert_eq!(roster.remove(&old), None);
    }
}
