//! `import hpa` from manifests. (From a cluster: the end-to-end tests.)

use serde_json::{Value, json};

use super::service::{Service, binary, ended};

fn hpa(name: &str, min: u32) -> Value {
    json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": name, "namespace": "production"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web-frontend"},
            "minReplicas": min, "maxReplicas": 10,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}],
        },
        "status": {"currentReplicas": 2, "desiredReplicas": 2},
    })
}

#[test]
fn what_is_printed_can_be_created() {
    let service = Service::start(None);
    let list = json!({"kind": "List", "items": [hpa("web", 2)]}).to_string();
    for form in ["yaml", "json", "table"] {
        let printed = service.run_with(&["import", "hpa", "-f", "-", "-o", form], &list);
        assert_eq!((printed.code, &*printed.errors), (0, ""), "{printed:?}");
        assert_eq!(service.run_with(&["create", "-f", "-"], &printed.output).code, 0, "{printed:?}");
    }
    assert_eq!(service.json(&["get", "web-frontend"])["details"]["spec"]["compatibility"], "hpa");
}

#[test]
fn what_cannot_be_expressed_is_refused_and_the_others_are_not() {
    let both = format!("{}\n{}", hpa("web", 2), hpa("zero", 0));
    let printed = ended(binary().args(["import", "hpa", "-f", "-"]), &both);
    assert_eq!(printed.code, 1);
    assert!(printed.output.contains("workload_name: web-frontend") && !printed.output.contains("---"), "{printed:?}");
    assert!(printed.errors.contains("production/zero has no equal autoscaler:\n    minReplicas is 0"), "{printed:?}");
}

#[test]
fn both_decisions_are_compared_and_nothing_stays() {
    let service = Service::start(None);
    let compared = service.run_with(&["import", "hpa", "-f", "-", "--compare"], &hpa("web", 2).to_string());
    assert_eq!(compared.code, 0, "{compared:?}");
    assert!(compared.output.contains("HPA production/web of Deployment production/web-frontend"), "{compared:?}");
    assert!(
        compared.output.contains("both want 2 replicas") || compared.output.contains("the HPA wants 2 replicas"),
        "{compared:?}"
    );
    assert_eq!(service.run(&["get", "web-frontend"]).code, 3, "nothing stays");
}

#[test]
fn a_cluster_that_is_not_there_is_named() {
    let failed = ended(binary().args(["import", "hpa", "--kubeconfig", "/no/such/file"]), "");
    assert!(
        failed.code == 2 && failed.errors.contains("/no/such/file") && failed.errors.contains("-f FILE"),
        "{failed:?}"
    );
}
