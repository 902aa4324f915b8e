//! What the samples of one device say together: its utilisation and its memory.

use super::exposition::Sample;
use super::values::{Impossible, Meaning, complaint, possible};
use crate::domain::Timestamp;
use crate::domain::gpu::Preference;

/// The latest sample of each wanted metric.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Readings<'a> {
    gpu_util: Option<Sample<'a>>,
    gr_engine_active: Option<Sample<'a>>,
    memory_used: Option<Sample<'a>>,
    memory_free: Option<Sample<'a>>,
    memory_total: Option<Sample<'a>>,
    memory_reserved: Option<Sample<'a>>,
}

/// A number with the time of the oldest sample that it was made from, where samples have times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Figure {
    /// The number.
    pub number: f64,
    /// When it was measured.
    pub at: Option<Timestamp>,
}

/// Used memory, and all that can be used, in MiB.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Memory {
    /// What is used.
    pub used: Option<Figure>,
    /// What can be used.
    pub total: Option<Figure>,
}

impl<'a> Readings<'a> {
    /// Takes a sample. It replaces the one before: of series that are there twice, the last counts.
    pub fn take(&mut self, meaning: Meaning, sample: Sample<'a>) {
        *(match meaning {
            Meaning::GpuUtil => &mut self.gpu_util,
            Meaning::GrEngineActive => &mut self.gr_engine_active,
            Meaning::MemoryUsed => &mut self.memory_used,
            Meaning::MemoryFree => &mut self.memory_free,
            Meaning::MemoryTotal => &mut self.memory_total,
            Meaning::MemoryReserved => &mut self.memory_reserved,
        }) = Some(sample);
    }

    fn get(&self, meaning: Meaning) -> Option<&Sample<'a>> {
        match meaning {
            Meaning::GpuUtil => &self.gpu_util,
            Meaning::GrEngineActive => &self.gr_engine_active,
            Meaning::MemoryUsed => &self.memory_used,
            Meaning::MemoryFree => &self.memory_free,
            Meaning::MemoryTotal => &self.memory_total,
            Meaning::MemoryReserved => &self.memory_reserved,
        }
        .as_ref()
    }

    /// These, and from `others` what is lacking here. Nothing of theirs takes the place of what is known here: not even
    /// the preferred utilisation metric of the other.
    #[must_use]
    pub fn or(&self, others: &Self) -> Self {
        let has_utilization = self.utilization(Preference::default()).is_ok();
        let utilization = if has_utilization { &Self::default() } else { others };
        Self {
            gpu_util: self.gpu_util.or(utilization.gpu_util),
            gr_engine_active: self.gr_engine_active.or(utilization.gr_engine_active),
            memory_used: self.memory_used.or(others.memory_used),
            memory_free: self.memory_free.or(others.memory_free),
            memory_total: self.memory_total.or(others.memory_total),
            memory_reserved: self.memory_reserved.or(others.memory_reserved),
        }
    }

    /// The utilisation in percent, by the preferred metric if that has a possible value, else by the other; or why
    /// there is none.
    pub fn utilization(&self, preference: Preference) -> Result<Figure, String> {
        let order = match preference {
            Preference::GpuUtil => [Meaning::GpuUtil, Meaning::GrEngineActive],
            Preference::GrEngineActive => [Meaning::GrEngineActive, Meaning::GpuUtil],
        };
        let mut faults = Vec::new();
        for (meaning, sample) in order.into_iter().filter_map(|meaning| Some((meaning, self.get(meaning)?))) {
            match possible(meaning, sample) {
                Ok(number) if meaning == Meaning::GpuUtil => return Ok(Figure { number, at: sample.at }),
                Ok(ratio) => return Ok(Figure { number: percent(ratio), at: sample.at }),
                Err(Impossible) => faults.push(complaint(meaning, sample)),
            }
        }
        if faults.is_empty() {
            faults.push("no utilisation metric (DCGM_FI_DEV_GPU_UTIL or DCGM_FI_PROF_GR_ENGINE_ACTIVE)".to_owned());
        }
        Err(faults.join("; "))
    }

    /// The memory; nothing of it when one of its metrics has an impossible value.
    ///
    /// Of a device that pods share, `whole` are the readings of the device itself. An exporter that splits the used
    /// memory among the pods does not split the free memory, so what a pod uses and what is free do not make up the
    /// whole; what the device uses and what is free do.
    pub fn memory(&self, whole: Option<&Self>) -> Memory {
        self.possible_memory(whole).unwrap_or_default()
    }

    fn possible_memory(&self, whole: Option<&Self>) -> Result<Memory, Impossible> {
        let used = self.figure(Meaning::MemoryUsed)?;
        // The device cannot use less than the pod: if it seems to, its sample is an old one.
        let of_device = whole.and_then(|whole| whole.figure(Meaning::MemoryUsed).ok()?);
        let of_all = match (used, of_device) {
            (Some(used), Some(device)) if device.number > used.number => Some(device),
            (used, _) => used,
        };
        let total = match self.figure(Meaning::MemoryFree)? {
            Some(free) => of_all.map(|used| used.plus(free)),
            None => self.total_without_reserved()?,
        };
        let is_possible = total.is_none_or(|total| {
            total.number > 0.0 && total.number.is_finite() && used.is_none_or(|used| used.number <= total.number)
        });
        Ok(if is_possible { Memory { used, total } } else { Memory::default() })
    }

    fn total_without_reserved(&self) -> Result<Option<Figure>, Impossible> {
        let total = self.figure(Meaning::MemoryTotal)?;
        let reserved = self.figure(Meaning::MemoryReserved)?;
        Ok(match (total, reserved) {
            (Some(total), Some(reserved)) => Some(total.plus(Figure { number: -reserved.number, ..reserved })),
            (total, _) => total,
        })
    }

    fn figure(&self, meaning: Meaning) -> Result<Option<Figure>, Impossible> {
        let figure = |sample: &Sample<'a>| Ok(Figure { number: possible(meaning, sample)?, at: sample.at });
        self.get(meaning).map(figure).transpose()
    }
}

impl Figure {
    fn plus(self, other: Self) -> Self {
        Self { number: self.number + other.number, at: oldest([self.at, other.at]) }
    }
}

/// The oldest of those times that are known.
pub(super) fn oldest(times: impl IntoIterator<Item = Option<Timestamp>>) -> Option<Timestamp> {
    times.into_iter().flatten().min()
}

/// A ratio in percent, without the digits that the multiplication invents.
fn percent(ratio: f64) -> f64 {
    (ratio * 1e8).round() / 1e6
}
