//! What the decisions of 10,000 autoscalers cost in memory, each with ten pods and the default bounds.
//!
//! `cargo bench --bench decision_log`
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use ai_storage_orchestrator::domain::Timestamp;
use ai_storage_orchestrator::domain::autoscaler::{ReplicaBounds, ScalingRules, TargetPercent, Targets};
use ai_storage_orchestrator::domain::capacity::Room;
use ai_storage_orchestrator::domain::decision::{State, decide};
use ai_storage_orchestrator::domain::decision_log::{DecisionLog, Entry, LogBounds};
use ai_storage_orchestrator::domain::gpu::Fallback;
use ai_storage_orchestrator::domain::observation::{
    ContainerRequests, ContainerUsage, Observation, ObservedPod, Pod, PodPhase, PodRequests, PodUsage, Readiness,
    ResourceRequests, SourceState,
};
use ai_storage_orchestrator::domain::quantity::Amount;
use chrono::TimeDelta;

const AUTOSCALERS: usize = 10_000;
const PODS: usize = 10;
/// As in `config/default.toml`.
const BOUNDS: LogBounds = LogBounds { entries: 32, bytes: 16 * 1024 };

fn main() {
    // Under `cargo test` there is nothing to measure.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    println!(
        "{AUTOSCALERS} autoscalers of {PODS} pods, at most {} entries and {} bytes each",
        BOUNDS.entries, BOUNDS.bytes
    );
    for (what, decisions) in [("one steady decision", 1), ("three different ones", 3), ("as many as are kept", 100)] {
        let before = resident();
        let logs: Vec<_> = (0..AUTOSCALERS).map(|_| log(decisions)).collect();
        let entries = logs[0].newest_first().count();
        let reckoned: usize = logs.iter().map(DecisionLog::bytes).sum();
        let mib = |bytes: usize| bytes as f64 / 1024.0 / 1024.0;
        let (measured, reckoned) = (mib(resident().saturating_sub(before)), mib(reckoned));
        // What is given back would be taken for the next.
        std::mem::forget(logs);
        println!(
            "{what}: {entries} entries each, {measured:.0} MiB resident in all ({reckoned:.0} MiB by our reckoning)"
        );
    }
}

/// A log of decisions that are all different. The pods are shared, as the index shares them; each reading is new.
fn log(decisions: usize) -> DecisionLog {
    let targets = Targets::new(|metric| TargetPercent::new(70).filter(|_| !metric.is_of_gpus())).unwrap();
    let rules = Arc::new(ScalingRules::new(ReplicaBounds::new(1, 1_000).unwrap(), targets));
    let start = Timestamp::UNIX_EPOCH + TimeDelta::days(20_000);
    let pods: Vec<_> = (0..PODS).map(|index| Arc::new(pod(index, start))).collect();
    let mut log = DecisionLog::new(BOUNDS);
    for number in 0..decisions {
        let at = start + TimeDelta::seconds(15 * i64::try_from(number).unwrap());
        let percent = 100 + 10 * u64::try_from(number).unwrap();
        let seen = pods.iter().map(|pod| ObservedPod {
            pod: pod.clone(),
            usage: Some(usage(percent, at)),
            gpus: None,
            gpu_gap: None,
        });
        let observation = Arc::new(Observation {
            at,
            current_replicas: u32::try_from(PODS).unwrap(),
            pods: seen.collect(),
            revision: Some("6d4b75cb6d".into()),
            strays: Vec::new(),
            resource_source: SourceState::Read { name: "metrics.k8s.io/v1beta1" },
            gpu_source: SourceState::Unavailable { error: "no GPU metrics are collected".into() },
            fallback: Fallback::None,
            room: Room::NotAsked,
            max_age: Duration::from_secs(90),
        });
        let decision = Arc::new(decide(&rules, &State::default(), observation, at));
        let (outcome, reason) = (decision.outcome, decision.reason);
        log.add(Entry::new(decision, outcome, reason, None));
    }
    log
}

fn pod(index: usize, now: Timestamp) -> Pod {
    let amount = |thousandths| Some(Amount::from_thousandths(thousandths));
    let resources = ResourceRequests { cpu: amount(1_000), memory: amount(1_000_000) };
    Pod {
        name: format!("web-6d4b75cb6d-{index:05}"),
        phase: PodPhase::Running,
        terminating: false,
        readiness: Some(Readiness { is_false: false, changed_at: now - TimeDelta::minutes(59) }),
        node: Some("node-1".into()),
        started_at: Some(now - TimeDelta::minutes(60)),
        requests: Arc::new(PodRequests {
            containers: vec![ContainerRequests { name: "main".to_owned(), resources }],
            pod_level: None,
            gpus: 0,
        }),
        revision: Some("6d4b75cb6d".into()),
        unschedulable: None,
    }
}

fn usage(percent: u64, measured_at: Timestamp) -> Arc<PodUsage> {
    let amount = |thousandths| Some(Amount::from_thousandths(thousandths));
    let main = ContainerUsage { name: "main".into(), cpu: amount(10 * percent), memory: amount(10_000 * percent) };
    Arc::new(PodUsage { measured_at, window: Duration::from_secs(15), containers: vec![main] })
}

/// The memory of this process, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}
