//! What callers cost the API server.

use std::collections::BTreeMap;
use std::time::Instant;

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::callers::Caller;
use super::client::Client;
use super::stage::{HOME, stage};
use crate::accounts::with_the_shipped_roles;
use crate::audit::{self, Request};
use crate::cluster::cluster;
use crate::service::Service;

/// The account of the service whose questions are counted.
const ACCOUNT: &str = "counted";

fn questions(resource: &str) -> Vec<Request> {
    let account = format!("system:serviceaccount:{HOME}:{ACCOUNT}");
    audit::requests(|request| {
        let about = request.object_ref.as_ref().map(|about| about.resource.as_str());
        request.user.username == account && about == Some(resource)
    })
}

#[tokio::test]
async fn a_caller_costs_one_question_of_each_kind_a_minute() {
    let stage = stage().await;
    let mut made = with_the_shipped_roles(cluster(), HOME, ACCOUNT);
    // The account shares the Lease's role with the stage's.
    made.retain(|object| object["kind"] != "Role");
    for binding in made.iter_mut().filter(|object| object["kind"] != "ServiceAccount") {
        let name = binding["metadata"]["name"].as_str().unwrap().to_owned();
        binding["metadata"]["name"] = format!("{name}-{ACCOUNT}").into();
    }
    cluster().apply(&made);
    let settings = [("ORCHESTRATOR__AUTH__MODE", "kubernetes"), ("ORCHESTRATOR__HTTP__REQUESTS_PER_SECOND", "0")];
    let service = Service::start_with(&cluster().kubeconfig_for(ACCOUNT, HOME, &cluster().server), &settings);
    let clients = [Caller::Viewer, Caller::Alice, Caller::Outsider]
        .map(|caller| Client::new(&service.url(), Some(stage.token(caller))));
    let begun = Instant::now();
    let asked = async |client: &Client| {
        for number in 0..30 {
            for path in ["/api/v1/whoami", "/api/v1/autoscaling?namespace=access-shop", "/api/v1/fleet", "/metrics"] {
                client.get(path).await;
            }
            // A different answer each time, and the same question.
            let body = json!({
                "workload_name": "spare", "workload_namespace": "access-bank", "workload_type": "Deployment",
                "min_replicas": 1, "max_replicas": 2 + number, "target_cpu_percent": 70,
            });
            let answer = client.ask(Method::POST, "/api/v1/autoscaling", Some(&body)).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN);
        }
    };
    let [viewer, alice, outsider] = &clients;
    // Side by side, each twice.
    tokio::join!(asked(viewer), asked(alice), asked(outsider), asked(viewer), asked(alice), asked(outsider));
    // One for each minute that has begun.
    let minutes = 1 + begun.elapsed().as_secs() / 60;

    let tokens = questions("tokenreviews");
    assert!(tokens.iter().all(|review| review.request_object.is_null()), "tokens are in the audit log");
    assert!((3..=3 * minutes).contains(&(tokens.len() as u64)), "{} TokenReviews in {minutes} min", tokens.len());
    let mut reviews: BTreeMap<String, u64> = BTreeMap::new();
    for review in questions("subjectaccessreviews") {
        *reviews.entry(review.request_object["spec"].to_string()).or_default() += 1;
    }
    // Each of them: list in the shop, list everywhere, the metrics, create in the bank.
    assert_eq!(reviews.len(), 12, "{reviews:#?}");
    assert!(reviews.values().all(|count| *count <= minutes), "in {minutes} min: {reviews:#?}");
}
