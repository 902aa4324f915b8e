//! Reading, patching and discovering, and the refusals.

use k8s_openapi::api::apps::v1::{ReplicaSet, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{Namespace, Node};
use kube::api::{DeleteParams, DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind};

use super::*;

#[tokio::test(start_paused = true)]
async fn the_default_cluster_holds_the_guides_workloads_all_ready_and_an_hour_old() {
    let cluster = SimulatedCluster::start(&SimulationSettings::default(), Clock::scaled(epoch(), 1.0));
    let client = cluster.client();
    for (namespace, name) in [
        ("default", "nginx-deployment"),
        ("ml-workloads", "ai-training-job"),
        ("production", "web-frontend"),
        ("ml", "ai-inference"),
    ] {
        Api::<Namespace>::all(client.clone()).get(namespace).await.unwrap();
        let deployment = Api::<Deployment>::namespaced(client.clone(), namespace).get(name).await.unwrap();
        let status = deployment.status.unwrap();
        assert_eq!((status.ready_replicas, status.replicas), (Some(2), Some(2)));
        assert_eq!(status.observed_generation, deployment.metadata.generation);
    }
    let training = Api::<StatefulSet>::namespaced(client.clone(), "research").get("model-training").await.unwrap();
    assert_eq!(training.status.unwrap().ready_replicas, Some(2));
    let (exporters, pods): (Vec<_>, Vec<_>) =
        pods(&cluster).await.into_iter().partition(|pod| pod.metadata.namespace.as_deref() == Some("gpu-monitoring"));
    assert_eq!((pods.len(), exporters.len()), (12, 4));
    for pod in &pods {
        assert!(is_ready(pod));
        let started = pod.status.as_ref().unwrap().start_time.as_ref().unwrap().0;
        assert_eq!(epoch().timestamp() - started.as_second(), 3600);
        let container = &pod.status.as_ref().unwrap().container_statuses.as_ref().unwrap()[0];
        assert!(container.ready && container.state.as_ref().unwrap().running.is_some());
    }
    let gpus = pods.iter().filter(|pod| {
        let resources = pod.spec.as_ref().unwrap().containers[0].resources.as_ref().unwrap();
        resources.requests.as_ref().unwrap().contains_key("nvidia.com/gpu")
    });
    assert_eq!(gpus.count(), 8);
    assert_eq!(Api::<Node>::all(client).list(&ListParams::default()).await.unwrap().items.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn nothing_stirs_in_a_cluster_that_is_left_alone() {
    let cluster = SimulatedCluster::start(&SimulationSettings::default(), Clock::scaled(epoch(), 1.0));
    let version = async || {
        let list = Api::<Pod>::all(cluster.client()).list(&ListParams::default()).await.unwrap();
        list.metadata.resource_version.unwrap()
    };
    let before = version().await;
    pass(3600).await;
    assert_eq!(version().await, before);
}

#[tokio::test(start_paused = true)]
async fn discovery_shows_what_is_served() {
    let cluster = cluster([]);
    let client = cluster.client();
    assert_eq!(client.apiserver_version().await.unwrap().minor, "37");
    let groups = client.list_api_groups().await.unwrap().groups;
    let groups: Vec<_> = groups.iter().map(|group| group.name.as_str()).collect();
    assert_eq!(groups, ["apps", "autoscaling", "coordination.k8s.io", "events.k8s.io", "metrics.k8s.io"]);
    let apps = client.list_api_group_resources("apps/v1").await.unwrap().resources;
    let names: Vec<_> = apps.iter().map(|resource| resource.name.as_str()).collect();
    assert!(names.contains(&"deployments/scale") && names.contains(&"statefulsets"), "{names:?}");
    assert_eq!(client.list_core_api_versions().await.unwrap().versions, ["v1"]);
    let core = client.list_core_api_resources("v1").await.unwrap().resources;
    assert!(core.iter().any(|resource| resource.name == "pods" && resource.namespaced));
    let metrics = get_json(&cluster, "/apis/metrics.k8s.io").await.unwrap();
    assert_eq!(metrics["preferredVersion"]["version"], "v1beta1");
    assert_eq!(metrics["kind"], "APIGroup");

    cluster.set_metrics_versions(&[MetricsVersion::V1, MetricsVersion::V1Beta1]);
    let metrics = get_json(&cluster, "/apis/metrics.k8s.io").await.unwrap();
    assert_eq!(metrics["preferredVersion"]["version"], "v1");
    assert_eq!(metrics["versions"].as_array().unwrap().len(), 2);
    let list = get_json(&cluster, "/apis/metrics.k8s.io/v1/pods").await.unwrap();
    assert_eq!(list["apiVersion"], "metrics.k8s.io/v1");
}

#[tokio::test(start_paused = true)]
async fn the_server_says_that_it_is_ready() {
    let cluster = cluster([]);
    for path in ["/readyz", "/livez"] {
        let request = http::Request::get(path).body(Vec::new()).unwrap();
        assert_eq!(cluster.client().request_text(request).await.unwrap(), "ok");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_not_found_in_the_api_servers_words() {
    let cluster = cluster([web(1, 0.0)]);
    let status = refusal(deployments(&cluster).get("absent").await);
    assert_eq!((status.code, status.reason.as_str()), (404, "NotFound"));
    assert_eq!(status.message, "deployments.apps \"absent\" not found");
    let details = status.details.unwrap();
    assert_eq!(
        (details.name.as_str(), details.group.as_str(), details.kind.as_str()),
        ("absent", "apps", "deployments")
    );
    let pods: Api<Pod> = Api::namespaced(cluster.client(), "nowhere");
    assert_eq!(refusal(pods.get("absent").await).message, "pods \"absent\" not found");
    assert!(pods.list(&ListParams::default()).await.unwrap().items.is_empty());
    for path in ["/apis/keda.sh/v1alpha1/scaledobjects", "/api/v1/unicorns", "/nonsense", "/api/v1/pods/web"] {
        let status = refusal(get_json(&cluster, path).await);
        assert_eq!((status.code, status.message.as_str()), (404, "404 page not found"), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn other_scalers_can_be_put_there_and_found() {
    let cluster = cluster([web(1, 0.0)]);
    let kind = WorkloadKind::Deployment;
    cluster.add_horizontal_pod_autoscaler("default", "web-hpa", kind, "web").unwrap();
    assert!(cluster.add_horizontal_pod_autoscaler("default", "web-hpa", kind, "web").is_err());
    let api: Api<HorizontalPodAutoscaler> = Api::namespaced(cluster.client(), "default");
    let found = api.get("web-hpa").await.unwrap().spec.unwrap().scale_target_ref;
    assert_eq!((found.kind.as_str(), found.name.as_str()), ("Deployment", "web"));

    cluster.add_scaled_object("default", "web-keda", kind, "web").unwrap();
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("keda.sh", "v1alpha1", "ScaledObject"));
    let api: Api<DynamicObject> = Api::namespaced_with(cluster.client(), "default", &resource);
    let found = &api.list(&ListParams::default()).await.unwrap().items[0];
    assert_eq!(found.data["spec"]["scaleTargetRef"]["name"], "web");
    assert_eq!(found.types.as_ref().unwrap().kind, "ScaledObject");
}

#[tokio::test(start_paused = true)]
async fn lists_come_in_pages() {
    let workloads = (0..25).map(|number| WorkloadSettings { name: format!("web-{number:02}"), ..web(1, 0.0) });
    let cluster = cluster(workloads);
    let api = deployments(&cluster);
    let mut params = ListParams::default().limit(10);
    let mut names = Vec::new();
    let mut sizes = Vec::new();
    loop {
        let page = api.list(&params).await.unwrap();
        sizes.push((page.items.len(), page.metadata.remaining_item_count));
        names.extend(page.items.into_iter().map(|deployment| deployment.metadata.name.unwrap()));
        match page.metadata.continue_ {
            Some(token) => params = params.continue_token(&token),
            None => break,
        }
    }
    assert_eq!(sizes, [(10, Some(15)), (10, Some(5)), (5, None)]);
    assert_eq!(names.len(), 25);
    assert!(names.is_sorted());
    let broken = ListParams::default().limit(10).continue_token("nonsense");
    assert_eq!(refusal(api.list(&broken).await).code, 400);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_too_old_to_be_continued_is_gone() {
    let workloads = (0..5).map(|number| WorkloadSettings { name: format!("web-{number}"), ..web(1, 0.0) });
    let cluster = cluster(workloads);
    let api = deployments(&cluster);
    let page = api.list(&ListParams::default().limit(2)).await.unwrap();
    cluster.expire_versions();
    let next = ListParams::default().limit(2).continue_token(&page.metadata.continue_.unwrap());
    let status = refusal(api.list(&next).await);
    assert_eq!((status.code, status.reason.as_str()), (410, "Expired"));
}

#[tokio::test(start_paused = true)]
async fn selectors_select() {
    let cluster = cluster([web(2, 0.0), WorkloadSettings { name: "api".into(), ..web(1, 0.0) }]);
    let api: Api<Pod> = Api::all(cluster.client());
    let count = async |params: ListParams| api.list(&params).await.unwrap().items.len();
    assert_eq!(count(ListParams::default().labels("app=web")).await, 2);
    assert_eq!(count(ListParams::default().labels("app in (web,api)")).await, 3);
    assert_eq!(count(ListParams::default().fields("status.phase=Running")).await, 3);
    assert_eq!(count(ListParams::default().fields("status.phase!=Running")).await, 0);
    assert_eq!(count(ListParams::default().fields("spec.nodeName=node-1,metadata.namespace=default")).await, 3);
    assert_eq!(refusal(api.list(&ListParams::default().fields("spec.colour=red")).await).code, 400);
    let metrics = get_json(&cluster, "/apis/metrics.k8s.io/v1beta1/pods?labelSelector=app%3Dapi").await.unwrap();
    assert_eq!(metrics["items"].as_array().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_wants_only_metadata_gets_only_that() {
    let cluster = cluster([web(2, 0.0)]);
    let api = deployments(&cluster);
    let list = api.list_metadata(&ListParams::default()).await.unwrap();
    assert_eq!(list.items[0].metadata.name.as_deref(), Some("web"));
    assert_eq!(list.items[0].types.as_ref().unwrap().kind, "PartialObjectMetadata");
    assert_eq!(api.get_metadata("web").await.unwrap().metadata, list.items[0].metadata);
}

#[tokio::test(start_paused = true)]
async fn a_patch_changes_metadata_and_spec_and_counts_generations() {
    let cluster = cluster([web(2, 0.0)]);
    let api = deployments(&cluster);
    let params = PatchParams::default();
    let patch = |value: Value| Patch::Merge(value);
    let labelled =
        api.patch("web", &params, &patch(json!({ "metadata": { "labels": { "team": "x" } } }))).await.unwrap();
    assert_eq!(labelled.metadata.generation, Some(1), "metadata do not count");
    assert_eq!(labelled.metadata.labels.unwrap()["team"], "x");

    let scaled = api.patch("web", &params, &patch(json!({ "spec": { "replicas": 3 } }))).await.unwrap();
    assert_eq!(scaled.metadata.generation, Some(2));
    pass(30).await;
    assert_eq!(api.get("web").await.unwrap().status.unwrap().ready_replicas, Some(3));

    let dry = PatchParams { dry_run: true, ..PatchParams::default() };
    let tried = api.patch("web", &dry, &patch(json!({ "spec": { "replicas": 9 } }))).await.unwrap();
    assert_eq!(tried.spec.unwrap().replicas, Some(3), "what is stored is unchanged");
    let stale = patch(json!({ "metadata": { "resourceVersion": "1" }, "spec": { "replicas": 9 } }));
    assert_eq!(refusal(api.patch("web", &params, &stale).await).code, 409);
    let selector = patch(json!({ "spec": { "selector": { "matchLabels": { "app": "other" } } } }));
    assert_eq!(refusal(api.patch("web", &params, &selector).await).code, 422);
    assert_eq!(api.get("web").await.unwrap().spec.unwrap().replicas, Some(3));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_done_is_not_allowed() {
    let cluster = cluster([web(1, 0.0)]);
    let api = deployments(&cluster);
    let status = refusal(api.create(&PostParams::default(), &Deployment::default()).await);
    assert_eq!((status.code, status.reason.as_str()), (405, "MethodNotAllowed"));
    assert_eq!(refusal(api.delete("web", &DeleteParams::default()).await).code, 405);
    let pods: Api<Pod> = Api::namespaced(cluster.client(), "default");
    let patch = Patch::Merge(json!({ "metadata": { "labels": { "a": "b" } } }));
    assert_eq!(refusal(pods.patch("web", &PatchParams::default(), &patch).await).code, 405);
}

#[tokio::test(start_paused = true)]
async fn list_versions_are_understood() {
    let cluster = cluster([web(1, 0.0)]);
    let list = async |query: &str| get_json(&cluster, &format!("/apis/apps/v1/deployments?{query}")).await;
    assert_eq!(list("resourceVersion=0").await.unwrap()["items"].as_array().unwrap().len(), 1);
    let status = refusal(list("resourceVersion=99999999").await);
    assert_eq!((status.code, status.reason.as_str()), (504, "Timeout"));
    assert_eq!(refusal(list("resourceVersion=1&resourceVersionMatch=Exact").await).code, 410);
    assert_eq!(refusal(list("resourceVersion=x").await).code, 400);
}

#[tokio::test(start_paused = true)]
async fn requests_are_remembered() {
    let cluster = cluster([web(1, 0.0)]);
    pass(7).await;
    Api::<ReplicaSet>::all(cluster.client()).list(&ListParams::default().limit(3)).await.unwrap();
    let request = cluster.requests().pop().unwrap();
    assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/apis/apps/v1/replicasets"));
    assert_eq!(request.query, "limit=3");
    assert_eq!((request.at - epoch()).num_seconds(), 7);
    cluster.forget_requests();
    assert!(cluster.requests().is_empty());
    assert_eq!(cluster.request_count(), 1);
}
