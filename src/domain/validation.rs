//! Makes valid autoscalers from raw requests, and names every fault at once in the guide's field order.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use super::autoscaler::{
    CapacityRule, Compatibility, Direction, Interval, Metric, Mode, OnConflict, RatePolicy, RateUnit, ReplicaBounds,
    RequestedAutoscaler, RequestedKind, ScalingPolicy, ScalingRules, SelectPolicy, Stabilization, TargetPercent,
    Targets, TolerancePercent, WarmUp, Window,
};

/// A create request as it came: right JSON types, nothing else known. Absent and `null` are the same.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RawAutoscaler {
    /// `workload_name`
    pub workload_name: Option<String>,
    /// `workload_namespace`
    pub workload_namespace: Option<String>,
    /// `workload_type`
    pub workload_type: Option<String>,
    /// `min_replicas`
    pub min_replicas: Option<i32>,
    /// `max_replicas`
    pub max_replicas: Option<i32>,
    /// `target_cpu_percent`; 0 is no target.
    pub target_cpu_percent: Option<i32>,
    /// `target_memory_percent`; 0 is no target.
    pub target_memory_percent: Option<i32>,
    /// `target_gpu_percent`; 0 is no target.
    pub target_gpu_percent: Option<i32>,
    /// `target_gpu_memory_percent`
    pub target_gpu_memory_percent: Option<i32>,
    /// `scale_up_policy`
    pub scale_up_policy: Option<RawPolicy>,
    /// `scale_down_policy`
    pub scale_down_policy: Option<RawPolicy>,
    /// `interval_seconds`
    pub interval_seconds: Option<f64>,
    /// `mode`: `active` or `observe`.
    pub mode: Option<String>,
    /// `compatibility`: `default` or `hpa`.
    pub compatibility: Option<String>,
    /// `container_name`
    pub container_name: Option<String>,
    /// `warm_up`
    pub warm_up: Option<RawWarmUp>,
    /// `capacity`: `respect` or `ignore`.
    pub capacity: Option<String>,
    /// `on_conflict`: `yield` or `insist`.
    pub on_conflict: Option<String>,
}

/// A warm-up as it came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RawWarmUp {
    /// `cpu_initialization_seconds`
    pub cpu_initialization_seconds: Option<f64>,
    /// `readiness_delay_seconds`
    pub readiness_delay_seconds: Option<f64>,
}

/// A scaling policy as it came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RawPolicy {
    /// `stabilization_window_seconds`
    pub stabilization_window_seconds: Option<f64>,
    /// `max_scale_change`; 0 is no limit.
    pub max_scale_change: Option<i32>,
    /// `tolerance_percent`
    pub tolerance_percent: Option<f64>,
    /// `stabilization`: `default` or `hpa`.
    pub stabilization: Option<String>,
    /// `policies`
    pub policies: Option<Vec<RawRatePolicy>>,
    /// `select_policy`: `Max`, `Min` or `Disabled`.
    pub select_policy: Option<String>,
}

/// A rate policy as it came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RawRatePolicy {
    /// `type`: `Pods` or `Percent`.
    pub kind: Option<String>,
    /// `value`
    pub value: Option<i32>,
    /// `period_seconds`
    pub period_seconds: Option<f64>,
}

/// What is demanded of the rules.
#[derive(Clone, Copy)]
struct Demands {
    targets: TargetRange,
    /// Whether one of the metrics must have a target.
    needs_target: bool,
    /// Whether windows, periods and the interval may be fractional and of any length.
    any_span: bool,
}

/// Which targets are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetRange {
    /// 1 to 100, and at least one target (the guide).
    Guide,
    /// 1 and more, and at least one target: for manifests of the HPA.
    Unbounded,
}

/// Every fault of a request, in the guide's field order; shown joined by `; `.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ValidationErrors(Vec<String>);

impl fmt::Display for ValidationErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

/// Collects faults while the fields are read one after the other.
#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    fn add(&mut self, fault: impl Into<String>) {
        self.0.push(fault.into());
    }

    /// `value`, or `None` with a fault when it is missing or empty.
    fn required<'a>(&mut self, field: &str, value: &'a Option<String>) -> Option<&'a str> {
        match value.as_deref() {
            None | Some("") => {
                self.add(format!("{field} is required"));
                None
            }
            present => present,
        }
    }

    /// `read(value)`, or `None` with a fault when that is `None`; an absent value is neither.
    fn checked<T, U>(
        &mut self,
        value: Option<T>,
        read: impl FnOnce(T) -> Option<U>,
        fault: impl FnOnce() -> String,
    ) -> Option<U> {
        let checked = read(value?);
        if checked.is_none() {
            self.add(fault());
        }
        checked
    }

    /// A span of so many seconds, however long.
    fn span(&mut self, field: &str, value: Option<f64>) -> Option<Duration> {
        self.checked(value, seconds, || format!("{field} must be at least 0"))
    }

    /// The value of that name, or `None` with a fault when there is none.
    fn one_of<T: Copy, const N: usize>(
        &mut self,
        field: &str,
        text: Option<&str>,
        all: [T; N],
        name: fn(T) -> &'static str,
    ) -> Option<T> {
        self.checked(
            text,
            |text| all.into_iter().find(|value| name(*value) == text),
            || format!("{field} must be one of {}", all.map(name).join(", ")),
        )
    }
}

/// Checks a raw request (guide, "Request Fields").
pub fn validate(raw: &RawAutoscaler) -> Result<RequestedAutoscaler, ValidationErrors> {
    let mut faults = Faults::default();
    let name = object_name(&mut faults, "workload_name", &raw.workload_name, is_dns_subdomain, SUBDOMAIN_RULE);
    let namespace = object_name(&mut faults, "workload_namespace", &raw.workload_namespace, is_dns_label, LABEL_RULE);
    let kind = kind(&mut faults, &raw.workload_type);
    let demands = Demands { targets: TargetRange::Guide, needs_target: true, any_span: false };
    let rules = rules(&mut faults, raw, demands);
    match (name, namespace, kind, rules) {
        (Some(name), Some(namespace), Some(kind), Some(rules)) if faults.0.is_empty() => {
            Ok(RequestedAutoscaler { namespace, name, kind, rules })
        }
        _ => Err(ValidationErrors(faults.0)),
    }
}

/// Checks the rules of a what-if; which workload it names, if any, does not matter, as long as it could be one. A target
/// can be left out when the recommendation comes from elsewhere, and spans of time may be of any length.
pub fn validate_rules(
    raw: &RawAutoscaler,
    range: TargetRange,
    needs_target: bool,
) -> Result<ScalingRules, ValidationErrors> {
    let mut faults = Faults::default();
    if raw.workload_name.is_some() {
        object_name(&mut faults, "workload_name", &raw.workload_name, is_dns_subdomain, SUBDOMAIN_RULE);
    }
    if raw.workload_namespace.is_some() {
        object_name(&mut faults, "workload_namespace", &raw.workload_namespace, is_dns_label, LABEL_RULE);
    }
    if raw.workload_type.is_some() {
        kind(&mut faults, &raw.workload_type);
    }
    match rules(&mut faults, raw, Demands { targets: range, needs_target, any_span: true }) {
        Some(rules) if faults.0.is_empty() => Ok(rules),
        _ => Err(ValidationErrors(faults.0)),
    }
}

fn rules(faults: &mut Faults, raw: &RawAutoscaler, demands: Demands) -> Option<ScalingRules> {
    let bounds = bounds(faults, raw.min_replicas, raw.max_replicas);
    let targets = targets(faults, raw, demands);
    let scale_up = policy(faults, Direction::Up, raw.scale_up_policy.as_ref(), demands);
    let scale_down = policy(faults, Direction::Down, raw.scale_down_policy.as_ref(), demands);
    let interval = if demands.any_span {
        faults.span("interval_seconds", raw.interval_seconds).map(Interval::of)
    } else {
        faults.checked(
            raw.interval_seconds,
            |seconds| whole(seconds).and_then(Interval::from_seconds),
            || format!("interval_seconds must be between 1 and {}", Interval::MAX_SECONDS),
        )
    };
    let mode = faults.one_of("mode", raw.mode.as_deref(), Mode::ALL, Mode::as_str);
    let compatibility =
        faults.one_of("compatibility", raw.compatibility.as_deref(), Compatibility::ALL, Compatibility::as_str);
    let container = faults.checked(
        raw.container_name.as_deref(),
        |name| is_dns_label(name).then(|| name.into()),
        || format!("container_name {LABEL_RULE}"),
    );
    let warm_up = warm_up(faults, raw.warm_up.as_ref());
    let capacity = faults.one_of("capacity", raw.capacity.as_deref(), CapacityRule::ALL, CapacityRule::as_str);
    let on_conflict = faults.one_of("on_conflict", raw.on_conflict.as_deref(), OnConflict::ALL, OnConflict::as_str);
    Some(ScalingRules {
        scale_up,
        scale_down,
        interval: interval.unwrap_or_default(),
        mode: mode.unwrap_or_default(),
        compatibility: compatibility.unwrap_or_default(),
        container,
        warm_up,
        capacity: capacity.unwrap_or_default(),
        on_conflict: on_conflict.unwrap_or_default(),
        ..ScalingRules::new(bounds?, targets?)
    })
}

fn warm_up(faults: &mut Faults, raw: Option<&RawWarmUp>) -> WarmUp {
    let defaults = WarmUp::default();
    let Some(raw) = raw else { return defaults };
    let cpu_initialization = faults.checked(raw.cpu_initialization_seconds, seconds, || {
        "warm_up.cpu_initialization_seconds must be at least 0".into()
    });
    let readiness_delay = faults
        .checked(raw.readiness_delay_seconds, seconds, || "warm_up.readiness_delay_seconds must be at least 0".into());
    WarmUp {
        cpu_initialization: cpu_initialization.unwrap_or(defaults.cpu_initialization),
        readiness_delay: readiness_delay.unwrap_or(defaults.readiness_delay),
    }
}

/// A span of so many seconds, to the nanosecond; `None` unless it is a number of at least 0. What is longer than any
/// span is the longest.
pub fn seconds(seconds: f64) -> Option<Duration> {
    (seconds >= 0.0).then(|| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

/// What a label has to be.
pub(crate) const LABEL_RULE: &str = "must be a valid RFC 1123 label: at most 63 lower case letters, digits or '-', \
                          starting and ending with a letter or digit";
/// What a subdomain has to be.
pub(crate) const SUBDOMAIN_RULE: &str = "must be a valid RFC 1123 subdomain: at most 253 lower case letters, digits, '-' or '.', \
                              starting and ending with a letter or digit";

fn object_name(
    faults: &mut Faults,
    field: &str,
    value: &Option<String>,
    valid: fn(&str) -> bool,
    rule: &str,
) -> Option<String> {
    let text = faults.required(field, value)?;
    if !valid(text) {
        faults.add(format!("{field} {rule}"));
        return None;
    }
    Some(text.to_owned())
}

/// Whether `text` is an RFC 1123 label, as Kubernetes wants for namespaces.
pub fn is_dns_label(text: &str) -> bool {
    text.len() <= 63 && has_label_form(text)
}

/// Whether `text` is an RFC 1123 subdomain, as Kubernetes wants for workloads; its labels may be long.
fn is_dns_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(has_label_form)
}

/// Whether `text` has the form of a label, whatever its length.
fn has_label_form(text: &str) -> bool {
    let alphanumeric = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.iter().all(|&c| alphanumeric(c) || c == b'-')
        && bytes.first().is_some_and(|&c| alphanumeric(c))
        && bytes.last().is_some_and(|&c| alphanumeric(c))
}

fn kind(faults: &mut Faults, value: &Option<String>) -> Option<RequestedKind> {
    let text = faults.required("workload_type", value)?;
    faults.checked(
        Some(text),
        |text| text.parse().ok(),
        || "workload_type must be one of Deployment, StatefulSet, ReplicaSet or auto".to_owned(),
    )
}

fn bounds(faults: &mut Faults, min: Option<i32>, max: Option<i32>) -> Option<ReplicaBounds> {
    match min {
        None => faults.add("min_replicas is required"),
        Some(min) if min < 1 => faults.add("min_replicas must be at least 1"),
        Some(_) => {}
    }
    match (min, max) {
        (_, None) => faults.add("max_replicas is required"),
        (Some(min), Some(max)) if max < min => {
            faults.add("max_replicas must be greater than or equal to min_replicas");
        }
        (None, Some(max)) if max < 1 => faults.add("max_replicas must be at least 1"),
        _ => {}
    }
    ReplicaBounds::new(u32::try_from(min?).ok()?, u32::try_from(max?).ok()?)
}

fn targets(faults: &mut Faults, raw: &RawAutoscaler, demands: Demands) -> Option<Targets> {
    let before = faults.0.len();
    let mut target = |field: &str, percent: Option<i32>| {
        let set = percent.filter(|&percent| percent != 0);
        match demands.targets {
            TargetRange::Guide => {
                faults.checked(set, TargetPercent::new, || format!("{field} must be between 0 and 100"))
            }
            TargetRange::Unbounded => {
                faults.checked(set, TargetPercent::unbounded, || format!("{field} must be at least 0"))
            }
        }
    };
    let cpu = target("target_cpu_percent", raw.target_cpu_percent);
    let memory = target("target_memory_percent", raw.target_memory_percent);
    let gpu = target("target_gpu_percent", raw.target_gpu_percent);
    let gpu_memory = target("target_gpu_memory_percent", raw.target_gpu_memory_percent);
    let targets = Targets::new(|metric| match metric {
        Metric::Cpu => cpu,
        Metric::Memory => memory,
        Metric::Gpu => gpu,
        Metric::GpuMemory => gpu_memory,
    });
    if !demands.needs_target {
        return Some(targets.unwrap_or_default());
    }
    // A target that is out of range was meant as one: do not say as well that none is set.
    if targets.is_none() && faults.0.len() == before {
        faults.add(
            "at least one of target_cpu_percent, target_memory_percent, target_gpu_percent and \
             target_gpu_memory_percent must be greater than 0",
        );
    }
    targets
}

fn policy(faults: &mut Faults, direction: Direction, raw: Option<&RawPolicy>, demands: Demands) -> ScalingPolicy {
    let defaults = ScalingPolicy::default_for(direction);
    let Some(raw) = raw else { return defaults };
    let policy = match direction {
        Direction::Up => "scale_up_policy",
        Direction::Down => "scale_down_policy",
    };
    let field = format!("{policy}.stabilization_window_seconds");
    let window = if demands.any_span {
        faults.span(&field, raw.stabilization_window_seconds).map(Window::of)
    } else {
        faults.checked(
            raw.stabilization_window_seconds,
            |seconds| whole(seconds).and_then(Window::from_seconds),
            || format!("{field} must be between 0 and {}", Window::MAX_SECONDS),
        )
    };
    let max_scale_change = faults.checked(
        raw.max_scale_change,
        |change| u32::try_from(change).ok(),
        || format!("{policy}.max_scale_change must be at least 0"),
    );
    let tolerance = faults.checked(raw.tolerance_percent, TolerancePercent::new, || {
        format!("{policy}.tolerance_percent must be at least 0")
    });
    let stabilization = faults.one_of(
        &format!("{policy}.stabilization"),
        raw.stabilization.as_deref(),
        Stabilization::ALL,
        Stabilization::as_str,
    );
    let most = RatePolicy::MOST;
    if raw.policies.as_ref().is_some_and(|policies| policies.len() > most) {
        faults.add(format!("{policy}.policies must be at most {most}"));
    }
    let policies = raw.policies.iter().flatten().take(most).enumerate();
    let policies = policies
        .filter_map(|(index, raw)| rate_policy(faults, &format!("{policy}.policies[{index}]"), raw, demands))
        .collect();
    let select_policy = faults.one_of(
        &format!("{policy}.select_policy"),
        raw.select_policy.as_deref(),
        SelectPolicy::ALL,
        SelectPolicy::as_str,
    );
    ScalingPolicy {
        window: window.unwrap_or(defaults.window),
        max_scale_change: max_scale_change.and_then(NonZeroU32::new),
        tolerance: tolerance.unwrap_or(defaults.tolerance),
        stabilization: stabilization.unwrap_or(defaults.stabilization),
        policies,
        select_policy: select_policy.unwrap_or_default(),
    }
}

fn rate_policy(faults: &mut Faults, policy: &str, raw: &RawRatePolicy, demands: Demands) -> Option<RatePolicy> {
    let unit = faults.required(&format!("{policy}.type"), &raw.kind).map(str::to_owned);
    let unit = faults.one_of(&format!("{policy}.type"), unit.as_deref(), RateUnit::ALL, RateUnit::as_str);
    if raw.value.is_none() {
        faults.add(format!("{policy}.value is required"));
    }
    let value = faults.checked(
        raw.value,
        |value| (value >= 1).then_some(value),
        || format!("{policy}.value must be at least 1"),
    );
    let field = format!("{policy}.period_seconds");
    if raw.period_seconds.is_none() {
        faults.add(format!("{field} is required"));
    }
    let longest = RatePolicy::MAX_PERIOD_SECONDS;
    let period = if demands.any_span {
        faults.span(&field, raw.period_seconds)
    } else {
        faults.checked(
            raw.period_seconds,
            |period| {
                whole(period).filter(|period| (1..=longest).contains(period)).map(u64::from).map(Duration::from_secs)
            },
            || format!("{field} must be between 1 and {longest}"),
        )
    };
    RatePolicy::of(unit?, value?, period?)
}

/// A whole number of seconds.
fn whole(seconds: f64) -> Option<u32> {
    (seconds.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&seconds)).then_some(seconds as u32)
}

#[cfg(test)]
mod tests {
    use super::super::autoscaler::WorkloadKind;
    use super::*;

    fn valid() -> RawAutoscaler {
        RawAutoscaler {
            workload_name: Some("nginx-deployment".into()),
            workload_namespace: Some("default".into()),
            workload_type: Some("Deployment".into()),
            min_replicas: Some(2),
            max_replicas: Some(10),
            target_cpu_percent: Some(70),
            ..RawAutoscaler::default()
        }
    }

    fn faults(change: impl FnOnce(&mut RawAutoscaler)) -> String {
        let mut raw = valid();
        change(&mut raw);
        validate(&raw).expect_err("the request must be refused").to_string()
    }

    #[test]
    fn a_valid_request_gets_the_defaults_of_the_guide() {
        let requested = validate(&valid()).unwrap();
        assert_eq!(requested.kind, RequestedKind::Exactly(WorkloadKind::Deployment));
        let rules = requested.rules;
        assert_eq!(rules.scale_up.window.length().as_secs(), 0);
        assert_eq!(rules.scale_down.window.length().as_secs(), 300);
        assert_eq!(rules.scale_up.max_scale_change, None);
        assert_eq!(rules.interval.length().as_secs(), 15);
        assert_eq!(rules.targets.get(Metric::Cpu).map(TargetPercent::get), Some(70));
        assert_eq!(rules.targets.get(Metric::Gpu), None);
    }

    #[test]
    fn a_zero_is_no_target_and_no_limit() {
        let mut raw = valid();
        raw.target_gpu_percent = Some(0);
        raw.scale_up_policy = Some(RawPolicy { max_scale_change: Some(0), ..RawPolicy::default() });
        let rules = validate(&raw).unwrap().rules;
        assert_eq!(rules.targets.get(Metric::Gpu), None);
        assert_eq!(rules.scale_up.max_scale_change, None);
    }

    #[test]
    fn each_rule_has_its_sentence() {
        assert_eq!(faults(|r| r.min_replicas = None), "min_replicas is required");
        assert_eq!(faults(|r| r.min_replicas = Some(0)), "min_replicas must be at least 1");
        assert_eq!(faults(|r| r.min_replicas = Some(-3)), "min_replicas must be at least 1");
        assert_eq!(faults(|r| r.max_replicas = None), "max_replicas is required");
        assert_eq!(faults(|r| r.max_replicas = Some(1)), "max_replicas must be greater than or equal to min_replicas");
        let without_min = |max| faults(|r| (r.min_replicas, r.max_replicas) = (None, Some(max)));
        assert_eq!(without_min(0), "min_replicas is required; max_replicas must be at least 1");
        assert_eq!(without_min(1), "min_replicas is required");
        assert_eq!(faults(|r| r.target_cpu_percent = Some(101)), "target_cpu_percent must be between 0 and 100");
        assert_eq!(faults(|r| r.target_memory_percent = Some(-5)), "target_memory_percent must be between 0 and 100");
        assert!(faults(|r| r.target_cpu_percent = None).starts_with("at least one of target_cpu_percent"));
        assert!(faults(|r| r.target_cpu_percent = Some(0)).starts_with("at least one of target_cpu_percent"));
        assert_eq!(faults(|r| r.workload_name = Some(String::new())), "workload_name is required");
        assert!(faults(|r| r.workload_type = Some("DaemonSet".into())).starts_with("workload_type must be one of"));
        assert_eq!(faults(|r| r.interval_seconds = Some(0.0)), "interval_seconds must be between 1 and 3600");
        let policy = |policy: RawPolicy| faults(|r| r.scale_down_policy = Some(policy));
        assert_eq!(
            policy(RawPolicy { stabilization_window_seconds: Some(3601.0), ..RawPolicy::default() }),
            "scale_down_policy.stabilization_window_seconds must be between 0 and 3600"
        );
        assert_eq!(
            policy(RawPolicy { max_scale_change: Some(-1), ..RawPolicy::default() }),
            "scale_down_policy.max_scale_change must be at least 0"
        );
        assert_eq!(
            policy(RawPolicy { stabilization: Some("max".into()), ..RawPolicy::default() }),
            "scale_down_policy.stabilization must be one of default, hpa"
        );
        assert_eq!(
            policy(RawPolicy { tolerance_percent: Some(f64::NAN), ..RawPolicy::default() }),
            "scale_down_policy.tolerance_percent must be at least 0"
        );
    }

    #[test]
    fn spans_of_a_what_if_may_be_of_any_length_and_those_of_a_request_may_not() {
        let mut raw = valid();
        raw.interval_seconds = Some(0.5);
        raw.scale_up_policy = Some(RawPolicy {
            stabilization_window_seconds: Some(1e300),
            policies: Some(vec![RawRatePolicy {
                kind: Some("Pods".into()),
                value: Some(1),
                period_seconds: Some(2000.25),
            }]),
            ..RawPolicy::default()
        });
        let rules = validate_rules(&raw, TargetRange::Guide, true).unwrap();
        assert_eq!(rules.interval.length(), Duration::from_millis(500));
        assert_eq!(rules.scale_up.window.length(), Duration::MAX);
        assert_eq!(rules.scale_up.policies[0].period(), Duration::from_millis(2_000_250));
        let ValidationErrors(faults) = validate(&raw).unwrap_err();
        assert_eq!(faults.len(), 3, "{faults:?}");
        raw.interval_seconds = Some(-0.5);
        let ValidationErrors(faults) = validate_rules(&raw, TargetRange::Guide, true).unwrap_err();
        assert_eq!(faults, ["interval_seconds must be at least 0"]);
    }

    #[test]
    fn more_policies_than_anybody_needs_are_refused() {
        let policy = RawRatePolicy { kind: Some("Pods".into()), value: Some(1), period_seconds: Some(15.0) };
        let with = |count| RawPolicy { policies: Some(vec![policy.clone(); count]), ..RawPolicy::default() };
        let mut raw = valid();
        raw.scale_down_policy = Some(with(16));
        assert!(validate(&raw).is_ok());
        assert_eq!(faults(|r| r.scale_down_policy = Some(with(17))), "scale_down_policy.policies must be at most 16");
    }

    #[test]
    fn names_are_those_that_kubernetes_allows() {
        for bad in ["Default", "a_b", "-a", "a-", "a.b", &"a".repeat(64), "ä", "a b", "a\n"] {
            assert!(faults(|r| r.workload_namespace = Some(bad.into())).starts_with("workload_namespace must be"));
        }
        for bad in ["Web", "a..b", ".a", "a/b", "..", &"a".repeat(254)] {
            assert!(faults(|r| r.workload_name = Some(bad.into())).starts_with("workload_name must be"), "{bad}");
        }
        let mut raw = valid();
        raw.workload_name = Some("web.v1-2".into());
        assert!(validate(&raw).is_ok());
    }

    #[test]
    fn the_least_and_the_greatest_values_are_allowed() {
        let mut raw = valid();
        (raw.min_replicas, raw.max_replicas) = (Some(1), Some(i32::MAX));
        (raw.target_cpu_percent, raw.target_memory_percent) = (Some(1), Some(100));
        raw.interval_seconds = Some(1.0);
        raw.scale_up_policy = Some(RawPolicy {
            stabilization_window_seconds: Some(3600.0),
            max_scale_change: Some(i32::MAX),
            tolerance_percent: Some(100.0),
            stabilization: Some("hpa".into()),
            ..RawPolicy::default()
        });
        raw.scale_down_policy = Some(RawPolicy {
            stabilization_window_seconds: Some(0.0),
            tolerance_percent: Some(0.0),
            ..RawPolicy::default()
        });
        let rules = validate(&raw).unwrap().rules;
        assert_eq!((rules.bounds.min(), rules.bounds.max()), (1, i32::MAX.unsigned_abs()));
        assert_eq!(rules.interval.length().as_secs(), 1);
        assert_eq!(rules.scale_up.window.length().as_secs(), 3600);
        assert_eq!(rules.scale_up.stabilization, Stabilization::Hpa);
        assert_eq!(rules.scale_down.window.length().as_secs(), 0, "an explicit 0 is not the default of 300 s");
        assert_eq!(rules.scale_down.stabilization, Stabilization::GateAndMaximum);
        (raw.min_replicas, raw.max_replicas) = (Some(7), Some(7));
        assert!(validate(&raw).is_ok(), "the bounds may be one number");
    }

    #[test]
    fn the_faults_of_all_fields_come_in_the_order_of_the_guide() {
        let policy = RawPolicy {
            stabilization_window_seconds: Some(-1.0),
            max_scale_change: Some(i32::MIN),
            tolerance_percent: Some(-0.1),
            stabilization: Some("HPA".into()),
            policies: Some(vec![RawRatePolicy { value: Some(0), ..RawRatePolicy::default() }]),
            select_policy: Some("max".into()),
        };
        let raw = RawAutoscaler {
            workload_name: Some("Web".into()),
            workload_namespace: Some("a.b".into()),
            workload_type: Some("Job".into()),
            min_replicas: Some(-1),
            max_replicas: Some(-2),
            target_cpu_percent: Some(i32::MAX),
            target_memory_percent: Some(i32::MIN),
            target_gpu_percent: Some(101),
            target_gpu_memory_percent: Some(-1),
            scale_up_policy: Some(policy.clone()),
            scale_down_policy: Some(policy),
            interval_seconds: Some(3601.0),
            mode: Some("passive".into()),
            compatibility: Some("HPA".into()),
            container_name: Some("App".into()),
            warm_up: Some(RawWarmUp {
                cpu_initialization_seconds: Some(-1.0),
                readiness_delay_seconds: Some(f64::NAN),
            }),
            capacity: Some("none".into()),
            on_conflict: Some("fight".into()),
        };
        let ValidationErrors(faults) = validate(&raw).unwrap_err();
        let fields: Vec<_> = faults.iter().filter_map(|fault| fault.split(' ').next()).collect();
        assert_eq!(
            fields,
            [
                "workload_name",
                "workload_namespace",
                "workload_type",
                "min_replicas",
                "max_replicas",
                "target_cpu_percent",
                "target_memory_percent",
                "target_gpu_percent",
                "target_gpu_memory_percent",
                "scale_up_policy.stabilization_window_seconds",
                "scale_up_policy.max_scale_change",
                "scale_up_policy.tolerance_percent",
                "scale_up_policy.stabilization",
                "scale_up_policy.policies[0].type",
                "scale_up_policy.policies[0].value",
                "scale_up_policy.policies[0].period_seconds",
                "scale_up_policy.select_policy",
                "scale_down_policy.stabilization_window_seconds",
                "scale_down_policy.max_scale_change",
                "scale_down_policy.tolerance_percent",
                "scale_down_policy.stabilization",
                "scale_down_policy.policies[0].type",
                "scale_down_policy.policies[0].value",
                "scale_down_policy.policies[0].period_seconds",
                "scale_down_policy.select_policy",
                "interval_seconds",
                "mode",
                "compatibility",
                "container_name",
                "warm_up.cpu_initialization_seconds",
                "warm_up.readiness_delay_seconds",
                "capacity",
                "on_conflict",
            ]
        );
    }

    #[test]
    fn what_is_asked_for_beyond_the_guide_is_taken() {
        let policy = |kind: &str, value, period| RawRatePolicy {
            kind: Some(kind.into()),
            value: Some(value),
            period_seconds: Some(period),
        };
        let mut raw = valid();
        raw.mode = Some("observe".into());
        raw.compatibility = Some("hpa".into());
        raw.container_name = Some("app".into());
        raw.warm_up =
            Some(RawWarmUp { cpu_initialization_seconds: Some(0.5), readiness_delay_seconds: Some(f64::INFINITY) });
        raw.scale_up_policy = Some(RawPolicy {
            policies: Some(vec![policy("Pods", 1, 1.0), policy("Percent", i32::MAX, 1800.0)]),
            select_policy: Some("Min".into()),
            ..RawPolicy::default()
        });
        let rules = validate(&raw).unwrap().rules;
        assert_eq!((rules.mode, rules.compatibility), (Mode::Observe, Compatibility::Hpa));
        assert_eq!(rules.container.as_deref(), Some("app"));
        assert_eq!(rules.warm_up.cpu_initialization, Duration::from_millis(500));
        assert_eq!(rules.warm_up.readiness_delay, Duration::MAX, "longer than any span");
        let expected = [(RateUnit::Pods, 1, 1), (RateUnit::Percent, i32::MAX, 1800)];
        let expected = expected.map(|(unit, value, period)| RatePolicy::new(unit, value, period).unwrap());
        assert_eq!(rules.scale_up.policies, expected);
        assert_eq!(rules.scale_up.select_policy, SelectPolicy::Min);
        assert_eq!(rules.scale_down, ScalingPolicy::default_for(Direction::Down));
    }

    #[test]
    fn what_is_not_asked_for_is_as_always() {
        let rules = validate(&valid()).unwrap().rules;
        let targets = Targets::only(Metric::Cpu, TargetPercent::new(70).unwrap());
        assert_eq!(rules, ScalingRules::new(ReplicaBounds::new(2, 10).unwrap(), targets));
        let mut raw = valid();
        raw.warm_up = Some(RawWarmUp { cpu_initialization_seconds: Some(0.0), readiness_delay_seconds: None });
        let warm_up = validate(&raw).unwrap().rules.warm_up;
        assert_eq!(warm_up, WarmUp { cpu_initialization: Duration::ZERO, ..WarmUp::default() });
    }

    #[test]
    fn each_rule_beyond_the_guide_has_its_sentence() {
        assert_eq!(faults(|r| r.mode = Some("passive".into())), "mode must be one of active, observe");
        let hpa = faults(|r| r.compatibility = Some("HPA".into()));
        assert_eq!(hpa, "compatibility must be one of default, hpa");
        for name in ["", "App", "a.b"] {
            assert!(
                faults(|r| r.container_name = Some(name.into())).starts_with("container_name must be a valid RFC 1123")
            );
        }
        for seconds in [-0.001, f64::NAN, f64::NEG_INFINITY] {
            let warm_up = |initialization, delay| RawWarmUp {
                cpu_initialization_seconds: initialization,
                readiness_delay_seconds: delay,
            };
            let initialization = faults(|r| r.warm_up = Some(warm_up(Some(seconds), None)));
            assert_eq!(initialization, "warm_up.cpu_initialization_seconds must be at least 0");
            let delay = faults(|r| r.warm_up = Some(warm_up(None, Some(seconds))));
            assert_eq!(delay, "warm_up.readiness_delay_seconds must be at least 0");
        }
        let policy = |policy: RawPolicy| faults(|r| r.scale_up_policy = Some(policy));
        let select = policy(RawPolicy { select_policy: Some("max".into()), ..RawPolicy::default() });
        assert_eq!(select, "scale_up_policy.select_policy must be one of Max, Min, Disabled");
        let rate = |kind: Option<&str>, value, period_seconds| {
            let good = RawRatePolicy { kind: Some("Pods".into()), value: Some(1), period_seconds: Some(1.0) };
            let bad = RawRatePolicy { kind: kind.map(Into::into), value, period_seconds };
            policy(RawPolicy { policies: Some(vec![good, bad]), ..RawPolicy::default() })
        };
        let at = "scale_up_policy.policies[1]";
        assert_eq!(rate(Some("pods"), Some(1), Some(1.0)), format!("{at}.type must be one of Pods, Percent"));
        assert_eq!(rate(Some("Pods"), Some(0), Some(1.0)), format!("{at}.value must be at least 1"));
        for period in [0, 1801] {
            let fault = rate(Some("Pods"), Some(1), Some(f64::from(period)));
            assert_eq!(fault, format!("{at}.period_seconds must be between 1 and 1800"));
        }
        let missing = format!("{at}.type is required; {at}.value is required; {at}.period_seconds is required");
        assert_eq!(rate(None, None, None), missing);
    }

    #[test]
    fn rules_alone_need_no_workload() {
        let raw = RawAutoscaler { workload_name: None, workload_namespace: None, workload_type: None, ..valid() };
        assert!(validate_rules(&raw, TargetRange::Guide, true).is_ok());
        let impossible = RawAutoscaler {
            workload_name: Some("Not a name".into()),
            workload_namespace: Some("a.b".into()),
            workload_type: Some("Job".into()),
            ..valid()
        };
        let ValidationErrors(faults) = validate_rules(&impossible, TargetRange::Guide, true).unwrap_err();
        assert_eq!(faults.len(), 3, "{faults:?}");
        let raw = RawAutoscaler { target_cpu_percent: Some(250), ..raw };
        assert!(validate_rules(&raw, TargetRange::Guide, true).is_err());
        let rules = validate_rules(&raw, TargetRange::Unbounded, true).unwrap();
        assert_eq!(rules.targets.get(Metric::Cpu).map(TargetPercent::get), Some(250));
        let negative = RawAutoscaler { target_cpu_percent: Some(-1), ..valid() };
        let faults = validate_rules(&negative, TargetRange::Unbounded, false).unwrap_err().to_string();
        assert_eq!(faults, "target_cpu_percent must be at least 0");
        let without = RawAutoscaler { target_cpu_percent: None, ..valid() };
        assert_eq!(validate_rules(&without, TargetRange::Guide, false).unwrap().targets, Targets::none());
        let faults = validate_rules(&without, TargetRange::Unbounded, true).unwrap_err().to_string();
        assert!(faults.starts_with("at least one of"), "{faults}");
        assert!(validate_rules(&RawAutoscaler::default(), TargetRange::Guide, true).is_err());
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_accepted_is_within_its_limits(
            (min, max) in (-2i32..6, -2i32..6),
            targets in (-2i32..103, -2i32..103, -2i32..103),
            window in -2i32..3603,
            change: i32,
            interval in proptest::option::of(-2i32..3603),
        ) {
            let mut raw = valid();
            (raw.min_replicas, raw.max_replicas) = (Some(min), Some(max));
            raw.interval_seconds = interval.map(f64::from);
            raw.target_cpu_percent = Some(targets.0);
            raw.target_memory_percent = Some(targets.1);
            raw.target_gpu_percent = Some(targets.2);
            raw.scale_up_policy = Some(RawPolicy {
                stabilization_window_seconds: Some(f64::from(window)),
                max_scale_change: Some(change),
                ..RawPolicy::default()
            });
            let percents = [targets.0, targets.1, targets.2];
            let allowed = 1 <= min
                && min <= max
                && percents.iter().all(|percent| (0..=100).contains(percent))
                && percents.iter().any(|percent| *percent != 0)
                && (0..=3600).contains(&window)
                && change >= 0
                && interval.is_none_or(|seconds| (1..=3600).contains(&seconds));
            match validate(&raw) {
                Ok(_) => proptest::prop_assert!(allowed),
                Err(ValidationErrors(faults)) => proptest::prop_assert!(!allowed && !faults.is_empty()),
            }
        }
    }

    #[test]
    fn all_faults_are_named_at_once_in_the_order_of_the_guide() {
        let empty = validate(&RawAutoscaler::default()).unwrap_err().to_string();
        let fields = ["workload_name", "workload_namespace", "workload_type", "min_replicas", "max_replicas"];
        let required: Vec<_> = fields.iter().map(|field| format!("{field} is required")).collect();
        assert!(empty.starts_with(&required.join("; ")), "{empty}");
        assert!(empty.contains("; at least one of target_cpu_percent"), "{empty}");
    }
}
