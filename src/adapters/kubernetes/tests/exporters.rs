//! The DCGM exporters among the pods.

use serde_json::{Value, json};

use super::super::exporters::ExporterDiscovery;
use super::objects::{labelled, pod};
use super::scripted::Objects;
use super::watching::Watching;
use crate::ports::Exporter;

fn discovery() -> ExporterDiscovery {
    let selectors = ["app=dcgm-exporter", "app.kubernetes.io/name=dcgm-exporter"];
    ExporterDiscovery {
        namespace: "gpu-monitoring".to_owned(),
        selectors: selectors.map(|selector| selector.parse().unwrap()).to_vec(),
        port_name: "metrics".to_owned(),
        default_port: 9400,
        path: "/metrics".to_owned(),
    }
}

/// A running exporter on a node.
fn exporter(name: &str, node: &str, ip: &str) -> Value {
    let mut exporter = labelled(pod(name), [("app", "dcgm-exporter")]);
    exporter["metadata"]["namespace"] = json!("gpu-monitoring");
    exporter["spec"]["nodeName"] = json!(node);
    exporter["status"]["podIP"] = json!(ip);
    exporter
}

async fn watching<const N: usize>(pods: [Value; N]) -> Watching {
    let objects = Objects::default();
    for pod in pods {
        objects.put("pods", pod);
    }
    let watching = Watching::start(objects);
    watching.settle().await;
    watching
}

fn found(watching: &Watching) -> Result<Vec<Exporter>, String> {
    watching.cluster.exporters(discovery()).exporters()
}

/// The names of the exporters.
fn names(watching: &Watching) -> Vec<String> {
    found(watching).unwrap().into_iter().map(|exporter| exporter.name).collect()
}

#[tokio::test(start_paused = true)]
async fn exporters_are_found_with_their_nodes_and_addresses() {
    let mut with_a_port = exporter("dcgm-b", "node-b", "10.0.0.2");
    with_a_port["spec"]["containers"][0]["ports"] = json!([{"name": "metrics", "containerPort": 9401}]);
    let ipv6 = labelled(exporter("dcgm-c", "node-c", "fd00::3"), [("app.kubernetes.io/name", "dcgm-exporter")]);
    let watching = watching([ipv6, with_a_port, exporter("dcgm-a", "node-a", "10.0.0.1")]).await;
    let expected = [
        ("dcgm-a", "node-a", "10.0.0.1:9400"),
        ("dcgm-b", "node-b", "10.0.0.2:9401"),
        ("dcgm-c", "node-c", "[fd00::3]:9400"),
    ];
    let expected = expected.map(|(name, node, address)| Exporter {
        name: format!("gpu-monitoring/{name}"),
        node: Some(node.into()),
        url: format!("http://{address}/metrics"),
    });
    assert_eq!(found(&watching), Ok(expected.to_vec()));
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_several_selectors_match_is_one_exporter() {
    let both = [("app", "dcgm-exporter"), ("app.kubernetes.io/name", "dcgm-exporter")];
    let watching = watching([labelled(exporter("dcgm", "node", "10.0.0.1"), both)]).await;
    assert_eq!(names(&watching), ["gpu-monitoring/dcgm"]);
}

#[tokio::test(start_paused = true)]
async fn other_pods_are_no_exporters() {
    let mut elsewhere = exporter("elsewhere", "node", "10.0.0.2");
    elsewhere["metadata"]["namespace"] = json!("default");
    let unlike = labelled(exporter("unlike", "node", "10.0.0.3"), [("app", "dcgm")]);
    let watching = watching([exporter("dcgm", "node", "10.0.0.1"), elsewhere, unlike]).await;
    assert_eq!(names(&watching), ["gpu-monitoring/dcgm"]);
}

#[tokio::test(start_paused = true)]
async fn exporters_come_and_go() {
    let watching = watching([exporter("a", "node-a", "10.0.0.1"), exporter("b", "node-b", "10.0.0.2")]).await;
    watching.objects.put("pods", exporter("c", "node-c", "10.0.0.3"));
    watching.objects.delete("pods", "uid-of-a");
    watching.settle().await;
    assert_eq!(names(&watching), ["gpu-monitoring/b", "gpu-monitoring/c"]);

    watching.objects.put("pods", labelled(exporter("b", "node-b", "10.0.0.2"), [("app", "retired")]));
    watching.settle().await;
    assert_eq!(names(&watching), ["gpu-monitoring/c"]);
}

#[tokio::test(start_paused = true)]
async fn pods_that_do_not_run_are_counted_but_not_asked() {
    let mut pending = exporter("pending", "node-1", "10.0.0.1");
    pending["status"]["phase"] = json!("Pending");
    let mut leaving = exporter("leaving", "node-2", "10.0.0.2");
    leaving["metadata"]["deletionTimestamp"] = json!("2026-01-05T11:00:00Z");
    let mut without_address = exporter("without-address", "node-3", "10.0.0.3");
    without_address["status"]["podIP"] = json!(null);
    let watching = watching([pending, leaving, without_address]).await;
    let none = "no DCGM exporter found: no running pod in namespace \"gpu-monitoring\" matches app=dcgm-exporter or \
                app.kubernetes.io/name=dcgm-exporter (settings gpu.namespace, gpu.selectors)";
    assert_eq!(found(&watching), Err(format!("{none}; 3 pods match, but do not run")));

    watching.objects.delete("pods", "uid-of-leaving");
    watching.objects.delete("pods", "uid-of-pending");
    watching.settle().await;
    assert_eq!(found(&watching), Err(format!("{none}; 1 pod matches, but does not run")));

    watching.objects.delete("pods", "uid-of-without-address");
    watching.settle().await;
    assert_eq!(found(&watching), Err(none.to_owned()));

    watching.objects.put("pods", exporter("pending", "node-1", "10.0.0.1"));
    watching.settle().await;
    assert_eq!(names(&watching), ["gpu-monitoring/pending"]);
}

#[tokio::test(start_paused = true)]
async fn no_exporter_is_known_while_the_pods_are_not() {
    let watching = watching([exporter("dcgm", "node", "10.0.0.1")]).await;
    watching.objects.refuse("pods", 403, "pods is forbidden");
    watching.settle().await;
    let fault = found(&watching).unwrap_err();
    assert!(fault.starts_with("the pods of the cluster cannot be watched since "), "{fault}");
}

#[tokio::test(start_paused = true)]
async fn looking_for_exporters_asks_nothing_of_the_api_server() {
    let watching = watching([exporter("dcgm", "node", "10.0.0.1")]).await;
    let before = watching.log.all().len();
    assert!(found(&watching).is_ok());
    watching.settle().await;
    assert_eq!(watching.log.all().len(), before);
}
