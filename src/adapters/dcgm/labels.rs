//! What the labels of a sample say: which device it is about, and whose.

use super::exposition::{Fault, LabelValue};

/// The labels that are wanted; an empty one is one that is not there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Labels<'a> {
    index: Label<'a>,
    device: Label<'a>,
    uuid: Label<'a>,
    lower_case_uuid: Label<'a>,
    gpu_uuid: Label<'a>,
    model_name: Label<'a>,
    link_model_name: Label<'a>,
    instance: Label<'a>,
    profile: Label<'a>,
    claimed_instance: Label<'a>,
    claimed_profile: Label<'a>,
    slot: Label<'a>,
    plain: OwnerLabels<'a>,
    old: OwnerLabels<'a>,
    exported: OwnerLabels<'a>,
    is_ambiguous: bool,
}

type Label<'a> = Option<LabelValue<'a>>;

#[derive(Clone, Copy, Debug, Default)]
struct OwnerLabels<'a> {
    namespace: Label<'a>,
    pod: Label<'a>,
    container: Label<'a>,
}

/// Which GPU: by its UUID, or where there is none by its number or its name, which only its node knows it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Card<'a> {
    Uuid(LabelValue<'a>),
    Index(LabelValue<'a>),
    Name(LabelValue<'a>),
}

/// Which device: a whole GPU, or one MIG instance of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct DeviceKey<'a> {
    pub card: Card<'a>,
    pub instance: Option<LabelValue<'a>>,
}

/// Whose use of the device a sample is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Holder<'a> {
    /// A pod's.
    Pod { namespace: LabelValue<'a>, name: LabelValue<'a> },
    /// Nobody's: it is about the device.
    Nobody,
    /// That of one of the parts that the device is divided into for sharing, which nobody has taken.
    FreeSlot,
}

/// The names of a device, as far as the labels of one sample tell them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Names<'a> {
    device: Option<LabelValue<'a>>,
    index: Option<LabelValue<'a>>,
    pub model: Option<LabelValue<'a>>,
    pub profile: Option<LabelValue<'a>>,
}

impl<'a> Names<'a> {
    /// These, and from `others` those that are not known here.
    pub fn or(self, others: Self) -> Self {
        Self {
            device: self.device.or(others.device),
            index: self.index.or(others.index),
            model: self.model.or(others.model),
            profile: self.profile.or(others.profile),
        }
    }

    /// What the device is called on its node.
    pub fn device(&self) -> Option<LabelValue<'a>> {
        self.device.or(self.index)
    }
}

impl<'a> Labels<'a> {
    /// Takes a label, if it is wanted.
    pub fn take(&mut self, name: &str, value: LabelValue<'a>) {
        let label = match name {
            "gpu" => &mut self.index,
            "device" => &mut self.device,
            "UUID" => &mut self.uuid,
            "uuid" => &mut self.lower_case_uuid,
            // Samples of a GPU's NVLinks have these two names instead of `UUID` and `modelName`.
            "gpu_uuid" => &mut self.gpu_uuid,
            "model_name" => &mut self.link_model_name,
            "modelName" => &mut self.model_name,
            "GPU_I_ID" => &mut self.instance,
            "GPU_I_PROFILE" => &mut self.profile,
            "dra_mig_device_uuid" => &mut self.claimed_instance,
            "dra_mig_profile" => &mut self.claimed_profile,
            "vgpu" => &mut self.slot,
            "namespace" => &mut self.plain.namespace,
            "pod" => &mut self.plain.pod,
            "container" => &mut self.plain.container,
            "pod_namespace" => &mut self.old.namespace,
            "pod_name" => &mut self.old.pod,
            "container_name" => &mut self.old.container,
            "exported_namespace" => &mut self.exported.namespace,
            "exported_pod" => &mut self.exported.pod,
            "exported_container" => &mut self.exported.container,
            _ => return,
        };
        // An exporter that adds pods' own labels can say a label twice. Nobody knows which of them is meant.
        self.is_ambiguous |= label.is_some_and(|before| before != value);
        *label = Some(value);
    }

    /// The device that the sample is about; `None` when it is about none.
    pub fn device(&self) -> Result<Option<DeviceKey<'a>>, Fault> {
        if self.is_ambiguous {
            return Err(Fault::Ambiguous);
        }
        let uuid = first([self.uuid, self.lower_case_uuid, self.gpu_uuid]).map(Card::Uuid);
        let card = uuid.or(first([self.index]).map(Card::Index)).or(first([self.device]).map(Card::Name));
        // A sample with a profile is never about the whole GPU, even if it does not say which instance it is about.
        let instance = first([self.instance, self.claimed_instance, self.profile, self.claimed_profile]);
        Ok(card.map(|card| DeviceKey { card, instance }))
    }

    /// The device's names.
    pub fn names(&self) -> Names<'a> {
        Names {
            device: first([self.device]),
            index: first([self.index]),
            model: first([self.model_name, self.link_model_name]),
            profile: first([self.profile, self.claimed_profile]),
        }
    }

    /// Whether the device is divided into parts for several pods.
    pub fn is_of_slot(&self) -> bool {
        first([self.slot]).is_some()
    }

    /// Whose the sample is, and the container in the pod.
    ///
    /// A pod without a namespace could be any of several, so it counts as none.
    pub fn holder(&self) -> (Holder<'a>, Option<LabelValue<'a>>) {
        let owner = self.owner();
        match (first([owner.namespace]), first([owner.pod])) {
            (Some(namespace), Some(name)) => (Holder::Pod { namespace, name }, first([owner.container])),
            _ if self.is_of_slot() => (Holder::FreeSlot, None),
            _ => (Holder::Nobody, None),
        }
    }

    /// The labels that name the owner. Prometheus adds the exporter's own pod, and puts `exported_` before the names of
    /// those that were there already; so where there is such a label, or a pod under an old name, the plain ones are the
    /// exporter's.
    fn owner(&self) -> OwnerLabels<'a> {
        if self.exported.is_there() {
            return self.exported;
        }
        let owner = if self.old.is_whole() { self.old } else { self.plain };
        // Of a free GPU, the exporter says nothing that Prometheus would have to rename.
        let is_exporter = owner.pod.is_some_and(|pod| pod.unescaped().contains("dcgm-exporter"));
        if is_exporter { OwnerLabels::default() } else { owner }
    }
}

impl OwnerLabels<'_> {
    /// Whether one of them is there, be it empty.
    fn is_there(&self) -> bool {
        self.namespace.or(self.pod).or(self.container).is_some()
    }

    /// Whether both that name the pod are there. One alone may be a label of the pod's own.
    fn is_whole(&self) -> bool {
        self.namespace.and(self.pod).is_some()
    }
}

/// The first label that is there and not empty.
fn first<'a, const N: usize>(labels: [Label<'a>; N]) -> Option<LabelValue<'a>> {
    labels.into_iter().flatten().find_map(LabelValue::non_empty)
}
