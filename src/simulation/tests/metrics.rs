//! The metrics of a cluster under load.

use super::*;

/// The CPU of each pod of `default/web` in thousandths of a core, as far as it is published.
async fn cpu(cluster: &SimulatedCluster) -> Vec<f64> {
    let list = get_json(cluster, "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods").await.unwrap();
    let cpu = |pod: &Value| {
        let text = pod["containers"][0]["usage"]["cpu"].as_str().unwrap().to_owned();
        text.strip_suffix('n').unwrap().parse::<f64>().unwrap() / 1e6
    };
    list["items"].as_array().unwrap().iter().map(cpu).collect()
}

#[tokio::test(start_paused = true)]
async fn metrics_are_there_at_once_and_fresh() {
    let cluster = cluster([web(2, 700.0)]);
    let list = get_json(&cluster, "/apis/metrics.k8s.io/v1beta1/pods").await.unwrap();
    assert_eq!(list["kind"], "PodMetricsList");
    let pod = &list["items"][0];
    let at: DateTime<Utc> = pod["timestamp"].as_str().unwrap().parse().unwrap();
    assert!((epoch() - at).num_seconds() < 15);
    assert_eq!(pod["window"], "15s");
    assert_eq!(pod["containers"][0]["name"], "web");
    assert_eq!(pod["containers"][0]["usage"], json!({ "cpu": "350000000n", "memory": "131072Ki" }));
    assert_eq!(pod["metadata"]["labels"]["app"], "web");
}

#[tokio::test(start_paused = true)]
async fn load_per_pod_falls_as_replicas_grow_once_the_new_pods_are_ready() {
    let cluster = cluster([web(2, 800.0)]);
    assert_eq!(cpu(&cluster).await, [400.0, 400.0]);
    scale_web(&cluster, 4).await;
    pass(45).await;
    assert_eq!(cpu(&cluster).await, [200.0; 4]);
    scale_web(&cluster, 1).await;
    pass(30).await;
    assert_eq!(cpu(&cluster).await, [800.0]);
}

#[tokio::test(start_paused = true)]
async fn a_new_pod_appears_with_its_second_scrape_and_an_ended_one_stays_until_the_next() {
    let cluster = cluster([web(1, 100.0)]);
    // Scrapes come at 13 s, 28 s, 43 s, ...
    scale_web(&cluster, 2).await;
    pass(14).await;
    assert_eq!(cpu(&cluster).await.len(), 1, "seen once");
    pass(15).await;
    assert_eq!(cpu(&cluster).await.len(), 2, "seen twice");
    scale_web(&cluster, 1).await;
    pass(5).await;
    assert_eq!(pods(&cluster).await.len(), 1);
    assert_eq!(cpu(&cluster).await.len(), 2);
    pass(15).await;
    assert_eq!(cpu(&cluster).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_limit_caps_what_a_pod_uses() {
    let cluster = cluster([WorkloadSettings { cpu_limit: Some(Cpu::millis(600)), ..web(1, 5000.0) }]);
    assert_eq!(cpu(&cluster).await, [600.0]);
}

#[tokio::test(start_paused = true)]
async fn a_starting_pod_may_burn_more_than_it_serves() {
    let settings = WorkloadSettings {
        cpu_starting: Some(Cpu::millis(900)),
        ready_after: Duration::from_secs(120),
        ..web(1, 100.0)
    };
    let cluster = cluster([settings]);
    scale_web(&cluster, 2).await;
    pass(60).await;
    let mut all = cpu(&cluster).await;
    all.sort_by(f64::total_cmp);
    assert_eq!(all, [100.0, 900.0]);
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_readings() {
    let run = async |seed: u64| {
        let settings = SimulationSettings { seed, ..SimulationSettings::default() };
        let cluster = SimulatedCluster::start(&settings, Clock::scaled(epoch(), 1.0));
        let target = (WorkloadKind::Deployment, "production", "web-frontend");
        cluster.set_replicas(target.0, target.1, target.2, 4).unwrap();
        pass(100).await;
        get_json(&cluster, "/apis/metrics.k8s.io/v1beta1/pods").await.unwrap()
    };
    let (first, second, other) = (run(1).await, run(1).await, run(2).await);
    assert_eq!(first, second);
    assert_ne!(first, other);
}

#[tokio::test(start_paused = true)]
async fn one_pod_and_the_nodes_can_be_asked_for() {
    let cluster = cluster([web(1, 100.0)]);
    let name = pods(&cluster).await[0].metadata.name.clone().unwrap();
    let path = format!("/apis/metrics.k8s.io/v1beta1/namespaces/default/pods/{name}");
    let pod = get_json(&cluster, &path).await.unwrap();
    assert_eq!((pod["kind"].as_str(), pod["metadata"]["name"].as_str()), (Some("PodMetrics"), Some(name.as_str())));
    let nodes = get_json(&cluster, "/apis/metrics.k8s.io/v1beta1/nodes").await.unwrap();
    assert_eq!(nodes["items"][0]["usage"]["cpu"], "350000000n", "the pod's and the machine's own");
    let status = refusal(get_json(&cluster, "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods/absent").await);
    assert_eq!((status.code, status.message.as_str()), (404, "pods \"default/absent\" not found"));
}

#[tokio::test(start_paused = true)]
async fn metrics_can_be_absent_unavailable_and_frozen() {
    let cluster = cluster([web(1, 100.0)]);
    let path = "/apis/metrics.k8s.io/v1beta1/pods";
    cluster.set_metrics_available(false);
    assert_eq!(refusal(get_json(&cluster, path).await).code, 404);
    let groups = cluster.client().list_api_groups().await.unwrap().groups;
    assert!(groups.iter().all(|group| group.name != "metrics.k8s.io"));

    cluster.set_metrics_api(MetricsApi::Unavailable);
    assert_eq!(refusal(get_json(&cluster, path).await).code, 503);

    cluster.set_metrics_available(true);
    cluster.freeze_metrics(true);
    let before = get_json(&cluster, path).await.unwrap()["items"][0]["timestamp"].clone();
    pass(120).await;
    assert_eq!(get_json(&cluster, path).await.unwrap()["items"][0]["timestamp"], before);
    cluster.freeze_metrics(false);
    pass(20).await;
    assert_ne!(get_json(&cluster, path).await.unwrap()["items"][0]["timestamp"], before);
}
