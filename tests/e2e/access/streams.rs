//! A stream of events tells what its caller may see.

use reqwest::Method;

use super::callers::Caller;
use super::client::{Client, Event, Stream};
use super::questions::ok;
use super::stage::{BANK, SHOP, created, request, stage};

/// The stream's next event that is about this autoscaler.
async fn about(stream: &mut Stream, id: &str, seen: &mut Vec<Event>) -> Event {
    loop {
        let event = stream.next().await.expect("the stream goes on");
        seen.push(event.clone());
        if event.data["autoscaling_id"] == id {
            return event;
        }
    }
}

async fn pause_and_resume(client: &Client, id: &str) {
    for change in ["pause", "resume"] {
        ok(client.ask(Method::POST, &format!("/api/v1/autoscaling/{id}/{change}"), None).await);
    }
}

#[tokio::test]
async fn a_stream_tells_nothing_of_namespaces_that_its_caller_may_not_see() {
    let stage = stage().await;
    let administrator = stage.client(Caller::Administrator);
    let theirs = created(&administrator, request(BANK, "Deployment", "streamed")).await;
    let ours = created(&administrator, request(SHOP, "Deployment", "streamed")).await;
    let ids = format!("ids={},{},{}", theirs.id, stage.bank.id, ours.id);

    let viewer = stage.client(Caller::Viewer);
    let mut all = administrator.follow(&format!("/api/v1/events?{ids}")).await;
    let mut some = viewer.follow(&format!("/api/v1/events?{ids}")).await;
    let mut told = Vec::new();
    let begun = all.next().await.unwrap();
    assert_eq!(begun.name, "fleet");

    // What is told in its order: both follow when the row is there that is asked for last.
    about(&mut some, &ours.id, &mut told).await;
    pause_and_resume(&administrator, &theirs.id).await;
    pause_and_resume(&administrator, &ours.id).await;
    while about(&mut some, &ours.id, &mut told).await.data["kind"] != "resumed" {}
    let mut everything = Vec::new();
    while about(&mut all, &ours.id, &mut everything).await.data["kind"] != "resumed" {}
    assert!(everything.iter().any(|event| event.data["workload_namespace"] == BANK), "{everything:?}");
    assert!(told.iter().all(|event| !event.data.to_string().contains(BANK)), "{told:?}");

    // What was missed is told again, by the same rules.
    let mut again = viewer.follow(&format!("/api/v1/events?{ids}&last_event_id={}", begun.id)).await;
    let mut missed = Vec::new();
    while about(&mut again, &ours.id, &mut missed).await.data["kind"] != "resumed" {}
    assert!(missed.iter().all(|event| !event.data.to_string().contains(BANK)), "{missed:?}");
    for id in [&theirs.id, &ours.id] {
        ok(administrator.ask(Method::DELETE, &format!("/api/v1/autoscaling/{id}"), None).await);
    }
}

#[tokio::test]
async fn who_may_see_nothing_is_told_nothing() {
    let stage = stage().await;
    let outsider = stage.client(Caller::Outsider);
    let ids = format!("ids={},{}", stage.bank.id, stage.shop.id);
    let mut stream = outsider.follow(&format!("/api/v1/events?{ids}")).await;
    let begun = stream.next().await.unwrap();
    assert_eq!((begun.name.as_str(), &begun.data["total"]), ("fleet", &0.into()));
    // Something happens in each namespace, beside what other tests do.
    let administrator = stage.client(Caller::Administrator);
    for namespace in [SHOP, BANK] {
        let made = created(&administrator, request(namespace, "Deployment", "renamed")).await;
        ok(administrator.ask(Method::DELETE, &format!("/api/v1/autoscaling/{}", made.id), None).await);
    }
    // Nothing follows but the sign of life, and figures over nothing when the mode changes, which everybody may know.
    loop {
        let next = stream.next().await.unwrap();
        match next.name.as_str() {
            "fleet" => assert_eq!(next.data["total"], 0, "{next:?}"),
            name => return assert_eq!(name, "", "{next:?}"),
        }
    }
}
