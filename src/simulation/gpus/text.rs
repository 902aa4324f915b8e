//! What an exporter says, in the form in which DCGM exporter 4 says it.

use std::collections::HashMap;
use std::fmt::Write;

use super::devices::Device;
use super::machine::{GpuMachine, Reading};
use crate::simulation::store::ObjectKey;

/// The metrics of one name.
struct Family {
    name: &'static str,
    help: &'static str,
    /// A device's value, if the exporter has one.
    value: fn(&Row) -> Option<String>,
}

/// A device with everything that can be said of it.
struct Row {
    labels: String,
    is_instance: bool,
    utilization: f64,
    /// How busy the whole GPU is, in percent: clocks, power and temperature are the GPU's, not an instance's.
    gpu_utilization: f64,
    free: u64,
    used: u64,
    reserved: u64,
}

const DRIVER: &str = "580.105.08";

/// The part of a device's memory that is reserved for the driver.
const RESERVED: u64 = 64;

/// Which families there are, and how busy hardware of this class behaves. Memory is in MiB.
const FAMILIES: [Family; 11] = [
    Family {
        name: "DCGM_FI_DEV_SM_CLOCK",
        help: "Clock of the streaming multiprocessors, in MHz.",
        value: |row| whole(if row.gpu_utilization > 0.0 { 1410.0 } else { 210.0 }),
    },
    Family { name: "DCGM_FI_DEV_MEM_CLOCK", help: "Clock of the memory, in MHz.", value: |_| whole(1593.0) },
    Family {
        name: "DCGM_FI_DEV_GPU_TEMP",
        help: "Temperature of the GPU, in degrees Celsius.",
        value: |row| whole(31.0 + 0.32 * row.gpu_utilization),
    },
    Family {
        name: "DCGM_FI_DEV_POWER_USAGE",
        help: "Electric power that the GPU draws, in W.",
        value: |row| fraction(62.0 + 3.2 * row.gpu_utilization),
    },
    Family {
        name: "DCGM_FI_DEV_GPU_UTIL",
        help: "Time during which the GPU was busy, in percent.",
        value: |row| whole(row.utilization).filter(|_| !row.is_instance),
    },
    Family {
        name: "DCGM_FI_DEV_MEM_COPY_UTIL",
        help: "Time during which the memory was read or written, in percent.",
        value: |row| whole(0.4 * row.utilization).filter(|_| !row.is_instance),
    },
    Family {
        name: "DCGM_FI_DEV_FB_FREE",
        help: "Memory that is free, in MiB.",
        value: |row| Some(row.free.to_string()),
    },
    Family {
        name: "DCGM_FI_DEV_FB_USED",
        help: "Memory that is in use, in MiB.",
        value: |row| Some(row.used.to_string()),
    },
    Family {
        name: "DCGM_FI_DEV_FB_RESERVED",
        help: "Memory that is kept for the driver, in MiB.",
        value: |row| Some(row.reserved.to_string()),
    },
    Family {
        name: "DCGM_FI_PROF_GR_ENGINE_ACTIVE",
        help: "Share of the time during which the compute engine was active, from 0 to 1.",
        value: |row| fraction(row.utilization / 100.0),
    },
    Family {
        name: "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE",
        help: "Share of the cycles in which the tensor cores were active, from 0 to 1.",
        value: |row| fraction(0.37 * row.utilization / 100.0),
    },
];

/// The text for a machine's devices. Those of pods that run bear the pod's name.
pub(super) fn exposition(machine: &GpuMachine, devices: &[Device], is_running: impl Fn(&ObjectKey) -> bool) -> String {
    let rows = rows(machine, devices, is_running);
    let mut text = String::new();
    for family in &FAMILIES {
        let mut lines = rows.iter().filter_map(|row| Some((row, (family.value)(row)?))).peekable();
        // A family of which there is no value is not mentioned at all.
        if lines.peek().is_none() {
            continue;
        }
        let name = family.name;
        // Writing to a text cannot fail.
        let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} gauge", family.help);
        for (row, value) in lines {
            let _ = writeln!(text, "{name}{{{}}} {value}", row.labels);
        }
    }
    text
}

fn rows(machine: &GpuMachine, devices: &[Device], is_running: impl Fn(&ObjectKey) -> bool) -> Vec<Row> {
    let mut of_gpus: HashMap<u32, (f64, u32)> = HashMap::new();
    for (device, reading) in devices.iter().zip(&machine.readings) {
        let (sum, count) = of_gpus.entry(device.gpu).or_default();
        *sum += reading.utilization;
        *count += 1;
    }
    let row = |(device, reading): (&Device, &Reading)| {
        let total = machine.memory >> 20;
        let reserved = total / RESERVED;
        let used = (reading.memory >> 20).min(total - reserved);
        Row {
            labels: labels(machine, device, &is_running),
            is_instance: device.instance.is_some(),
            utilization: reading.utilization,
            gpu_utilization: of_gpus.get(&device.gpu).map_or(0.0, |(sum, count)| sum / f64::from(*count)),
            free: total - reserved - used,
            used,
            reserved,
        }
    };
    devices.iter().zip(&machine.readings).map(row).collect()
}

fn labels(machine: &GpuMachine, device: &Device, is_running: impl Fn(&ObjectKey) -> bool) -> String {
    let gpu = device.gpu;
    let uuid = usize::try_from(gpu).ok().and_then(|gpu| machine.uuids.get(gpu)).cloned().unwrap_or_default();
    let mut labels = vec![
        ("gpu", gpu.to_string()),
        ("UUID", uuid),
        ("pci_bus_id", format!("{:08X}:{:02X}:00.0", gpu / 32, 7 + 8 * (gpu % 32))),
        ("device", format!("nvidia{gpu}")),
        ("modelName", machine.model.clone()),
    ];
    if let Some(instance) = device.instance {
        labels.push(("GPU_I_PROFILE", instance.profile.to_string()));
        labels.push(("GPU_I_ID", instance.id.to_string()));
    }
    labels.push(("Hostname", machine.name.clone()));
    labels.push(("DCGM_FI_DRIVER_VERSION", DRIVER.to_owned()));
    if let Some(owner) = device.owner.as_ref().filter(|owner| is_running(&owner.pod)) {
        labels.push(("container", owner.container.clone()));
        labels.push(("namespace", owner.pod.namespace.clone()));
        labels.push(("pod", owner.pod.name.clone()));
    }
    let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    labels.join(",")
}

/// A value as it stands between the quotes of a label.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn whole(value: f64) -> Option<String> {
    Some(format!("{value:.0}"))
}

fn fraction(value: f64) -> Option<String> {
    Some(format!("{value:.6}"))
}
