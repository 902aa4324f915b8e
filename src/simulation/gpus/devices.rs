//! The devices of a machine, and which container has which.

use std::collections::{BTreeMap, BTreeSet};

use super::mig::{self, MigProfile};
use crate::simulation::settings::NodeSettings;
use crate::simulation::store::ObjectKey;

/// What pods can request of a machine's GPUs: all of them whole, or all of them cut into MIG instances.
#[derive(Debug)]
pub(in crate::simulation) struct Devices {
    /// The resource by which pods request one.
    resource: String,
    all: Vec<Device>,
    /// Places in `all`. The lowest is handed out first.
    free: BTreeSet<usize>,
}

/// A whole GPU or a MIG instance.
#[derive(Debug)]
pub(in crate::simulation) struct Device {
    /// The GPU's number on its machine.
    pub gpu: u32,
    pub instance: Option<Instance>,
    /// Who has it.
    pub owner: Option<Owner>,
}

/// Which MIG instance of a GPU a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::simulation) struct Instance {
    pub id: u32,
    pub profile: MigProfile,
}

/// A container that has devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::simulation) struct Owner {
    pub pod: ObjectKey,
    pub container: String,
}

impl Devices {
    /// The devices of one machine of a group; all are free.
    pub fn of(settings: &NodeSettings) -> Self {
        let cuts: Vec<_> = match &settings.mig {
            None => vec![None],
            Some(mig) => {
                let first = mig.profile.first_instance();
                (first..first + mig.per_gpu).map(|id| Some(Instance { id, profile: mig.profile })).collect()
            }
        };
        let of_gpu = |gpu| cuts.iter().map(move |instance| Device { gpu, instance: *instance, owner: None });
        let all: Vec<_> = (0..settings.gpus).flat_map(of_gpu).collect();
        Self { resource: mig::resource(settings.mig_profile()), free: (0..all.len()).collect(), all }
    }

    /// How many devices of a resource are free.
    pub fn free(&self, resource: &str) -> u64 {
        if resource == self.resource { self.free.len() as u64 } else { 0 }
    }

    /// Whether any device is free.
    pub fn any_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// Gives `count` devices of a resource to a container; fewer if there are not as many.
    pub fn hand_out(&mut self, resource: &str, count: u64, owner: &Owner) {
        if resource != self.resource {
            return;
        }
        for _ in 0..count {
            let Some(place) = self.free.pop_first() else { return };
            if let Some(device) = self.all.get_mut(place) {
                device.owner = Some(owner.clone());
            }
        }
    }

    /// Takes a pod's devices back.
    pub fn take_back(&mut self, pod: &ObjectKey) {
        for (place, device) in self.all.iter_mut().enumerate() {
            if device.owner.as_ref().is_some_and(|owner| owner.pod == *pod) {
                device.owner = None;
                self.free.insert(place);
            }
        }
    }

    /// All devices, by GPU and then by instance.
    pub fn all(&self) -> &[Device] {
        &self.all
    }

    /// The places in `all` of the devices that each pod has.
    pub fn by_pod(&self) -> BTreeMap<&ObjectKey, Vec<usize>> {
        let mut places: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (place, device) in self.all.iter().enumerate() {
            if let Some(owner) = &device.owner {
                places.entry(&owner.pod).or_default().push(place);
            }
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::settings::MigSettings;
    use crate::simulation::{Cpu, Memory};

    fn machine(gpus: u32, mig: Option<MigSettings>) -> NodeSettings {
        NodeSettings { gpus, mig, ..NodeSettings::new("node", Cpu::millis(1000), Memory::mebibytes(1024)) }
    }

    fn owner(pod: &str) -> Owner {
        Owner { pod: ObjectKey::new("default", pod), container: "main".to_owned() }
    }

    /// The pod that has each device.
    fn pods(devices: &Devices) -> Vec<&str> {
        devices.all().iter().map(|device| device.owner.as_ref().map_or("", |owner| owner.pod.name.as_str())).collect()
    }

    #[test]
    fn a_pod_has_its_devices_until_they_are_taken_back() {
        let mut devices = Devices::of(&machine(4, None));
        devices.hand_out("nvidia.com/gpu", 2, &owner("a"));
        devices.hand_out("nvidia.com/gpu", 1, &owner("b"));
        assert_eq!(pods(&devices), ["a", "a", "b", ""]);
        devices.take_back(&owner("a").pod);
        devices.hand_out("nvidia.com/gpu", 3, &owner("c"));
        assert_eq!(pods(&devices), ["c", "c", "b", "c"]);
        assert_eq!(devices.by_pod().get(&owner("c").pod), Some(&vec![0, 1, 3]));
        assert!(!devices.any_free());
    }

    #[test]
    fn a_gpu_that_is_cut_offers_its_instances_and_not_itself() {
        let mig = MigSettings { profile: "3g.40gb".parse().unwrap(), per_gpu: 2 };
        let mut devices = Devices::of(&machine(2, Some(mig)));
        assert_eq!((devices.free("nvidia.com/mig-3g.40gb"), devices.free("nvidia.com/gpu")), (4, 0));
        let ids: Vec<_> = devices.all().iter().map(|device| (device.gpu, device.instance.unwrap().id)).collect();
        assert_eq!(ids, [(0, 2), (0, 3), (1, 2), (1, 3)]);
        devices.hand_out("nvidia.com/gpu", 1, &owner("a"));
        assert_eq!(pods(&devices), [""; 4]);
    }
}
