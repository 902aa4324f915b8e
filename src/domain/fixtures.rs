//! Rules, pods and observations for the domain's tests.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use super::Timestamp;
use super::autoscaler::*;
use super::capacity::Room;
use super::gpu::Fallback;
use super::observation::*;
use super::quantity::Amount;

/// `seconds` after the tests' epoch.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::seconds(seconds)
}

/// Bounds, a CPU target of 70 %, and defaults.
pub(crate) fn rules(min: u32, max: u32) -> ScalingRules {
    ScalingRules::new(ReplicaBounds::new(min, max).unwrap(), targets(70, 0, 0))
}

/// The same rules as the HPA decides by them.
pub(crate) fn as_hpa(rules: &ScalingRules) -> ScalingRules {
    ScalingRules { compatibility: Compatibility::Hpa, ..rules.clone() }
}

/// Targets for CPU, memory and GPU; 0 is none.
pub(crate) fn targets(cpu: i32, memory: i32, gpu: i32) -> Targets {
    let percent = |metric| match metric {
        Metric::Cpu => cpu,
        Metric::Memory => memory,
        Metric::Gpu => gpu,
        Metric::GpuMemory => 0,
    };
    Targets::new(|metric| TargetPercent::unbounded(percent(metric))).unwrap()
}

/// A stabilisation window.
pub(crate) fn window(seconds: u32) -> Window {
    Window::from_seconds(seconds).unwrap()
}

/// So many thousandths.
pub(crate) fn amount(thousandths: u64) -> Amount {
    Amount::from_thousandths(thousandths)
}

/// What the pods of [`pod`] request of CPU, and of memory.
pub(crate) const REQUEST: u64 = 1000;

/// A pod that has run for an hour, was measured at `now`, and uses so many percent of the CPU and of the memory that it
/// requests.
pub(crate) fn pod(name: &str, cpu: u64, memory: u64, now: Timestamp) -> ObservedPod {
    let requested = Some(amount(REQUEST));
    let pod = Pod {
        name: name.to_owned(),
        node: Some("node-1".into()),
        phase: PodPhase::Running,
        terminating: false,
        readiness: Some(Readiness { is_false: false, changed_at: now - TimeDelta::minutes(59) }),
        started_at: Some(now - TimeDelta::minutes(60)),
        requests: Arc::new(PodRequests {
            containers: vec![ContainerRequests {
                name: "app".to_owned(),
                resources: ResourceRequests { cpu: requested, memory: requested },
            }],
            ..PodRequests::default()
        }),
        revision: None,
        unschedulable: None,
    };
    let usage = PodUsage {
        measured_at: now,
        window: Duration::from_secs(15),
        containers: vec![ContainerUsage {
            name: "app".into(),
            cpu: Some(amount(cpu * REQUEST / 100)),
            memory: Some(amount(memory * REQUEST / 100)),
        }],
    };
    ObservedPod { pod: Arc::new(pod), usage: Some(Arc::new(usage)), gpus: None, gpu_gap: None }
}

/// `count` pods like [`pod`].
pub(crate) fn pods(count: u32, cpu: u64, memory: u64, now: Timestamp) -> Vec<ObservedPod> {
    (0..count).map(|index| pod(&format!("pod-{index}"), cpu, memory, now)).collect()
}

/// A pod that has not started.
pub(crate) fn pending(name: &str, now: Timestamp) -> ObservedPod {
    pod(name, 0, 0, now).without_usage().with(|pod| {
        pod.phase = PodPhase::Pending;
        pod.node = None;
    })
}

impl ObservedPod {
    /// The same pod with a change.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Pod)) -> Self {
        change(Arc::make_mut(&mut self.pod));
        self
    }

    /// The same pod with a change of what it requests.
    pub(crate) fn with_requests(mut self, change: impl FnOnce(&mut PodRequests)) -> Self {
        change(self.requests_mut());
        self
    }

    /// The same pod with a change of its reading.
    pub(crate) fn with_usage(mut self, change: impl FnOnce(&mut PodUsage)) -> Self {
        change(self.usage_mut());
        self
    }

    /// The same pod without a reading.
    pub(crate) fn without_usage(self) -> Self {
        Self { usage: None, ..self }
    }

    /// What it requests.
    pub(crate) fn requests_mut(&mut self) -> &mut PodRequests {
        Arc::make_mut(&mut Arc::make_mut(&mut self.pod).requests)
    }

    /// Its reading.
    pub(crate) fn usage_mut(&mut self) -> &mut PodUsage {
        Arc::make_mut(self.usage.as_mut().unwrap())
    }
}

/// The source of the CPU and memory readings of [`observe`].
pub(crate) const SOURCE: &str = "metrics.k8s.io/v1beta1";

/// An observation of these pods at the tests' epoch, with a source that delivers CPU and memory, and none for GPUs.
pub(crate) fn observe(current_replicas: u32, pods: Vec<ObservedPod>) -> Observation {
    observe_at(at(0), current_replicas, pods)
}

/// The same at another moment.
pub(crate) fn observe_at(at: Timestamp, current_replicas: u32, pods: Vec<ObservedPod>) -> Observation {
    Observation {
        at,
        current_replicas,
        pods,
        revision: None,
        strays: vec![],
        resource_source: SourceState::Read { name: SOURCE },
        gpu_source: SourceState::Unavailable { error: "no exporter".into() },
        fallback: Fallback::None,
        room: Room::NotAsked,
        max_age: Duration::from_secs(90),
    }
}
