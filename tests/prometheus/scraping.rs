//! A real Prometheus reads the service, evaluates the alerts, and answers the dashboard's queries.

use std::sync::LazyLock;

use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::app::{TestApp, answer, deployment, empty_cluster, request, token_file};
use super::dashboard;
use super::files::read;
use super::server::Prometheus;

const TOKEN: &str = "only-for-this-test";

/// The rules, whose alerts fire after 2 seconds.
static RULES: LazyLock<String> = LazyLock::new(|| {
    let shortened = |line: &str| match line.split_once("for: ") {
        Some((indent, _)) if indent.trim().is_empty() => format!("{indent}for: 2s\n"),
        _ => format!("{line}\n"),
    };
    read("deploy/prometheus/rules.yml").lines().map(shortened).collect()
});

fn configuration(target: &str) -> String {
    format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
         rule_files: [rules.yml]\n\
         scrape_configs:\n\
         - job_name: ai-storage-orchestrator\n  \
           honor_labels: true\n  \
           authorization: {{credentials: {TOKEN}}}\n  \
           static_configs: [{{targets: ['{target}']}}]\n"
    )
}

/// A service in which `hungry` may not have the replicas that it needs, and `content` has as many as it may and needs; and
/// the file with its token, which it reads again and again.
async fn service() -> (TestApp, tempfile::NamedTempFile) {
    let (file, settings) = token_file(TOKEN);
    let empty = empty_cluster();
    let app = TestApp::start_configured(&empty, 20.0, &settings, |cluster| {
        cluster.add_running_workloads([deployment("hungry", 2, 2_000.0), deployment("content", 2, 500.0)]).unwrap();
    });
    let app = app.await.ready().await;
    for name in ["hungry", "content"] {
        let mut body = request(name);
        body["max_replicas"] = 2.into();
        let create = app.request(Method::POST, "/api/v1/autoscaling").bearer_auth(TOKEN).json(&body);
        assert_eq!(answer(create).await.0, StatusCode::CREATED);
    }
    (app, file)
}

#[actix_web::test]
async fn prometheus_reads_the_service_fires_the_right_alert_and_answers_every_query_of_the_dashboard() {
    let (app, _file) = service().await;
    let target = app.base.strip_prefix("http://").unwrap();
    let prometheus = Prometheus::start(&configuration(target), &[("rules.yml", &RULES)]).await;

    let up = async || {
        let targets = prometheus.api("targets").await;
        Some(targets["activeTargets"][0].clone()).filter(|target| target["health"] == "up")
    };
    let up = prometheus.eventually("the target is up", up).await;
    assert_eq!((&up["lastError"], &up["labels"]["job"]), (&"".into(), &"ai-storage-orchestrator".into()));

    let at_max = "orchestrator_autoscaler_status_current_replicas == orchestrator_autoscaler_spec_max_replicas";
    let both = async || prometheus.query(at_max).await.ok().filter(|series| series.len() == 2);
    let both = prometheus.eventually("both workloads are at their maximum", both).await;
    // The label is the workload's own, and not one that Prometheus had to rename.
    assert!(both.iter().all(|series| series["metric"]["namespace"] == "default"), "{both:?}");

    let firing = async || {
        let alerts = prometheus.api("alerts").await["alerts"].as_array().cloned().unwrap_or_default();
        let of_max = alerts.into_iter().filter(|alert| {
            alert["labels"]["alertname"] == "OrchestratorAutoscalerWantsMoreThanMax" && alert["state"] == "firing"
        });
        Some(of_max.collect::<Vec<_>>()).filter(|firing| !firing.is_empty())
    };
    let firing = prometheus.eventually("the alert fires", firing).await;
    let workloads: Vec<_> = firing.iter().map(|alert| &alert["labels"]["workload"]).collect();
    assert_eq!(workloads, ["hungry"], "{firing:?}");
    let summary = "Deployment default/hungry needs more replicas than it may have";
    assert_eq!(firing[0]["annotations"]["summary"], summary);

    let rules = prometheus.api("rules").await;
    let rules = rules["groups"][0]["rules"].as_array().unwrap().clone();
    let unhealthy: Vec<_> = rules.iter().filter(|rule| rule["health"] != "ok").collect();
    assert!(rules.len() > 8 && unhealthy.is_empty(), "{unhealthy:?}");

    let mut without_data = Vec::new();
    for query in dashboard::queries().iter().filter(|query| !query.starts_with("label_values")) {
        let query = with_values(query);
        match prometheus.query(&query).await {
            Ok(series) if series.is_empty() => without_data.push(query),
            Ok(_) => {}
            Err(error) => panic!("{query}: {error}"),
        }
    }
    // Nothing of the kind has happened here.
    let may_be_empty = |query: &str| {
        ["gpu_exporter", "watch_failures", "simulated", "result=\"error\"", "metric_unknown", "status=\"failed\""]
            .iter()
            .any(|part| query.contains(part))
    };
    without_data.retain(|query| !may_be_empty(query));
    assert_eq!(without_data, Vec::<String>::new(), "these say nothing");

    let names = prometheus.api("label/__name__/values").await;
    assert!(names.as_array().is_some_and(|names| names.contains(&Value::from("process_cpu_seconds_total"))));
    drop(prometheus);
    app.stop().await;
}

/// A query of the dashboard with everything selected, as Grafana would send it.
fn with_values(query: &str) -> String {
    let everything = ["$job", "$namespace", "$workload"];
    let query = everything.iter().fold(query.to_owned(), |query, variable| query.replace(variable, ".*"));
    query.replace("$__rate_interval", "1m")
}
