//! The objects behind the API, with their versions and a bounded history for those who watch.
//!
//! An object is kept in the form in which it is served, as JSON text, because it is read far more often than it is
//! changed: a list of twenty thousand pods is then a matter of copying.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use tokio::sync::watch;

use super::resource::Resource;

/// Where an object is. Orders by namespace, then name, as lists do.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ObjectKey {
    /// Empty for objects of the cluster.
    pub namespace: String,
    pub name: String,
}

impl ObjectKey {
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

/// One version of an object.
#[derive(Debug)]
pub(super) struct Object {
    pub key: ObjectKey,
    pub labels: BTreeMap<String, String>,
    /// The values of the fields that a selector may name.
    pub fields: Vec<(&'static str, String)>,
    /// The object without `apiVersion` and `kind`, as the items of a list have it.
    pub json: Bytes,
}

impl Object {
    /// The object as a value, without `apiVersion` and `kind`.
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.json).unwrap_or_default()
    }
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChangeKind {
    Added,
    Modified,
    Deleted,
}

/// An entry of the history.
#[derive(Debug)]
pub(super) struct Change {
    pub revision: u64,
    pub at: DateTime<Utc>,
    pub kind: ChangeKind,
    pub object: Arc<Object>,
    /// The version before, by which one tells whether a watch with a selector knew the object.
    pub previous: Option<Arc<Object>>,
}

/// The history does not reach back to the version asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too old resource version: {asked} ({oldest})")]
pub(super) struct Expired {
    pub asked: u64,
    pub oldest: u64,
}

/// All objects.
#[derive(Debug)]
pub(super) struct Store {
    revision: u64,
    tables: BTreeMap<Resource, Table>,
}

#[derive(Debug)]
struct Table {
    objects: BTreeMap<ObjectKey, Arc<Object>>,
    history: VecDeque<Change>,
    /// The newest version that the history no longer holds.
    forgotten: u64,
    /// The version of the newest change.
    newest: u64,
    changed: watch::Sender<u64>,
}

/// How much history is kept as the API server's watch cache keeps it: what is younger than 75 s, within bounds.
const HISTORY_AT_LEAST: usize = 1024;
const HISTORY_AT_MOST: usize = 100 * 1024;
const HISTORY_FRESH: TimeDelta = TimeDelta::seconds(75);

impl Store {
    pub fn new() -> Self {
        let table = || Table {
            objects: BTreeMap::new(),
            history: VecDeque::new(),
            forgotten: 0,
            newest: 0,
            changed: watch::Sender::new(0),
        };
        Self { revision: 1, tables: Resource::ALL.into_iter().map(|resource| (resource, table())).collect() }
    }

    /// The version of the newest change to anything.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    pub fn get(&self, resource: Resource, key: &ObjectKey) -> Option<&Arc<Object>> {
        self.tables.get(&resource)?.objects.get(key)
    }

    /// Whether there is any object of this kind.
    pub fn any(&self, resource: Resource) -> bool {
        self.tables.get(&resource).is_some_and(|table| !table.objects.is_empty())
    }

    /// How many objects of a kind there are, in one namespace or in all.
    pub fn count(&self, resource: Resource, namespace: Option<&str>) -> usize {
        match namespace {
            None => self.tables.get(&resource).map_or(0, |table| table.objects.len()),
            Some(_) => self.list(resource, namespace, None).count(),
        }
    }

    /// The objects of a kind in order, of one namespace or of all, after `after` if that is given.
    pub fn list<'a>(
        &'a self,
        resource: Resource,
        namespace: Option<&'a str>,
        after: Option<&ObjectKey>,
    ) -> impl Iterator<Item = &'a Arc<Object>> + use<'a> {
        let start = match (after, namespace) {
            (Some(key), _) => Bound::Excluded(key.clone()),
            (None, Some(namespace)) => Bound::Included(ObjectKey::new(namespace, "")),
            (None, None) => Bound::Unbounded,
        };
        self.tables
            .get(&resource)
            .into_iter()
            .flat_map(move |table| table.objects.range((start.clone(), Bound::Unbounded)))
            .map(|(_, object)| object)
            .take_while(move |object| namespace.is_none_or(|namespace| object.key.namespace == namespace))
    }

    /// Stores a new object or the next version of one, and gives it its version.
    pub fn put(&mut self, resource: Resource, key: ObjectKey, mut value: Value, now: DateTime<Utc>) -> Arc<Object> {
        self.put_version(resource, key, &mut value, now)
    }

    /// The same for who wants to see the version in the value.
    pub fn put_version(
        &mut self,
        resource: Resource,
        key: ObjectKey,
        value: &mut Value,
        now: DateTime<Utc>,
    ) -> Arc<Object> {
        self.revision += 1;
        let object = Arc::new(version(resource, key, value, self.revision));
        if let Some(table) = self.tables.get_mut(&resource) {
            let previous = table.objects.insert(object.key.clone(), Arc::clone(&object));
            let kind = if previous.is_some() { ChangeKind::Modified } else { ChangeKind::Added };
            table.record(Change { revision: self.revision, at: now, kind, object: Arc::clone(&object), previous });
        }
        object
    }

    /// Changes an object in place. A change that changes nothing makes no new version.
    pub fn update(
        &mut self,
        resource: Resource,
        key: &ObjectKey,
        now: DateTime<Utc>,
        change: impl FnOnce(&mut Value),
    ) -> Option<Arc<Object>> {
        let current = Arc::clone(self.get(resource, key)?);
        let before = current.value();
        let mut after = before.clone();
        change(&mut after);
        if before == after { Some(current) } else { Some(self.put(resource, key.clone(), after, now)) }
    }

    /// Removes an object.
    pub fn delete(&mut self, resource: Resource, key: &ObjectKey, now: DateTime<Utc>) {
        let Some(table) = self.tables.get_mut(&resource) else { return };
        let Some(previous) = table.objects.remove(key) else { return };
        self.revision += 1;
        let last = Arc::new(version(resource, key.clone(), &mut previous.value(), self.revision));
        table.record(Change {
            revision: self.revision,
            at: now,
            kind: ChangeKind::Deleted,
            object: last,
            previous: Some(previous),
        });
    }

    /// Whether one can begin to watch a kind of object from a version.
    pub fn reaches_back(&self, resource: Resource, version: u64) -> Result<(), Expired> {
        let oldest = self.tables.get(&resource).map_or(0, |table| table.forgotten);
        if version < oldest { Err(Expired { asked: version, oldest }) } else { Ok(()) }
    }

    /// The changes to a kind of object after a version. Who has seen the newest one has missed nothing, even if the
    /// history has been forgotten since.
    pub fn changes(&self, resource: Resource, after: u64) -> Result<impl Iterator<Item = &Change>, Expired> {
        let table = self.tables.get(&resource).filter(|table| after < table.newest);
        if table.is_some() {
            self.reaches_back(resource, after)?;
        }
        Ok(table.into_iter().flat_map(move |table| {
            let first = table.history.partition_point(|change| change.revision <= after);
            table.history.range(first..)
        }))
    }

    /// Tells of changes to a kind of object.
    pub fn subscribe(&self, resource: Resource) -> Option<watch::Receiver<u64>> {
        self.tables.get(&resource).map(|table| table.changed.subscribe())
    }

    /// Makes every watch look again.
    pub fn wake_watches(&self) {
        for table in self.tables.values() {
            table.changed.send_modify(|_| ());
        }
    }

    /// Forgets all history, so that no watch can begin from a version that somebody has seen.
    pub fn compact(&mut self) {
        self.revision += 1;
        for table in self.tables.values_mut() {
            table.history.clear();
            table.forgotten = self.revision;
        }
    }
}

impl Table {
    fn record(&mut self, change: Change) {
        let fresh_after = change.at - HISTORY_FRESH;
        self.newest = change.revision;
        self.changed.send_replace(change.revision);
        self.history.push_back(change);
        while self.history.len() > HISTORY_AT_LEAST {
            let keeps = self.history.front().is_some_and(|oldest| oldest.at > fresh_after);
            if keeps && self.history.len() <= HISTORY_AT_MOST {
                break;
            }
            if let Some(oldest) = self.history.pop_front() {
                self.forgotten = oldest.revision;
            }
        }
    }
}

fn version(resource: Resource, key: ObjectKey, value: &mut Value, revision: u64) -> Object {
    value["metadata"]["resourceVersion"] = Value::String(revision.to_string());
    let labels = value["metadata"]["labels"].as_object().into_iter().flatten();
    let labels = labels.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect();
    let selectable = resource.definition().selectable_fields.iter();
    let fields = selectable.map(|path| (*path, text_at(value, path))).collect();
    // A `Value` always has a JSON form.
    let json = Bytes::from(serde_json::to_vec(value).unwrap_or_default());
    Object { key, labels, fields, json }
}

fn text_at(value: &Value, path: &str) -> String {
    let found = path.split('.').try_fold(value, |value, field| value.get(field));
    found.and_then(Value::as_str).unwrap_or_default().to_owned()
}
