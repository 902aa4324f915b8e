//! Whoever may not any more is out when the time is over for which answers are remembered, and not before.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::Api;
use kube::api::DeleteParams;
use reqwest::StatusCode;

use super::callers::{Caller, account, bound, service_account};
use super::client::Client;
use super::stage::{HOME, SHOP, another_service, stage};
use super::waiting::{LIMIT, eventually};
use crate::cluster::cluster;

/// An account of the shop's viewers, and its token.
async fn viewer(name: &str) -> String {
    let mut binding = bound(SHOP, "view", &[service_account(name)]);
    binding["metadata"]["name"] = name.into();
    cluster().apply(&[account(HOME, name), binding]);
    cluster().account_token(HOME, name, None).await
}

async fn delete_account(name: &str) {
    let accounts = Api::<ServiceAccount>::namespaced(cluster().client().await, HOME);
    accounts.delete(name, &DeleteParams::default()).await.unwrap();
}

async fn delete_binding(name: &str) {
    let bindings = Api::<RoleBinding>::namespaced(cluster().client().await, SHOP);
    bindings.delete(name, &DeleteParams::default()).await.unwrap();
}

const LIST: &str = "/api/v1/autoscaling?namespace=access-shop";

/// Waits until the API server has taken up that a binding is there.
async fn until_it_may_list(client: &Client) {
    eventually("the viewer may list", async || client.get(LIST).await.status == StatusCode::OK).await;
}

#[tokio::test]
async fn who_is_deleted_or_loses_a_role_is_soon_out() {
    stage().await;
    let service = another_service(&cluster().server, 1, &[]);
    let gone = Client::new(&service.url(), Some(&viewer("soon-gone").await));
    let less = Client::new(&service.url(), Some(&viewer("soon-less").await));
    until_it_may_list(&gone).await;
    until_it_may_list(&less).await;
    let mut stream = gone.follow("/api/v1/events").await;
    assert_eq!((stream.status(), stream.next().await.unwrap().name.as_str()), (StatusCode::OK, "fleet"));
    delete_account("soon-gone").await;
    delete_binding("soon-less").await;
    eventually("the deleted one is nobody", async || gone.get(LIST).await.status == StatusCode::UNAUTHORIZED).await;
    eventually("the other may not any more", async || less.get(LIST).await.status == StatusCode::FORBIDDEN).await;
    // Its stream ends by itself.
    let end = async { while stream.next().await.is_some() {} };
    tokio::time::timeout(LIMIT, end).await.expect("the stream ends");
    assert_eq!(gone.follow("/api/v1/events").await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn until_the_time_is_over_the_api_server_is_not_asked_again() {
    let stage = stage().await;
    let token = viewer("remembered").await;
    let client = stage.client_of(&token);
    // By an answer that was not remembered before, or it would say for a minute that nobody may.
    let trying = cluster().client_of(&token).await;
    let listed = crate::definitions::objects(trying, SHOP);
    eventually("the role is taken up", async || listed.list(&Default::default()).await.is_ok()).await;
    assert_eq!(client.get(LIST).await.status, StatusCode::OK);
    delete_account("remembered").await;
    // It remembers tokens for some seconds itself.
    eventually("the API server knows it no more", async || match listed.list(&Default::default()).await {
        Err(kube::Error::Api(status)) => status.code == 401,
        _ => false,
    })
    .await;
    assert_eq!(client.get(LIST).await.status, StatusCode::OK, "60 s are promised to nobody but the API server");
    // Another replica, which has not asked yet, does not let it in.
    let service = another_service(&cluster().server, 60, &[]);
    assert_eq!(Client::new(&service.url(), Some(&token)).get(LIST).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(stage.client(Caller::Viewer).get(LIST).await.status, StatusCode::OK);
}
