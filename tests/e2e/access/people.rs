//! What people see who have an account of the cluster: in a real browser, and on the command line.

use std::path::Path;
use std::process::{Command, Output};

use super::callers::Caller;
use super::stage::{BANK, SHOP, Stage, stage};
use crate::service::binary;

fn said(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
async fn in_the_browser_one_sees_and_does_what_the_cluster_allows() {
    let stage = stage().await;
    let mut browser = Command::new("node");
    browser.arg("--test").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/real_callers.js"));
    browser.env("DASHBOARD_URL", stage.service.url()).env("DASHBOARD_TOKEN", stage.token(Caller::Viewer));
    browser.env("DASHBOARD_USER", Caller::Viewer.user()).env("SHOP", SHOP);
    browser.env("OURS", &stage.shop.id).env("THEIRS", &stage.bank.id);
    let ran = tokio::task::spawn_blocking(move || browser.output()).await.unwrap();
    let output = ran.expect("node can be started");
    assert!(output.status.success(), "{}", said(&output));
}

/// How a command of somebody ends, and what it says.
async fn run(stage: &Stage, caller: Caller, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(binary());
    command.args(arguments).env_clear().env("ORCHESTRATOR_SERVER", stage.service.url());
    command.env("ORCHESTRATOR_TOKEN", stage.token(caller));
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    (output.status.code().unwrap(), said(&output))
}

#[tokio::test]
async fn on_the_command_line_one_sees_and_does_what_the_cluster_allows() {
    let stage = stage().await;
    let (code, who) = run(stage, Caller::Viewer, &["whoami"]).await;
    assert!(code == 0 && who.contains(&Caller::Viewer.user()) && who.contains("system:authenticated"), "{who}");
    let (code, list) = run(stage, Caller::Viewer, &["get"]).await;
    assert!(code == 0 && list.contains(SHOP) && !list.contains(BANK), "{list}");
    let (code, refused) = run(stage, Caller::Viewer, &["get", "-n", BANK]).await;
    let right =
        format!("{} may not list workloadautoscalers.ai-storage.io in namespace \"{BANK}\"", Caller::Viewer.user());
    assert!(code == 1 && refused.contains(&right), "{refused}");
    let (code, refused) = run(stage, Caller::Viewer, &["pause", &stage.shop.id]).await;
    assert!(code == 1 && refused.contains(" may not patch "), "{refused}");
    let (code, hidden) = run(stage, Caller::Viewer, &["describe", &stage.bank.id]).await;
    assert_eq!(code, 3, "{hidden}");
    let (code, described) = run(stage, Caller::Viewer, &["describe", &stage.shop.id]).await;
    assert!(code == 0 && described.contains(&format!("Created by:   {}", Caller::Administrator.user())), "{described}");
}
