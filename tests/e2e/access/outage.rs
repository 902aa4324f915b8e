//! The API server is away: nobody new is let in, and nobody for longer than they were.

use reqwest::StatusCode;
use serde_json::json;

use super::callers::Caller;
use super::client::{Answer, Client};
use super::matrix::MATRIX;
use super::questions::Outcome;
use super::questions::outcome;
use super::stage::{another_service, stage};
use super::waiting::eventually;
use crate::cluster::cluster;
use crate::proxy::Proxy;

fn unavailable(answer: &Answer, error: &str) {
    assert_eq!(
        (answer.status, &answer.json()["error"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!(error)),
        "{}",
        answer.text
    );
    assert!(answer.header("retry-after").is_some(), "{:?}", answer.headers);
}

#[tokio::test]
async fn without_the_api_server_nobody_new_is_let_in() {
    let stage = stage().await;
    let proxy = Proxy::start(&cluster().server, true).await;
    let service = another_service(&proxy.server(), 60, &[]);
    let client = |caller| Client::new(&service.url(), Some(stage.token(caller)));
    let viewer = client(Caller::Viewer);
    const SHOWN: &str = "/api/v1/autoscaling?namespace=access-shop";
    eventually("the service is ready", async || viewer.get(SHOWN).await.status == StatusCode::OK).await;

    proxy.set_open(false);
    assert_eq!(viewer.get(SHOWN).await.status, StatusCode::OK, "what is remembered still counts");
    unavailable(&viewer.get("/metrics").await, "Authorization unavailable");
    unavailable(&viewer.get("/api/v1/fleet?namespace=access-bank").await, "Authorization unavailable");
    let administrator = client(Caller::Administrator);
    for (question, _) in MATRIX {
        let (method, path, body) = question.plain(stage);
        unavailable(&administrator.ask(method, &path, body.as_ref()).await, "Authentication unavailable");
    }
    let garbage = Client::new(&service.url(), Some("garbage"));
    unavailable(&garbage.get("/api/v1").await, "Authentication unavailable");
    // Who sends nothing is nobody, whoever can be asked.
    let silent = Client::new(&service.url(), None);
    assert_eq!(outcome(&silent.get("/api/v1").await), Outcome::Unknown);
    assert_eq!(silent.get("/healthz").await.status, StatusCode::OK);

    proxy.set_open(true);
    eventually("the administrator is let in", async || administrator.get("/metrics").await.status == StatusCode::OK)
        .await;
}

#[tokio::test]
async fn without_the_api_server_nobody_stays_in() {
    let stage = stage().await;
    let proxy = Proxy::start(&cluster().server, true).await;
    let service = another_service(&proxy.server(), 1, &[]);
    let administrator = Client::new(&service.url(), Some(stage.token(Caller::Administrator)));
    assert_eq!(administrator.get("/api/v1").await.status, StatusCode::OK);
    let mut stream = administrator.follow("/api/v1/events").await;
    proxy.set_open(false);
    eventually("who was let in is out", async || {
        administrator.get("/api/v1").await.status == StatusCode::SERVICE_UNAVAILABLE
    })
    .await;
    let end = async { while stream.next().await.is_some() {} };
    tokio::time::timeout(super::waiting::LIMIT, end).await.expect("the stream ends");
}
