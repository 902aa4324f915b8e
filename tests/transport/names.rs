//! By which names the service is asked, and by whose pages, over a real connection.

use rstest::rstest;

use super::app::{TestApp, token_file};
use super::wire::{Answer, Wire};

async fn service(settings: &str) -> TestApp {
    TestApp::start_configured(&Default::default(), 1.0, settings, |_| {}).await
}

async fn asked(app: &TestApp, request: &str) -> Answer {
    Wire::to(app).await.answer_to(request).await.unwrap()
}

#[rstest]
#[case::another_name("/", "host: evil.example")]
#[case::a_name_that_begins_like_its_own("/", "host: localhost.evil.example:8080")]
#[case::another_address("/", "host: 10.0.0.1")]
#[case::the_address_of_all_interfaces("/", "host: 0.0.0.0:8080")]
#[case::an_address_as_a_number("/", "host: 2130706433")]
#[case::a_user("/", "host: localhost@evil.example")]
#[case::a_port_that_is_none("/", "host: localhost:80a")]
#[case::no_name("/", "host:")]
#[case::a_list("/", "host: localhost, evil.example")]
#[case::a_target_of_another_host("http://evil.example/", "host: localhost")]
#[case::a_target_and_a_host_of_others("http://evil.example/", "host: evil.example")]
#[case::a_target_of_its_own_and_another_host("http://localhost/", "host: evil.example")]
#[case::what_a_proxy_says("/", "host: evil.example\r\nx-forwarded-host: localhost\r\nforwarded: host=localhost")]
#[case::a_page_with_a_name_of_its_own("/", "host: evil.example\r\norigin: http://evil.example")]
#[case::a_page_of_others("/", "host: localhost\r\norigin: http://evil.example")]
#[case::a_page_without_an_origin("/", "host: localhost\r\norigin: null")]
#[case::two_pages("/", "host: localhost\r\norigin: http://localhost\r\norigin: http://evil.example")]
#[case::an_image_of_a_page_of_others("/", "host: localhost\r\nsec-fetch-site: cross-site\r\nsec-fetch-mode: no-cors")]
#[actix_web::test]
async fn nothing_is_answered_to_pages_of_others(#[case] target: &str, #[case] headers: &str) {
    let (_file, tokens) = token_file("alice alices-own-token-1");
    // A token changes nothing: what is asked by a wrong name was not sent by who has it.
    for (settings, token) in [("", ""), (&*tokens, "authorization: Bearer alices-own-token-1\r\n")] {
        let app = service(settings).await;
        for path in ["healthz", "api/v1", ""] {
            let answer = asked(&app, &format!("GET {target}{path} HTTP/1.1\r\n{token}{headers}\r\n\r\n")).await;
            assert_eq!(answer.status, 403, "{answer:?}");
            let error = answer.body.starts_with("{\"error\":\"Forbidden host\",\"details\":")
                || answer.body.starts_with("{\"error\":\"Forbidden origin\",\"details\":");
            assert!(error, "{answer:?}");
        }
        app.stop().await;
    }
}

#[rstest]
#[case::two_hosts("GET / HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n\r\n", 400)]
#[case::no_host("GET / HTTP/1.1\r\n\r\n", 400)]
#[case::no_host_in_an_older_version("GET / HTTP/1.0\r\n\r\n", 403)]
#[actix_web::test]
async fn a_request_has_one_host(#[case] request: &str, #[case] expected: u16) {
    let app = service("").await;
    assert_eq!(asked(&app, request).await.status, expected);
    app.stop().await;
}

#[actix_web::test]
async fn its_own_names_and_those_in_the_settings_are_answered_to() {
    let app = service("[http]\nallowed_hosts = [\"portal.test\", \"tools.test:443\"]\n").await;
    for headers in [
        "host: LocalHost:8080",
        "host: 127.0.0.1",
        "host: [::1]:8080",
        "host: portal.test:8443",
        "host: portal.test:8443\r\norigin: https://portal.test:8443",
        "host: localhost:8080\r\norigin: http://localhost:8080",
        "host: localhost:8080\r\norigin: https://tools.test",
        "host: localhost\r\nsec-fetch-site: cross-site\r\nsec-fetch-mode: navigate\r\nsec-fetch-dest: document",
    ] {
        let answer = asked(&app, &format!("GET / HTTP/1.1\r\n{headers}\r\n\r\n")).await;
        assert_eq!(answer.status, 200, "{headers}");
    }
    let answer = asked(&app, "GET http://localhost:8080/healthz HTTP/1.1\r\nhost: localhost:8080\r\n\r\n").await;
    assert_eq!(answer.status, 200, "a target can have its host in it");
    app.stop().await;
}
