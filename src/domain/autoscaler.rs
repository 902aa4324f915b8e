//! What a client asks for: the workload, the bounds, the targets and the policies. Only valid values exist here;
//! [`super::validation`] makes them from raw requests.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

/// The kinds of workload that can be under autoscaling (guide, "Request Fields", `workload_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WorkloadKind {
    /// `apps/v1` Deployment.
    Deployment,
    /// `apps/v1` StatefulSet.
    StatefulSet,
    /// `apps/v1` ReplicaSet that no Deployment owns.
    ReplicaSet,
}

impl WorkloadKind {
    /// Every kind, in the order in which `auto` looks for a workload.
    pub const ALL: [Self; 3] = [Self::Deployment, Self::StatefulSet, Self::ReplicaSet];

    /// The kind as Kubernetes writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::ReplicaSet => "ReplicaSet",
        }
    }

    /// The kind in lower case, as the guide's error bodies write it (`deployment "nginx" not found`).
    pub fn lowercase(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::StatefulSet => "statefulset",
            Self::ReplicaSet => "replicaset",
        }
    }
}

impl fmt::Display for WorkloadKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A `workload_type` as a client gives it: a kind in any case, or `auto`, which looks the kind up by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestedKind {
    /// Look the workload up by its name among all kinds.
    Auto,
    /// This kind and no other.
    Exactly(WorkloadKind),
}

impl FromStr for RequestedKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text.eq_ignore_ascii_case("auto") {
            return Ok(Self::Auto);
        }
        WorkloadKind::ALL.into_iter().find(|kind| text.eq_ignore_ascii_case(kind.as_str())).map(Self::Exactly).ok_or(())
    }
}

/// Names one workload in the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkloadRef {
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for WorkloadRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

/// The metrics that can have a target, in the guide's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// Use of the requested CPU.
    Cpu,
    /// Use of the requested memory.
    Memory,
    /// Utilisation of the assigned GPUs.
    Gpu,
}

impl Metric {
    /// Every metric, in the guide's order.
    pub const ALL: [Self; 3] = [Self::Cpu, Self::Memory, Self::Gpu];

    /// The metric's name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Gpu => "gpu",
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A wanted utilisation: 1 to 100 percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TargetPercent(u8);

impl TargetPercent {
    /// `None` unless `percent` is within 1..=100.
    pub fn new(percent: i32) -> Option<Self> {
        u8::try_from(percent).ok().filter(|p| (1..=100).contains(p)).map(Self)
    }

    /// The number of percent.
    pub fn get(self) -> u8 {
        self.0
    }
}

/// The targets of an autoscaler; at least one is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Targets {
    cpu: Option<TargetPercent>,
    memory: Option<TargetPercent>,
    gpu: Option<TargetPercent>,
}

impl Targets {
    /// `None` when no target is set.
    pub fn new(cpu: Option<TargetPercent>, memory: Option<TargetPercent>, gpu: Option<TargetPercent>) -> Option<Self> {
        (cpu.is_some() || memory.is_some() || gpu.is_some()).then_some(Self { cpu, memory, gpu })
    }

    /// The target of one metric, if it has one.
    pub fn get(&self, metric: Metric) -> Option<TargetPercent> {
        match metric {
            Metric::Cpu => self.cpu,
            Metric::Memory => self.memory,
            Metric::Gpu => self.gpu,
        }
    }
}

/// The least and the greatest number of replicas; `1 <= min <= max <= i32::MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaBounds {
    min: u32,
    max: u32,
}

impl ReplicaBounds {
    /// `None` unless `1 <= min <= max`, both of which fit Kubernetes' int32.
    pub fn new(min: u32, max: u32) -> Option<Self> {
        (1 <= min && min <= max && i32::try_from(max).is_ok()).then_some(Self { min, max })
    }

    /// The least number of replicas.
    pub fn min(&self) -> u32 {
        self.min
    }

    /// The greatest number of replicas.
    pub fn max(&self) -> u32 {
        self.max
    }

    /// `replicas`, moved to the nearer bound when it is outside.
    pub fn clamp(&self, replicas: u32) -> u32 {
        replicas.clamp(self.min, self.max)
    }
}

/// The direction of a change of replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// More replicas.
    Up,
    /// Fewer replicas.
    Down,
}

/// A stabilisation window: 0 to 3600 s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window(Duration);

impl Window {
    /// The longest window that can be asked for, as in the HPA.
    pub const MAX_SECONDS: u32 = 3600;

    /// `None` when `seconds` is above [`Self::MAX_SECONDS`].
    pub fn from_seconds(seconds: u32) -> Option<Self> {
        (seconds <= Self::MAX_SECONDS).then(|| Self(Duration::from_secs(seconds.into())))
    }

    /// The window of a policy that names none: 0 s up, 300 s down (guide, "Scaling Policy Fields").
    pub fn default_for(direction: Direction) -> Self {
        match direction {
            Direction::Up => Self(Duration::ZERO),
            Direction::Down => Self(Duration::from_secs(300)),
        }
    }

    /// The window's length.
    pub fn length(self) -> Duration {
        self.0
    }
}

/// How a scale-up window turns its recommendations into one (scale-down always takes the maximum).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Stabilization {
    /// Wait until every recommendation in a covered window is above the current count, then take the greatest.
    #[default]
    GateAndMaximum,
    /// Take the least recommendation in the window, as the HPA does.
    Hpa,
}

/// How far the ratio of utilisation to target may be from 1 without a change, in percent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TolerancePercent(f64);

impl TolerancePercent {
    /// `None` unless `percent` is within 0..=100.
    pub fn new(percent: f64) -> Option<Self> {
        (0.0..=100.0).contains(&percent).then_some(Self(percent))
    }

    /// The tolerance as a fraction of 1.
    pub fn fraction(self) -> f64 {
        self.0 / 100.0
    }

    /// The tolerance in percent.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Default for TolerancePercent {
    /// 10 %, as the HPA's `--horizontal-pod-autoscaler-tolerance`.
    fn default() -> Self {
        Self(10.0)
    }
}

/// What restrains the changes in one direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScalingPolicy {
    /// The stabilisation window.
    pub window: Window,
    /// How the window's recommendations become one.
    pub stabilization: Stabilization,
    /// The greatest change of one scaling operation; `None` is no limit.
    pub max_scale_change: Option<NonZeroU32>,
    /// The deviation from the target that causes no change in this direction.
    pub tolerance: TolerancePercent,
}

impl ScalingPolicy {
    /// The policy of a client that gives none for this direction.
    pub fn default_for(direction: Direction) -> Self {
        Self {
            window: Window::default_for(direction),
            stabilization: Stabilization::default(),
            max_scale_change: None,
            tolerance: TolerancePercent::default(),
        }
    }
}

/// The time from one evaluation to the next: 1 to 3600 s, 15 s unless the client says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval(Duration);

impl Interval {
    /// The longest interval.
    pub const MAX_SECONDS: u32 = 3600;

    /// `None` unless `seconds` is within 1..=[`Self::MAX_SECONDS`].
    pub fn from_seconds(seconds: u32) -> Option<Self> {
        (1..=Self::MAX_SECONDS).contains(&seconds).then(|| Self(Duration::from_secs(seconds.into())))
    }

    /// The interval's length.
    pub fn length(self) -> Duration {
        self.0
    }
}

impl Default for Interval {
    fn default() -> Self {
        Self(Duration::from_secs(15))
    }
}

/// Everything that a client decides about an autoscaler except which workload it scales.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScalingRules {
    /// The least and the greatest number of replicas.
    pub bounds: ReplicaBounds,
    /// The wanted utilisations.
    pub targets: Targets,
    /// What restrains scaling up.
    pub scale_up: ScalingPolicy,
    /// What restrains scaling down.
    pub scale_down: ScalingPolicy,
    /// The time from one evaluation to the next.
    pub interval: Interval,
}

impl ScalingRules {
    /// The policy for one direction.
    pub fn policy(&self, direction: Direction) -> &ScalingPolicy {
        match direction {
            Direction::Up => &self.scale_up,
            Direction::Down => &self.scale_down,
        }
    }
}

/// A request whose values are all valid, but whose workload has not been looked up yet.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestedAutoscaler {
    /// The workload's namespace.
    pub namespace: String,
    /// The workload's name.
    pub name: String,
    /// The workload's kind, or `auto`.
    pub kind: RequestedKind,
    /// How it is to be scaled.
    pub rules: ScalingRules,
}

/// An autoscaler's complete definition.
#[derive(Clone, Debug, PartialEq)]
pub struct AutoscalerSpec {
    /// The workload that it scales.
    pub workload: WorkloadRef,
    /// How it is to be scaled.
    pub rules: ScalingRules,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_read_in_any_case() {
        for text in ["StatefulSet", "statefulset", "STATEFULSET"] {
            assert_eq!(text.parse(), Ok(RequestedKind::Exactly(WorkloadKind::StatefulSet)));
        }
        assert_eq!("Auto".parse(), Ok(RequestedKind::Auto));
        assert_eq!("DaemonSet".parse::<RequestedKind>(), Err(()));
    }

    #[test]
    fn values_outside_their_range_do_not_exist() {
        assert!(
            TargetPercent::new(0).is_none() && TargetPercent::new(101).is_none() && TargetPercent::new(-5).is_none()
        );
        assert!(ReplicaBounds::new(0, 1).is_none() && ReplicaBounds::new(3, 2).is_none());
        assert!(ReplicaBounds::new(1, u32::MAX).is_none());
        assert!(Targets::new(None, None, None).is_none());
        assert!(Window::from_seconds(3601).is_none() && Window::from_seconds(0).is_some());
        assert!(Interval::from_seconds(0).is_none());
        assert!(TolerancePercent::new(f64::NAN).is_none() && TolerancePercent::new(-0.1).is_none());
    }
}
