//! Workloads that come, go and change, and many of them.

use kube::api::WatchParams;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_new_workload_gets_its_pods_and_a_removed_one_loses_them() {
    let cluster = cluster([]);
    cluster.add_workload(WorkloadSettings { namespace: "new".into(), ..web(3, 0.0) }).unwrap();
    let twice = cluster.add_workload(WorkloadSettings { namespace: "new".into(), ..web(3, 0.0) });
    assert_eq!(twice.unwrap_err().to_string(), "there is a Deployment new/web already");
    let api: Api<Deployment> = Api::namespaced(cluster.client(), "new");
    assert!(api.get("web").await.unwrap().status.unwrap().observed_generation.is_none());
    pass(30).await;
    assert_eq!(api.get("web").await.unwrap().status.unwrap().ready_replicas, Some(3));

    cluster.remove_workload(WorkloadKind::Deployment, "new", "web").unwrap();
    assert_eq!(refusal(api.get("web").await).code, 404);
    pass(10).await;
    assert!(pods(&cluster).await.is_empty());
    let gone = cluster.remove_workload(WorkloadKind::Deployment, "new", "web");
    assert_eq!(gone.unwrap_err().to_string(), "there is no Deployment new/web");
}

#[tokio::test(start_paused = true)]
async fn a_workload_that_is_made_again_at_once_is_another_one() {
    for kind in [WorkloadKind::Deployment, WorkloadKind::StatefulSet, WorkloadKind::ReplicaSet] {
        let settings = WorkloadSettings { kind, ..web(2, 0.0) };
        let cluster = cluster([settings.clone()]);
        let before: Vec<_> = pods(&cluster).await.into_iter().map(|pod| pod.metadata.uid).collect();
        cluster.remove_workload(kind, "default", "web").unwrap();
        cluster.add_workload(settings).unwrap();
        pass(60).await;
        let after = pods(&cluster).await;
        assert_eq!(after.len(), 2, "{kind}");
        assert!(after.iter().all(|pod| is_ready(pod) && !before.contains(&pod.metadata.uid)), "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollout_replaces_all_pods_and_keeps_most_of_them_ready() {
    for kind in [WorkloadKind::Deployment, WorkloadKind::StatefulSet] {
        let cluster = cluster([WorkloadSettings { kind, ..web(4, 0.0) }]);
        let before: Vec<_> = pods(&cluster).await.into_iter().map(|pod| pod.metadata.uid).collect();
        cluster.roll_out(kind, "default", "web").unwrap();
        let mut most = 0;
        for _ in 0..200 {
            pass(1).await;
            let now = pods(&cluster).await;
            let serving = now.iter().filter(|pod| is_ready(pod) && pod.metadata.deletion_timestamp.is_none());
            assert!(serving.count() >= 3, "{kind}");
            most = most.max(now.len());
        }
        let after = pods(&cluster).await;
        assert_eq!(after.len(), 4, "{kind}");
        assert!(after.iter().all(|pod| is_ready(pod) && !before.contains(&pod.metadata.uid)), "{kind}");
        assert!(kind == WorkloadKind::StatefulSet || most > 4, "a Deployment surges");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fast_cluster_does_in_seconds_what_takes_others_minutes() {
    let settings =
        SimulationSettings { nodes: vec![large_node()], workloads: vec![web(1, 0.0)], ..SimulationSettings::empty() };
    let cluster = SimulatedCluster::start(&settings, Clock::scaled(epoch(), 60.0));
    scale_web(&cluster, 3).await;
    pass(1).await;
    assert_eq!(pods(&cluster).await.iter().filter(|pod| is_ready(pod)).count(), 3);
}

/// Ten thousand workloads in a hundred namespaces, fifteen thousand pods. The limit is generous, because a machine may
/// be slow and busy; what takes quadratic time would exceed it by far.
#[tokio::test(start_paused = true)]
async fn ten_thousand_workloads_are_no_burden() {
    #[allow(clippy::disallowed_methods)]
    let now = std::time::Instant::now;
    let begun = now();
    let settings =
        SimulationSettings { nodes: vec![NodeSettings { count: 50, ..large_node() }], ..SimulationSettings::empty() };
    let cluster = SimulatedCluster::start(&settings, Clock::scaled(epoch(), 1.0));
    let mut watch = Box::pin(futures_util::StreamExt::boxed(
        Api::<Pod>::all(cluster.client()).watch(&WatchParams::default(), "0").await.unwrap(),
    ));
    let workload = |number: u32| WorkloadSettings {
        namespace: format!("team-{:02}", number % 100),
        name: format!("web-{number:05}"),
        noise: 0.02,
        ..web(1 + number % 2, 350.0)
    };
    cluster.add_running_workloads((0..10_000).map(workload)).unwrap();
    let added = begun.elapsed();
    pass(30).await;
    let list = get_json(&cluster, "/apis/metrics.k8s.io/v1beta1/pods").await.unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), 15_000);
    let scraped = begun.elapsed();
    assert_eq!(pods(&cluster).await.len(), 15_000);
    for _ in 0..15_000 {
        futures_util::StreamExt::next(&mut watch).await.unwrap().unwrap();
    }
    let listed = begun.elapsed();
    for number in 0..1000 {
        let WorkloadSettings { kind, namespace, name, .. } = workload(number);
        cluster.set_replicas(kind, &namespace, &name, 3).unwrap();
    }
    pass(60).await;
    let total = pods(&cluster).await.iter().filter(|pod| is_ready(pod)).count();
    let scaled = begun.elapsed();
    println!("added after {added:?}, scraped after {scraped:?}, listed after {listed:?}, scaled after {scaled:?}");
    assert_eq!(total, 15_000 + 1500);
    assert!(scaled < Duration::from_secs(120), "{scaled:?}");
}
