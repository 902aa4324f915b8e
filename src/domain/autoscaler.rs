//! What a client asks for: the workload, the bounds, the targets and the policies. Only valid values exist here;
//! [`super::validation`] makes them from raw requests.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;
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

    /// The resource's name in the API of Kubernetes.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Deployment => "deployments",
            Self::StatefulSet => "statefulsets",
            Self::ReplicaSet => "replicasets",
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
    /// Use of the assigned GPUs' memory.
    GpuMemory,
}

impl Metric {
    /// Every metric, in the guide's order.
    pub const ALL: [Self; 4] = [Self::Cpu, Self::Memory, Self::Gpu, Self::GpuMemory];

    /// The metric's name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Gpu => "gpu",
            Self::GpuMemory => "gpu_memory",
        }
    }

    /// The metric's name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Cpu => "CPU",
            Self::Memory => "memory",
            Self::Gpu => "GPU",
            Self::GpuMemory => "GPU memory",
        }
    }

    /// Whether it is measured of GPUs.
    pub fn is_of_gpus(self) -> bool {
        matches!(self, Self::Gpu | Self::GpuMemory)
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A wanted utilisation in percent, at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TargetPercent(NonZeroU32);

impl TargetPercent {
    /// `None` unless `percent` is within 1..=100, as the guide has it.
    pub fn new(percent: i32) -> Option<Self> {
        Self::unbounded(percent).filter(|target| target.get() <= 100)
    }

    /// `None` unless `percent` is at least 1. Manifests of the HPA may have more than 100.
    pub fn unbounded(percent: i32) -> Option<Self> {
        u32::try_from(percent).ok().and_then(NonZeroU32::new).map(Self)
    }

    /// The number of percent.
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

/// The targets of an autoscaler; at least one is set, unless the recommendation comes from elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    cpu: Option<TargetPercent>,
    memory: Option<TargetPercent>,
    gpu: Option<TargetPercent>,
    gpu_memory: Option<TargetPercent>,
}

impl Targets {
    /// `None` when `of` gives no metric a target.
    pub fn new(of: impl Fn(Metric) -> Option<TargetPercent>) -> Option<Self> {
        let [cpu, memory, gpu, gpu_memory] = Metric::ALL.map(of);
        let targets = Self { cpu, memory, gpu, gpu_memory };
        (targets != Self::none()).then_some(targets)
    }

    /// One target.
    pub fn only(metric: Metric, target: TargetPercent) -> Self {
        Self::new(|of| (of == metric).then_some(target)).unwrap_or_default()
    }

    /// No target at all: for a what-if whose recommendation is given.
    pub fn none() -> Self {
        Self::default()
    }

    /// Whether something that is measured of GPUs has a target.
    pub fn need_gpus(&self) -> bool {
        self.gpu.is_some() || self.gpu_memory.is_some()
    }

    /// The target of one metric, if it has one.
    pub fn get(&self, metric: Metric) -> Option<TargetPercent> {
        match metric {
            Metric::Cpu => self.cpu,
            Metric::Memory => self.memory,
            Metric::Gpu => self.gpu,
            Metric::GpuMemory => self.gpu_memory,
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

    /// A window of any length, for a what-if.
    pub fn of(length: Duration) -> Self {
        Self(length)
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

impl Stabilization {
    /// Every rule.
    pub const ALL: [Self; 2] = [Self::GateAndMaximum, Self::Hpa];

    /// The rule's name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GateAndMaximum => "default",
            Self::Hpa => "hpa",
        }
    }
}

/// How far the ratio of utilisation to target may be from 1 without a change, in percent; at least 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TolerancePercent(f64);

impl TolerancePercent {
    /// `None` unless `percent` is a number of at least 0.
    pub fn new(percent: f64) -> Option<Self> {
        (percent.is_finite() && percent >= 0.0).then_some(Self(percent))
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

/// What a rate policy counts in (the HPA's `HPAScalingPolicy.type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateUnit {
    /// Replicas.
    Pods,
    /// Percent of the replicas at the beginning of the period.
    Percent,
}

impl RateUnit {
    /// Every unit.
    pub const ALL: [Self; 2] = [Self::Pods, Self::Percent];

    /// The unit's name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pods => "Pods",
            Self::Percent => "Percent",
        }
    }
}

/// How much may change within a period (the HPA's `HPAScalingPolicy`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RatePolicy {
    /// What `value` counts in.
    pub unit: RateUnit,
    /// How much may change, at least 1.
    pub value: NonZeroU32,
    period: Duration,
}

impl RatePolicy {
    /// The longest period, as in the HPA.
    pub const MAX_PERIOD_SECONDS: u32 = 1800;

    /// The greatest number of policies in one direction: each costs something at every decision.
    pub const MOST: usize = 16;

    /// `None` unless `value` fits an int32 and is at least 1, and `period_seconds` is within its range.
    pub fn new(unit: RateUnit, value: i32, period_seconds: i32) -> Option<Self> {
        let period_seconds = u32::try_from(period_seconds).ok()?;
        let is_allowed = (1..=Self::MAX_PERIOD_SECONDS).contains(&period_seconds);
        Self::of(unit, value, Duration::from_secs(period_seconds.into())).filter(|_| is_allowed)
    }

    /// A policy with a period of any length, for a what-if; `None` unless `value` is at least 1.
    pub fn of(unit: RateUnit, value: i32, period: Duration) -> Option<Self> {
        let value = u32::try_from(value).ok().and_then(NonZeroU32::new)?;
        Some(Self { unit, value, period })
    }

    /// The period's length.
    pub fn period(&self) -> Duration {
        self.period
    }
}

/// Which of several rate policies counts (the HPA's `selectPolicy`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SelectPolicy {
    /// The one that allows the greatest change.
    #[default]
    Max,
    /// The one that allows the smallest change.
    Min,
    /// None: this direction is switched off.
    Disabled,
}

impl SelectPolicy {
    /// Every choice.
    pub const ALL: [Self; 3] = [Self::Max, Self::Min, Self::Disabled];

    /// The choice's name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Max => "Max",
            Self::Min => "Min",
            Self::Disabled => "Disabled",
        }
    }
}

/// What restrains the changes in one direction.
#[derive(Clone, Debug, PartialEq)]
pub struct ScalingPolicy {
    /// The stabilisation window.
    pub window: Window,
    /// How the window's recommendations become one.
    pub stabilization: Stabilization,
    /// The greatest change of one scaling operation; `None` is no limit.
    pub max_scale_change: Option<NonZeroU32>,
    /// The deviation from the target that causes no change in this direction.
    pub tolerance: TolerancePercent,
    /// How fast the count may change; none is no limit.
    pub policies: Vec<RatePolicy>,
    /// Which of the policies counts.
    pub select_policy: SelectPolicy,
}

impl ScalingPolicy {
    /// The policy of a client that gives none for this direction.
    pub fn default_for(direction: Direction) -> Self {
        Self {
            window: Window::default_for(direction),
            stabilization: Stabilization::default(),
            max_scale_change: None,
            tolerance: TolerancePercent::default(),
            policies: Vec::new(),
            select_policy: SelectPolicy::default(),
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

    /// An interval of any length, for a what-if.
    pub fn of(length: Duration) -> Self {
        Self(length)
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

/// Whether an autoscaler acts on its decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// It does.
    #[default]
    Active,
    /// It decides and records, but never scales.
    Observe,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 2] = [Self::Active, Self::Observe];

    /// The mode's name in the API and the settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Observe => "observe",
        }
    }
}

impl FromStr for Mode {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text).ok_or(())
    }
}

/// Whose decisions an autoscaler makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Compatibility {
    /// This project's: the HPA's, and better where the HPA hurts (`docs/decisions.md`).
    #[default]
    Default,
    /// The HPA's (v1.37), warts included.
    Hpa,
}

impl Compatibility {
    /// Every choice.
    pub const ALL: [Self; 2] = [Self::Default, Self::Hpa];

    /// The choice's name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Hpa => "hpa",
        }
    }
}

/// Whether the nodes' free places limit how far a workload with GPUs is scaled up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum CapacityRule {
    /// No more replicas than can run.
    #[default]
    Respect,
    /// As many as are wanted: a cluster autoscaler brings nodes for the pods that wait.
    Ignore,
}

impl CapacityRule {
    /// Every choice.
    pub const ALL: [Self; 2] = [Self::Respect, Self::Ignore];

    /// The choice's name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Respect => "respect",
            Self::Ignore => "ignore",
        }
    }
}

/// What becomes of an autoscaler whose changes somebody else reverses again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnConflict {
    /// It leaves the workload to the other, until it is changed or resumed.
    #[default]
    Yield,
    /// It goes on.
    Insist,
}

impl OnConflict {
    /// Every choice.
    pub const ALL: [Self; 2] = [Self::Yield, Self::Insist];

    /// The choice's name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yield => "yield",
            Self::Insist => "insist",
        }
    }
}

/// How long a starting pod's CPU and GPU say more about its start than about its load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WarmUp {
    /// A pod this young counts only when it was ready for a whole metric window
    /// (the HPA's `--horizontal-pod-autoscaler-cpu-initialization-period`).
    pub cpu_initialization: Duration,
    /// A pod that became unready within this time of its start has never been ready
    /// (the HPA's `--horizontal-pod-autoscaler-initial-readiness-delay`).
    pub readiness_delay: Duration,
}

impl Default for WarmUp {
    /// 300 s and 30 s, as the HPA's flags.
    fn default() -> Self {
        Self { cpu_initialization: Duration::from_secs(300), readiness_delay: Duration::from_secs(30) }
    }
}

/// Everything that a client decides about an autoscaler except which workload it scales.
#[derive(Clone, Debug, PartialEq)]
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
    /// Whether it acts.
    pub mode: Mode,
    /// Whose decisions it makes.
    pub compatibility: Compatibility,
    /// The container whose CPU and memory count (the HPA's `ContainerResource`); `None` is all of them.
    pub container: Option<Arc<str>>,
    /// How long pods warm up.
    pub warm_up: WarmUp,
    /// Whether the nodes' free places limit it.
    pub capacity: CapacityRule,
    /// What becomes of it when somebody else scales the workload as well.
    pub on_conflict: OnConflict,
}

impl ScalingRules {
    /// Rules with the default for everything that has one.
    pub fn new(bounds: ReplicaBounds, targets: Targets) -> Self {
        Self {
            bounds,
            targets,
            scale_up: ScalingPolicy::default_for(Direction::Up),
            scale_down: ScalingPolicy::default_for(Direction::Down),
            interval: Interval::default(),
            mode: Mode::default(),
            compatibility: Compatibility::default(),
            container: None,
            warm_up: WarmUp::default(),
            capacity: CapacityRule::default(),
            on_conflict: OnConflict::default(),
        }
    }

    /// The policy for one direction.
    pub fn policy(&self, direction: Direction) -> &ScalingPolicy {
        match direction {
            Direction::Up => &self.scale_up,
            Direction::Down => &self.scale_down,
        }
    }

    /// Whether the HPA's decisions are asked for.
    pub fn is_hpa(&self) -> bool {
        self.compatibility == Compatibility::Hpa
    }

    /// Whether no more replicas are wanted than can run. (The HPA does not look.)
    pub fn respects_capacity(&self) -> bool {
        self.capacity == CapacityRule::Respect && !self.is_hpa()
    }

    /// Whether the recommendations that were made by `other` are those that would have been made by these rules. (The
    /// HPA goes on with whatever was recommended.)
    pub fn recommend_like(&self, other: &Self) -> bool {
        let tolerances = |rules: &Self| (rules.scale_up.tolerance, rules.scale_down.tolerance);
        let by_metrics = self.targets == other.targets
            && tolerances(self) == tolerances(other)
            && self.container == other.container
            && self.warm_up == other.warm_up;
        self.compatibility == other.compatibility && (by_metrics || self.is_hpa())
    }

    /// How the scale-up window's recommendations become one.
    pub fn stabilization(&self) -> Stabilization {
        if self.is_hpa() { Stabilization::Hpa } else { self.scale_up.stabilization }
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
    fn everything_that_is_named_in_the_api_has_its_name() {
        assert_eq!(WorkloadKind::ALL.map(WorkloadKind::as_str), ["Deployment", "StatefulSet", "ReplicaSet"]);
        assert_eq!(WorkloadKind::ALL.map(WorkloadKind::lowercase), ["deployment", "statefulset", "replicaset"]);
        let (namespace, name) = ("shop".to_owned(), "web".to_owned());
        let workload = WorkloadRef { kind: WorkloadKind::StatefulSet, namespace, name };
        assert_eq!(workload.to_string(), "StatefulSet shop/web");
        assert_eq!(Metric::ALL.map(|metric| metric.to_string()), ["cpu", "memory", "gpu", "gpu_memory"]);
        assert_eq!(CapacityRule::ALL.map(CapacityRule::as_str), ["respect", "ignore"]);
        assert_eq!(Compatibility::ALL.map(Compatibility::as_str), ["default", "hpa"]);
        assert_eq!(SelectPolicy::ALL.map(SelectPolicy::as_str), ["Max", "Min", "Disabled"]);
        for (text, mode) in [("active", Ok(Mode::Active)), ("observe", Ok(Mode::Observe)), ("Active", Err(()))] {
            assert_eq!(text.parse(), mode);
        }
    }

    #[test]
    fn values_outside_their_range_do_not_exist() {
        assert!(
            TargetPercent::new(0).is_none() && TargetPercent::new(101).is_none() && TargetPercent::new(-5).is_none()
        );
        assert!(ReplicaBounds::new(0, 1).is_none() && ReplicaBounds::new(3, 2).is_none());
        assert!(ReplicaBounds::new(1, u32::MAX).is_none());
        assert!(Targets::new(|_| None).is_none());
        assert!(Window::from_seconds(3601).is_none() && Window::from_seconds(0).is_some());
        assert!(Interval::from_seconds(0).is_none());
        assert!(TolerancePercent::new(f64::NAN).is_none() && TolerancePercent::new(-0.1).is_none());
        assert!(TolerancePercent::new(f64::INFINITY).is_none() && TolerancePercent::new(1000.0).is_some());
        assert!(RatePolicy::new(RateUnit::Pods, 0, 15).is_none() && RatePolicy::new(RateUnit::Pods, 1, 0).is_none());
        assert!(RatePolicy::new(RateUnit::Percent, 1, 1801).is_none());
        assert!(TargetPercent::unbounded(101).is_some() && TargetPercent::unbounded(0).is_none());
    }
}
