//! From the lines of an exporter's answer to devices.
//!
//! The samples of a device are sorted by whose they are (rows), then each device becomes one entry for each pod that
//! uses it, or one entry without a pod.
//!
//! A sample that names no pod is about the device itself. It counts for a pod of that device only where the pod's own
//! samples say nothing: an exporter may label only a part of its metrics, but it may also show old samples from before
//! the pod came.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::exposition::{Fault, LabelValue, Skipped, read_line};
use super::labels::{Card, DeviceKey, Holder, Labels, Names};
use super::readings::{Readings, oldest};
use super::values::{Meaning, is_of_dcgm};
use crate::domain::Timestamp;
use crate::domain::gpu::{GpuReading, MigInstance, Preference};
use crate::ports::Device;

/// How many rows one answer may have. A node with 16 GPUs in 7 instances each, every one shared by 48 pods, has
/// fewer; an answer with more is nonsense, and must not fill the memory.
const MOST_ROWS: usize = 10_000;

/// Reads an exporter's answer that came at `at`. Never fails: lines that make no sense are given to `skipped`, the rest
/// counts.
pub fn read_devices<'a>(
    answer: &'a [u8],
    at: Timestamp,
    preference: Preference,
    mut skipped: impl FnMut(Skipped<'a>),
) -> Vec<Device> {
    let mut rows = Rows::default();
    for (index, text) in answer.split(|byte| *byte == b'\n').enumerate() {
        if let Err(why) = rows.take_line(text) {
            skipped(Skipped { line: index + 1, why, text });
        }
    }
    rows.devices(at, preference)
}

/// All rows, in the order in which they first came.
#[derive(Default)]
struct Rows<'a> {
    rows: Vec<Row<'a>>,
    places: HashMap<(DeviceKey<'a>, Holder<'a>), usize>,
}

/// The samples of one device that have the same holder.
struct Row<'a> {
    device: DeviceKey<'a>,
    holder: Holder<'a>,
    container: Container<'a>,
    is_of_slot: bool,
    names: Names<'a>,
    readings: Readings<'a>,
}

/// The container of the pod that uses the device.
#[derive(Clone, Copy, PartialEq)]
enum Container<'a> {
    Unknown,
    One(LabelValue<'a>),
    Several,
}

impl<'a> Rows<'a> {
    fn take_line(&mut self, line: &'a [u8]) -> Result<(), Fault> {
        let mut labels = Labels::default();
        let sample = read_line(line, |name, value| labels.take(name, value))?;
        let Some(sample) = sample.filter(|sample| is_of_dcgm(sample.name)) else {
            return Ok(());
        };
        let Some(device) = labels.device()? else {
            return Ok(());
        };
        let row = self.row(device, &labels)?;
        if let Some(meaning) = Meaning::of(sample.name) {
            row.readings.take(meaning, sample);
        }
        Ok(())
    }

    /// The row that a sample with these labels belongs to.
    fn row(&mut self, device: DeviceKey<'a>, labels: &Labels<'a>) -> Result<&mut Row<'a>, Fault> {
        let (holder, container) = labels.holder();
        let place = match self.places.entry((device, holder)) {
            Entry::Occupied(place) => *place.get(),
            Entry::Vacant(_) if self.rows.len() == MOST_ROWS => return Err(Fault::Excess),
            Entry::Vacant(place) => {
                self.rows.push(Row::new(device, holder));
                *place.insert(self.rows.len() - 1)
            }
        };
        let row = self.rows.get_mut(place).ok_or(Fault::Excess)?;
        row.names = row.names.or(labels.names());
        row.is_of_slot |= labels.is_of_slot();
        row.container = row.container.and(container);
        Ok(row)
    }

    /// The devices, in the order in which they first came.
    fn devices(&self, at: Timestamp, preference: Preference) -> Vec<Device> {
        let divided: HashSet<Card<'a>> =
            self.rows.iter().filter(|row| row.device.instance.is_some()).map(|row| row.device.card).collect();
        let mut places = HashMap::new();
        let mut devices: Vec<DeviceRows<'_, 'a>> = Vec::new();
        for row in &self.rows {
            // A GPU that is divided into instances is not one more device.
            if row.device.instance.is_none() && divided.contains(&row.device.card) {
                continue;
            }
            let place = *places.entry(row.device).or_insert(devices.len());
            match devices.get_mut(place) {
                Some(device) => device.take(row),
                None => devices.push(DeviceRows::new(row)),
            }
        }
        devices.iter().flat_map(|device| device.entries(at, preference)).collect()
    }
}

impl<'a> Row<'a> {
    fn new(device: DeviceKey<'a>, holder: Holder<'a>) -> Self {
        Self {
            device,
            holder,
            container: Container::Unknown,
            is_of_slot: false,
            names: Names::default(),
            readings: Readings::default(),
        }
    }
}

impl<'a> Container<'a> {
    fn and(self, other: Option<LabelValue<'a>>) -> Self {
        match (self, other) {
            (Self::Unknown, Some(other)) => Self::One(other),
            (Self::One(known), Some(other)) if known != other => Self::Several,
            (known, _) => known,
        }
    }

    /// Its name, if it is one.
    fn name(self) -> Option<Arc<str>> {
        match self {
            Self::One(name) => Some(shared(name)),
            Self::Unknown | Self::Several => None,
        }
    }
}

/// All rows of one device.
struct DeviceRows<'r, 'a> {
    key: DeviceKey<'a>,
    is_divided: bool,
    names: Names<'a>,
    of_pods: Vec<&'r Row<'a>>,
    of_nobody: Option<&'r Row<'a>>,
    free_slots: Option<&'r Row<'a>>,
}

impl<'r, 'a> DeviceRows<'r, 'a> {
    fn new(row: &'r Row<'a>) -> Self {
        let mut device = Self {
            key: row.device,
            is_divided: false,
            names: Names::default(),
            of_pods: Vec::new(),
            of_nobody: None,
            free_slots: None,
        };
        device.take(row);
        device
    }

    fn take(&mut self, row: &'r Row<'a>) {
        self.is_divided |= row.is_of_slot;
        self.names = self.names.or(row.names);
        match row.holder {
            Holder::Pod { .. } => self.of_pods.push(row),
            Holder::Nobody => self.of_nobody = Some(row),
            Holder::FreeSlot => self.free_slots = Some(row),
        }
    }

    /// One entry for each pod that uses the device; one without a pod when none does.
    fn entries(&self, at: Timestamp, preference: Preference) -> Vec<Device> {
        let of_device = self.of_nobody.map(|row| row.readings).unwrap_or_default();
        let is_shared = self.is_divided || self.of_pods.len() > 1;
        let device = GpuReading { shared: is_shared, ..self.unmeasured(at) };
        if self.of_pods.is_empty() {
            // Parts that nobody has taken only count as long as there is nothing better.
            let of_slots = self.free_slots.map(|row| row.readings).unwrap_or_default();
            let reading = measured(device, &of_device.or(&of_slots), None, preference);
            return vec![Device { pod: None, reading }];
        }
        let whole = is_shared.then_some(&of_device);
        let entry = |row: &&Row<'a>| {
            let device = GpuReading { container: row.container.name(), ..device.clone() };
            Device { pod: row.pod(), reading: measured(device, &row.readings.or(&of_device), whole, preference) }
        };
        self.of_pods.iter().map(entry).collect()
    }

    /// The device, as far as its labels tell.
    fn unmeasured(&self, at: Timestamp) -> GpuReading {
        let (Card::Uuid(id) | Card::Index(id) | Card::Name(id)) = self.key.card;
        let uuid = matches!(self.key.card, Card::Uuid(_)).then(|| shared(id));
        let mig = self.key.instance.map(|id| MigInstance { id: shared(id), profile: self.names.profile.map(shared) });
        let model = self.names.model.map(shared);
        GpuReading { uuid, mig, model, ..GpuReading::new(shared(self.names.device().unwrap_or(id)), at) }
    }
}

impl Row<'_> {
    /// The pod, as namespace and name.
    fn pod(&self) -> Option<(Arc<str>, Arc<str>)> {
        match self.holder {
            Holder::Pod { namespace, name } => Some((shared(namespace), shared(name))),
            Holder::Nobody | Holder::FreeSlot => None,
        }
    }
}

/// The device with what was measured of it.
fn measured(
    device: GpuReading,
    readings: &Readings<'_>,
    whole: Option<&Readings<'_>>,
    preference: Preference,
) -> GpuReading {
    let utilization = readings.utilization(preference);
    let memory = readings.memory(whole);
    let figures = [utilization.as_ref().ok().copied(), memory.used, memory.total];
    GpuReading {
        measured_at: oldest(figures.map(|figure| figure?.at)).unwrap_or(device.measured_at),
        utilization_percent: utilization.as_ref().ok().map(|figure| figure.number),
        memory_used_mib: memory.used.map(|figure| figure.number),
        memory_total_mib: memory.total.map(|figure| figure.number),
        unknown_because: utilization.err().map(Arc::from),
        ..device
    }
}

fn shared(value: LabelValue<'_>) -> Arc<str> {
    value.unescaped().into()
}

#[cfg(test)]
mod tests;
