use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{TimeZone, Utc};
use serde_json::{Value, json};

use super::super::calls::Calls;
use super::super::metrics::Metrics;
use super::scripted::{Answer, Asked, Log, client};
use crate::domain::observation::{ContainerUsage, PodUsage};
use crate::domain::quantity::Amount;
use crate::ports::{ClusterError, ResourceMetrics, Scope, UsageTable};

fn metrics(script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> (Metrics, Log) {
    let (client, log) = client(script);
    (Metrics::new(Calls::new(client, Duration::from_secs(5))), log)
}

fn group(versions: &[&str]) -> Value {
    let versions: Vec<Value> = versions
        .iter()
        .map(|version| json!({"groupVersion": format!("metrics.k8s.io/{version}"), "version": version}))
        .collect();
    json!({"kind": "APIGroup", "apiVersion": "v1", "name": "metrics.k8s.io", "versions": versions, "preferredVersion": versions[0]})
}

/// A reading as metrics-server gives it.
fn reading(name: &str) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "default", "creationTimestamp": "2026-01-05T10:00:31Z", "labels": {"app": "web"}},
        "timestamp": "2026-01-05T10:00:15Z",
        "window": "14.027s",
        "containers": [
            {"name": "main", "usage": {"cpu": "5250183n", "memory": "11736Ki"}},
            {"name": "proxy", "usage": {"cpu": "0", "memory": "2Mi"}},
        ],
    })
}

fn list(items: &[Value]) -> Value {
    json!({"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": {}, "items": items})
}

async fn read(items: Vec<Value>) -> UsageTable {
    let (metrics, _) = metrics(move |asked| match asked.path.as_str() {
        "/apis/metrics.k8s.io" => Answer::ok(group(&["v1beta1"])),
        _ => Answer::ok(list(&items)),
    });
    ResourceMetrics::list(&metrics, Scope::Cluster, None).await.unwrap()
}

#[tokio::test]
async fn a_reading_is_read_whole() {
    let table = read(vec![reading("web-1")]).await;
    let usage = PodUsage {
        measured_at: Utc.with_ymd_and_hms(2026, 1, 5, 10, 0, 15).unwrap(),
        window: Duration::from_millis(14_027),
        containers: vec![
            ContainerUsage {
                name: "main".into(),
                cpu: Some(Amount::from_thousandths(6)),
                memory: Some(Amount::from_thousandths(12_017_664_000)),
            },
            ContainerUsage {
                name: "proxy".into(),
                cpu: Some(Amount::from_thousandths(0)),
                memory: Some(Amount::from_thousandths(2_097_152_000)),
            },
        ],
    };
    assert_eq!(table.source, "metrics.k8s.io/v1beta1");
    assert_eq!(table.get("default", "web-1"), Some(&Arc::new(usage)));
    assert_eq!(table.get("default", "web-2"), None);
}

#[tokio::test]
async fn containers_of_one_name_share_it() {
    let table = read(vec![reading("web-1"), reading("web-2")]).await;
    let name = |pod: &str, container: usize| table.get("default", pod).unwrap().containers[container].name.clone();
    assert!(Arc::ptr_eq(&name("web-1", 1), &name("web-2", 1)) && !Arc::ptr_eq(&name("web-1", 0), &name("web-1", 1)));
}

#[tokio::test]
async fn what_has_not_changed_is_shared_with_what_is_known() {
    let in_namespace = |namespace: &str, name: &str, cpu: &str| {
        let mut item = reading(name);
        item["metadata"]["namespace"] = json!(namespace);
        item["containers"][0]["usage"]["cpu"] = json!(cpu);
        item
    };
    let first = Arc::new(
        read(vec![in_namespace("a", "one", "1m"), in_namespace("b", "one", "1m"), in_namespace("b", "two", "1m")])
            .await,
    );
    let (metrics, _) = metrics(move |asked| match asked.path.as_str() {
        "/apis/metrics.k8s.io" => Answer::ok(group(&["v1beta1"])),
        // The namespaces are not in order, and one comes in two parts.
        _ => Answer::ok(list(&[
            in_namespace("b", "two", "1m"),
            in_namespace("a", "one", "1m"),
            in_namespace("c", "new", "3m"),
            in_namespace("b", "one", "2m"),
        ])),
    });
    let now = ResourceMetrics::list(&metrics, Scope::Cluster, Some(first.clone())).await.unwrap();
    assert!(Arc::ptr_eq(&now.namespaces["a"], &first.namespaces["a"]));
    let usage = |table: &UsageTable, namespace: &str, pod: &str| table.get(namespace, pod).unwrap().clone();
    assert!(Arc::ptr_eq(&usage(&now, "b", "two"), &usage(&first, "b", "two")));
    let cpu = |namespace, pod| usage(&now, namespace, pod).containers[0].cpu.unwrap().as_in_go();
    assert_eq!((cpu("b", "one"), cpu("c", "new"), now.namespaces["b"].len()), (2, 3, 2));
    assert_eq!(usage(&first, "b", "one").containers[0].cpu.unwrap().as_in_go(), 1, "what was known stays as it was");
    assert_eq!(["a", "b", "c"].map(|namespace| now.differs_in(namespace, &first)), [false, true, true]);
    assert!(!now.was_measured_after(&now.clone()));
    assert!(!now.was_measured_after(&first), "values and pods are others, but none was measured at another time");
}

#[tokio::test]
async fn one_bad_item_does_not_cost_the_others() {
    let broken = |pointer: &str, value: Value| {
        let mut item = reading("broken");
        *item.pointer_mut(pointer).unwrap() = value;
        item
    };
    for item in [
        json!(null),
        json!("text"),
        json!({}),
        broken("/timestamp", json!("yesterday")),
        broken("/timestamp", json!(7)),
        broken("/window", json!("-5s")),
        broken("/metadata/name", json!(null)),
        broken("/containers", json!("none")),
    ] {
        let table = read(vec![item.clone(), reading("web-1")]).await;
        assert!(table.get("default", "web-1").is_some() && table.get("default", "broken").is_none(), "{item}");
    }
}

#[tokio::test]
async fn what_is_malformed_was_not_measured_and_what_is_impossible_stays() {
    let mut item = reading("web-1");
    item["containers"][0]["usage"] = json!({"cpu": "-5m", "memory": "lots"});
    item["containers"][1]["usage"] = json!({"cpu": "1500m"});
    let table = read(vec![item]).await;
    let containers = &table.get("default", "web-1").unwrap().containers;
    assert_eq!((containers[0].cpu.map(Amount::as_in_go), containers[0].memory), (Some(-5), None));
    assert_eq!((containers[1].cpu, containers[1].memory), (Some(Amount::from_thousandths(1_500)), None));
}

#[tokio::test]
async fn the_offered_version_is_found_once_and_asked_once_per_reading() {
    for (offered, version) in [
        (&["v1beta1"][..], "v1beta1"),
        (&["v1", "v1beta1"], "v1"),
        (&["v1beta1", "v1"], "v1beta1"),
        (&["v2", "v1beta1", "v1"], "v1"),
    ] {
        let (metrics, log) = metrics(|asked| match asked.path.as_str() {
            "/apis/metrics.k8s.io" => Answer::ok(group(offered)),
            _ => Answer::ok(list(&[])),
        });
        let table = ResourceMetrics::list(&metrics, Scope::Namespace("ml".to_owned()), None).await.unwrap();
        assert_eq!(table.source, format!("metrics.k8s.io/{version}"));
        ResourceMetrics::list(&metrics, Scope::Cluster, None).await.unwrap();
        let expected = [
            "GET /apis/metrics.k8s.io".to_owned(),
            format!("GET /apis/metrics.k8s.io/{version}/namespaces/ml/pods"),
            format!("GET /apis/metrics.k8s.io/{version}/pods"),
        ];
        assert_eq!(log.lines(), expected);
    }
}

#[tokio::test]
async fn a_cluster_without_the_metrics_api_says_so_and_is_asked_again() {
    static INSTALLED: AtomicBool = AtomicBool::new(false);
    let (metrics, _) = metrics(|asked| match (INSTALLED.load(Ordering::Relaxed), asked.path.as_str()) {
        (false, _) => Answer::Text(404, "404 page not found\n", None),
        (true, "/apis/metrics.k8s.io") => Answer::ok(group(&["v1"])),
        (true, _) => Answer::ok(list(&[])),
    });
    let ask = || ResourceMetrics::list(&metrics, Scope::Cluster, None);
    let absent = ask().await.unwrap_err();
    assert!(matches!(absent, ClusterError::Unavailable(_)));
    assert!(absent.to_string().contains("is metrics-server installed?"), "{absent}");

    INSTALLED.store(true, Ordering::Relaxed);
    assert!(ask().await.is_ok());
    INSTALLED.store(false, Ordering::Relaxed);
    assert!(ask().await.unwrap_err().to_string().contains("is metrics-server installed?"));
    INSTALLED.store(true, Ordering::Relaxed);
    assert!(ask().await.is_ok());
}

#[tokio::test]
async fn unknown_versions_are_as_good_as_none() {
    let (metrics, _) = metrics(|_| Answer::ok(group(&["v3"])));
    let error = ResourceMetrics::list(&metrics, Scope::Cluster, None).await.unwrap_err();
    assert!(error.to_string().contains("is metrics-server installed?"), "{error}");
}

#[tokio::test]
async fn a_failing_metrics_server_is_told_from_a_failing_cluster() {
    let (metrics, _) = metrics(|asked| match asked.path.as_str() {
        "/apis/metrics.k8s.io" => Answer::ok(group(&["v1beta1"])),
        _ => Answer::Text(503, "service unavailable\n", None),
    });
    let error = ResourceMetrics::list(&metrics, Scope::Cluster, None).await.unwrap_err();
    let message = "the metrics API (metrics.k8s.io/v1beta1) fails: the API server answers 503: service unavailable";
    assert_eq!(error.to_string(), message);
}

#[tokio::test]
async fn an_answer_that_is_no_list_is_an_error() {
    let (metrics, _) = metrics(|asked| match asked.path.as_str() {
        "/apis/metrics.k8s.io" => Answer::ok(group(&["v1beta1"])),
        _ => Answer::Text(200, "{\"items\": 7}", None),
    });
    let error = ResourceMetrics::list(&metrics, Scope::Cluster, None).await.unwrap_err();
    assert!(error.to_string().starts_with("the metrics API's answer makes no sense"), "{error}");
}

/// What becomes of a list that somebody means ill with.
async fn read_hostile(body: String) -> Result<UsageTable, ClusterError> {
    let (metrics, _) = metrics(move |asked| match asked.path.as_str() {
        "/apis/metrics.k8s.io" => Answer::ok(group(&["v1beta1"])),
        _ => Answer::Raw(body.clone()),
    });
    ResourceMetrics::list(&metrics, Scope::Cluster, None).await
}

#[tokio::test]
async fn a_hostile_answer_costs_an_error_of_few_words() {
    let name = "n".repeat(1 << 20);
    for body in [
        format!("{{\"items\": {}", "[".repeat(100_000)),
        format!("{{\"items\": [{}", "{\"metadata\": ".repeat(100_000)),
        format!("{{\"items\": \"{name}\"}}"),
        format!("{{\"items\": [{{\"metadata\": {{\"name\": \"{name}\"}}, \"window\": 1e999}}]}}"),
    ] {
        let error = read_hostile(body).await.unwrap_err().to_string();
        assert!(error.starts_with("the metrics API's answer makes no sense") && error.len() <= 1_100, "{error}");
    }
}

#[tokio::test]
async fn hostile_amounts_and_names_are_unknown_and_cost_nobody_else_a_reading() {
    let mut hostile = reading("hostile");
    hostile["containers"][0]["usage"] = json!({"cpu": "9".repeat(1 << 20), "memory": format!("1e{}", i32::MAX)});
    hostile["containers"][1]["usage"] = json!({"cpu": "1e999999999999", "memory": "-1"});
    let long = "n".repeat(1 << 20);
    let escapes = reading("a\u{1b}[2J\u{202e}\nb");
    let table = read_hostile(list(&[hostile, reading(&long), escapes, reading("web-1")]).to_string()).await.unwrap();
    let usage = table.get("default", "hostile").unwrap();
    let amounts = usage.containers.iter().flat_map(|container| [container.cpu, container.memory]).flatten();
    assert!(amounts.into_iter().all(|amount| amount.thousandths().is_none()));
    assert!(table.get("default", &long).is_some() && table.get("default", "web-1").is_some());
}
