//! Tokens, the service's own and those of its callers, are in nothing that it says.

use std::time::Duration;

use kube::config::Kubeconfig;
use reqwest::StatusCode;
use secrecy::ExposeSecret;
use serde_json::json;

use super::cluster::{SERVICE_ACCOUNT, cluster};
use super::service::Service;
use super::workload::Namespace;

const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn the_services_token_is_in_no_log_however_much_is_logged_and_in_no_answer() {
    let kubeconfig = cluster().kubeconfig_for(SERVICE_ACCOUNT, "kube-system", &cluster().server);
    let user = Kubeconfig::read_from(&kubeconfig).unwrap().auth_infos.remove(0).auth_info.unwrap();
    let token = user.token.unwrap().expose_secret().to_owned();
    // Whoever has the rest can be anybody.
    let signature = token.rsplit('.').next().unwrap();
    assert!(signature.len() > 40, "it is no signed token");

    let namespace = Namespace::new("secrets", 70).await;
    namespace.create("Deployment", "web", 1).await;
    let service = Service::start_with(&kubeconfig, &[("RUST_LOG", "trace")]);
    let api = service.api();
    api.wait_until_readyz(StatusCode::OK, LIMIT).await;
    let request = json!({
        "workload_name": "web",
        "workload_namespace": namespace.name,
        "workload_type": "Deployment",
        "min_replicas": 2,
        "max_replicas": 3,
        "target_cpu_percent": 70,
    });
    let id = api.created(&request).await;
    namespace.wait_for_ready("Deployment", "web", 2, LIMIT).await;
    let paths = [
        "sources",
        "fleet",
        "mode",
        "autoscaling",
        &format!("autoscaling/{id}"),
        &format!("autoscaling/{id}/decisions"),
    ]
    .map(|path| format!("/api/v1/{path}"));
    for path in paths.iter().map(String::as_str).chain(["/readyz", "/health"]) {
        let (status, answer) = api.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {answer}");
        assert!(!answer.to_string().contains(signature), "{path}: {answer}");
    }
    api.delete(&id).await;
    // The parts that could say it do speak.
    for part in ["TRACE hyper_util::", "DEBUG kube_client::", "DEBUG rustls::"] {
        assert!(!service.logged(part).is_empty(), "{part} logs nothing");
    }
    assert_eq!(service.logged(signature), Vec::<String>::new());
}

#[tokio::test]
async fn the_tokens_of_callers_are_in_no_log_however_much_is_logged_and_in_no_answer() {
    let kubeconfig = cluster().kubeconfig_for(SERVICE_ACCOUNT, "kube-system", &cluster().server);
    let service =
        Service::start_with(&kubeconfig, &[("RUST_LOG", "trace"), ("ORCHESTRATOR__AUTH__MODE", "kubernetes")]);
    service.api().wait_until_readyz(StatusCode::OK, LIMIT).await;
    let known = cluster().kubectl(&["create", "token", "default", "--namespace", "default"]).trim().to_owned();
    let (unsigned, signature) = known.rsplit_once('.').unwrap();
    let forged = format!("{unsigned}.{}", signature.chars().rev().collect::<String>());
    let http = reqwest::Client::new();
    for (token, expected) in [(&known, StatusCode::OK), (&forged, StatusCode::UNAUTHORIZED)] {
        let answer = http.get(format!("{}/api/v1/whoami", service.url())).bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status(), expected);
        assert!(!answer.text().await.unwrap().contains(unsigned));
    }
    assert!(!service.logged("/apis/authentication.k8s.io/v1/tokenreviews").is_empty(), "the cluster was not asked");
    assert_eq!(service.logged(unsigned), Vec::<String>::new());
}
