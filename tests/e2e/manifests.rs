//! The manifests that the project ships.

use std::process::Command;

use rstest::rstest;
use serde_json::Value;

use super::cluster::{cluster, deploy_folder};
use super::service::binary;

#[test]
fn the_api_server_accepts_the_manifests() {
    let applied = cluster().kubectl(&["apply", "--dry-run=server", "-k", deploy_folder().to_str().unwrap()]);
    for object in [
        "customresourcedefinition.",
        "serviceaccount/",
        "clusterrole.",
        "clusterrolebinding.",
        "role.",
        "rolebinding.",
        "service/",
        "deployment.apps/",
        "poddisruptionbudget.",
        "networkpolicy.",
        "validatingadmissionpolicy.",
        "validatingadmissionpolicybinding.",
    ] {
        assert!(applied.contains(object), "no {object} in:\n{applied}");
    }
}

/// The service's container in an overlay.
fn container(overlay: &str) -> Value {
    let folder = deploy_folder().join(overlay);
    let built = ["apply", "--dry-run=client", "--output=json", "-k", folder.to_str().unwrap()];
    let built: Value = serde_json::from_str(&cluster().kubectl(&built)).unwrap();
    let is_deployment = |object: &&Value| object["kind"] == "Deployment";
    let deployment = built["items"].as_array().unwrap().iter().find(is_deployment).unwrap();
    deployment["spec"]["template"]["spec"]["containers"][0].clone()
}

#[rstest]
#[case::plain("")]
#[case::memory("overlays/memory")]
#[case::unauthenticated("overlays/unauthenticated")]
#[case::token("overlays/token")]
#[case::tls("overlays/tls")]
fn the_service_knows_the_settings_and_finds_the_files(#[case] overlay: &str) {
    let container = container(overlay);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let variables = container["env"].as_array().unwrap().iter();
    let variables: Vec<_> = variables.map(|variable| (text(&variable["name"]), text(&variable["value"]))).collect();
    assert!(variables.iter().any(|(name, _)| name == "ORCHESTRATOR__AUTH__MODE"), "{variables:?}");
    // Settings are read first, and there is no pod's account here.
    let output = Command::new(binary()).env_clear().envs(variables.iter().cloned()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("cannot use the service account of this pod"), "{said}");

    let mounts = container["volumeMounts"].as_array().cloned().unwrap_or_default();
    for (name, file) in variables.iter().filter(|(name, _)| name.ends_with("_FILE")) {
        let is_there = mounts.iter().any(|mount| file.starts_with(&format!("{}/", text(&mount["mountPath"]))));
        assert!(is_there, "{name}: nothing is mounted where {file} is");
    }
    let port = variables.iter().find(|(name, _)| name == "ORCHESTRATOR__HTTP__PORT");
    let port = port.map_or(8080, |(_, port)| port.parse().unwrap());
    assert_eq!(container["ports"][0]["containerPort"], port);
}
