//! What an exporter says, as dcgm-exporter 4 writes it.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use super::nodes::{MIG_INSTANCE, WHOLE_GPU};

/// The memory of a whole GPU and of a MIG instance, in MiB.
const MEMORY: f64 = 40_000.0;

/// What the devices of a workload's pods do.
#[derive(Clone, Default)]
pub struct Load {
    /// The utilisation of each of a pod's devices in percent; the last one's is that of all further ones.
    pub utilization: Vec<f64>,
    /// The used share of each device's memory in percent.
    pub memory: f64,
}

/// One device as the exporter sees it.
struct Device {
    labels: String,
    is_mig: bool,
    utilization: f64,
    memory: f64,
}

/// The metrics of a node with these pods, each of which does what its label `app` says, and with one free GPU.
pub fn metrics(node: &str, pods: &[impl AsRef<Pod>], loads: &HashMap<String, Load>, shows_pods: bool) -> String {
    let mut devices = vec![Device::new(node, 0, "GPU-free", None, 0.0, 0.0)];
    for pod in pods {
        let pod = pod.as_ref();
        let load = loads.get(&pod.labels()["app"]).cloned().unwrap_or_default();
        for (number, (container, is_mig)) in requested(pod).into_iter().enumerate() {
            let user = [("container", container), ("namespace", pod.namespace().unwrap()), ("pod", pod.name_any())];
            let user = shows_pods.then_some(user);
            let utilization = load.utilization.get(number).or(load.utilization.last()).copied().unwrap_or(0.0);
            let uuid = format!("GPU-{}-{number}", pod.uid().unwrap());
            let device = Device::new(node, devices.len(), &uuid, user, utilization, load.memory);
            devices.push(if is_mig { device.into_mig(number) } else { device });
        }
    }
    write(&devices)
}

/// The container and the kind of each device that a pod requests.
fn requested(pod: &Pod) -> Vec<(String, bool)> {
    let mut devices = Vec::new();
    for container in pod.spec.iter().flat_map(|spec| &spec.containers) {
        let limits = container.resources.iter().filter_map(|resources| resources.limits.as_ref()).flatten();
        let limits: BTreeMap<_, _> = limits.collect();
        for (resource, is_mig) in [(WHOLE_GPU, false), (MIG_INSTANCE, true)] {
            let count = limits.get(&resource.to_owned()).map_or(0, |count| count.0.parse::<usize>().unwrap());
            devices.extend(std::iter::repeat_n((container.name.clone(), is_mig), count));
        }
    }
    devices
}

impl Device {
    fn new(
        node: &str,
        index: usize,
        uuid: &str,
        user: Option<[(&str, String); 3]>,
        utilization: f64,
        memory: f64,
    ) -> Self {
        let mut labels = format!(
            "gpu=\"{index}\",UUID=\"{uuid}\",pci_bus_id=\"00000000:{index:02X}:00.0\",device=\"nvidia{index}\",\
             modelName=\"NVIDIA A100-SXM4-40GB\",Hostname=\"{node}\",DCGM_FI_DRIVER_VERSION=\"580.105.08\""
        );
        for (name, value) in user.into_iter().flatten() {
            write!(labels, ",{name}=\"{value}\"").unwrap();
        }
        Self { labels, is_mig: false, utilization, memory }
    }

    fn into_mig(self, instance: usize) -> Self {
        let labels = format!("{},GPU_I_PROFILE=\"1g.5gb\",GPU_I_ID=\"{}\"", self.labels, instance + 7);
        Self { labels, is_mig: true, ..self }
    }
}

/// Families one after the other, as the format wants it.
fn write(devices: &[Device]) -> String {
    let mut text = String::new();
    let mut family = |name: &str, help: &str, value: &dyn Fn(&Device) -> Option<f64>| {
        writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge").unwrap();
        for device in devices {
            if let Some(value) = value(device) {
                writeln!(text, "{name}{{{}}} {value}", device.labels).unwrap();
            }
        }
    };
    // MIG instances have no such thing.
    family("DCGM_FI_DEV_GPU_UTIL", "GPU utilization (in %).", &|device| (!device.is_mig).then_some(device.utilization));
    family("DCGM_FI_DEV_FB_FREE", "Framebuffer memory free (in MiB).", &|device| {
        Some((MEMORY * (1.0 - device.memory / 100.0)).round())
    });
    family("DCGM_FI_DEV_FB_USED", "Framebuffer memory used (in MiB).", &|device| {
        Some((MEMORY * device.memory / 100.0).round())
    });
    // The engine of a whole GPU is less busy than that something runs on it.
    family("DCGM_FI_PROF_GR_ENGINE_ACTIVE", "Ratio of time the graphics engine is active.", &|device| {
        Some(if device.is_mig { device.utilization / 100.0 } else { device.utilization / 250.0 })
    });
    text
}
