//! A table of objects together with how far it can be trusted.

use std::fmt::Debug;
use std::sync::{PoisonError, RwLock};

use chrono::SecondsFormat;
use kube::Resource;
use serde::de::DeserializeOwned;

use crate::domain::Timestamp;
use crate::ports::ClusterError;

/// What is kept of the objects of one resource.
pub(super) trait Table: Default + Send + Sync + 'static {
    /// The Kubernetes type.
    type Object: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static;

    /// Takes an object as it is now.
    fn put(&mut self, object: Self::Object);

    /// Takes notice that an object does not exist any more.
    fn remove(&mut self, object: Self::Object);
}

/// A table that a watch keeps up to date, and whether it is.
pub(super) struct Watched<T> {
    /// The resource, for messages.
    name: String,
    known: RwLock<Known<T>>,
}

struct Known<T> {
    table: T,
    health: Health,
}

/// Whether a table shows the cluster as it is.
enum Health {
    /// Not yet: the first list is under way, or nobody has said yet that changes to it can be watched.
    Starting,
    /// Yes, as far as anybody can tell.
    Current,
    /// No: the watch is broken, and the table shows what was before.
    Failing { since: Timestamp, error: ClusterError },
}

impl Health {
    fn fault(&self) -> Option<String> {
        match self {
            Self::Current => None,
            Self::Starting => Some("have not been read yet".to_owned()),
            Self::Failing { since, error } => {
                let since = since.to_rfc3339_opts(SecondsFormat::Secs, true);
                Some(format!("cannot be watched since {since}: {error}"))
            }
        }
    }
}

impl<T: Table> Watched<T> {
    pub(super) fn new() -> Self {
        Self::of::<T::Object>()
    }
}

impl<T: Default> Watched<T> {
    /// What is known of the objects of this type, none of which is known yet.
    pub(super) fn of<K: Resource<DynamicType = ()>>() -> Self {
        let known = RwLock::new(Known { table: T::default(), health: Health::Starting });
        Self { name: K::plural(&()).into_owned(), known }
    }

    /// The resource, in the plural.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Reads the table, provided that it is up to date; otherwise says why it is not.
    pub(super) fn read<R>(&self, look: impl FnOnce(&T) -> R) -> Result<R, String> {
        // A poisoned lock is taken all the same: the panic ends the watch, so the table does not pass for current.
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        match known.health.fault() {
            None => Ok(look(&known.table)),
            Some(why) => Err(format!("the {} of the cluster {why}", self.name)),
        }
    }

    /// Why the table is not up to date, if it is not: the resource, and what is wrong with it.
    pub(super) fn fault(&self) -> Option<(&str, String)> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.health.fault().map(|why| (self.name.as_str(), why))
    }

    /// Changes the table by what the watch says.
    pub(super) fn change(&self, change: impl FnOnce(&mut T)) {
        change(&mut self.known.write().unwrap_or_else(PoisonError::into_inner).table);
    }

    /// Takes a complete new table. It is current as soon as its changes are watched.
    pub(super) fn replace(&self, table: T) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut known.table, table);
        drop(known);
        // After the lock is free: a large table takes a while to drop.
        drop(old);
    }

    /// The API server tells the changes to the table from now on.
    pub(super) fn confirm(&self) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Health::Failing { .. } = std::mem::replace(&mut known.health, Health::Current) {
            log::info!("the {} of the cluster are watched again", self.name);
        }
    }

    /// The watch is broken.
    pub(super) fn fail(&self, error: ClusterError, now: Timestamp) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let since = match known.health {
            Health::Failing { since, .. } => since,
            Health::Starting | Health::Current => {
                log::warn!("the {} of the cluster cannot be watched, trying again: {error}", self.name);
                now
            }
        };
        known.health = Health::Failing { since, error };
    }
}
