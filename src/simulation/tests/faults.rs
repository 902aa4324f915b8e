//! Faults, and the end of a cluster.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_refusal_strikes_as_often_as_it_was_told() {
    let cluster = cluster([web(1, 0.0)]);
    let message = "deployments.apps \"web\" is forbidden: User \"x\" cannot patch resource \"deployments/scale\"";
    cluster.inject(Fault::status(403, "Forbidden", message).method("PATCH").address("/scale").times(2));
    let api = deployments(&cluster);
    let patch = Patch::Merge(json!({ "spec": { "replicas": 2 } }));
    for _ in 0..2 {
        let status = refusal(api.patch_scale("web", &PatchParams::default(), &patch).await);
        assert_eq!((status.code, status.reason.as_str(), status.message.as_str()), (403, "Forbidden", message));
        api.get_scale("web").await.unwrap();
    }
    api.patch_scale("web", &PatchParams::default(), &patch).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_overloaded_server_says_when_to_come_back() {
    let cluster = cluster([]);
    cluster.inject(Fault::overloaded(7));
    let request = http::Request::get("/version").body(kube::client::Body::empty()).unwrap();
    let response = cluster.client().send(request).await.unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "7");
    cluster.clear_faults();
    cluster.inject(Fault::status(503, "ServiceUnavailable", "later").retry_after(3));
    let request = http::Request::get("/version").body(kube::client::Body::empty()).unwrap();
    let response = cluster.client().send(request).await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["retry-after"].to_str().unwrap()), (503, "3"));
}

#[tokio::test(start_paused = true)]
async fn answers_can_be_late_or_never_come_or_break_off() {
    let cluster = cluster([web(1, 0.0)]);
    let api = deployments(&cluster);
    let late = cluster.inject(Fault::new(FaultEffect::Delay(Duration::from_secs(20))));
    api.get("web").await.unwrap();
    assert_eq!((cluster.shared.clock.now() - epoch()).num_seconds(), 20);
    cluster.clear_fault(late);

    cluster.inject(Fault::new(FaultEffect::Hang).times(1));
    assert!(tokio::time::timeout(Duration::from_secs(3600), api.get("web")).await.is_err());
    cluster.inject(Fault::new(FaultEffect::Disconnect).times(1));
    let error = api.get("web").await.unwrap_err();
    assert!(matches!(error, kube::Error::Service(_)), "{error:?}");
    api.get("web").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stopped_cluster_refuses_connections() {
    let cluster = cluster([web(1, 0.0)]);
    let api = deployments(&cluster);
    let mut watch = Box::pin(futures_util::StreamExt::boxed(api.watch(&Default::default(), "0").await.unwrap()));
    cluster.stop();
    assert!(matches!(api.get("web").await.unwrap_err(), kube::Error::Service(_)));
    assert!(futures_util::StreamExt::next(&mut watch).await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_cluster_ends_with_its_last_handle_and_client() {
    let cluster = cluster([web(1, 0.0)]);
    let weak = Arc::downgrade(&cluster.shared);
    let client = cluster.client();
    drop(cluster);
    pass(60).await;
    client.apiserver_version().await.unwrap();
    drop(client);
    pass(60).await;
    assert_eq!(weak.strong_count(), 0);
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
}
