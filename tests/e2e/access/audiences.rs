//! Tokens that are meant for this service, and for nobody else.

use reqwest::StatusCode;

use super::callers::Caller;
use super::client::Client;
use super::questions::ok;
use super::stage::{HOME, another_service, stage};
use crate::cluster::cluster;

const OURS: &str = "ai-storage-orchestrator";

#[tokio::test]
async fn where_the_service_has_an_audience_only_its_tokens_count() {
    let stage = stage().await;
    let service = another_service(&cluster().server, 60, &[("ORCHESTRATOR__AUTH__AUDIENCES", OURS)]);
    let asked = async |token: &str| Client::new(&service.url(), Some(token)).get("/api/v1/whoami").await;
    let ours = cluster().account_token(HOME, Caller::Editor.name(), Some(OURS)).await;
    assert_eq!(ok(asked(&ours).await)["name"], Caller::Editor.user());
    // Such a token is worth nothing at the API server, and so nothing at a service without an audience.
    let kubernetes = cluster().client_of(&ours).await;
    assert!(crate::definitions::objects(kubernetes, "access-shop").list(&Default::default()).await.is_err());
    assert_eq!(stage.client_of(&ours).get("/api/v1").await.status, StatusCode::UNAUTHORIZED);

    let elsewhere = cluster().account_token(HOME, Caller::Editor.name(), Some("somebody-else")).await;
    // Those of Kubernetes' own: an account's, one that is kept in a Secret, a person's, the administrator's.
    for token in [
        elsewhere.as_str(),
        stage.token(Caller::Editor),
        stage.token(Caller::Scraper),
        stage.token(Caller::Alice),
        stage.token(Caller::Administrator),
    ] {
        assert_eq!(asked(token).await.status, StatusCode::UNAUTHORIZED);
    }

    // People are known for the API server's audience, so that has to be one of the service's to let them in.
    let both = format!("{OURS},https://kubernetes.default.svc");
    let service = another_service(&cluster().server, 60, &[("ORCHESTRATOR__AUTH__AUDIENCES", &both)]);
    let asked = async |token: &str| Client::new(&service.url(), Some(token)).get("/api/v1/whoami").await;
    for token in [stage.token(Caller::Alice), stage.token(Caller::Scraper), stage.token(Caller::Editor), &ours] {
        assert_eq!(asked(token).await.status, StatusCode::OK);
    }
    assert_eq!(asked(&elsewhere).await.status, StatusCode::UNAUTHORIZED);
}
