//! From a HorizontalPodAutoscaler's manifest to the create request of the equal autoscaler. Pure: what goes in is the
//! manifest, what comes out the request, or every reason why there is none.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::cli::names;
use crate::domain::quantity::Amount;

/// A manifest's autoscaler.
#[derive(Clone, Debug, PartialEq)]
pub struct Converted {
    /// The create request.
    pub request: Value,
    /// Where the two will not be quite the same, in words.
    pub notes: Vec<String>,
}

/// Why there is no equal autoscaler: each reason says what to do.
pub type Reasons = Vec<String>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Spec {
    scale_target_ref: Target,
    min_replicas: Option<i32>,
    max_replicas: i32,
    metrics: Option<Vec<Metric>>,
    behavior: Option<Behavior>,
    /// Only in autoscaling/v1.
    #[serde(rename = "targetCPUUtilizationPercentage")]
    target_cpu: Option<i32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Target {
    api_version: Option<String>,
    kind: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Metric {
    r#type: String,
    resource: Option<Resource>,
    container_resource: Option<Resource>,
    // What is in these does not matter: there is nothing like them here.
    pods: Option<Value>,
    object: Option<Value>,
    external: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Resource {
    name: String,
    container: Option<String>,
    target: MetricTarget,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MetricTarget {
    r#type: String,
    average_utilization: Option<i32>,
    average_value: Option<Value>,
    value: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Behavior {
    scale_up: Option<Rules>,
    scale_down: Option<Rules>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rules {
    stabilization_window_seconds: Option<i32>,
    select_policy: Option<String>,
    policies: Option<Vec<Policy>>,
    tolerance: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Policy {
    r#type: String,
    value: i32,
    period_seconds: i32,
}

/// The target of an HPA that names none.
const DEFAULT_CPU: i32 = 80;

/// `namespace/name` of a manifest; a namespace that is left out is `namespace`.
pub fn name(manifest: &Value, namespace: &str) -> String {
    let metadata = &manifest["metadata"];
    let namespace = metadata["namespace"].as_str().unwrap_or(namespace);
    format!("{namespace}/{}", metadata["name"].as_str().unwrap_or("?"))
}

/// The equal autoscaler. `namespace` is that of a manifest which names none.
pub fn convert(manifest: &Value, namespace: &str) -> Result<Converted, Reasons> {
    let (kind, version) = (manifest["kind"].as_str(), manifest["apiVersion"].as_str().unwrap_or_default());
    if kind != Some("HorizontalPodAutoscaler") {
        return Err(vec![format!(
            "it is no HorizontalPodAutoscaler but {}; leave it out",
            kind.unwrap_or("nothing that names its kind")
        )]);
    }
    if !matches!(version, "autoscaling/v2" | "autoscaling/v1") {
        return Err(vec![format!(
            "its apiVersion is {version:?}; get it as autoscaling/v2, with kubectl get hpa.v2.autoscaling -o yaml"
        )]);
    }
    let mut reasons = Vec::new();
    let annotations = &manifest["metadata"]["annotations"];
    for annotation in ["autoscaling.alpha.kubernetes.io/metrics", "autoscaling.alpha.kubernetes.io/behavior"] {
        if version == "autoscaling/v1" && !annotations[annotation].is_null() {
            reasons.push(format!(
                "the annotation {annotation} has a part of its definition; get it as autoscaling/v2, with kubectl get \
                 hpa.v2.autoscaling -o yaml"
            ));
        }
    }
    let spec: Spec = match serde_json::from_value(manifest["spec"].clone()) {
        Ok(spec) => spec,
        Err(error) => {
            reasons.push(format!("its spec is not understood: {error}"));
            return Err(reasons);
        }
    };
    let namespace = manifest["metadata"]["namespace"].as_str().unwrap_or(namespace);
    request(&spec, version, namespace, reasons)
}

fn request(spec: &Spec, version: &str, namespace: &str, mut reasons: Reasons) -> Result<Converted, Reasons> {
    let mut notes = Vec::new();
    let mut request = Map::new();
    let mut set = |field: &str, value: Value| {
        request.insert(field.to_owned(), value);
    };
    set("workload_name", json!(spec.scale_target_ref.name));
    set("workload_namespace", json!(namespace));
    match workload_type(&spec.scale_target_ref) {
        Ok(kind) => set("workload_type", json!(kind)),
        Err(reason) => reasons.push(reason),
    }
    let min = spec.min_replicas.unwrap_or(1);
    if min < 1 {
        reasons.push("minReplicas is 0; scaling to zero does not exist here: set it to 1".to_owned());
    }
    set("min_replicas", json!(min));
    set("max_replicas", json!(spec.max_replicas));
    match targets(spec, version) {
        Ok((targets, container)) => {
            for (field, percent) in targets {
                set(field, json!(percent));
            }
            if let Some(container) = container {
                set("container_name", json!(container));
            }
        }
        Err(more) => reasons.extend(more),
    }
    set("compatibility", json!("hpa"));
    match &spec.behavior {
        Some(behavior) => {
            let defaults = Rules::default();
            let up =
                policy(behavior.scale_up.as_ref().unwrap_or(&defaults), "scaleUp", 0, &[("Pods", 4), ("Percent", 100)]);
            let down = policy(behavior.scale_down.as_ref().unwrap_or(&defaults), "scaleDown", 300, &[("Percent", 100)]);
            for (field, policy) in [("scale_up_policy", up), ("scale_down_policy", down)] {
                match policy {
                    Ok(policy) => set(field, policy),
                    Err(reason) => reasons.push(reason),
                }
            }
        }
        None => {
            // Without behavior an HPA goes at one decision to twice the count at most, or to 4. From 2 on that is one policy.
            let mut policies = vec![rate("Percent", 100, 15)];
            if min == 1 && spec.max_replicas > 4 {
                policies.push(rate("Pods", 3, 15));
                notes.push(
                    "from 2 replicas it may go to 5 at once, where the HPA, which has no behavior, goes to 4 at most"
                        .to_owned(),
                );
            }
            set(
                "scale_up_policy",
                json!({"stabilization_window_seconds": 0, "policies": policies, "select_policy": "Max"}),
            );
            set("scale_down_policy", json!({"stabilization_window_seconds": 300}));
        }
    }
    if reasons.is_empty() { Ok(Converted { request: Value::Object(request), notes }) } else { Err(reasons) }
}

fn workload_type(target: &Target) -> Result<&'static str, String> {
    let group =
        target.api_version.as_deref().and_then(|version| version.split_once('/')).map_or("apps", |(group, _)| group);
    let kind = names::kind(&target.kind).filter(|_| matches!(group, "apps" | "extensions"));
    kind.ok_or_else(|| {
        format!(
            "it scales a {} of {}; only Deployments, StatefulSets and ReplicaSets are scaled here: leave it to the HPA",
            target.kind,
            target.api_version.as_deref().unwrap_or("no API group")
        )
    })
}

type Targets = Vec<(&'static str, i32)>;

/// The targets, and the container whose usage counts.
fn targets(spec: &Spec, version: &str) -> Result<(Targets, Option<String>), Reasons> {
    let metrics = spec.metrics.as_deref().unwrap_or_default();
    if version == "autoscaling/v1" || metrics.is_empty() {
        return percent("cpu", spec.target_cpu.unwrap_or(DEFAULT_CPU))
            .map(|target| (vec![target], None))
            .map_err(|reason| vec![reason]);
    }
    let mut reasons = Vec::new();
    let mut targets: Targets = Vec::new();
    let mut containers: Vec<Option<String>> = Vec::new();
    for metric in metrics {
        match target(metric) {
            Err(reason) => reasons.push(reason),
            Ok(((field, _), _)) if targets.iter().any(|(known, _)| *known == field) => {
                reasons.push(format!(
                    "{field} would have two targets; there is one of each metric here: leave one of them out"
                ));
            }
            Ok((target, container)) => {
                targets.push(target);
                containers.push(container);
            }
        }
    }
    containers.dedup();
    if containers.len() > 1 {
        reasons.push(
            "its metrics are of different containers, or of one and of whole pods; there is one container_name for all \
             metrics here: make them the same"
                .to_owned(),
        );
    }
    if reasons.is_empty() { Ok((targets, containers.pop().flatten())) } else { Err(reasons) }
}

fn target(metric: &Metric) -> Result<((&'static str, i32), Option<String>), String> {
    let kind = metric.r#type.as_str();
    let resource = match kind {
        "Resource" => metric.resource.as_ref(),
        "ContainerResource" => metric.container_resource.as_ref(),
        _ => {
            return Err(format!(
                "it has a metric of type {kind}; only utilization of CPU and memory can be imported, and GPUs have metrics \
                 of their own here: leave it to the HPA, or take that metric out"
            ));
        }
    };
    let Some(resource) = resource else { return Err(format!("a metric of type {kind} lacks its {kind} part")) };
    if metric.pods.is_some() || metric.object.is_some() || metric.external.is_some() {
        return Err(format!("a metric of type {kind} has parts of another type; take them out"));
    }
    let name = resource.name.as_str();
    if resource.target.r#type != "Utilization"
        || resource.target.average_value.is_some()
        || resource.target.value.is_some()
    {
        return Err(format!(
            "its target for {name} is an amount ({}); targets are percentages of what is requested here: use \
             averageUtilization",
            resource.target.r#type
        ));
    }
    let wanted = resource
        .target
        .average_utilization
        .ok_or_else(|| format!("its target for {name} has no averageUtilization"))?;
    let container = match (kind, &resource.container) {
        ("ContainerResource", None) => return Err(format!("its metric of {name} names no container")),
        ("Resource", Some(_)) => return Err(format!("its metric of {name} is of type Resource and names a container")),
        (_, container) => container.clone(),
    };
    Ok((percent(name, wanted)?, container))
}

fn percent(resource: &str, percent: i32) -> Result<(&'static str, i32), String> {
    let field = match resource {
        "cpu" => "target_cpu_percent",
        "memory" => "target_memory_percent",
        other => return Err(format!("it has a target for the resource {other}; only cpu and memory can be imported")),
    };
    if !(1..=100).contains(&percent) {
        return Err(format!(
            "its target for {resource} is {percent} % of what is requested; here it is 1 to 100: raise the request and \
             lower the target in proportion"
        ));
    }
    Ok((field, percent))
}

/// A direction's rules, with the HPA's own defaults where it has none.
fn policy(rules: &Rules, direction: &str, window: i32, defaults: &[(&str, i32)]) -> Result<Value, String> {
    let policies: Vec<Value> = match &rules.policies {
        Some(policies) => {
            policies.iter().map(|policy| rate(&policy.r#type, policy.value, policy.period_seconds)).collect()
        }
        None => defaults.iter().map(|(kind, value)| rate(kind, *value, 15)).collect(),
    };
    let mut policy = json!({
        "stabilization_window_seconds": rules.stabilization_window_seconds.unwrap_or(window),
        "policies": policies,
        "select_policy": rules.select_policy.as_deref().unwrap_or("Max"),
    });
    if let Some(tolerance) = &rules.tolerance {
        let percent = tolerance_percent(tolerance)
            .ok_or_else(|| format!("behavior.{direction}.tolerance {tolerance} cannot be expressed: it must be a quantity in thousandths, for instance 0.05"))?;
        policy["tolerance_percent"] = json!(percent);
    }
    Ok(policy)
}

fn rate(kind: &str, value: i32, period: i32) -> Value {
    json!({"type": kind, "value": value, "period_seconds": period})
}

/// A tolerance as a percentage: `0.05` and `50m` are 5.
fn tolerance_percent(tolerance: &Value) -> Option<f64> {
    let text = match tolerance {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    // Finer than thousandths it would be rounded.
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    if fraction.trim_end_matches('0').len() > 3 || text.ends_with(['u', 'n']) {
        return None;
    }
    let thousandths = text.parse::<Amount>().ok()?.thousandths()?;
    // Every number of thousandths that can be meant is exact in this type.
    u32::try_from(thousandths).ok().map(|thousandths| f64::from(thousandths) / 10.0)
}

#[cfg(test)]
mod tests;
