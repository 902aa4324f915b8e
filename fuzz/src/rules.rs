//! What the guide promises of every definition that is accepted.

use std::time::Duration;

use ai_storage_orchestrator::domain::autoscaler::{
    Direction, Interval, Metric, RatePolicy, RequestedAutoscaler, RequestedKind, ScalingRules, Window, WorkloadKind,
    WorkloadRef,
};

/// Every number is within its bounds.
#[track_caller]
pub fn assert_valid(rules: &ScalingRules) {
    let (min, max) = (rules.bounds.min(), rules.bounds.max());
    assert!(1 <= min && min <= max && max <= i32::MAX as u32, "{min}..{max}");
    let targets: Vec<u32> = Metric::ALL.iter().filter_map(|metric| Some(rules.targets.get(*metric)?.get())).collect();
    assert!(!targets.is_empty() && targets.iter().all(|target| (1..=100).contains(target)), "{targets:?}");
    let interval = rules.interval.length();
    assert!((1..=Interval::MAX_SECONDS.into()).contains(&interval.as_secs()) && interval.subsec_nanos() == 0);
    for direction in [Direction::Up, Direction::Down] {
        let policy = rules.policy(direction);
        assert!(policy.window.length() <= Duration::from_secs(Window::MAX_SECONDS.into()));
        assert!(policy.tolerance.get().is_finite() && policy.tolerance.get() >= 0.0);
        assert!(policy.policies.len() <= RatePolicy::MOST);
        for limit in &policy.policies {
            assert!((1..=1_800).contains(&limit.period().as_secs()) && limit.value.get() <= i32::MAX as u32);
        }
    }
    if let Some(container) = &rules.container {
        assert_name(container, 63);
    }
}

/// A name as Kubernetes has them, of at most `most` bytes.
#[track_caller]
pub fn assert_name(name: &str, most: usize) {
    assert!((1..=most).contains(&name.len()), "{name}");
    assert!(name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.')), "{name}");
}

/// The workload that is asked for; one that is to be looked up is a Deployment.
#[must_use]
pub fn workload(requested: &RequestedAutoscaler) -> WorkloadRef {
    let kind = match requested.kind {
        RequestedKind::Auto => WorkloadKind::Deployment,
        RequestedKind::Exactly(kind) => kind,
    };
    WorkloadRef { kind, namespace: requested.namespace.clone(), name: requested.name.clone() }
}
