//! The manifests that the project ships.

use super::cluster::{cluster, deploy_folder};

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
    ] {
        assert!(applied.contains(object), "no {object} in:\n{applied}");
    }
}
