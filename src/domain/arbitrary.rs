//! Any rules and any workload, for the domain's property tests.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use proptest::prelude::*;
use proptest::sample::select;

use super::Timestamp;
use super::autoscaler::*;
use super::fixtures::{self, amount, observe_at, pods, window};
use super::gpu::{GpuReading, GpuUsage};
use super::observation::*;
use super::quantity::Amount;

/// Both ways to decide.
pub(crate) const BOTH: &[Compatibility] = &[Compatibility::Default, Compatibility::Hpa];
/// This project's way.
pub(crate) const OURS: &[Compatibility] = &[Compatibility::Default];
/// The HPA's way.
pub(crate) const HPA: &[Compatibility] = &[Compatibility::Hpa];

prop_compose! {
    fn rate_policy()(
        unit in select(vec![RateUnit::Pods, RateUnit::Percent]),
        value in select(vec![1, 2, 3, 10, 50, 100]),
        period in select(vec![1, 10, 15, 30, 60]),
    ) -> RatePolicy {
        RatePolicy::new(unit, value, period).unwrap()
    }
}

prop_compose! {
    fn scaling_policy()(
        seconds in select(vec![0, 0, 0, 15, 30, 60, 300, 3600]),
        stabilization in select(vec![Stabilization::GateAndMaximum, Stabilization::Hpa]),
        limit in select(vec![0, 0, 0, 1, 2, 3]),
        tolerance in select(vec![0.0, 5.0, 10.0, 10.0, 50.0]),
        policies in prop_oneof![2 => Just(vec![]), 1 => prop::collection::vec(rate_policy(), 1..4)],
        select_policy in select(vec![SelectPolicy::Max, SelectPolicy::Max, SelectPolicy::Min, SelectPolicy::Min]),
        is_disabled in prop::bool::weighted(0.03),
    ) -> ScalingPolicy {
        ScalingPolicy {
            window: window(seconds),
            stabilization,
            max_scale_change: NonZeroU32::new(limit),
            tolerance: TolerancePercent::new(tolerance).unwrap(),
            policies,
            select_policy: if is_disabled { SelectPolicy::Disabled } else { select_policy },
        }
    }
}

fn warm_up() -> impl Strategy<Value = WarmUp> {
    let seconds = |initialization, delay| WarmUp {
        cpu_initialization: Duration::from_secs(initialization),
        readiness_delay: Duration::from_secs(delay),
    };
    select(vec![WarmUp::default(), WarmUp::default(), seconds(0, 0), seconds(60, 10), seconds(900, 300)])
}

/// Any rules, with bounds that are likely to be hit.
pub(crate) fn rules(compatibilities: &[Compatibility]) -> impl Strategy<Value = ScalingRules> + use<> {
    let size = (1u32..4, prop_oneof![0u32..12, 20u32..60]);
    let targets = select(vec![(70, 0, 0), (50, 80, 0), (0, 60, 0), (100, 0, 75), (1, 100, 1), (150, 0, 0), (0, 0, 60)]);
    let policies = (scaling_policy(), scaling_policy());
    let interval = select(vec![1, 5, 15, 15, 60]);
    let container = proptest::option::weighted(0.1, Just("c0".into()));
    let compatibility = select(compatibilities.to_vec());
    (size, targets, policies, interval, container, warm_up(), compatibility).prop_map(
        |((min, range), (cpu, memory, gpu), (scale_up, scale_down), interval, container, warm_up, compatibility)| {
            ScalingRules {
                scale_up,
                scale_down,
                interval: Interval::from_seconds(interval).unwrap(),
                compatibility,
                container,
                warm_up,
                ..ScalingRules::new(ReplicaBounds::new(min, min + range).unwrap(), fixtures::targets(cpu, memory, gpu))
            }
        },
    )
}

type CpuAndMemory = (Option<Amount>, Option<Amount>);

/// The amounts and ages of one pod; ages are in seconds before it is looked at.
#[derive(Clone, Debug)]
struct PodShape {
    phase: PodPhase,
    terminating: bool,
    readiness: Option<(bool, i64)>,
    started: Option<i64>,
    measured: Option<(i64, u64)>,
    pod_level: Option<CpuAndMemory>,
    containers: Vec<ContainerShape>,
    gpus: u32,
    devices: Option<Vec<(i64, Option<f64>)>>,
    is_old: bool,
    is_unschedulable: bool,
}

#[derive(Clone, Debug)]
struct ContainerShape {
    requests: CpuAndMemory,
    measured: bool,
    uses: CpuAndMemory,
}

/// A workload as it may be at some moment, its count aside.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    pods: Vec<PodShape>,
    strays: Vec<PodShape>,
    has_revisions: bool,
    is_measured: bool,
    are_gpus_measured: bool,
}

impl PodShape {
    fn usage(&self, at: Timestamp) -> Option<Arc<PodUsage>> {
        let (age, window) = self.measured?;
        let measured = self.containers.iter().enumerate().filter(|(_, container)| container.measured);
        let containers = measured.map(|(index, ContainerShape { uses: (cpu, memory), .. })| ContainerUsage {
            name: format!("c{index}").into(),
            cpu: *cpu,
            memory: *memory,
        });
        Some(Arc::new(PodUsage {
            measured_at: at - TimeDelta::seconds(age),
            window: Duration::from_secs(window),
            containers: containers.collect(),
        }))
    }

    fn observe(&self, index: usize, has_revisions: bool, at: Timestamp) -> ObservedPod {
        let ago = |seconds: i64| at - TimeDelta::seconds(seconds);
        let resources = |(cpu, memory): CpuAndMemory| ResourceRequests { cpu, memory };
        let containers = self.containers.iter().enumerate();
        let pod = Pod {
            name: format!("pod-{index}"),
            node: Some(format!("node-{}", index % 2).into()).filter(|_| self.phase != PodPhase::Pending),
            phase: self.phase,
            terminating: self.terminating,
            readiness: self.readiness.map(|(is_false, age)| Readiness { is_false, changed_at: ago(age) }),
            started_at: self.started.map(ago),
            requests: Arc::new(PodRequests {
                containers: containers
                    .map(|(index, shape)| ContainerRequests {
                        name: format!("c{index}"),
                        resources: resources(shape.requests),
                    })
                    .collect(),
                pod_level: self.pod_level.map(resources),
                gpus: self.gpus,
            }),
            revision: has_revisions.then(|| if self.is_old { "old".into() } else { "new".into() }),
            unschedulable: self.is_unschedulable.then(|| format!("no node for pod-{index}").into()),
        };
        let device = |(number, (age, percent)): (usize, &(i64, Option<f64>))| GpuReading {
            utilization_percent: *percent,
            memory_used_mib: percent.map(|percent| 100.0 - percent),
            memory_total_mib: percent.map(|_| 100.0),
            ..GpuReading::new(format!("gpu-{number}"), ago(*age))
        };
        let gpus = self.devices.as_ref().map(|devices| devices.iter().enumerate().map(device).collect());
        ObservedPod {
            pod: Arc::new(pod),
            usage: self.usage(at),
            gpus: gpus.map(|devices| Arc::new(GpuUsage { devices, window: Duration::ZERO })),
            gpu_gap: None,
        }
    }
}

impl Workload {
    /// How it looks at some moment, with so many replicas.
    pub(crate) fn observe(&self, at: Timestamp, replicas: u32) -> Observation {
        let pods = self.pods.iter().enumerate();
        let pods = pods.map(|(index, shape)| shape.observe(index, self.has_revisions, at)).collect();
        let source = |delivers, name| match delivers {
            true => SourceState::Read { name },
            false => SourceState::Unavailable { error: "it does not answer".into() },
        };
        Observation {
            strays: self.strays.iter().filter_map(|shape| shape.usage(at)).collect(),
            revision: self.has_revisions.then(|| "new".into()),
            resource_source: source(self.is_measured, "metrics.k8s.io"),
            gpu_source: source(self.are_gpus_measured, "exporter"),
            ..observe_at(at, replicas, pods)
        }
    }
}

/// Mostly there, sometimes not.
fn mostly<T: Clone + fmt::Debug>(there: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    proptest::option::weighted(0.97, there)
}

/// Mostly a sensible amount, sometimes one that cannot be or that overflows in sums.
fn any_amount(sensible: impl Strategy<Value = u64>) -> impl Strategy<Value = Option<Amount>> {
    mostly(prop_oneof![
        97 => sensible.prop_map(amount),
        1 => (1i64..2000).prop_map(|less| format!("-{less}m").parse().unwrap()),
        1 => any::<i64>().prop_map(|any| format!("{any}m").parse().unwrap()),
        1 => select(vec!["9E", "17Ei", "9223372036854775807m", "92233720368547758m"]).prop_map(|text| text.parse().unwrap()),
    ])
}

prop_compose! {
    fn container()(
        requests in (any_amount(0u64..1000), any_amount(1u64..1000)),
        measured in prop::bool::weighted(0.97),
        uses in (
            any_amount(prop_oneof![0u64..700, 0u64..2000]),
            any_amount(prop_oneof![0u64..700, 0u64..2000]),
        ),
    ) -> ContainerShape {
        ContainerShape { requests, measured, uses }
    }
}

fn device() -> impl Strategy<Value = (i64, Option<f64>)> {
    let percent = prop_oneof![18 => 0.0..=100.0, 1 => select(vec![-1.0, 100.5, f64::NAN, f64::INFINITY])];
    (prop_oneof![15 => -2i64..90, 1 => 85i64..120], mostly(percent))
}

prop_compose! {
    fn pod_shape()(
        phase in prop_oneof![
            12 => Just(PodPhase::Running),
            1 => Just(PodPhase::Pending),
            1 => Just(PodPhase::Unknown),
            1 => Just(PodPhase::Failed),
            1 => Just(PodPhase::Succeeded),
        ],
        (terminating, is_old, is_unschedulable) in
            (prop::bool::weighted(0.05), prop::bool::weighted(0.5), prop::bool::weighted(0.5)),
        started in mostly(prop_oneof![300i64..320, 0i64..300, 600i64..100_000]),
        ready_after in prop_oneof![0i64..60, 0i64..500],
        is_unready in prop::bool::weighted(0.2),
        has_readiness in prop::bool::weighted(0.97),
        measured in mostly((prop_oneof![8 => -2i64..90, 1 => 85i64..120], 0u64..60)),
        pod_level in proptest::option::weighted(0.1, (any_amount(1u64..2000), any_amount(1u64..2000))),
        containers in prop::collection::vec(container(), 1..3),
        gpus in prop_oneof![2 => Just(1u32), 1 => 0u32..4],
        devices in mostly(prop::collection::vec(device(), 0..5)),
    ) -> PodShape {
        let readiness = has_readiness.then(|| (is_unready, started.unwrap_or_default() - ready_after));
        PodShape {
            phase, terminating, readiness, started, measured, pod_level, containers, gpus, devices, is_old,
            is_unschedulable,
        }
    }
}

prop_compose! {
    /// Any workload of up to eight pods.
    pub(crate) fn workload()(
        pods in prop::collection::vec(pod_shape(), 0..8),
        strays in prop_oneof![3 => Just(vec![]), 1 => prop::collection::vec(pod_shape(), 1..3)],
        has_revisions in prop::bool::weighted(0.3),
        is_measured in prop::bool::weighted(0.95),
        are_gpus_measured in prop::bool::weighted(0.8),
    ) -> Workload {
        Workload { pods, strays, has_revisions, is_measured, are_gpus_measured }
    }
}

/// What a workload does.
#[derive(Clone, Debug)]
pub(crate) enum Load {
    /// As many pods as replicas, all healthy, which use so many percent of their CPU (and of a GPU) and memory.
    Even(u64, u64),
    /// Anything else.
    Any(Workload),
}

impl Load {
    /// How a workload of so many replicas looks with it.
    pub(crate) fn observe(&self, at: Timestamp, replicas: u32) -> Observation {
        match self {
            Self::Even(cpu, memory) => {
                let mut all = pods(replicas, *cpu, *memory, at);
                let percent = f64::from(u32::try_from(*cpu).unwrap_or(100).min(100));
                let device = GpuReading { utilization_percent: Some(percent), ..GpuReading::new("gpu-0", at) };
                let gpus = Arc::new(GpuUsage { devices: vec![device], window: Duration::ZERO });
                for pod in &mut all {
                    pod.requests_mut().gpus = 1;
                    pod.gpus = Some(gpus.clone());
                }
                let gpu_source = SourceState::Read { name: "exporter" };
                Observation { gpu_source, ..observe_at(at, replicas, all) }
            }
            Self::Any(workload) => workload.observe(at, replicas),
        }
    }
}

/// One evaluation in the life of an autoscaler.
#[derive(Clone, Debug)]
pub(crate) struct Tick {
    /// Seconds since the one before.
    pub(crate) after: i64,
    /// The count that somebody else gave the workload meanwhile.
    pub(crate) scaled_by_hand: Option<u32>,
    /// What the workload does.
    pub(crate) load: Load,
}

prop_compose! {
    fn tick()(
        after in prop_oneof![6 => Just(15i64), 2 => 0i64..61, 1 => 0i64..400, 1 => 0i64..4000],
        scaled_by_hand in proptest::option::weighted(0.1, prop_oneof![1 => Just(0u32), 9 => 1u32..40]),
        load in load(),
    ) -> Tick {
        Tick { after, scaled_by_hand, load }
    }
}

/// Any load.
pub(crate) fn load() -> impl Strategy<Value = Load> {
    prop_oneof![
        2 => (0u64..70, 0u64..70).prop_map(|(cpu, memory)| Load::Even(cpu, memory)),
        1 => (0u64..250, 0u64..250).prop_map(|(cpu, memory)| Load::Even(cpu, memory)),
        1 => workload().prop_map(Load::Any),
    ]
}

/// A few ticks, each of them repeated, so that windows are filled.
pub(crate) fn ticks() -> impl Strategy<Value = Vec<Tick>> {
    let repeated = (tick(), 1usize..8).prop_map(|(tick, times)| {
        let again = Tick { scaled_by_hand: None, ..tick.clone() };
        std::iter::once(tick).chain(std::iter::repeat_n(again, times - 1)).collect::<Vec<_>>()
    });
    prop::collection::vec(repeated, 1..6).prop_map(|ticks| ticks.concat())
}
