//! Metrics that are read at the time of the scrape and kept nowhere.

use std::fmt;

use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet, LabelSetEncoder, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

/// A metric's name without prefix and unit, its unit, and its meaning.
#[derive(Clone, Copy)]
pub(super) struct About {
    pub name: &'static str,
    pub unit: Option<&'static str>,
    pub help: &'static str,
}

/// A metric without a unit.
pub(super) const fn about(name: &'static str, help: &'static str) -> About {
    About { name, unit: None, help }
}

impl About {
    pub(super) const fn in_unit(self, unit: &'static str) -> Self {
        Self { unit: Some(unit), ..self }
    }

    fn unit(&self) -> Option<Unit> {
        self.unit.map(|unit| Unit::Other(unit.to_owned()))
    }

    /// The meaning as the registry's own metrics have it, with a full stop.
    fn help(&self) -> String {
        format!("{}.", self.help)
    }
}

/// Writes values that go up and down. What is not known has no sample.
pub(super) fn gauges<L: EncodeLabelSet, V: EncodeGaugeValue>(
    encoder: &mut DescriptorEncoder<'_>,
    about: About,
    samples: impl IntoIterator<Item = (L, V)>,
) -> fmt::Result {
    let unit = about.unit();
    let mut family = encoder.encode_descriptor(about.name, &about.help(), unit.as_ref(), MetricType::Gauge)?;
    for (labels, value) in samples {
        family.encode_family(&labels)?.encode_gauge(&value)?;
    }
    Ok(())
}

/// Writes values that only grow.
pub(super) fn counters<L: EncodeLabelSet, V: EncodeCounterValue>(
    encoder: &mut DescriptorEncoder<'_>,
    about: About,
    samples: impl IntoIterator<Item = (L, V)>,
) -> fmt::Result {
    let unit = about.unit();
    let mut family = encoder.encode_descriptor(about.name, &about.help(), unit.as_ref(), MetricType::Counter)?;
    for (labels, value) in samples {
        family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
    }
    Ok(())
}

/// Writes facts that are labels.
pub(super) fn infos<L: EncodeLabelSet>(
    encoder: &mut DescriptorEncoder<'_>,
    about: About,
    samples: impl IntoIterator<Item = L>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(about.name, &about.help(), None, MetricType::Info)?;
    for labels in samples {
        family.encode_info(&labels)?;
    }
    Ok(())
}

/// Each of `all` with 1 where it is the present one, and 0 where not, as kube-state-metrics shows states.
pub(super) fn states<T: Copy + PartialEq>(
    all: impl IntoIterator<Item = T>,
    present: T,
) -> impl Iterator<Item = (T, u32)> {
    all.into_iter().map(move |state| (state, u32::from(state == present)))
}

/// No labels.
pub(super) struct Unlabelled;

impl EncodeLabelSet for Unlabelled {
    fn encode(&self, _: &mut LabelSetEncoder<'_>) -> fmt::Result {
        Ok(())
    }
}
