//! How much one client can have, and how fast.

use ai_storage_orchestrator::simulation::SimulationSettings;
use reqwest::{Method, StatusCode};

use super::app::{TestApp, answer, token_file};
use super::wire::{Wire, get};

async fn service(settings: &str) -> TestApp {
    TestApp::start_configured(&SimulationSettings::default(), 1.0, settings, |_| {}).await
}

/// Asks with a token; the status and how many seconds to wait.
async fn ask(app: &TestApp, path: &str, token: &str) -> (StatusCode, Option<u64>) {
    let response = app.request(Method::GET, path).bearer_auth(token).send().await.unwrap();
    let wait = response.headers().get("retry-after").map(|wait| wait.to_str().unwrap().parse().unwrap());
    (response.status(), wait)
}

#[actix_web::test]
async fn a_caller_who_asks_too_fast_has_to_wait_and_nobody_else_has() {
    let (_file, tokens) = token_file("alice alices-own-token-1\nbob bobs-very-own-token-2");
    let app = service(&format!("{tokens}[http]\nrequests_per_second = 1\nburst = 20\n")).await;
    let mut refused = None;
    // Far more than there can be in the time that this takes.
    for _ in 0..200 {
        let (status, wait) = ask(&app, "/api/v1/mode", "alices-own-token-1").await;
        if status != StatusCode::OK {
            refused = Some((status, wait));
            break;
        }
    }
    let (status, wait) = refused.expect("alice is kept to her rate");
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert!(wait.unwrap() >= 1);
    assert_eq!(ask(&app, "/api/v1/mode", "bobs-very-own-token-2").await.0, StatusCode::OK);
    for path in ["/health", "/healthz", "/readyz", "/", "/assets/app.js", "/openapi.json"] {
        for _ in 0..30 {
            let (status, _) = ask(&app, path, "alices-own-token-1").await;
            assert_ne!(status, StatusCode::TOO_MANY_REQUESTS, "{path} has no limit");
        }
    }
    let refusal = app.request(Method::GET, "/nothing").bearer_auth("alices-own-token-1");
    let mut body = answer(refusal.try_clone().unwrap()).await.1;
    while body["error"] != "Too many requests" {
        body = answer(refusal.try_clone().unwrap()).await.1;
    }
    assert!(body["details"].as_str().unwrap().contains("try again in"), "{body}");
    app.stop().await;
}

#[actix_web::test]
async fn who_guesses_tokens_has_to_wait_and_who_has_one_has_not() {
    let (_file, tokens) = token_file("alice alices-own-token-1");
    let app = service(&tokens).await;
    let mut guesses = 0;
    while ask(&app, "/api/v1/mode", &format!("a-guess-of-many-{guesses}")).await.0 == StatusCode::UNAUTHORIZED {
        guesses += 1;
        assert!(guesses < 2_000, "there is no limit");
    }
    let (status, wait) = ask(&app, "/api/v1/mode", "a-last-guess-of-many").await;
    assert!(status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::UNAUTHORIZED, "{status}");
    assert!(status == StatusCode::UNAUTHORIZED || wait.unwrap() >= 1);
    assert_eq!(ask(&app, "/api/v1/mode", "alices-own-token-1").await.0, StatusCode::OK);
    app.stop().await;
}

#[actix_web::test]
async fn an_address_has_so_many_connections_and_a_place_that_is_free_can_be_taken() {
    let app = service("[http]\nmax_connections_per_address = 2\n").await;
    let mut first = Wire::to(&app).await;
    let mut second = Wire::to(&app).await;
    assert_eq!(first.ask("/healthz").await.status, 200);
    assert_eq!(second.ask("/healthz").await.status, 200);
    assert!(Wire::to(&app).await.answer_to(&get("/healthz")).await.is_none(), "a third is refused");
    assert_eq!(first.ask("/healthz").await.status, 200, "those that there are stay");
    drop(second);
    app.eventually("a place is free", async || Wire::to(&app).await.answer_to(&get("/healthz")).await).await;
    app.stop().await;
}

#[actix_web::test]
async fn who_comes_when_all_places_are_taken_waits_for_one() {
    let app = service("[http]\nworkers = 1\nmax_connections = 2\n").await;
    let mut first = Wire::to(&app).await;
    let mut second = Wire::to(&app).await;
    assert_eq!(first.ask("/healthz").await.status, 200);
    assert_eq!(second.ask("/healthz").await.status, 200);
    let request = get("/healthz");
    let third = Wire::to(&app).await.answer_to(&request);
    tokio::pin!(third);
    // The others are served, and it is not.
    for _ in 0..20 {
        tokio::select! {
            biased;
            answer = &mut third => panic!("there is no place: {answer:?}"),
            answer = first.ask("/healthz") => assert_eq!(answer.status, 200),
        }
    }
    drop(second);
    assert_eq!(third.await.unwrap().status, 200);
    app.stop().await;
}

#[actix_web::test]
async fn a_caller_follows_the_events_so_often_and_others_can_as_well() {
    let (_file, tokens) = token_file("alice alices-own-token-1\nbob bobs-very-own-token-2");
    let app = service(&format!("{tokens}[http]\nfollowers_per_caller = 2\n")).await.ready().await;
    let follow = |token| app.request(Method::GET, "/api/v1/events").bearer_auth(token).send();
    let first = follow("alices-own-token-1").await.unwrap();
    let second = follow("alices-own-token-1").await.unwrap();
    assert_eq!((first.status(), second.status()), (StatusCode::OK, StatusCode::OK));
    let third = follow("alices-own-token-1").await.unwrap();
    assert_eq!(third.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(third.text().await.unwrap().contains("Too many followers"));
    assert_eq!(follow("bobs-very-own-token-2").await.unwrap().status(), StatusCode::OK);
    drop(second);
    app.eventually("a place is free", async || {
        (follow("alices-own-token-1").await.unwrap().status() == StatusCode::OK).then_some(())
    })
    .await;
    drop(first);
    app.stop().await;
}

#[actix_web::test]
async fn a_head_is_as_long_as_makes_sense_and_no_longer() {
    let app = service("").await;
    let with = |target: &str, headers: &str| format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
    let status = async |request: String| Wire::to(&app).await.answer_to(&request).await.unwrap().status;
    let ids = |count| format!("/api/v1/events?ids={}", ["autoscaler-08a469ac"; 500][..count].join(","));
    let many = |count: usize| (0..count).map(|number| format!("x-{number}: y\r\n")).collect::<String>();
    for (request, expected) in [
        (with("/healthz", &format!("x: {}\r\n", "y".repeat(30_000))), 200),
        (with("/healthz", &format!("x: {}\r\n", "y".repeat(40_000))), 431),
        (with("/healthz", &format!("x: {}\r\n", "y".repeat(200_000))), 431),
        (with("/healthz", &many(90)), 200),
        (with("/healthz", &many(100)), 431),
        (with(&format!("/{}", "a".repeat(8_000)), ""), 404),
        (with(&format!("/{}", "a".repeat(9_000)), ""), 414),
        (with(&ids(500), ""), 414),
        (with(&format!("/healthz?{}", "a".repeat(60_000)), ""), 414),
        (with(&format!("/{}", "a".repeat(70_000)), ""), 400),
    ] {
        let shown = &request[..request.len().min(60)];
        assert_eq!(status(request.clone()).await, expected, "{shown}... of {} bytes", request.len());
    }
    app.stop().await;
}

#[actix_web::test]
async fn what_is_refused_for_its_size_is_said_in_json() {
    let app = service("").await;
    let long = format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "a".repeat(9_000));
    let answer = Wire::to(&app).await.answer_to(&long).await.unwrap();
    assert!(answer.body.starts_with("{\"error\":\"URI too long\",\"details\":"), "{answer:?}");
    let large = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "y".repeat(40_000));
    let answer = Wire::to(&app).await.answer_to(&large).await.unwrap();
    assert!(answer.body.starts_with("{\"error\":\"Headers too large\",\"details\":"), "{answer:?}");
    app.stop().await;
}
