use actix_web::http::header::HeaderName;
use rstest::rstest;

use super::*;

fn names(reach: Reach, allowed: &[&str]) -> Names {
    Names::new(reach, allowed.iter().map(|host| host.parse().unwrap()).collect())
}

/// What is wrong with a GET of `target` with these headers, in the words of the answer.
fn fault(names: &Names, target: &str, headers: &[(&str, &str)]) -> Option<String> {
    let mut head = RequestHead::default();
    head.uri = target.parse().unwrap();
    for (name, value) in headers {
        head.headers.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
    }
    names.fault(&head).map(|fault| fault.to_string())
}

fn answers_to(names: &Names, host: &str) -> bool {
    fault(names, "/", &[("host", host)]).is_none()
}

#[test]
fn on_loopback_only_this_machine_s_names_are_answered_to() {
    let names = names(Reach::Loopback, &["dashboard.test"]);
    for host in [
        "localhost",
        "LOCALHOST:8080",
        "localhost.",
        "127.0.0.1:8080",
        "127.8.9.1",
        "[::1]:8080",
        "[::1]",
        "dashboard.test",
    ] {
        assert!(answers_to(&names, host), "{host}");
    }
    for host in [
        "evil.example:8080",
        "localhost.evil.example",
        "evil.localhost",
        "10.0.0.1:8080",
        "0.0.0.0:8080",
        "[fe80::1]:80",
        "[::ffff:10.0.0.1]",
        "orchestrator",
    ] {
        assert!(!answers_to(&names, host), "{host}");
    }
}

#[test]
fn without_authentication_only_names_that_are_no_page_s_are_answered_to() {
    let names = names(Reach::Open, &["orchestrator.example:8443", "orchestrator.kube-system"]);
    for host in [
        "10.0.0.1:8080",
        "[fd00::1]:8080",
        "localhost:8080",
        "orchestrator:8080",
        "orchestrator.kube-system.svc",
        "orchestrator.kube-system.svc:8080",
        "ORCHESTRATOR.kube-system.svc.cluster.local.",
        "orchestrator.kube-system",
        "orchestrator.example:8443",
    ] {
        assert!(answers_to(&names, host), "{host}");
    }
    for host in [
        "evil.example",
        "svc.evil.example",
        "orchestrator.kube-system.svc.evil.example",
        "orchestrator.kube-system.svc.cluster.local.evil.example",
        "evilsvc.example",
        "orchestrator.example",
        "orchestrator.example:443",
    ] {
        assert!(!answers_to(&names, host), "{host}");
    }
}

#[test]
fn with_authentication_any_name_is_answered_to_unless_some_are_listed() {
    let any = names(Reach::Authenticated, &[]);
    assert!(answers_to(&any, "whatever.example:1"));
    let listed = names(Reach::Authenticated, &["orchestrator.example"]);
    for host in ["orchestrator.example", "orchestrator.example:8443", "10.0.0.1:8080", "[::1]", "localhost"] {
        assert!(answers_to(&listed, host), "{host}");
    }
    for host in ["evil.example", "orchestrator", "orchestrator.kube-system.svc", "a.orchestrator.example"] {
        assert!(!answers_to(&listed, host), "{host}");
    }
}

#[rstest]
#[case("")]
#[case(" ")]
#[case("local host")]
#[case("me@localhost")]
#[case("localhost:")]
#[case("localhost:http")]
#[case("localhost:+80")]
#[case("localhost:80:80")]
#[case("localhost:65536")]
#[case("::1")]
#[case("[::1")]
#[case("[::1]8080")]
#[case("[127.0.0.1]")]
#[case("[localhost]")]
#[case("localhost/")]
#[case("localhost,evil.example")]
#[case("loc\u{e4}lhost")]
#[case(".")]
#[case("a..b")]
#[case("127.1")]
#[case("2130706433")]
#[case("0x7f000001")]
#[case("127.0.0.01")]
fn a_host_that_can_be_read_in_two_ways_is_none(#[case] host: &str) {
    assert!(!answers_to(&names(Reach::Authenticated, &[]), host), "{host:?}");
    assert!(host.parse::<AllowedHost>().is_err(), "{host:?}");
}

#[test]
fn a_request_has_one_host() {
    let names = names(Reach::Loopback, &[]);
    let fault = |target, headers: &[_]| fault(&names, target, headers).unwrap_or_default();
    assert!(fault("/", &[]).contains("no host"));
    assert!(fault("/", &[("host", "localhost"), ("host", "localhost")]).contains("more than one"));
    assert!(fault("http://evil.example/", &[("host", "localhost")]).contains("two hosts"));
    assert!(fault("http://localhost/", &[("host", "evil.example")]).contains("two hosts"));
    assert!(fault("http://localhost:1/", &[("host", "localhost:2")]).contains("two hosts"));
    assert!(fault("http://evil.example/", &[("host", "evil.example")]).contains("answers only"));
    assert!(fault("http://evil.example/", &[]).contains("answers only"), "as in HTTP/2");
    assert!(fault("http://me@localhost/", &[]).contains("not a name"));
    assert_eq!(fault("http://localhost:8080/", &[("host", "LOCALHOST:8080")]), "");
    assert_eq!(fault("http://localhost:8080/", &[]), "", "as in HTTP/2");
}

#[test]
fn what_a_proxy_says_is_not_believed() {
    let names = names(Reach::Loopback, &[]);
    let said = [("x-forwarded-host", "localhost"), ("forwarded", "host=localhost"), ("host", "evil.example")];
    assert!(fault(&names, "/", &said).is_some());
    let said = [("host", "localhost:8080"), ("x-forwarded-host", "evil.example"), ("origin", "http://evil.example")];
    assert!(fault(&names, "/", &said).unwrap().contains("origin"));
}

#[rstest]
#[case("http://localhost:8080", "localhost:8080", true)]
#[case("http://LOCALHOST:8080", "localhost:8080", true)]
#[case("http://localhost", "localhost", true)]
#[case("http://localhost:80", "localhost", true)]
#[case("http://localhost", "localhost:80", true)]
#[case("https://localhost", "localhost", true)]
#[case("https://localhost", "localhost:443", true)]
#[case("https://localhost:443", "localhost:8080", false)]
#[case("http://localhost:3000", "localhost:8080", false)]
#[case("http://127.0.0.1:8080", "localhost:8080", false)]
#[case("https://evil.example", "localhost:8080", false)]
#[case("http://localhost:8080.evil.example", "localhost:8080", false)]
#[case("http://localhost:8080@evil.example", "localhost:8080", false)]
#[case("null", "localhost:8080", false)]
#[case("", "localhost:8080", false)]
#[case("localhost:8080", "localhost:8080", false)]
#[case("chrome-extension://localhost:8080", "localhost:8080", false)]
#[case("https://portal.test", "localhost:8080", true)]
#[case("https://portal.test:9", "localhost:8080", true)]
#[case("https://tools.test", "localhost:8080", true)]
#[case("http://tools.test", "localhost:8080", false)]
fn only_its_own_pages_and_those_that_are_allowed_may_ask(#[case] origin: &str, #[case] host: &str, #[case] may: bool) {
    let names = names(Reach::Loopback, &["portal.test", "tools.test:443"]);
    let fault = fault(&names, "/", &[("host", host), ("origin", origin)]);
    assert_eq!(fault.is_none(), may, "{fault:?}");
}

#[test]
fn each_of_several_origins_must_be_one_that_may_ask() {
    let names = names(Reach::Loopback, &[]);
    let origins = [("host", "localhost"), ("origin", "http://localhost"), ("origin", "http://evil.example")];
    assert!(fault(&names, "/", &origins).is_some());
}

#[rstest]
#[case(&[("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors")], true)]
#[case(&[("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")], true)]
#[case(&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")], true)]
#[case(&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")], false)]
#[case(&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")], false)]
#[case(&[("sec-fetch-site", "same-site"), ("sec-fetch-mode", "no-cors")], false)]
#[case(&[("sec-fetch-site", "cross-site"), ("origin", "http://localhost")], true)]
fn what_a_page_of_others_loads_without_saying_its_origin_is_refused(
    #[case] headers: &[(&str, &str)],
    #[case] may: bool,
) {
    let headers: Vec<_> = headers.iter().copied().chain([("host", "localhost")]).collect();
    assert_eq!(fault(&names(Reach::Loopback, &[]), "/api/v1/events", &headers).is_none(), may);
}
