//! A fuzzer that reads the description and asks the service whatever that lets it think of.

use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::process::Command;

use crate::app::TestApp;
use crate::contract::Contract;

const TOKEN: &str = "known-to-the-fuzzer";

/// How long it may go on. It tells what it has found until then.
const LONGEST: Duration = Duration::from_secs(75);

/// What must never be: each of these is a fault of the service or of its description.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,negative_data_rejection,unsupported_method,allow_header_conformance,\
                      use_after_free,ensure_resource_availability,ignored_auth";

#[actix_web::test]
async fn a_fuzzer_finds_nothing_that_is_not_described() {
    let settings = format!("[http]\ntoken = \"{TOKEN}\"");
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
        .expect("SCHEMATHESIS names no folder with the fuzzer; `scripts/test` installs it and sets that");
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi/fuzzing");
    let fuzzer = Command::new("python3")
        .args(["-m", "schemathesis.cli", "--config-file"])
        .arg(rules.join("schemathesis.toml"))
        .arg("run")
        .arg(&description)
        .args(["--url", &app.base, "--seed", "42", "--checks", CHECKS, "--max-examples", "30", "--workers", "2"])
        .args(["--phases", "examples,coverage,fuzzing,stateful", "--continue-on-failure", "--no-color"])
        .args(["--generation-database", "none", "--max-time", &LONGEST.as_secs().to_string()])
        .current_dir(&rules)
        .env("PYTHONPATH", &tools)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("SERVICE_TOKEN", TOKEN)
        .kill_on_drop(true)
        .output();
    let fuzzer = tokio::time::timeout(LONGEST * 2, fuzzer).await.expect("the fuzzer does not end").unwrap();
    let said = String::from_utf8_lossy(&fuzzer.stdout);
    assert!(fuzzer.status.success(), "{said}\n{}", String::from_utf8_lossy(&fuzzer.stderr));
    assert!(said.contains("Stateful"), "it did not follow the links: {said}");
    app.stop().await;
}
