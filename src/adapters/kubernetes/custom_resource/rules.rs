//! What the API server itself refuses, in the sentences of [`crate::domain::validation`]: so a wrong manifest fails where
//! it is applied. All rules are those of the whole definition, because only then the API server keeps their order.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::ValidationRule;

use super::spec::KIND_RULE;
use crate::domain::autoscaler::{
    CapacityRule, Compatibility, Interval, Mode, OnConflict, RatePolicy, RateUnit, SelectPolicy, Stabilization, Window,
    WorkloadKind,
};
use crate::domain::validation::{LABEL_RULE, SUBDOMAIN_RULE};

/// The fields that tell an autoscaler's workload.
const IDENTITY: [&str; 2] = ["workload_name", "workload_type"];

const TARGETS: [&str; 4] =
    ["target_cpu_percent", "target_memory_percent", "target_gpu_percent", "target_gpu_memory_percent"];

/// Every rule, in the guide's field order.
pub(super) fn rules() -> Vec<ValidationRule> {
    let mut rules = vec![
        required_text("workload_name"),
        optional_text("workload_name", &matches("workload_name", SUBDOMAIN, 253), SUBDOMAIN_RULE),
        required_text("workload_type"),
        rule(
            "workload_type",
            absent_or_empty(
                "workload_type",
                &is_one_of("self.workload_type", WorkloadKind::ALL.map(WorkloadKind::as_str)),
            ),
            KIND_RULE,
        ),
        required("min_replicas"),
        rule("min_replicas", absent_or("min_replicas", "self.min_replicas >= 1"), "min_replicas must be at least 1"),
        required("max_replicas"),
        rule(
            "max_replicas",
            "!has(self.min_replicas) || !has(self.max_replicas) || self.max_replicas >= self.min_replicas",
            "max_replicas must be greater than or equal to min_replicas",
        ),
        rule(
            "max_replicas",
            "has(self.min_replicas) || !has(self.max_replicas) || self.max_replicas >= 1",
            "max_replicas must be at least 1",
        ),
    ];
    rules.extend(TARGETS.map(|target| {
        let range = format!("self.{target} >= 0 && self.{target} <= 100");
        rule(target, absent_or(target, &range), &format!("{target} must be between 0 and 100"))
    }));
    rules.push(some_target());
    rules.extend(["scale_up_policy", "scale_down_policy"].into_iter().flat_map(policy));
    rules.extend([
        between("interval_seconds", 1, Interval::MAX_SECONDS),
        one_of("mode", Mode::ALL.map(Mode::as_str)),
        one_of("compatibility", Compatibility::ALL.map(Compatibility::as_str)),
        rule(
            "container_name",
            absent_or("container_name", &matches("container_name", LABEL, 63)),
            &format!("container_name {LABEL_RULE}"),
        ),
        at_least_0("warm_up.cpu_initialization_seconds", "0.0"),
        at_least_0("warm_up.readiness_delay_seconds", "0.0"),
        one_of("capacity", CapacityRule::ALL.map(CapacityRule::as_str)),
        one_of("on_conflict", OnConflict::ALL.map(OnConflict::as_str)),
        same_workload(),
    ]);
    rules
}

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*";

/// A rule of a field, which is shown as the one at fault.
fn rule(field: &str, rule: impl Into<String>, sentence: &str) -> ValidationRule {
    ValidationRule {
        field_path: Some(format!(".{field}")),
        rule: rule.into(),
        message: Some(sentence.to_owned()),
        ..ValidationRule::default()
    }
}

fn absent_or(field: &str, rule: &str) -> String {
    format!("!has(self.{field}) || ({rule})")
}

fn absent_or_empty(field: &str, rule: &str) -> String {
    format!("!has(self.{field}) || self.{field} == '' || {rule}")
}

fn required(field: &str) -> ValidationRule {
    missing(field, format!("has(self.{field})"))
}

fn required_text(field: &str) -> ValidationRule {
    missing(field, format!("has(self.{field}) && self.{field} != ''"))
}

fn missing(field: &str, is_there: String) -> ValidationRule {
    ValidationRule {
        reason: Some("FieldValueRequired".to_owned()),
        ..rule(field, is_there, &format!("{field} is required"))
    }
}

fn optional_text(field: &str, valid: &str, demand: &str) -> ValidationRule {
    rule(field, absent_or_empty(field, valid), &format!("{field} {demand}"))
}

fn matches(field: &str, pattern: &str, longest: u32) -> String {
    format!("(size(self.{field}) <= {longest} && self.{field}.matches('^{pattern}$'))")
}

fn is_one_of<const N: usize>(value: &str, names: [&str; N]) -> String {
    format!("{value} in ['{}']", names.join("', '"))
}

/// A rule of a field that has a default, and so is always there.
fn one_of<const N: usize>(field: &str, names: [&str; N]) -> ValidationRule {
    let sentence = format!("{field} must be one of {}", names.join(", "));
    rule(field, is_one_of(&format!("self.{field}"), names), &sentence)
}

fn between(field: &str, least: u32, greatest: u32) -> ValidationRule {
    let sentence = format!("{field} must be between {least} and {greatest}");
    rule(field, format!("self.{field} >= {least} && self.{field} <= {greatest}"), &sentence)
}

fn at_least_0(field: &str, zero: &str) -> ValidationRule {
    rule(field, format!("self.{field} >= {zero}"), &format!("{field} must be at least 0"))
}

fn some_target() -> ValidationRule {
    // A target that is out of range was meant as one: that is said already.
    let set = TARGETS.map(|target| format!("has(self.{target}) && self.{target} != 0"));
    ValidationRule {
        rule: set.join(" || "),
        message: Some(format!("at least one of {} and {} must be greater than 0", TARGETS[..3].join(", "), TARGETS[3])),
        ..ValidationRule::default()
    }
}

fn policy(policy: &str) -> Vec<ValidationRule> {
    let field = |name: &str| format!("{policy}.{name}");
    vec![
        between(&field("stabilization_window_seconds"), 0, Window::MAX_SECONDS),
        at_least_0(&field("max_scale_change"), "0"),
        at_least_0(&field("tolerance_percent"), "0.0"),
        one_of(&field("stabilization"), Stabilization::ALL.map(Stabilization::as_str)),
        one_of(&field("select_policy"), SelectPolicy::ALL.map(SelectPolicy::as_str)),
    ]
}

/// Every rule of one rate limit. A rule of the whole definition could not name all that are wrong: the API server does not
/// let a message be put together that might be long. So it names the item itself, before the sentence.
pub(super) fn limit_rules() -> Vec<ValidationRule> {
    let longest = RatePolicy::MAX_PERIOD_SECONDS;
    let units = RateUnit::ALL.map(RateUnit::as_str);
    let period = format!("self.period_seconds >= 1 && self.period_seconds <= {longest}");
    let rules = [
        required_text("type"),
        rule(
            "type",
            absent_or_empty("type", &is_one_of("self.type", units)),
            &format!("type must be one of {}", units.join(", ")),
        ),
        required("value"),
        rule("value", absent_or("value", "self.value >= 1"), "value must be at least 1"),
        required("period_seconds"),
        rule(
            "period_seconds",
            absent_or("period_seconds", &period),
            &format!("period_seconds must be between 1 and {longest}"),
        ),
    ];
    rules.map(|rule| ValidationRule { field_path: None, ..rule }).into()
}

fn same_workload() -> ValidationRule {
    let is_other =
        IDENTITY.map(|field| format!("(has(self.{field}) && has(oldSelf.{field}) && self.{field} != oldSelf.{field})"));
    let fault = |fields: &[&str]| {
        format!("{} cannot be changed; delete the autoscaler and create another", fields.join(" and "))
    };
    let ([other_name, other_kind], [name, kind]) = (&is_other, IDENTITY);
    ValidationRule {
        rule: format!("!{other_name} && !{other_kind}"),
        message: Some(fault(&IDENTITY)),
        message_expression: Some(format!(
            "{other_name} ? ({other_kind} ? '{}' : '{}') : '{}'",
            fault(&IDENTITY),
            fault(&[name]),
            fault(&[kind]),
        )),
        ..ValidationRule::default()
    }
}
