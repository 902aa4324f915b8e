//! Requests of the wrong form: paths, methods, media types, sizes, origins, tokens.

use ai_storage_orchestrator::simulation::SimulationSettings;
use reqwest::{Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::app::{TestApp, answer, request, token_file};

#[actix_web::test]
async fn what_does_not_exist_is_answered_in_json() {
    let app = TestApp::start().await;
    for path in
        ["/nothing", "/api", "/api/v1/autoscalings", "/api/v2/autoscaling", "/api/v1/autoscaling/a/b", "/api/v1/modes"]
    {
        let (status, body) = app.get(path).await;
        assert_eq!((status, body["error"].as_str()), (StatusCode::NOT_FOUND, Some("Not found")), "{path}");
    }
    let (status, _) = app.get("/api/v1/autoscaling/").await;
    assert_eq!(status, StatusCode::OK, "a slash at the end does no harm");
    let (status, body) = app.get("/api/v1/autoscaling/%FF%00").await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{body}");
    app.stop().await;
}

#[actix_web::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let app = TestApp::start().await;
    for (method, path, allowed) in [
        (Method::PUT, "/api/v1/autoscaling", "GET, HEAD, POST"),
        (Method::DELETE, "/api/v1/autoscaling", "GET, HEAD, POST"),
        (Method::POST, "/api/v1/autoscaling/metrics", "GET, HEAD"),
        (Method::POST, "/api/v1/autoscaling/autoscaler-00000000", "GET, HEAD, PATCH, DELETE"),
        (Method::GET, "/api/v1/autoscaling/evaluate", "POST"),
        (Method::DELETE, "/api/v1/autoscaling/evaluate", "POST"),
        (Method::GET, "/api/v1/autoscaling/autoscaler-00000000/pause", "POST"),
        (Method::PUT, "/api/v1/autoscaling/autoscaler-00000000/resume", "POST"),
        (Method::POST, "/api/v1/autoscaling/autoscaler-00000000/decisions", "GET, HEAD"),
        (Method::POST, "/api/v1/mode", "GET, HEAD, PUT"),
        (Method::POST, "/healthz", "GET, HEAD"),
    ] {
        let response = app.request(method.clone(), path).send().await.unwrap();
        assert_eq!(response.headers()["allow"], allowed, "{method} {path}");
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        let body: serde_json::Value = response.json().await.unwrap();
        assert_eq!(body["error"], "Method not allowed");
    }
    app.stop().await;
}

#[actix_web::test]
async fn only_json_is_read() {
    let app = TestApp::start().await;
    let body = request("web").to_string();
    for media_type in [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("application/jsonx")] {
        let mut post = app.request(Method::POST, "/api/v1/autoscaling").body(body.clone());
        if let Some(media_type) = media_type {
            post = post.header("Content-Type", media_type);
        }
        let (status, answer) = answer(post).await;
        assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{media_type:?}: {answer}");
    }
    let post =
        app.request(Method::POST, "/api/v1/autoscaling").header("Content-Type", "Application/JSON; charset=utf-8");
    let (status, refusal) = answer(post.body(body)).await;
    assert_ne!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{refusal}");
    app.stop().await;
}

#[actix_web::test]
async fn a_huge_body_is_refused_whether_its_size_is_announced_or_not() {
    let app = TestApp::start().await;
    let huge = format!("{{\"workload_name\": \"{}\"}}", "a".repeat(70_000));
    let (status, refusal) = app.post_text(huge.clone()).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{refusal}");
    let chunks = huge.into_bytes().chunks(8_000).map(<[u8]>::to_vec).map(Ok::<_, std::io::Error>).collect::<Vec<_>>();
    let stream = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
    let (status, refusal) = app.post_text(stream).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{refusal}");
    app.stop().await;
}

#[actix_web::test]
async fn pages_of_another_origin_are_refused() {
    let app = TestApp::start().await;
    for origin in ["http://evil.example", "null", "http://localhost:1"] {
        let (status, refusal) = answer(app.request(Method::GET, "/api/v1/autoscaling").header("Origin", origin)).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{refusal}");
    }
    let two =
        app.request(Method::GET, "/api/v1/autoscaling").header("Origin", &app.base).header("Origin", "http://evil");
    assert_eq!(answer(two).await.0, StatusCode::FORBIDDEN);
    // A page can give this machine's address a name of its own; then its origin and the host are the same.
    let renamed = app.request(Method::GET, "/api/v1/autoscaling").header("Host", "evil.example");
    let (status, refusal) = answer(renamed.header("Origin", "http://evil.example")).await;
    assert_eq!((status, refusal["error"].as_str()), (StatusCode::FORBIDDEN, Some("Forbidden host")));
    let own = app.request(Method::GET, "/api/v1/autoscaling").header("Origin", &app.base);
    assert_eq!(answer(own).await.0, StatusCode::OK);
    app.stop().await;
}

#[actix_web::test]
async fn with_a_token_nobody_gets_in_without_it_but_the_probes() {
    let (_file, settings) = token_file("open-sesame-open-sesame");
    let app = TestApp::start_configured(&SimulationSettings::default(), 1.0, &settings, |_| {}).await;
    for path in ["/api/v1", "/api/v1/autoscaling", "/api/v1/autoscaling/metrics", "/nothing"] {
        let response = app.request(Method::GET, path).send().await.unwrap();
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path}");
    }
    for wrong in
        ["Bearer open", "Bearer open-sesame-open-sesame!", "Basic open-sesame-open-sesame", "open-sesame", "Bearer "]
    {
        let (status, _) = answer(app.request(Method::GET, "/api/v1/autoscaling").header("Authorization", wrong)).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{wrong}");
    }
    let right =
        app.request(Method::GET, "/api/v1/autoscaling").header("Authorization", "Bearer open-sesame-open-sesame");
    assert_eq!(answer(right).await.0, StatusCode::OK);
    assert_eq!(app.get("/healthz").await.0, StatusCode::OK);
    app.stop().await;
}

#[actix_web::test]
async fn a_client_that_does_not_finish_its_head_is_not_waited_for() {
    let app = TestApp::start().await;
    let mut connection = tokio::net::TcpStream::connect(app.base.trim_start_matches("http://")).await.unwrap();
    connection.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n").await.unwrap();
    let mut answer = String::new();
    // The server ends it; without a limit this would never return.
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    app.stop().await;
}
