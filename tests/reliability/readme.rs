//! The example of the README, as it stands there.

use std::io::Write;
use std::process::{Command, Stdio};

use super::audit::in_log_of;
use super::cluster::binary;
use super::fleet::Fleet;
use super::judge;
use super::scene::beside_others;
use super::waiting::{LIMIT, eventually};
use super::workload::Namespace;

/// The manifest in the README.
fn manifest() -> String {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let (_, block) = readme.split_once("```yaml\n# autoscaler.yaml\n").expect("the README has the example");
    block.split_once("```").unwrap().0.to_owned()
}

fn apply(namespace: &Namespace, manifest: &str) {
    let mut kubectl = Command::new(binary());
    kubectl.arg("kubectl").arg("--kubeconfig").arg(&namespace.cluster.kubeconfig).args(["apply", "--filename", "-"]);
    let mut kubectl = kubectl.stdin(Stdio::piped()).spawn().unwrap();
    kubectl.stdin.take().unwrap().write_all(manifest.as_bytes()).unwrap();
    assert!(kubectl.wait().unwrap().success());
}

#[tokio::test]
async fn the_manifest_of_the_readme_scales_its_workload_with_no_http_call() {
    let _machine = beside_others();
    let namespace = Namespace::new("production", 130).await;
    namespace.create("Deployment", "web-frontend", 2).await;
    let fleet = Fleet::new(&[&namespace]);
    let [service] = fleet.start_led(["replica"]).await;
    apply(&namespace, &manifest());
    eventually("it is scaled", LIMIT, async || namespace.replicas("Deployment", "web-frontend").await > 2).await;
    assert_eq!(judge::counts(&namespace).first(), Some(&4), "130 % of two pods at a target of 70 %");
    let made = in_log_of(namespace.cluster, |request| {
        request.verb == "create" && request.uri.contains("/namespaces/production/workloadautoscalers")
    });
    assert!(made.iter().all(|request| !request.is_ours()), "kubectl alone made it: {made:?}");
    drop(service);
}
