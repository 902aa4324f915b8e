//! Scaling: what happens after a patch of the `scale` subresource.

use k8s_openapi::api::apps::v1::{ReplicaSet, StatefulSet};

use super::*;

#[tokio::test(start_paused = true)]
async fn scaling_up_makes_pods_that_become_ready() {
    let cluster = cluster([web(2, 700.0)]);
    let api = deployments(&cluster);
    let scale = api.get_scale("web").await.unwrap();
    assert_eq!(scale.spec.as_ref().unwrap().replicas, Some(2));
    assert_eq!(scale.status.as_ref().unwrap().replicas, 2);
    assert_eq!(scale.status.unwrap().selector.as_deref(), Some("app=web"));

    scale_web(&cluster, 4).await;
    assert_eq!(api.get_scale("web").await.unwrap().spec.unwrap().replicas, Some(4));
    assert_eq!(api.get_scale("web").await.unwrap().status.unwrap().replicas, 2, "the status lags");

    pass(1).await;
    let starting = pods(&cluster).await;
    assert_eq!(starting.len(), 4);
    let phase = |pod: &Pod| pod.status.as_ref().unwrap().phase.clone().unwrap();
    assert_eq!(starting.iter().filter(|pod| phase(pod) == "Pending").count(), 2);

    pass(3).await;
    let running = pods(&cluster).await;
    assert!(running.iter().all(|pod| phase(pod) == "Running"));
    assert_eq!(running.iter().filter(|pod| is_ready(pod)).count(), 2);

    pass(15).await;
    assert!(pods(&cluster).await.iter().all(is_ready));
    let deployment = api.get("web").await.unwrap();
    let status = deployment.status.unwrap();
    assert_eq!((status.replicas, status.ready_replicas, status.updated_replicas), (Some(4), Some(4), Some(4)));
    assert_eq!(status.observed_generation, deployment.metadata.generation);
}

#[tokio::test(start_paused = true)]
async fn scaling_down_ends_the_youngest_pods_after_a_grace() {
    let cluster = cluster([web(2, 0.0)]);
    let old: Vec<_> = pods(&cluster).await.into_iter().map(|pod| pod.metadata.name).collect();
    scale_web(&cluster, 4).await;
    pass(30).await;
    scale_web(&cluster, 2).await;
    pass(1).await;
    let ending = pods(&cluster).await;
    assert_eq!(ending.len(), 4);
    let (gone, kept): (Vec<_>, Vec<_>) = ending.into_iter().partition(|pod| pod.metadata.deletion_timestamp.is_some());
    assert_eq!(kept.into_iter().map(|pod| pod.metadata.name).collect::<Vec<_>>(), old);
    assert_eq!(gone[0].metadata.deletion_grace_period_seconds, Some(30));
    pass(5).await;
    assert_eq!(pods(&cluster).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn pods_that_are_not_ready_end_first() {
    let cluster = cluster([web(1, 0.0)]);
    scale_web(&cluster, 3).await;
    pass(5).await;
    scale_web(&cluster, 1).await;
    pass(10).await;
    let left = pods(&cluster).await;
    assert_eq!(left.len(), 1);
    assert!(is_ready(&left[0]));
}

#[tokio::test(start_paused = true)]
async fn pods_are_owned_by_the_replica_set_that_the_deployment_owns() {
    let cluster = cluster([web(1, 0.0)]);
    let sets: Api<ReplicaSet> = Api::namespaced(cluster.client(), "default");
    let set = &sets.list(&ListParams::default()).await.unwrap().items[0];
    let deployment = deployments(&cluster).get("web").await.unwrap();
    let owner = &set.metadata.owner_references.as_ref().unwrap()[0];
    assert_eq!((owner.kind.as_str(), Some(&owner.uid)), ("Deployment", deployment.metadata.uid.as_ref()));
    assert_eq!(owner.controller, Some(true));
    let name = set.metadata.name.as_deref().unwrap();
    assert_eq!(name.len(), "web-".len() + 10);

    let pod = &pods(&cluster).await[0];
    let owner = &pod.metadata.owner_references.as_ref().unwrap()[0];
    assert_eq!((owner.kind.as_str(), Some(&owner.uid)), ("ReplicaSet", set.metadata.uid.as_ref()));
    assert!(pod.metadata.name.as_ref().unwrap().starts_with(name));
    let labels = pod.metadata.labels.as_ref().unwrap();
    assert_eq!(Some(labels["pod-template-hash"].as_str()), name.strip_prefix("web-"));
}

#[tokio::test(start_paused = true)]
async fn a_scale_with_a_stale_version_is_refused() {
    let cluster = cluster([web(2, 0.0)]);
    let api = deployments(&cluster);
    let stale = api.get_scale("web").await.unwrap().metadata.resource_version.unwrap();
    scale_web(&cluster, 3).await;
    let patch = Patch::Merge(json!({ "metadata": { "resourceVersion": stale }, "spec": { "replicas": 5 } }));
    let status = refusal(api.patch_scale("web", &PatchParams::default(), &patch).await);
    assert_eq!((status.code, status.reason.as_str()), (409, "Conflict"));
    assert_eq!(
        status.message,
        "Operation cannot be fulfilled on deployments.apps \"web\": the object has been modified; please apply your \
         changes to the latest version and try again"
    );
    assert_eq!(api.get_scale("web").await.unwrap().spec.unwrap().replicas, Some(3));

    let fresh = api.get_scale("web").await.unwrap().metadata.resource_version.unwrap();
    let patch = Patch::Merge(json!({ "metadata": { "resourceVersion": fresh }, "spec": { "replicas": 5 } }));
    let scale = api.patch_scale("web", &PatchParams::default(), &patch).await.unwrap();
    assert_eq!(scale.spec.unwrap().replicas, Some(5));
}

#[tokio::test(start_paused = true)]
async fn a_whole_scale_can_be_put() {
    let cluster = cluster([web(2, 0.0)]);
    let api = deployments(&cluster);
    let mut scale = api.get_scale("web").await.unwrap();
    scale.spec.as_mut().unwrap().replicas = Some(3);
    let put = api.replace_scale("web", &Default::default(), &scale).await.unwrap();
    assert_eq!(put.spec.unwrap().replicas, Some(3));
    let status = refusal(api.replace_scale("web", &Default::default(), &scale).await);
    assert_eq!(status.code, 409);
}

#[tokio::test(start_paused = true)]
async fn nonsense_is_refused_as_the_api_server_refuses_it() {
    let cluster = cluster([web(2, 0.0)]);
    let api = deployments(&cluster);
    let params = PatchParams::default();
    let scale = |replicas: Value| Patch::Merge(json!({ "spec": { "replicas": replicas } }));

    let status = refusal(api.patch_scale("web", &params, &scale((-1).into())).await);
    assert_eq!((status.code, status.reason.as_str()), (422, "Invalid"));
    assert_eq!(
        status.message,
        "Scale.autoscaling \"web\" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0"
    );
    assert_eq!(refusal(api.patch_scale("web", &params, &scale("two".into())).await).code, 400);
    let status = refusal(api.patch_scale("absent", &params, &scale(1.into())).await);
    assert_eq!((status.code, status.message.as_str()), (404, "deployments.apps \"absent\" not found"));
    let other = Patch::Merge(json!({ "metadata": { "uid": "00000000-0000-4000-8000-000000000000" } }));
    assert!(refusal(api.patch_scale("web", &params, &other).await).message.contains("Precondition failed: UID"));
    let strategic = Patch::Strategic(json!({ "spec": { "replicas": 1 } }));
    assert_eq!(refusal(api.patch_scale("web", &params, &strategic).await).code, 415);
}

#[tokio::test(start_paused = true)]
async fn a_scale_to_what_it_is_changes_nothing() {
    let cluster = cluster([web(2, 0.0)]);
    let before = deployments(&cluster).get("web").await.unwrap();
    scale_web(&cluster, 2).await;
    pass(5).await;
    assert_eq!(deployments(&cluster).get("web").await.unwrap().metadata, before.metadata);
}

#[tokio::test(start_paused = true)]
async fn zero_replicas_are_left_out_of_the_scale_as_the_api_server_leaves_them_out() {
    let cluster = cluster([web(2, 0.0)]);
    scale_web(&cluster, 0).await;
    let scale = deployments(&cluster).get_scale("web").await.unwrap();
    assert_eq!(scale.spec.unwrap().replicas, None);
    pass(10).await;
    assert!(pods(&cluster).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stateful_set_starts_in_order_and_ends_from_the_top() {
    let training = WorkloadSettings::new(WorkloadKind::StatefulSet, "default", "training");
    let cluster = cluster([WorkloadSettings { replicas: 1, ..training }]);
    let api: Api<StatefulSet> = Api::namespaced(cluster.client(), "default");
    let scale = async |replicas: i32| {
        let patch = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
        api.patch_scale("training", &PatchParams::default(), &patch).await.unwrap();
    };
    let names = async || pods(&cluster).await.into_iter().map(|pod| pod.metadata.name.unwrap()).collect::<Vec<_>>();

    scale(3).await;
    pass(5).await;
    assert_eq!(names().await, ["training-0", "training-1"], "the third waits for the second");
    pass(60).await;
    assert_eq!(names().await, ["training-0", "training-1", "training-2"]);
    assert!(pods(&cluster).await.iter().all(is_ready));

    scale(1).await;
    pass(2).await;
    let ending = pods(&cluster).await;
    let ends = |pod: &Pod| pod.metadata.deletion_timestamp.is_some();
    assert_eq!(ending.iter().map(ends).collect::<Vec<_>>(), [false, false, true], "one after the other");
    pass(15).await;
    assert_eq!(names().await, ["training-0"]);
    let status = api.get("training").await.unwrap().status.unwrap();
    assert_eq!((status.replicas, status.ready_replicas), (1, Some(1)));
}

#[tokio::test(start_paused = true)]
async fn a_replica_set_of_its_own_scales_but_one_of_a_deployment_is_set_back() {
    let alone = WorkloadSettings::new(WorkloadKind::ReplicaSet, "default", "alone");
    let cluster = cluster([web(2, 0.0), alone]);
    let api: Api<ReplicaSet> = Api::namespaced(cluster.client(), "default");
    let patch = Patch::Merge(json!({ "spec": { "replicas": 3 } }));
    let owned = api.list(&ListParams::default().labels("pod-template-hash")).await.unwrap().items;
    let owned = owned[0].metadata.name.clone().unwrap();
    for name in ["alone", owned.as_str()] {
        api.patch_scale(name, &PatchParams::default(), &patch).await.unwrap();
    }
    pass(30).await;
    assert_eq!(api.get("alone").await.unwrap().status.unwrap().ready_replicas, Some(3));
    assert_eq!(api.get(&owned).await.unwrap().spec.unwrap().replicas, Some(2));
}

#[tokio::test(start_paused = true)]
async fn pods_that_fit_nowhere_wait_and_say_why() {
    let settings = SimulationSettings {
        nodes: vec![NodeSettings { cpu: Cpu::millis(1200), ..large_node() }],
        workloads: vec![web(2, 0.0)],
        ..SimulationSettings::empty()
    };
    let cluster = SimulatedCluster::start(&settings, Clock::scaled(epoch(), 1.0));
    scale_web(&cluster, 3).await;
    pass(20).await;
    let all = pods(&cluster).await;
    let waiting = all.iter().find(|pod| !is_ready(pod)).unwrap();
    let status = waiting.status.as_ref().unwrap();
    assert_eq!(status.phase.as_deref(), Some("Pending"));
    let condition = &status.conditions.as_ref().unwrap()[0];
    assert_eq!((condition.type_.as_str(), condition.status.as_str()), ("PodScheduled", "False"));
    assert_eq!(condition.reason.as_deref(), Some("Unschedulable"));
    let message = condition.message.as_deref().unwrap();
    assert!(message.starts_with("0/1 nodes are available: 1 Insufficient cpu."), "{message}");

    scale_web(&cluster, 2).await;
    pass(5).await;
    assert_eq!(pods(&cluster).await.len(), 2, "the one that waited has gone");
    cluster.add_workload(WorkloadSettings { name: "other".into(), ..web(1, 0.0) }).unwrap();
    pass(5).await;
    scale_web(&cluster, 1).await;
    pass(30).await;
    assert!(pods(&cluster).await.iter().all(is_ready), "the other one has taken the free place");
}
