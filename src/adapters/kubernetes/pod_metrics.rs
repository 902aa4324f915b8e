//! The metrics API's answer, read into a table as it is parsed.
//!
//! There may be a hundred thousand pods in it, and a source measures them less often than it is asked: what has not changed
//! since the last answer is shared with its table, and nothing is made anew.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use chrono::DateTime;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::duration;
use super::interned::Interned;
use crate::domain::observation::{ContainerUsage, PodUsage};
use crate::domain::quantity::Amount;
use crate::ports::{NamespaceUsage, UsageTable};

/// After so many items, half a millisecond, other threads have their turn. Where all share one core, they would wait for as
/// long as the scheduler lets one work in a row: several milliseconds, in which somebody waits for an answer.
const IN_A_ROW: usize = 64;

/// Reads a `PodMetricsList`. `known` is what was read before.
pub(super) fn read_list(
    body: &str,
    source: &'static str,
    known: Option<&UsageTable>,
) -> serde_json::Result<UsageTable> {
    // One that is not as it should be must not cost the others.
    read_items::<PodMetrics<'_>>(body, source, known)
        .or_else(|_| read_items::<Tolerant<PodMetrics<'_>>>(body, source, known))
}

fn read_items<'a, T>(
    body: &'a str,
    source: &'static str,
    known: Option<&'a UsageTable>,
) -> serde_json::Result<UsageTable>
where
    T: Deserialize<'a> + Into<Option<PodMetrics<'a>>>,
{
    let mut tabulation = Tabulation {
        known,
        table: UsageTable::new(source),
        namespace: Cow::default(),
        known_here: None,
        run: Vec::new(),
        names: Interned::default(),
    };
    let mut answer = serde_json::Deserializer::from_str(body);
    List { tabulation: &mut tabulation, item: PhantomData::<T> }.deserialize(&mut answer)?;
    answer.end()?;
    Ok(tabulation.finish())
}

/// An item that may be none. Reading such ones costs several times as much.
#[derive(Deserialize)]
#[serde(untagged)]
enum Tolerant<T> {
    Read(T),
    Wrong(IgnoredAny),
}

impl<T> From<Tolerant<T>> for Option<T> {
    fn from(item: Tolerant<T>) -> Self {
        match item {
            Tolerant::Read(item) => Some(item),
            Tolerant::Wrong(_) => {
                log::debug!("ignoring an item that is no PodMetrics");
                None
            }
        }
    }
}

/// What is looked at of an item, in the answer's own text.
#[derive(Deserialize)]
struct PodMetrics<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
    #[serde(borrow)]
    window: Cow<'a, str>,
    #[serde(borrow)]
    containers: Vec<ContainerMetrics<'a>>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    namespace: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Deserialize)]
struct ContainerMetrics<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    usage: Usage<'a>,
}

#[derive(Deserialize)]
struct Usage<'a> {
    #[serde(borrow)]
    cpu: Option<Quantity<'a>>,
    #[serde(borrow)]
    memory: Option<Quantity<'a>>,
}

/// Within an `Option`, serde would copy a bare `Cow`.
#[derive(Deserialize)]
struct Quantity<'a>(#[serde(borrow)] Cow<'a, str>);

impl ContainerMetrics<'_> {
    fn amounts(&self) -> (Option<Amount>, Option<Amount>) {
        let read = |resource, text: &Option<Quantity<'_>>| {
            text.as_ref().and_then(|Quantity(text)| amount(&self.name, resource, text))
        };
        (read("cpu", &self.usage.cpu), read("memory", &self.usage.memory))
    }

    fn is(&self, known: &ContainerUsage) -> bool {
        self.name == *known.name && self.amounts() == (known.cpu, known.memory)
    }

    fn usage(&self, names: &mut Interned<str>) -> ContainerUsage {
        let (cpu, memory) = self.amounts();
        ContainerUsage { name: names.share(&*self.name), cpu, memory }
    }
}

/// What cannot be read was not measured. What can be read but cannot be is left for the domain to judge.
fn amount(container: &str, resource: &str, text: &str) -> Option<Amount> {
    let parsed = text.parse();
    parsed.inspect_err(|error| log::debug!("ignoring {resource} {text:?} of container {container}: {error}")).ok()
}

/// A table in the making. Sources give the pods of a namespace one after the other: each such run is compared with what is
/// known of its namespace.
struct Tabulation<'a> {
    known: Option<&'a UsageTable>,
    table: UsageTable,
    namespace: Cow<'a, str>,
    /// What is known of the namespace of the run.
    known_here: Option<(&'a Arc<str>, &'a Arc<NamespaceUsage>)>,
    run: Vec<(Arc<str>, Arc<PodUsage>)>,
    /// Those of containers, most of which are called like many others.
    names: Interned<str>,
}

impl<'a> Tabulation<'a> {
    fn take(&mut self, item: PodMetrics<'a>) {
        let PodMetrics { metadata: Metadata { namespace, name }, timestamp, window, containers } = item;
        let (Ok(measured_at), Some(window)) = (DateTime::parse_from_rfc3339(&timestamp), duration::parse(&window))
        else {
            log::debug!("ignoring {namespace}/{name}: timestamp {timestamp:?}, window {window:?}");
            return;
        };
        let measured_at = measured_at.to_utc();
        if self.run.is_empty() || namespace != self.namespace {
            self.end_run();
            self.known_here = self.known.and_then(|known| known.namespaces.get_key_value(&*namespace));
            self.namespace = namespace;
        }
        let known = self.known_here.and_then(|(_, of_namespace)| of_namespace.get_key_value(&*name));
        let is_known = |usage: &PodUsage| {
            (usage.measured_at, usage.window) == (measured_at, window)
                && usage.containers.len() == containers.len()
                && containers.iter().zip(&usage.containers).all(|(now, known)| now.is(known))
        };
        let pod = known.map_or_else(|| Arc::from(&*name), |(pod, _)| pod.clone());
        let usage = match known {
            Some((_, usage)) if is_known(usage) => usage.clone(),
            _ => {
                let containers = containers.iter().map(|container| container.usage(&mut self.names)).collect();
                Arc::new(PodUsage { measured_at, window, containers })
            }
        };
        self.run.push((pod, usage));
    }

    fn end_run(&mut self) {
        if self.run.is_empty() {
            return;
        }
        let known = self.known_here;
        let namespace = known.map_or_else(|| Arc::from(&*self.namespace), |(namespace, _)| namespace.clone());
        let (run, namespaces) = (&mut self.run, &mut self.table.namespaces);
        match (namespaces.get_mut(&namespace), known) {
            (Some(begun), _) => Arc::make_mut(begun).extend(run.drain(..)),
            (None, Some((_, of_namespace))) if is_same(of_namespace, run) => {
                namespaces.insert(namespace, of_namespace.clone());
                run.clear();
            }
            (None, _) => {
                namespaces.insert(namespace, Arc::new(run.drain(..).collect()));
            }
        }
    }

    fn finish(mut self) -> UsageTable {
        self.end_run();
        self.table
    }
}

/// Whether a run is all that is known of its namespace, and nothing else.
fn is_same(known: &NamespaceUsage, run: &[(Arc<str>, Arc<PodUsage>)]) -> bool {
    let is_shared = |(pod, usage): &(Arc<str>, _)| known.get(pod).is_some_and(|known| Arc::ptr_eq(known, usage));
    known.len() == run.len() && run.iter().all(is_shared)
}

/// The answer, of which only the items are looked at.
struct List<'t, 'a, T> {
    tabulation: &'t mut Tabulation<'a>,
    item: PhantomData<T>,
}

/// The items of the answer.
struct Items<'t, 'a, T> {
    tabulation: &'t mut Tabulation<'a>,
    item: PhantomData<T>,
}

impl<'a, T> DeserializeSeed<'a> for List<'_, 'a, T>
where
    T: Deserialize<'a> + Into<Option<PodMetrics<'a>>>,
{
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'a, T> Visitor<'a> for List<'_, 'a, T>
where
    T: Deserialize<'a> + Into<Option<PodMetrics<'a>>>,
{
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a PodMetricsList")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(field) = map.next_key::<Cow<'a, str>>()? {
            if field == "items" {
                map.next_value_seed(Items { tabulation: &mut *self.tabulation, item: PhantomData::<T> })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

impl<'a, T> DeserializeSeed<'a> for Items<'_, 'a, T>
where
    T: Deserialize<'a> + Into<Option<PodMetrics<'a>>>,
{
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'a, T> Visitor<'a> for Items<'_, 'a, T>
where
    T: Deserialize<'a> + Into<Option<PodMetrics<'a>>>,
{
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of PodMetrics")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut items: A) -> Result<(), A::Error> {
        let mut read = 0_usize;
        while let Some(item) = items.next_element::<T>()? {
            if let Some(item) = item.into() {
                self.tabulation.take(item);
            }
            read += 1;
            if read.is_multiple_of(IN_A_ROW) {
                std::thread::yield_now();
            }
        }
        Ok(())
    }
}
