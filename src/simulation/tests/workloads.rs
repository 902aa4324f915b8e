//! Workloads that come, go and change, and many of them.

use std::collections::BTreeSet;

use k8s_openapi::api::apps::v1::{ReplicaSet, StatefulSet};
use kube::ResourceExt;
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

const REVISION: &str = "deployment.kubernetes.io/revision";

/// The number and the template hash of each of the Deployment's ReplicaSets, the newest last.
async fn revisions(cluster: &SimulatedCluster) -> Vec<(u64, String)> {
    let sets = Api::<ReplicaSet>::namespaced(cluster.client(), "default").list(&ListParams::default()).await.unwrap();
    let mut revisions: Vec<_> = sets
        .into_iter()
        .map(|set| (set.annotations()[REVISION].parse().unwrap(), set.labels()["pod-template-hash"].clone()))
        .collect();
    revisions.sort();
    revisions
}

/// The value that a label has on all pods.
async fn on_all_pods(cluster: &SimulatedCluster, label: &str) -> String {
    let values: BTreeSet<_> = pods(cluster).await.iter().map(|pod| pod.labels()[label].clone()).collect();
    assert_eq!(values.len(), 1, "{values:?}");
    values.into_iter().next().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_deployments_newest_replica_set_has_the_greatest_number_also_after_a_rollback() {
    let cluster = cluster([web(2, 0.0)]);
    let first = deployments(&cluster).get("web").await.unwrap();
    assert_eq!(first.annotations()[REVISION], "1");
    let original = on_all_pods(&cluster, "pod-template-hash").await;
    assert_eq!(revisions(&cluster).await, [(1, original.clone())]);

    cluster.roll_out(WorkloadKind::Deployment, "default", "web").unwrap();
    pass(1).await;
    let begun = revisions(&cluster).await;
    assert_eq!((begun[0].clone(), begun[1].0), ((1, original.clone()), 2), "known before the pods are exchanged");
    pass(120).await;
    assert_eq!(revisions(&cluster).await, [(1, original.clone()), (2, begun[1].1.clone())]);
    assert_eq!(on_all_pods(&cluster, "pod-template-hash").await, begun[1].1);
    assert_eq!(deployments(&cluster).get("web").await.unwrap().annotations()[REVISION], "2");

    let undo = Patch::Merge(json!({"spec": {"template": {"metadata": {"annotations": null}}}}));
    deployments(&cluster).patch("web", &PatchParams::default(), &undo).await.unwrap();
    pass(120).await;
    assert_eq!(revisions(&cluster).await, [(2, begun[1].1.clone()), (3, original.clone())]);
    assert_eq!(on_all_pods(&cluster, "pod-template-hash").await, original);
    assert_eq!(deployments(&cluster).get("web").await.unwrap().annotations()[REVISION], "3");
}

#[tokio::test(start_paused = true)]
async fn a_stateful_set_names_the_revision_that_it_updates_to() {
    let cluster = cluster([WorkloadSettings { kind: WorkloadKind::StatefulSet, ..web(2, 0.0) }]);
    let api: Api<StatefulSet> = Api::namespaced(cluster.client(), "default");
    let update_revision = async || api.get("web").await.unwrap().status.unwrap().update_revision.unwrap();
    let before = update_revision().await;
    assert_eq!(on_all_pods(&cluster, "controller-revision-hash").await, before);

    cluster.roll_out(WorkloadKind::StatefulSet, "default", "web").unwrap();
    pass(1).await;
    let after = update_revision().await;
    assert_ne!(after, before);
    pass(200).await;
    assert_eq!(
        (on_all_pods(&cluster, "controller-revision-hash").await, update_revision().await),
        (after.clone(), after)
    );
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
