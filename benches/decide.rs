//! What one decision costs: the engine alone, with its full record, without JSON.
//!
//! `cargo bench --bench decide`
#![allow(missing_docs, clippy::unwrap_used, clippy::disallowed_methods)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ai_storage_orchestrator::domain::Timestamp;
use ai_storage_orchestrator::domain::autoscaler::{ReplicaBounds, ScalingRules, TargetPercent, Targets, Window};
use ai_storage_orchestrator::domain::capacity::Room;
use ai_storage_orchestrator::domain::decision::{Outcome, State, decide};
use ai_storage_orchestrator::domain::gpu::Fallback;
use ai_storage_orchestrator::domain::observation::{
    ContainerRequests, ContainerUsage, Observation, ObservedPod, Pod, PodPhase, PodRequests, PodUsage, Readiness,
    ResourceRequests, SourceState,
};
use ai_storage_orchestrator::domain::quantity::Amount;
use chrono::TimeDelta;
use criterion::{Criterion, criterion_group, criterion_main};

fn start() -> Timestamp {
    Timestamp::UNIX_EPOCH + TimeDelta::days(20_000)
}

const CONTAINERS: [&str; 2] = ["main", "proxy"];

fn amount(thousandths: u64) -> Option<Amount> {
    Some(Amount::from_thousandths(thousandths))
}

/// What the pods of a controller, and their readings, share.
struct Template {
    requests: Arc<PodRequests>,
    revision: Arc<str>,
    containers: [Arc<str>; 2],
}

impl Template {
    fn new() -> Self {
        let resources = ResourceRequests { cpu: amount(1_000), memory: amount(1_000_000) };
        let containers = CONTAINERS.map(|name| ContainerRequests { name: name.to_owned(), resources });
        let requests = PodRequests { containers: containers.to_vec(), pod_level: None, gpus: 0 };
        Self { requests: Arc::new(requests), revision: "6d4b75cb6d".into(), containers: CONTAINERS.map(Arc::from) }
    }
}

/// A pod that uses so many percent of the CPU and of the memory that it requests.
fn pod(index: usize, template: &Template, percent: u64, now: Timestamp) -> ObservedPod {
    let used = template.containers.each_ref().map(|name| ContainerUsage {
        name: name.clone(),
        cpu: amount(10 * percent),
        memory: amount(10_000 * percent),
    });
    let pod = Pod {
        name: format!("web-6d4b75cb6d-{index:05}"),
        phase: PodPhase::Running,
        terminating: false,
        readiness: Some(Readiness { is_false: false, changed_at: now - TimeDelta::minutes(59) }),
        node: Some("node-1".into()),
        started_at: Some(now - TimeDelta::minutes(60)),
        requests: template.requests.clone(),
        revision: Some(template.revision.clone()),
        unschedulable: None,
    };
    let usage = PodUsage { measured_at: now, window: Duration::from_secs(15), containers: used.to_vec() };
    ObservedPod { pod: Arc::new(pod), usage: Some(Arc::new(usage)), gpus: None, gpu_gap: None }
}

fn observation(pods: usize, percent: u64) -> Arc<Observation> {
    let template = Template::new();
    Arc::new(Observation {
        at: start(),
        current_replicas: u32::try_from(pods).unwrap(),
        pods: (0..pods).map(|index| pod(index, &template, percent, start())).collect(),
        revision: Some("6d4b75cb6d".into()),
        strays: Vec::new(),
        resource_source: SourceState::Read { name: "metrics.k8s.io/v1beta1" },
        gpu_source: SourceState::Unavailable { error: "no GPU metrics are collected".into() },
        fallback: Fallback::None,
        room: Room::NotAsked,
        max_age: Duration::from_secs(90),
    })
}

/// CPU and memory targets of 70 %, a scale-up window of a minute, and the default of 300 s down.
fn rules() -> Arc<ScalingRules> {
    let target = TargetPercent::new(70);
    let bounds = ReplicaBounds::new(1, 5_000).unwrap();
    let mut rules = ScalingRules::new(bounds, Targets::new(|metric| target.filter(|_| !metric.is_of_gpus())).unwrap());
    rules.scale_up.window = Window::from_seconds(60).unwrap();
    Arc::new(rules)
}

/// The state after an hour of ticks at this observation.
fn settled(rules: &Arc<ScalingRules>, seen: &Arc<Observation>) -> (State, Timestamp) {
    let (mut state, mut now) = (State::default(), start());
    for _ in 0..240 {
        state.remember(&decide(rules, &state, seen.clone(), now));
        now += TimeDelta::seconds(15);
    }
    (state, now)
}

/// How many decisions are timed each by itself.
const SINGLE: usize = 20_000;

/// What is left of a duration when nothing else disturbs the machine, which may be shared.
fn quickest<T>(decide: impl Fn() -> T) -> Duration {
    let single = || {
        let begun = Instant::now();
        black_box(decide());
        begun.elapsed()
    };
    (0..SINGLE).map(|_| single()).min().unwrap()
}

fn decisions(criterion: &mut Criterion) {
    let rules = rules();
    let cases = [
        ("10 pods, nothing changes", 10, 70, Outcome::NoChange),
        ("10 pods, scaled up", 10, 140, Outcome::ScaleUp),
        ("1000 pods, nothing changes", 1_000, 70, Outcome::NoChange),
        ("1000 pods, scaled up", 1_000, 140, Outcome::ScaleUp),
    ];
    let mut measure = |name, seen: Arc<Observation>, (state, now): (State, Timestamp), outcome| {
        let decide = || decide(black_box(&rules), black_box(&state), black_box(seen.clone()), black_box(now));
        assert_eq!(decide().outcome, outcome, "{name}");
        criterion.bench_function(name, |bencher| bencher.iter(decide));
        println!("{name}: the quickest of {SINGLE} took {:?}", quickest(decide));
    };
    for (name, pods, percent, outcome) in cases {
        let seen = observation(pods, percent);
        let settled = settled(&rules, &seen);
        measure(name, seen, settled, outcome);
    }
    let unsettled = (State::default(), start());
    measure("10 pods, held by the scale-down window", observation(10, 30), unsettled, Outcome::Held);
    let (state, now) = settled(&rules, &observation(10, 70));
    let decision = decide(&rules, &state, observation(10, 70), now);
    criterion.bench_function("remembering a decision", |bencher| {
        bencher.iter_batched_ref(|| state.clone(), |state| state.remember(&decision), criterion::BatchSize::SmallInput);
    });
}

criterion_group!(benches, decisions);
criterion_main!(benches);
