//! What `/metrics` answers.

use std::io::Read as _;
use std::io::Write as _;
use std::process::Stdio;

use ai_storage_orchestrator::simulation::MetricsApi;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::app::{TestApp, deployment, empty_cluster, request, token_file};
use super::files::{said, tool};
use super::text::Exposition;

/// What Prometheus sees now, in its older format.
pub async fn scrape(app: &TestApp) -> Exposition {
    Exposition::parse(&app.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap())
}

/// Waits until Prometheus would see something.
async fn scraped(app: &TestApp, what: &str, wanted: impl Fn(&Exposition) -> bool) -> Exposition {
    app.eventually(what, async || Some(scrape(app).await).filter(&wanted)).await
}

const WEB: [(&str, &str); 3] = [("namespace", "default"), ("workload_kind", "Deployment"), ("workload", "web")];
const CPU: (&str, &str) = ("metric", "cpu");

fn of_web(name: &str) -> String {
    format!("orchestrator_autoscaler_{name}")
}

#[actix_web::test]
async fn an_autoscaler_is_shown_as_it_is() {
    let app = TestApp::with_web().await;
    let id = app.created(&request("web")).await;
    app.wait_for(&id, "it is measured", |a| a["details"]["current_cpu_percent"] == 50).await;
    let seen = scrape(&app).await;
    let value = |name: &str| seen.get(&of_web(name), &WEB);
    let (min, max) = (value("spec_min_replicas"), value("spec_max_replicas"));
    assert_eq!((min, max), (Some(1.0), Some(10.0)));
    let counts = ["current", "desired", "recommended"].map(|count| value(&format!("status_{count}_replicas")));
    assert_eq!(counts, [Some(2.0); 3]);
    assert_eq!(value("status_wants_more_than_max"), Some(0.0));
    let cpu = [&WEB[..], &[CPU]].concat();
    assert_eq!(seen.get(&of_web("spec_target_utilization_ratio"), &cpu), Some(0.5));
    assert_eq!(seen.get(&of_web("status_utilization_ratio"), &cpu), Some(0.5));
    assert_eq!(seen.get(&of_web("status_metric_unknown"), &cpu), Some(0.0));
    assert_eq!(seen.all(&of_web("status_simulated_utilization_ratio"), &[]), Vec::<f64>::new());
    assert_eq!(seen.all(&of_web("info"), &[("autoscaler_id", &id), ("mode", "active")]), [1.0]);
    let statuses = ["active", "inactive", "failed"].map(|status| seen.all(&of_web("status"), &[("status", status)]));
    assert_eq!(statuses, [[1.0], [0.0], [0.0]]);
    assert_eq!(seen.get("orchestrator_autoscaler_actors", &[]), Some(1.0));
    assert!(seen.get("orchestrator_ticks_total", &[]).unwrap() >= 1.0);
    assert!(seen.get("orchestrator_decision_duration_seconds_count", &[]).unwrap() >= 1.0);
    assert!(!seen.all("orchestrator_kubernetes_requests_total", &[("verb", "watch"), ("code", "200")]).is_empty());
    assert!(seen.get("orchestrator_source_age_seconds", &[("source", "resource_metrics")]).is_some());
    app.stop().await;
}

#[actix_web::test]
async fn what_is_not_known_has_no_series_and_is_said_to_be_unknown() {
    let app = TestApp::with_web().await;
    app.cluster.set_metrics_api(MetricsApi::Absent);
    let id = app.created(&request("web")).await;
    let unknown = [&WEB[..], &[CPU]].concat();
    let blind = |seen: &Exposition| seen.get(&of_web("status_metric_unknown"), &unknown) == Some(1.0);
    let seen = scraped(&app, "CPU is unknown", blind).await;
    assert_eq!(seen.all(&of_web("status_utilization_ratio"), &[]), Vec::<f64>::new());
    assert_eq!(seen.all(&of_web("status_recommended_replicas"), &[]), Vec::<f64>::new());
    assert_eq!(seen.all(&of_web("status_wants_more_than_max"), &[]), Vec::<f64>::new());
    assert_eq!(seen.get(&of_web("status_current_replicas"), &WEB), Some(2.0), "the workload is known");
    assert_eq!(seen.all("orchestrator_autoscalers_attention", &[("attention", "metric_unknown")]), [1.0]);
    assert!(!seen.all("orchestrator_source_reads_total", &[("result", "error")]).is_empty());

    let (status, _) = app.send(Method::POST, &format!("/api/v1/autoscaling/{id}/pause"), &json!({})).await;
    assert_eq!(status, StatusCode::OK);
    let seen = scrape(&app).await;
    assert_eq!(seen.all(&of_web("status"), &[("status", "inactive")]), [1.0]);
    for name in ["status_metric_unknown", "status_current_replicas", "status_desired_replicas"] {
        assert_eq!(seen.all(&of_web(name), &[]), Vec::<f64>::new(), "{name} while it is paused");
    }
    app.stop().await;
}

#[actix_web::test]
async fn no_more_autoscalers_have_series_than_the_settings_allow_and_the_others_are_counted() {
    let settings = "[prometheus]\nmax_autoscalers = 1\n";
    let empty = empty_cluster();
    let app = TestApp::start_configured(&empty, 20.0, settings, |cluster| {
        cluster.add_running_workloads([deployment("web", 2, 500.0), deployment("hungry", 2, 2_000.0)]).unwrap();
    });
    let app = app.await.ready().await;
    app.created(&request("web")).await;
    let mut hungry = request("hungry");
    hungry["max_replicas"] = 2.into();
    app.created(&hungry).await;
    let left_out =
        |seen: &Exposition| seen.all("orchestrator_autoscalers_left_out", &[("attention", "wants_more_than_max")]);
    let seen = scraped(&app, "the other wants more", |seen| left_out(seen) == [1.0]).await;
    assert_eq!(seen.all(&of_web("spec_max_replicas"), &[]), [10.0]);
    assert_eq!(seen.all("orchestrator_autoscalers", &[("status", "active")]), [2.0]);
    app.stop().await;
}

#[actix_web::test]
async fn requests_are_counted_by_route_and_not_by_path() {
    let app = TestApp::with_web().await;
    for path in ["/api/v1/autoscaling/one", "/api/v1/autoscaling/another", "/nowhere", "/nowhere/else"] {
        assert_eq!(app.get(path).await.0, StatusCode::NOT_FOUND);
    }
    let odd = Method::from_bytes(b"BREW").unwrap();
    assert_eq!(app.request(odd, "/api/v1/mode").send().await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
    let seen = scrape(&app).await;
    let count = |route, method, code| {
        seen.get("orchestrator_http_requests_total", &[("route", route), ("method", method), ("code", code)])
    };
    assert_eq!(count("/api/v1/autoscaling/{id}", "GET", "404"), Some(2.0));
    assert_eq!(count("unmatched", "GET", "404"), Some(2.0));
    assert_eq!(count("/api/v1/mode", "other", "405"), Some(1.0));
    app.stop().await;
}

#[actix_web::test]
async fn the_brake_is_shown() {
    let app = TestApp::with_web().await;
    assert_eq!(scrape(&app).await.all("orchestrator_mode", &[("mode", "observe")]), [0.0]);
    app.send(Method::PUT, "/api/v1/mode", &json!({"mode": "observe"})).await;
    let seen = scrape(&app).await;
    assert_eq!(["observe", "active"].map(|mode| seen.all("orchestrator_mode", &[("mode", mode)])), [[1.0], [0.0]]);
    app.stop().await;
}

#[actix_web::test]
async fn the_metrics_need_the_token_as_the_api_does() {
    let (_file, settings) = token_file("only-for-this-test");
    let app = TestApp::start_configured(&empty_cluster(), 20.0, &settings, |_| {}).await;
    let get = || app.request(Method::GET, "/metrics");
    assert_eq!(get().send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let answer = get().bearer_auth("only-for-this-test").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let seen = Exposition::parse(&answer.text().await.unwrap());
    let refused = [("route", "/metrics"), ("code", "401")];
    assert_eq!(seen.all("orchestrator_http_requests_total", &refused), [1.0], "who was refused is counted, too");
    app.stop().await;
}

#[actix_web::test]
async fn each_client_gets_the_format_that_it_prefers_and_promtool_finds_nothing_wrong() {
    let app = TestApp::with_web().await;
    let id = app.created(&request("web")).await;
    app.wait_for(&id, "it is measured", |a| a["details"]["current_cpu_percent"] == 50).await;
    let get = async |accept: &str| {
        let answer = app.request(Method::GET, "/metrics").header(ACCEPT, accept).send().await.unwrap();
        let content_type = answer.headers()[CONTENT_TYPE].to_str().unwrap().to_owned();
        (content_type, answer.text().await.unwrap())
    };
    let (content_type, text) = get("*/*").await;
    assert_eq!(content_type, "text/plain; version=0.0.4; charset=utf-8");
    let mut check = tool("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    check.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert_eq!(said(&check.wait_with_output().unwrap()), "");

    let (content_type, text) = get("application/openmetrics-text;version=1.0.0,text/plain;q=0.5").await;
    assert_eq!(content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(text.ends_with("\n# EOF\n"));
    assert!(
        text.contains("# TYPE orchestrator_ticks counter\norchestrator_ticks_total "),
        "a counter as OpenMetrics has it"
    );
    app.stop().await;
}

#[actix_web::test]
async fn the_answer_is_packed_for_those_who_want_that() {
    let app = TestApp::with_web().await;
    // One that does not unpack by itself.
    let client = reqwest::Client::builder().no_gzip().build().unwrap();
    let packed = client.get(format!("{}/metrics", app.base)).header("Accept-Encoding", "gzip").send().await.unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    let bytes = packed.bytes().await.unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*bytes).read_to_string(&mut text).unwrap();
    assert!(!Exposition::parse(&text).samples.is_empty());
    app.stop().await;
}
