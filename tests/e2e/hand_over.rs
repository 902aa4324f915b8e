//! `import hpa` on live HPAs: comparing changes nothing, and handing over leaves no moment in which two control.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::api::PostParams;
use serde_json::{Value, json};

use super::audit::{self, Request};
use super::cluster::cluster;
use super::service::{Service, binary, shared_service};
use super::waiting::within;
use super::workload::{NAME, Namespace};

/// metrics-server's two readings, a decision, and room for a busy machine.
const LIMIT: Duration = Duration::from_secs(150);

/// The account under which the HPA's controller works.
const HPA: &str = "system:serviceaccount:kube-system:horizontal-pod-autoscaler";

/// How a command ended.
struct Ended {
    code: i32,
    output: String,
    errors: String,
}

fn import_hpa(service: &Service, kubeconfig: &Path, namespace: &str, arguments: &[&str]) -> Ended {
    let mut command = Command::new(binary());
    command.args(["import", "hpa", "-n", namespace, "--kubeconfig"]).arg(kubeconfig).args(arguments);
    let output = command.env("ORCHESTRATOR_SERVER", service.url()).stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code().unwrap(), output: text(output.stdout), errors: text(output.stderr) }
}

/// A Deployment of four pods at their target, which the real HPA scales.
async fn scaled_by_an_hpa(name: &str) -> Namespace {
    let namespace = Namespace::new(name, 70).await;
    namespace.create("Deployment", NAME, 4).await;
    namespace.wait_for_ready("Deployment", NAME, 4, LIMIT).await;
    let hpa = json!({
        "metadata": {"name": NAME},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME},
            "minReplicas": 2,
            "maxReplicas": 12,
            // metrics-server's rate rises over two readings, and more than one sync sees the load: it adds 2 in all.
            "behavior": {"scaleUp": {"policies": [{"type": "Pods", "value": 2, "periodSeconds": 600}]}},
            "metrics": [{"type": "Resource", "resource":
                {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}],
        },
    });
    let hpas = namespace.api::<HorizontalPodAutoscaler>();
    hpas.create(&PostParams::default(), &serde_json::from_value(hpa).unwrap()).await.unwrap();
    within(LIMIT, "the HPA knows its metric", async || {
        let status = hpas.get(NAME).await.unwrap().status.unwrap_or_default();
        status.desired_replicas == 4 && status.current_metrics.is_some_and(|metrics| !metrics.is_empty())
    })
    .await;
    namespace
}

async fn autoscalers(namespace: &Namespace) -> Vec<Value> {
    let (_, list) = shared_service().api().get(&format!("/api/v1/autoscaling?namespace={}", namespace.name)).await;
    list["autoscalers"].as_array().unwrap().clone()
}

/// Who changed the scale, and who deleted the HPA, in their order.
fn changes(namespace: &Namespace) -> (Vec<Request>, Vec<Request>) {
    let path = format!("/namespaces/{}/", namespace.name);
    let scales = audit::everybodys(|request| request.changes_scale() && request.uri.contains(&path));
    let hpa = format!("{path}horizontalpodautoscalers/{NAME}");
    // One that came just after the HPA had written its status was refused, and asked again.
    let is_deletion = |request: &Request| request.verb == "delete" && request.response_status.code < 300;
    let deleted = audit::everybodys(|request| is_deletion(request) && request.uri.contains(&hpa));
    (scales, deleted)
}

#[tokio::test]
async fn an_hpa_is_compared_and_handed_over_without_a_moment_of_double_control() {
    let namespace = scaled_by_an_hpa("hand-over").await;
    let service = shared_service();
    let compared = import_hpa(service, &cluster().kubeconfig, &namespace.name, &["--compare"]);
    assert_eq!(compared.code, 0, "{}", compared.errors);
    assert!(compared.output.contains("the same: both want 4 replicas"), "{}", compared.output);
    assert!(autoscalers(&namespace).await.is_empty(), "comparing leaves nothing");

    // The HPA acts: what is looked for in the audit log is there.
    namespace.set_cpu(105);
    within(LIMIT, "the HPA scales", async || namespace.replicas("Deployment", NAME).await == 6).await;
    namespace.set_cpu(70);
    namespace.wait_for_ready("Deployment", NAME, 6, LIMIT).await;

    let folder = tempfile::tempdir().unwrap();
    let save_to = folder.path().to_str().unwrap();
    let unasked = import_hpa(service, &cluster().kubeconfig, &namespace.name, &["--hand-over", "--save-to", save_to]);
    assert_eq!(unasked.code, 1);
    assert!(unasked.errors.contains("The HPA was not touched and scales as before"), "{}", unasked.errors);
    assert!(autoscalers(&namespace).await.is_empty(), "{}", unasked.errors);

    let handed =
        import_hpa(service, &cluster().kubeconfig, &namespace.name, &["--hand-over", "--yes", "--save-to", save_to]);
    assert_eq!(handed.code, 0, "{}", handed.errors);
    let autoscaler = autoscalers(&namespace).await.remove(0);
    assert_eq!((&autoscaler["status"], &autoscaler["details"]["mode"]), (&json!("active"), &json!("active")));
    let load = namespace.replicas("Deployment", NAME).await;
    namespace.set_cpu(105);
    within(LIMIT, "the service scales", async || namespace.replicas("Deployment", NAME).await > load).await;
    shared_service().api().delete(autoscaler["autoscaling_id"].as_str().unwrap()).await;

    let (scales, deleted) = changes(&namespace);
    assert_eq!(deleted.len(), 1, "{deleted:?}");
    let at = deleted[0].request_received_timestamp;
    assert!(deleted[0].is_ours() && deleted[0].user.username != HPA, "{deleted:?}");
    let (ours, theirs): (Vec<Request>, Vec<Request>) = scales.into_iter().partition(Request::is_ours);
    assert!(!ours.is_empty() && ours.iter().all(|request| request.request_received_timestamp > at), "{ours:?}");
    assert!(!theirs.is_empty() && theirs.iter().all(|request| request.user.username == HPA), "{theirs:?}");
    assert!(theirs.iter().all(|request| request.request_received_timestamp < at), "{theirs:?}");

    // And there is a way back.
    let saved = folder.path().join(format!("hpa-{}-{NAME}.yaml", namespace.name));
    cluster().kubectl(&["create", "-f", saved.to_str().unwrap()]);
    cluster().kubectl(&["delete", "hpa", NAME, "-n", &namespace.name]);
}

#[tokio::test]
async fn who_may_not_delete_the_hpa_changes_nothing() {
    let namespace = scaled_by_an_hpa("hand-over-refused").await;
    let name = namespace.name.as_str();
    cluster().kubectl(&["create", "serviceaccount", "reader", "-n", name]);
    cluster().kubectl(&[
        "create",
        "role",
        "reader",
        "--verb=get,list",
        "--resource=horizontalpodautoscalers.autoscaling",
        "-n",
        name,
    ]);
    let account = format!("--serviceaccount={name}:reader");
    cluster().kubectl(&["create", "rolebinding", "reader", "--role=reader", &account, "-n", name]);
    let reader = cluster().kubeconfig_for("reader", name, &cluster().server);
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--hand-over", "--yes", "--save-to", folder.path().to_str().unwrap()];
    let refused = import_hpa(shared_service(), &reader, name, &arguments);
    assert_eq!(refused.code, 1, "{}", refused.output);
    assert!(refused.errors.contains("may not delete the HPA"), "{}", refused.errors);
    assert!(refused.errors.contains("The HPA is there and scales as before"), "{}", refused.errors);
    assert!(autoscalers(&namespace).await.is_empty());
    assert!(namespace.api::<HorizontalPodAutoscaler>().get(NAME).await.is_ok());
    // While it is there, the service does not let anybody make its own autoscaler act.
    let api = shared_service().api();
    let mut request = namespace.request("Deployment", NAME, 2, 12);
    request["mode"] = "observe".into();
    let id = api.created(&request).await;
    let (status, answer) = api.patch(&id, &json!({"mode": "active"})).await;
    assert_eq!(status.as_u16(), 409, "{answer}");
    api.delete(&id).await;
    let (scales, _) = changes(&namespace);
    assert!(!scales.iter().any(Request::is_ours), "{scales:?}");
}
