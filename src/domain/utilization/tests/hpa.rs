//! The HPA's arithmetic once more, read off `GetResourceReplicas` step by step, with its maps and its number types:
//! what is asked for as `compatibility: "hpa"` must agree with it on every workload.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::domain::arbitrary;
use crate::domain::observation::PodUsage;
use crate::domain::quantity::Amount;

/// One pod's entry in the HPA's map of readings.
#[derive(Clone)]
struct Entry {
    value: i64,
    measured_at: Timestamp,
    window: Duration,
}

type Readings = BTreeMap<String, Entry>;
type Requests = BTreeMap<String, i64>;

/// The utilisation and the proposed count; `None` is an error.
fn resource_replicas(metric: Metric, rules: &ScalingRules, seen: &Observation) -> Option<(i32, i32)> {
    if matches!(seen.source(metric), SourceState::Unavailable { .. }) || seen.pods.is_empty() {
        return None;
    }
    let mut readings = readings(metric, rules, seen);
    let groups = Groups::of(metric, rules, seen, &readings);
    readings.retain(|name, _| !groups.ignored.contains(name) && !groups.unready.contains(name));
    if readings.is_empty() {
        return None;
    }
    let requests = requests(metric, rules, seen)?;
    let target = rules.targets.get(metric)?.get();
    let (utilization, ratio) = ratio(&readings, &requests, target)?;
    let current = i32::try_from(seen.current_replicas).unwrap();
    let is_tolerated = |ratio: f64| {
        let part = |percent: f64| percent / 100.0;
        (1.0 - part(rules.scale_down.tolerance.get())) <= ratio && ratio <= (1.0 + part(rules.scale_up.tolerance.get()))
    };
    let is_up_with_unready = !groups.unready.is_empty() && ratio > 1.0;
    if !is_up_with_unready && groups.missing.is_empty() {
        let wanted = if is_tolerated(ratio) { current } else { go_int32((ratio * groups.ready as f64).ceil()) };
        return Some((utilization, wanted));
    }
    let mut fill = |name: &String, value: i64| {
        let entry = Entry { value, measured_at: seen.at, window: Duration::ZERO };
        readings.insert(name.clone(), entry);
    };
    if ratio < 1.0 {
        let percent = i64::from(target.max(100));
        groups.missing.iter().for_each(|name| fill(name, requests[name].wrapping_mul(percent) / 100));
    } else if ratio > 1.0 {
        groups.missing.iter().for_each(|name| fill(name, 0));
    }
    if is_up_with_unready {
        groups.unready.iter().for_each(|name| fill(name, 0));
    }
    let (_, filled) = self::ratio(&readings, &requests, target)?;
    if is_tolerated(filled) || (ratio < 1.0 && filled > 1.0) || (ratio > 1.0 && filled < 1.0) {
        return Some((utilization, current));
    }
    let wanted = go_int32((filled * readings.len() as f64).ceil());
    let is_against = (filled < 1.0 && wanted > current) || (filled > 1.0 && wanted < current);
    Some((utilization, if is_against { current } else { wanted }))
}

/// A conversion of Go on amd64.
fn go_int32(number: f64) -> i32 {
    let fits = number > -2_147_483_649.0 && number < 2_147_483_648.0;
    if fits { number as i32 } else { i32::MIN }
}

fn readings(metric: Metric, rules: &ScalingRules, seen: &Observation) -> Readings {
    let of_pods = seen.pods.iter().map(|pod| (pod.pod.name.clone(), pod.usage.as_deref()));
    let strays = seen.strays.iter().enumerate().map(|(index, usage)| (format!("stray-{index}"), Some(&**usage)));
    let entry = |(name, usage): (String, Option<&PodUsage>)| Some((name, entry(metric, rules, usage?)?));
    of_pods.chain(strays).filter_map(entry).collect()
}

fn entry(metric: Metric, rules: &ScalingRules, usage: &PodUsage) -> Option<Entry> {
    let of = |container: &ContainerUsage| match metric {
        Metric::Cpu => container.cpu.map(Amount::as_in_go),
        _ => container.memory.map(Amount::as_in_go),
    };
    let mut value = 0i64;
    match &rules.container {
        Some(name) => value = of(usage.containers.iter().find(|container| *container.name == **name)?)?,
        None if usage.containers.is_empty() => return None,
        None => {
            for container in &usage.containers {
                value = value.wrapping_add(of(container)?);
            }
        }
    }
    Some(Entry { value, measured_at: usage.measured_at, window: usage.window })
}

#[derive(Default)]
struct Groups {
    ready: usize,
    unready: BTreeSet<String>,
    missing: BTreeSet<String>,
    ignored: BTreeSet<String>,
}

impl Groups {
    fn of(metric: Metric, rules: &ScalingRules, seen: &Observation, readings: &Readings) -> Self {
        let mut groups = Self::default();
        for pod in seen.pods.iter().map(|pod| &pod.pod) {
            let name = pod.name.clone();
            if pod.terminating || pod.phase == PodPhase::Failed {
                groups.ignored.insert(name);
            } else if pod.phase == PodPhase::Pending {
                groups.unready.insert(name);
            } else if let Some(reading) = readings.get(&name) {
                let is_unready = metric == Metric::Cpu && is_unready(rules, seen.at, pod, reading);
                if is_unready {
                    groups.unready.insert(name);
                } else {
                    groups.ready += 1;
                }
            } else {
                groups.missing.insert(name);
            }
        }
        groups
    }
}

fn is_unready(rules: &ScalingRules, now: Timestamp, pod: &crate::domain::observation::Pod, reading: &Entry) -> bool {
    let (Some(ready), Some(start)) = (pod.readiness, pod.started_at) else { return true };
    let is_initializing = start + rules.warm_up.cpu_initialization > now;
    if is_initializing {
        ready.is_false || reading.measured_at < ready.changed_at + reading.window
    } else {
        ready.is_false && start + rules.warm_up.readiness_delay > ready.changed_at
    }
}

fn requests(metric: Metric, rules: &ScalingRules, seen: &Observation) -> Option<Requests> {
    let of = |resources: &ResourceRequests| match metric {
        Metric::Cpu => resources.cpu.map(Amount::as_in_go),
        _ => resources.memory.map(Amount::as_in_go),
    };
    let request = |pod: &PodRequests| match (&rules.container, &pod.pod_level) {
        (None, Some(level)) => of(level),
        (None, None) => pod.containers.iter().try_fold(0i64, |sum, one| Some(sum.wrapping_add(of(&one.resources)?))),
        (Some(name), _) => of(&pod.containers.iter().find(|one| one.name == **name)?.resources),
    };
    seen.pods.iter().map(|pod| Some((pod.pod.name.clone(), request(&pod.pod.requests)?))).collect()
}

fn ratio(readings: &Readings, requests: &Requests, target: u32) -> Option<(i32, f64)> {
    let (mut used, mut requested) = (0i64, 0i64);
    for (name, entry) in readings {
        let Some(request) = requests.get(name) else { continue };
        used = used.wrapping_add(entry.value);
        requested = requested.wrapping_add(*request);
    }
    if requested == 0 {
        return None;
    }
    let utilization = used.wrapping_mul(100).wrapping_div(requested) as i32;
    Some((utilization, f64::from(utilization) / f64::from(target)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn what_is_proposed_is_what_the_hpa_proposes(
        rules in arbitrary::rules(arbitrary::HPA),
        workload in arbitrary::workload(),
        replicas in 1u32..12,
    ) {
        let seen = workload.observe(now(), replicas);
        for metric in [Metric::Cpu, Metric::Memory] {
            let report = evaluate_with(metric, &rules, &seen);
            let ours = report.proposal.map(|proposal| (report.utilization.unwrap().percent, proposal.replicas));
            prop_assert_eq!(ours, resource_replicas(metric, &rules, &seen), "{}", metric);
        }
    }
}
