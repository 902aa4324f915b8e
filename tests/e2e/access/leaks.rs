//! A caller learns nothing of what they may not see, not even whether it exists.

use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

use super::callers::Caller;
use super::client::{Answer, Client};
use super::questions::{autoscalers, namespace_of, ok};
use super::stage::{BANK, SHOP, WEB, request, stage};

/// No test makes an autoscaler with this id.
const NOBODYS: &str = "autoscaler-00000000";

/// All that a caller can tell from an answer, with one name in the place of another.
fn told(answer: Answer, name: &str, instead: &str) -> (u16, Vec<(String, String)>, String) {
    let answer = answer.timeless();
    let text = |value: &reqwest::header::HeaderValue| value.to_str().unwrap().to_owned();
    let mut headers: Vec<_> = answer.headers.iter().map(|(key, value)| (key.to_string(), text(value))).collect();
    // The first follows from the text, with the names as they were; the second from whether the request's body had arrived.
    headers.retain(|(key, _)| !["content-length", "connection"].contains(&key.as_str()));
    headers.sort();
    (answer.status.as_u16(), headers, answer.text.replace(name, instead))
}

#[rstest]
#[case::outsider(Caller::Outsider)]
#[case::viewer(Caller::Viewer)]
#[case::editor(Caller::Editor)]
#[tokio::test]
async fn the_id_of_somebody_elses_autoscaler_is_one_that_does_not_exist(#[case] caller: Caller) {
    let stage = stage().await;
    let client = stage.client(caller);
    let change = json!({"target_cpu_percent": 50});
    let nonsense = json!({"nonsense": true});
    for (method, rest, body) in [
        (Method::GET, "", None),
        (Method::HEAD, "", None),
        (Method::GET, "/decisions?limit=1", None),
        (Method::GET, "/history?step=60", None),
        (Method::POST, "/preview", Some(&change)),
        (Method::POST, "/preview", Some(&nonsense)),
        (Method::PATCH, "", Some(&change)),
        (Method::PATCH, "", Some(&nonsense)),
        (Method::POST, "/pause", None),
        (Method::POST, "/resume", None),
        (Method::DELETE, "", None),
        (Method::PUT, "", Some(&change)),
        (Method::GET, "/pause", None),
        (Method::GET, "/nothing", None),
    ] {
        let ask = async |id: &str| {
            let path = format!("/api/v1/autoscaling/{id}{rest}");
            told(client.ask(method.clone(), &path, body).await, id, "ID")
        };
        let (theirs, nobodys) = (ask(&stage.bank.id).await, ask(NOBODYS).await);
        assert_eq!(theirs, nobodys, "{method} {rest} {body:?}");
        assert!((404..=405).contains(&theirs.0), "{method} {rest}: {theirs:?}");
    }
}

#[tokio::test]
async fn a_namespace_that_may_not_be_seen_is_like_one_that_does_not_exist() {
    let stage = stage().await;
    let client = stage.client(Caller::Viewer);
    for path in ["/api/v1/autoscaling", "/api/v1/fleet"] {
        let ask = async |namespace: &str| {
            told(client.get(&format!("{path}?namespace={namespace}")).await, namespace, "NAMESPACE")
        };
        let theirs = ask(BANK).await;
        assert_eq!((&theirs, theirs.0), (&ask("nowhere").await, 403), "{path}");
    }
}

#[tokio::test]
async fn who_may_not_autoscale_a_workload_is_not_told_whether_it_exists() {
    let stage = stage().await;
    let asked = async |client: &Client, namespace: &str, kind: &str, name: &str| {
        let body = request(namespace, kind, name);
        let answer = client.ask(Method::POST, "/api/v1/autoscaling", Some(&body)).await;
        let (status, headers, text) = told(answer, name, "NAME");
        (status, headers, text.replace(namespace, "NAMESPACE"))
    };
    for caller in [Caller::Outsider, Caller::Viewer, Caller::Writer] {
        let client = stage.client(caller);
        for kind in ["Deployment", "StatefulSet", "auto"] {
            let existing = asked(&client, SHOP, kind, "spare").await;
            assert_eq!(existing.0, 403, "{existing:?}");
            // One that has an autoscaler, one that does not exist, and one in a namespace that does not exist.
            assert_eq!(asked(&client, SHOP, kind, WEB).await, existing, "{caller:?}, {kind}");
            assert_eq!(asked(&client, SHOP, kind, "missing").await, existing, "{caller:?}, {kind}");
        }
        let elsewhere = asked(&client, BANK, "Deployment", "spare").await;
        assert_eq!(asked(&client, "nowhere", "Deployment", "spare").await, elsewhere, "{caller:?}");
    }
}

#[tokio::test]
async fn a_page_token_of_somebody_else_leads_to_nothing_of_theirs() {
    let stage = stage().await;
    let (administrator, viewer) = (stage.client(Caller::Administrator), stage.client(Caller::Viewer));
    let mut tokens = vec![
        format!("0.{BANK}.{}", stage.bank.object),
        format!("1.{BANK}."),
        format!("1.{SHOP}.{}", stage.shop.object),
    ];
    let mut path = "/api/v1/autoscaling?limit=1".to_owned();
    // As many as there are now.
    for _ in 0..autoscalers(&administrator).await.len() {
        let page = ok(administrator.get(&path).await);
        let Some(token) = page["continue"].as_str() else { break };
        path = format!("/api/v1/autoscaling?limit=1&continue={token}");
        tokens.push(token.to_owned());
    }
    assert!(tokens.iter().any(|token| token.contains(BANK)), "{tokens:?}");
    for token in tokens {
        let page = ok(viewer.get(&format!("/api/v1/autoscaling?limit=1000&continue={token}")).await);
        let shown = page["autoscalers"].as_array().unwrap();
        assert!(shown.iter().all(|autoscaler| namespace_of(autoscaler) == SHOP), "{token}: {page}");
        // And the viewer's own tokens name nothing of others'.
        let own = ok(viewer.get(&format!("/api/v1/autoscaling?limit=1&continue={token}")).await);
        assert!(!own["continue"].as_str().unwrap_or_default().contains(BANK), "{own}");
    }
}

#[tokio::test]
async fn no_filter_of_the_fleet_finds_what_may_not_be_seen() {
    let stage = stage().await;
    let viewer = stage.client(Caller::Viewer);
    for query in [
        format!("text={BANK}"),
        format!("text={}", stage.bank.id),
        "text=access&sort=name&limit=1000".to_owned(),
        "status=active&limit=1000".to_owned(),
        "attention=none&limit=1000&offset=0".to_owned(),
    ] {
        let fleet = ok(viewer.get(&format!("/api/v1/fleet?{query}")).await);
        assert!(!fleet.to_string().contains(BANK), "{query}: {fleet}");
        assert!(fleet["matching"].as_u64() <= fleet["total"].as_u64());
    }
    let totals = |fleet: &Value| fleet["totals"]["total_autoscalers"].as_u64();
    let fleet = ok(viewer.get("/api/v1/fleet?limit=1000").await);
    assert_eq!(totals(&fleet), fleet["total"].as_u64(), "{fleet}");
}
