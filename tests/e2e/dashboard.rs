//! The dashboard in a real browser. All else that it does is tested on the simulated cluster, by `tests/browser`.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::service::shared_service;
use super::workload::{NAME, Namespace};

/// metrics-server reads every 10 s and shows a new pod after its second reading.
const SLOW: Duration = Duration::from_secs(90);

#[tokio::test]
async fn the_dashboard_shows_a_real_deployment_being_scaled() {
    let service = shared_service();
    let namespace = Namespace::new("dashboard", 140).await;
    namespace.create("Deployment", NAME, 2).await;
    namespace.wait_for_ready("Deployment", NAME, 2, SLOW).await;
    service.api().created(&namespace.request("Deployment", NAME, 2, 4)).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/real_cluster.js");
    let mut browser = Command::new("node");
    browser.arg("--test").arg(script);
    browser.env("DASHBOARD_URL", service.url()).env("DASHBOARD_NAMESPACE", &namespace.name);
    let ran = tokio::task::spawn_blocking(move || browser.output()).await.unwrap();
    let output = ran.expect("node can be started");
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{errors}");
}
