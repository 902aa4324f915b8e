//! `export`: the autoscalers of a service as objects for `kubectl apply`, for instance of a service that keeps them in
//! memory.

use clap::Args;
use serde_json::{Value, json};

use super::failure::Failure;
use super::output::{Format, say_data};
use super::{Session, fleet};
use crate::adapters::kubernetes::custom_resource::{API_VERSION, ID, KIND};

/// What to export.
#[derive(Args)]
pub struct Export {
    /// Only those whose workload is in this namespace
    #[arg(short, long)]
    namespace: Option<String>,
}

/// Writes the objects to standard output, as one list.
pub async fn run(session: &Session, wanted: &Export) -> Result<(), Failure> {
    let list = fleet::list(&session.api, wanted.namespace.as_deref(), None).await?;
    let mut objects = Vec::new();
    for listed in list["autoscalers"].as_array().into_iter().flatten() {
        let Some(id) = listed["autoscaling_id"].as_str() else { continue };
        // The list leaves the definitions out.
        let one = session.api.get(&["autoscaling", id], &[]).await?;
        objects.push(object(&one).ok_or_else(|| Failure::Failed(format!("{id} has no definition in its answer")))?);
    }
    let format = if session.format == Format::Json { Format::Json } else { Format::Yaml };
    say_data(format, &json!({ "apiVersion": "v1", "kind": "List", "items": objects }))
}

/// The object of an autoscaler, which keeps its id.
pub(super) fn object(autoscaler: &Value) -> Option<Value> {
    let details = &autoscaler["details"];
    let mut spec = details["spec"].as_object()?.clone();
    // The object's own namespace says it.
    let namespace = spec.remove("workload_namespace")?;
    if autoscaler["status"] == "inactive" {
        spec.insert("paused".to_owned(), true.into());
    }
    Some(json!({
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {
            "name": details["hpa_name"],
            "namespace": namespace,
            "labels": { ID: autoscaler["autoscaling_id"] },
        },
        "spec": spec,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_has_the_autoscalers_name_id_and_definition() {
        let autoscaler = json!({
            "autoscaling_id": "autoscaler-08a469ac", "status": "inactive",
            "details": {
                "hpa_name": "hpa-web-025aa4",
                "spec": {
                    "workload_name": "web", "workload_namespace": "default", "workload_type": "Deployment",
                    "min_replicas": 2,
                },
            },
        });
        assert_eq!(
            object(&autoscaler).unwrap(),
            json!({
                "apiVersion": "ai-storage.io/v1alpha1", "kind": "WorkloadAutoscaler",
                "metadata": {
                    "name": "hpa-web-025aa4", "namespace": "default",
                    "labels": {"ai-storage.io/autoscaling-id": "autoscaler-08a469ac"},
                },
                "spec": {"workload_name": "web", "workload_type": "Deployment", "min_replicas": 2, "paused": true},
            })
        );
        assert_eq!(object(&json!({"details": {}})), None);
    }
}
