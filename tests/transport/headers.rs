//! What every answer says to browsers.

use super::app::{TestApp, token_file};
use super::wire::Wire;

#[actix_web::test]
async fn every_answer_says_what_a_browser_may_do_with_it() {
    let (_file, tokens) = token_file("alice alices-own-token-1");
    let app = TestApp::start_configured(&Default::default(), 1.0, &tokens, |_| {}).await;
    let host = "host: localhost\r\n";
    let token = "authorization: Bearer alices-own-token-1\r\n";
    for (request, status) in [
        (format!("GET / HTTP/1.1\r\n{host}\r\n"), 200),
        (format!("GET /healthz HTTP/1.1\r\n{host}\r\n"), 200),
        (format!("GET /api/v1 HTTP/1.1\r\n{host}{token}\r\n"), 200),
        (format!("GET /api/v1 HTTP/1.1\r\n{host}\r\n"), 401),
        (format!("GET /api/v1 HTTP/1.1\r\nhost: evil.example\r\n{token}\r\n"), 403),
        (format!("GET /nothing HTTP/1.1\r\n{host}{token}\r\n"), 404),
        (format!("GET /assets/nothing HTTP/1.1\r\n{host}\r\n"), 404),
        (format!("PUT /healthz HTTP/1.1\r\n{host}\r\n"), 405),
        (format!("POST /api/v1/autoscaling HTTP/1.1\r\n{host}{token}\r\n"), 415),
        (format!("GET /{} HTTP/1.1\r\n{host}{token}\r\n", "a".repeat(9_000)), 414),
        (format!("GET /{} HTTP/1.1\r\n{host}x: {}\r\n\r\n", "a", "y".repeat(40_000)), 431),
    ] {
        let answer = Wire::to(&app).await.answer_to(&request).await.unwrap();
        assert_eq!(answer.status, status, "{answer:?}");
        for (name, value) in [
            ("x-frame-options", "deny"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{name} of {answer:?}");
        }
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        let permissions = answer.header("permissions-policy").unwrap();
        assert!(permissions.contains("camera=()") && !permissions.contains('*'), "{permissions}");
        assert_eq!(answer.header("strict-transport-security"), None, "there is no TLS");
        assert_eq!(answer.header("server"), None);
        let kept = if answer.head.contains("etag") { "no-cache" } else { "no-store" };
        assert_eq!(answer.header("cache-control"), Some(kept), "{answer:?}");
        let one_each = answer.head.matches("content-security-policy").count();
        assert_eq!(one_each, 1, "{answer:?}");
    }
    app.stop().await;
}
