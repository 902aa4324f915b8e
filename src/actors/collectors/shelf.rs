//! The latest readings of CPU and memory, where every autoscaler can take them without asking the collector.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::domain::Timestamp;
use crate::ports::{Scope, UsageTable};

/// What the collector has read, as long as it serves.
#[derive(Debug, Default)]
pub struct Shelf(RwLock<Tables>);

#[derive(Debug, Default)]
struct Tables {
    of_cluster: Option<Serving>,
    of_namespaces: HashMap<String, Serving>,
}

#[derive(Debug)]
struct Serving {
    table: Arc<UsageTable>,
    until: Timestamp,
}

impl Shelf {
    /// The table for a namespace that still serves at `now`.
    pub(in crate::actors) fn get(&self, namespace: &str, now: Timestamp) -> Option<Arc<UsageTable>> {
        let tables = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let serving = tables.of_cluster.iter().chain(tables.of_namespaces.get(namespace));
        serving.filter(|serving| now < serving.until).map(|serving| serving.table.clone()).next()
    }

    /// Puts a table there, which serves until then. Those that serve no more go.
    pub(super) fn put(&self, scope: &Scope, table: Arc<UsageTable>, now: Timestamp, until: Timestamp) {
        let serving = Serving { table, until };
        let mut tables = self.0.write().unwrap_or_else(PoisonError::into_inner);
        tables.of_namespaces.retain(|_, serving| now < serving.until);
        tables.of_cluster.take_if(|serving| now >= serving.until);
        match scope {
            Scope::Cluster => tables.of_cluster = Some(serving),
            Scope::Namespace(namespace) => {
                tables.of_namespaces.insert(namespace.clone(), serving);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn table(source: &'static str) -> Arc<UsageTable> {
        Arc::new(UsageTable::new(source))
    }

    #[test]
    fn a_table_serves_its_namespace_or_all_of_them_until_its_time() {
        let (shelf, now) = (Shelf::default(), Timestamp::UNIX_EPOCH + TimeDelta::days(20_000));
        let at = |seconds| now + TimeDelta::seconds(seconds);
        let found = |namespace, seconds| shelf.get(namespace, at(seconds)).map(|table| table.source);
        shelf.put(&Scope::Namespace("a".into()), table("a"), now, at(5));
        assert_eq!((found("a", 4), found("a", 5), found("b", 0)), (Some("a"), None, None));
        shelf.put(&Scope::Cluster, table("all"), at(6), at(11));
        assert_eq!((found("a", 6), found("b", 10), found("b", 11)), (Some("all"), Some("all"), None));
    }
}
