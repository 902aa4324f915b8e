//! A fuzzer that reads the description and asks the service whatever that lets it think of.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::app::{TestApp, answer, token_file};
use crate::contract::Contract;

const TOKEN: &str = "known-to-the-fuzzer";

/// When it must have ended; what it does is bounded by the number of requests, so that it is always the same.
const LONGEST: Duration = Duration::from_secs(600);

/// What must never be: each of these is a fault of the service or of its description.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,negative_data_rejection,unsupported_method,allow_header_conformance,\
                      use_after_free,ensure_resource_availability,ignored_auth";

/// Lets the fuzzer run against a service of its own, in some of its phases, with this token if any; returns what it said.
async fn run(phases: &str, examples: u32, token: Option<&str>) -> String {
    let (_file, settings) = token_file(TOKEN);
    let app = TestApp::start_configured(&Default::default(), 20.0, &settings, |_| {}).await.ready().await;
    for (namespace, name) in [("default", "nginx-deployment"), ("ml", "ai-inference")] {
        let request = json!({
            "workload_namespace": namespace, "workload_name": name, "workload_type": "auto",
            "min_replicas": 1, "max_replicas": 4, "target_cpu_percent": 70, "target_gpu_percent": 75,
        });
        let sent = app.request(Method::POST, "/api/v1/autoscaling").bearer_auth(TOKEN).json(&request);
        assert_eq!(sent.send().await.unwrap().status(), 201, "{name}");
    }
    // With every object closed, so that a field that is not described is found as well.
    let folder = tempfile::tempdir().unwrap();
    let description = folder.path().join("openapi.json");
    std::fs::write(&description, Contract::new().document().to_string()).unwrap();

    let tools = std::env::var_os("SCHEMATHESIS")
        .expect("SCHEMATHESIS does not name the folder of the fuzzer; `scripts/test` installs it and says where it is");
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi/fuzzing");
    let mut fuzzer = Command::new("python3");
    fuzzer
        .args(["-m", "schemathesis.cli", "--config-file"])
        .arg(rules.join("schemathesis.toml"))
        .arg("run")
        .arg(&description)
        .args([
            "--url",
            &app.base,
            "--phases",
            phases,
            "--checks",
            CHECKS,
            "--seed",
            "42",
            "--max-examples",
            &examples.to_string(),
        ])
        .args(["--request-timeout", "60", "--continue-on-failure"])
        // A stream has no end.
        .args(["--exclude-path", "/api/v1/events", "--generation-database", "none", "--no-color"])
        .current_dir(folder.path())
        .env("SCHEMATHESIS_HOOKS", rules.join("hooks.py"))
        .env("PYTHONPATH", &tools)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    if let Some(token) = token {
        fuzzer.args(["--header", &format!("Authorization: Bearer {token}")]);
    }
    let fuzzer = tokio::task::spawn_blocking(move || fuzzer.output());
    let fuzzer = tokio::time::timeout(LONGEST, fuzzer).await.expect("the fuzzer does not end").unwrap().unwrap();
    let said = String::from_utf8_lossy(&fuzzer.stdout).into_owned();
    assert!(fuzzer.status.success(), "{said}\n{}", String::from_utf8_lossy(&fuzzer.stderr));
    if token != Some(TOKEN) {
        let list = app.request(Method::GET, "/api/v1/autoscaling").bearer_auth(TOKEN);
        let (_, list) = answer(list).await;
        assert_eq!(list["count"], 2, "whoever is not let in changes nothing");
    }
    app.stop().await;
    said
}

#[actix_web::test]
async fn no_request_has_an_answer_that_is_not_described() {
    let said = run("examples,coverage,fuzzing", 10, Some(TOKEN)).await;
    let contract = Contract::new();
    let paths = contract.document()["paths"].as_object().unwrap();
    let all: usize = paths.values().map(|path| path.as_object().unwrap().len()).sum();
    // All but the stream.
    assert!(said.contains(&format!("{} selected / {all} total", all - 1)), "{said}");
}

#[actix_web::test]
async fn neither_has_one_that_follows_from_an_answer() {
    let said = run("stateful", 60, Some(TOKEN)).await;
    let links = said.lines().find_map(|line| line.trim().strip_prefix("API Links:"));
    let covered: usize = links.and_then(|links| links.split_whitespace().next()?.parse().ok()).unwrap_or(0);
    assert!(covered >= 8, "hardly a link was followed: {said}");
}

#[actix_web::test]
async fn without_a_token_that_is_known_every_request_is_refused_as_described() {
    for token in [None, Some("not-known-to-the-service")] {
        let said = run("examples,coverage", 1, token).await;
        assert!(said.contains("selected"), "{said}");
    }
}
