//! What a pod's load makes of its devices.

use super::machine::Reading;
use crate::simulation::controllers::Pod;
use crate::simulation::random::Seed;
use crate::simulation::settings::WorkloadSettings;

/// How far the devices of one pod are from doing the same: work is never cut into quite equal parts.
const IMBALANCE: f64 = 0.04;

/// What each of a running pod's `devices` does when the pod's share of the load is `share` percent of one device.
/// `number` tells one reading from the next.
pub(super) fn readings(pod: &Pod, share: f64, devices: usize, seed: Seed, number: u64) -> Vec<Reading> {
    let mean = if pod.is_serving() {
        share / devices as f64
    } else if pod.ready.is_none() && pod.deleted.is_none() {
        pod.settings.gpu_starting
    } else {
        0.0
    };
    let mut random = seed.stream(&[&pod.uid, "gpus"], number);
    let mut noisy = |amount: f64| amount * (1.0 + pod.settings.noise * (random.f64() * 2.0 - 1.0));
    weights(&pod.uid, devices, seed)
        .map(|weight| {
            let utilization = noisy(mean * weight).clamp(0.0, 100.0);
            Reading { utilization, memory: memory(&pod.settings, utilization) }
        })
        .collect()
}

/// By how much more or less than their mean a pod's devices do, always the same for the same pod.
fn weights(uid: &str, devices: usize, seed: Seed) -> impl Iterator<Item = f64> {
    let mut random = seed.stream(&[uid, "imbalance"], 0);
    let weights: Vec<_> = (0..devices).map(|_| 1.0 + IMBALANCE * (random.f64() * 2.0 - 1.0)).collect();
    let mean = weights.iter().sum::<f64>() / devices as f64;
    weights.into_iter().map(move |weight| weight / mean)
}

/// The memory in use on a device, in bytes.
fn memory(settings: &WorkloadSettings, utilization: f64) -> u64 {
    settings.gpu_memory_base.bytes + (utilization * settings.gpu_memory_per_percent.bytes as f64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_devices_of_a_pod_differ_a_little_but_not_on_the_whole() {
        for devices in 1..9 {
            let weights: Vec<_> = weights("some uid", devices, Seed(1)).collect();
            assert_eq!(weights.len(), devices);
            assert!((weights.iter().sum::<f64>() - devices as f64).abs() < 1e-9);
            assert!(weights.iter().all(|weight| (0.9..1.1).contains(weight)), "{weights:?}");
            assert!(devices == 1 || weights[0] != weights[1]);
        }
    }
}
