//! What is wanted, to an object and back.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::spec::{KIND_RULE, definition, wanted};
use crate::domain::arbitrary;
use crate::domain::autoscaler::{CapacityRule, Metric, OnConflict, ScalingRules, WorkloadKind, WorkloadRef};
use crate::ports::store::Wanted;

/// What the API would accept: it knows no target of more than 100 %.
fn any_wanted() -> impl Strategy<Value = Wanted> {
    let rules = arbitrary::rules(arbitrary::BOTH);
    let choices = (any::<bool>(), any::<bool>(), any::<bool>(), 0usize..3);
    (rules, choices).prop_filter_map("a target of more than 100 %", |(rules, (ignores, insists, paused, kind))| {
        let targets = Metric::ALL.map(|metric| rules.targets.get(metric).map_or(0, |target| target.get()));
        let rules = ScalingRules {
            capacity: if ignores { CapacityRule::Ignore } else { CapacityRule::Respect },
            on_conflict: if insists { OnConflict::Insist } else { OnConflict::Yield },
            ..rules
        };
        let workload =
            WorkloadRef { kind: WorkloadKind::ALL[kind], namespace: "shop".to_owned(), name: "web.v1".to_owned() };
        targets.iter().all(|target| *target <= 100).then_some(Wanted { workload, rules, paused })
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(expected in any_wanted()) {
        prop_assert_eq!(wanted(definition(&expected), "shop"), Ok(expected));
    }
}

fn least() -> Value {
    json!({
        "workload_name": "web", "workload_type": "Deployment", "min_replicas": 1, "max_replicas": 2,
        "target_cpu_percent": 70,
    })
}

#[test]
fn what_is_absent_has_its_default() {
    let wanted = wanted(least(), "shop").unwrap();
    assert_eq!(wanted.rules, ScalingRules::new(wanted.rules.bounds, wanted.rules.targets));
    assert_eq!((&*wanted.workload.namespace, wanted.paused), ("shop", false));
}

#[test]
fn every_fault_is_named_in_the_sentences_of_the_api() {
    let faults = |change: Value| {
        let mut definition = least();
        json_patch::merge(&mut definition, &change);
        wanted(definition, "shop").unwrap_err()
    };
    assert_eq!(
        faults(json!({"min_replicas": 3, "mode": "off"})),
        "max_replicas must be greater than or equal to min_replicas; mode must be one of active, observe"
    );
    for kind in ["auto", "deployment", "Job"] {
        assert_eq!(faults(json!({"workload_type": kind})), KIND_RULE);
    }
    assert_eq!(faults(json!({"workload_type": null})), "workload_type is required");
    let wrong_type = faults(json!({"scale_up_policy": {"max_scale_change": "many"}}));
    assert!(wrong_type.starts_with("spec.scale_up_policy.max_scale_change: invalid type: string"), "{wrong_type}");
    assert!(wanted(Value::Null, "shop").is_err());
}
