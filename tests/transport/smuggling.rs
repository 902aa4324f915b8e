//! Requests whose end can be seen in two places. If the service saw it elsewhere than a proxy in front of it, a client could
//! put a request into another one's connection. Each of them must be refused, or be read in the only right way.

use rstest::rstest;

use super::app::{TestApp, token_file};
use super::wire::{Answer, Wire, get};

/// What must never be answered.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// All answers to these bytes.
async fn answers(bytes: impl AsRef<[u8]>) -> Vec<Answer> {
    let app = TestApp::start().await;
    let mut wire = Wire::to(&app).await;
    wire.send(bytes).await;
    let answers = wire.answers().await;
    app.stop().await;
    answers
}

/// A POST with these headers and this body, after which another request follows.
async fn posted(headers: &str, body: &str) -> Vec<Answer> {
    const HEAD: &str = "POST /api/v1/autoscaling HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json";
    answers(format!("{HEAD}\r\n{headers}\r\n\r\n{body}{SMUGGLED}")).await
}

#[track_caller]
fn assert_refused(answers: &[Answer]) {
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [400], "one refusal, and nothing after it: {answers:#?}");
}

#[rstest]
#[case::length_and_chunks("content-length: 6\r\ntransfer-encoding: chunked", "0\r\n\r\n")]
#[case::chunks_and_length("transfer-encoding: chunked\r\ncontent-length: 4", "5c\r\n")]
#[case::chunks_and_no_length("transfer-encoding: chunked\r\ncontent-length: 0", "0\r\n\r\n")]
#[case::two_encodings("transfer-encoding: chunked\r\ntransfer-encoding: identity", "0\r\n\r\n")]
#[case::an_encoding_twice("transfer-encoding: chunked\r\ntransfer-encoding: chunked", "0\r\n\r\n")]
#[case::encodings_in_a_list("transfer-encoding: identity, chunked", "0\r\n\r\n")]
#[case::chunked_not_at_the_end("transfer-encoding: chunked, gzip", "0\r\n\r\n")]
#[case::an_unknown_encoding("transfer-encoding: xchunked", "0\r\n\r\n")]
#[case::an_encoding_in_quotes("transfer-encoding: \"chunked\"", "0\r\n\r\n")]
#[case::an_encoding_with_a_weight("transfer-encoding: chunked;q=1", "0\r\n\r\n")]
#[case::an_empty_encoding("transfer-encoding:", "0\r\n\r\n")]
#[case::no_encoding("transfer-encoding: identity\r\ncontent-length: 2", "{}")]
#[case::a_space_before_the_colon("transfer-encoding : chunked", "0\r\n\r\n")]
#[case::a_tab_before_the_colon("content-length\t: 2", "{}")]
#[case::a_folded_header("x: y\r\n transfer-encoding: chunked", "0\r\n\r\n")]
#[case::a_folded_encoding("transfer-encoding:\r\n chunked", "0\r\n\r\n")]
#[case::a_folded_length("content-length: 2\r\n\t0", "{}")]
#[case::two_lengths("content-length: 2\r\ncontent-length: 50", "{}")]
#[case::a_length_twice("content-length: 2\r\ncontent-length: 2", "{}")]
#[case::lengths_in_a_list("content-length: 2, 50", "{}")]
#[case::a_length_with_a_sign("content-length: +2", "{}")]
#[case::a_negative_length("content-length: -2", "{}")]
#[case::a_hexadecimal_length("content-length: 0x2", "{}")]
#[case::a_broken_length("content-length: 2.0", "{}")]
#[case::an_empty_length("content-length:", "{}")]
#[case::a_huge_length("content-length: 18446744073709551618", "{}")]
#[case::a_nul_in_a_header("x: a\0b\r\ncontent-length: 2", "{}")]
#[case::a_lone_cr_in_a_header("x: a\rcontent-length: 50\r\ncontent-length: 2", "{}")]
#[case::a_space_in_a_name("content length: 50\r\ncontent-length: 2", "{}")]
#[case::no_name(": 50\r\ncontent-length: 2", "{}")]
#[case::no_colon("x\r\ncontent-length: 2", "{}")]
#[actix_web::test]
async fn a_head_that_can_be_read_in_two_ways_is_refused(#[case] headers: &str, #[case] body: &str) {
    assert_refused(&posted(headers, body).await);
}

#[rstest]
#[case::no_size("\r\n{}\r\n0\r\n\r\n")]
#[case::a_size_with_a_sign("+2\r\n{}\r\n0\r\n\r\n")]
#[case::a_size_in_another_base("0x2\r\n{}\r\n0\r\n\r\n")]
#[case::a_size_that_is_too_large("10000000000000002\r\n{}\r\n0\r\n\r\n")]
#[case::a_size_with_a_separator("1_2\r\n{}\r\n0\r\n\r\n")]
#[case::a_space_before_the_size(" 2\r\n{}\r\n0\r\n\r\n")]
#[case::a_space_within_the_size("2 0\r\n{}\r\n0\r\n\r\n")]
#[case::a_lone_lf_after_the_size("2\n{}\r\n0\r\n\r\n")]
#[case::a_lone_cr_after_the_size("2\r{}\r\n0\r\n\r\n")]
#[case::a_lone_lf_in_an_extension("2;a\nb\r\n{}\r\n0\r\n\r\n")]
#[case::a_nul_in_an_extension("2;a\0\r\n{}\r\n0\r\n\r\n")]
#[case::a_chunk_that_is_longer_than_its_size("1\r\n{}\r\n0\r\n\r\n")]
#[case::a_lone_lf_after_the_chunk("2\r\n{}\n0\r\n\r\n")]
#[case::nothing_after_the_chunk("2\r\n{}0\r\n\r\n")]
#[case::a_lone_lf_at_the_end("2\r\n{}\r\n0\n\n")]
#[actix_web::test]
async fn a_chunk_that_can_be_read_in_two_ways_ends_the_connection(#[case] body: &str) {
    assert_refused(&posted("transfer-encoding: chunked", body).await);
}

#[rstest]
#[case::an_extension("2;a=b;c=\"d;e\"\r\n{}\r\n0\r\n\r\n")]
#[case::a_long_extension(&format!("2;{}\r\n{{}}\r\n0\r\n\r\n", "a".repeat(10_000)))]
#[case::a_size_in_upper_case("0002\r\n{}\r\n000\r\n\r\n")]
#[case::trailers("2\r\n{}\r\n0\r\ncontent-length: 50\r\nhost: evil.example\r\n\r\n")]
#[actix_web::test]
async fn what_can_be_read_in_one_way_only_is_read_in_that(#[case] body: &str) {
    let app = TestApp::start().await;
    let mut wire = Wire::to(&app).await;
    let head = "POST /api/v1/autoscaling HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json";
    wire.send(format!("{head}\r\ntransfer-encoding: chunked\r\n\r\n{body}{}", get("/healthz"))).await;
    let answer = wire.answer().await.unwrap();
    assert!(answer.body.contains("workload_name is required"), "the body is {{}}: {answer:?}");
    let next = wire.answer().await.unwrap();
    assert_eq!((next.status, &*next.body), (200, "{\"status\":\"ok\"}"), "{next:?}");
    app.stop().await;
}

/// RFC 9112 lets a lone LF end a line of a head (2.2), and so it does here, everywhere in a head and for whatever comes after
/// it: no header can hide behind one.
#[actix_web::test]
async fn a_lone_lf_ends_a_line_of_a_head_and_what_follows_is_a_header() {
    let app = TestApp::start().await;
    let mut wire = Wire::to(&app).await;
    wire.send("GET /healthz HTTP/1.1\nhost: localhost\n\n").await;
    assert_eq!(wire.answer().await.unwrap().status, 200);
    assert_eq!(wire.ask("/healthz").await.status, 200);
    app.stop().await;
    assert_refused(&posted("x: y\ntransfer-encoding: chunked\r\ncontent-length: 5", "0\r\n\r\n").await);
    assert_refused(&posted("x: y\ncontent-length: 2\r\ncontent-length: 2", "{}").await);
    assert_refused(&posted("x: y\nhost: evil.example", "").await);
}

/// How many answers there are to these bytes.
async fn count(bytes: String) -> usize {
    let app = TestApp::start().await;
    let mut wire = Wire::to(&app).await;
    wire.send(bytes).await;
    let said = String::from_utf8(wire.end().await).unwrap();
    app.stop().await;
    said.matches("HTTP/1.1 ").count()
}

#[rstest]
#[case::a_get("GET /healthz")]
#[case::a_head("HEAD /healthz")]
#[case::of_nothing("GET /nothing")]
#[case::an_unknown_method("BREW /healthz")]
#[actix_web::test]
async fn a_body_that_nobody_reads_is_no_request(#[case] request: &str) {
    let length = SMUGGLED.len();
    let with_length = format!("{request} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n{SMUGGLED}");
    assert_eq!(count(with_length).await, 1);
    let chunked = format!(
        "{request} HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n\
         {length:x}\r\n{SMUGGLED}\r\n0\r\n\r\n"
    );
    assert_eq!(count(chunked).await, 1);
}

#[rstest]
#[case::websocket("GET", "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13")]
#[case::a_tunnel("CONNECT", "x: y")]
#[actix_web::test]
async fn a_connection_becomes_nothing_else(#[case] method: &str, #[case] headers: &str) {
    let target = if method == "CONNECT" { "localhost:22" } else { "/healthz" };
    let host = if method == "CONNECT" { target } else { "localhost" };
    let answers = answers(format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\n{headers}\r\n\r\n{SMUGGLED}")).await;
    assert!(answers.iter().all(|answer| answer.status != 101 && !answer.body.contains("smuggled")), "{answers:#?}");
    assert_eq!(answers.len(), 1, "{answers:#?}");
}

#[actix_web::test]
async fn another_version_of_http_is_not_taken_up_without_tls() {
    let offer = "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__";
    let answers = answers(format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\n{offer}\r\n\r\n")).await;
    assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [200]);
}

#[rstest]
#[case::no_version("GET /healthz\r\n\r\n")]
#[case::another_version("GET /healthz HTTP/1.2\r\nhost: localhost\r\n\r\n")]
#[case::a_later_version("GET /healthz HTTP/2.0\r\nhost: localhost\r\n\r\n")]
#[case::http2_without_tls("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")]
#[case::a_space_in_the_target("GET /healthz /x HTTP/1.1\r\nhost: localhost\r\n\r\n")]
#[case::chunks_of_a_version_without_any(
    "POST /api/v1/autoscaling HTTP/1.0\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
)]
#[case::a_handshake("\x16\x03\x01\x02\x00\x01\x00\x01\u{7c}\x03\x03")]
#[actix_web::test]
async fn what_is_no_http_is_refused(#[case] bytes: &str) {
    assert_refused(&answers(format!("{bytes}{SMUGGLED}")).await);
}

#[actix_web::test]
async fn requests_that_are_sent_at_once_are_answered_in_turn_and_each_to_its_own_caller() {
    let (_file, settings) = token_file("alice alices-own-token-1\nbob bobs-very-own-token-2");
    let app = TestApp::start_configured(&Default::default(), 1.0, &settings, |_| {}).await;
    let ask = |token: &str| {
        format!("GET /api/v1/whoami HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n")
    };
    let (alice, bob) = (ask("alices-own-token-1"), ask("bobs-very-own-token-2"));
    let mut wire = Wire::to(&app).await;
    wire.send([alice.clone(), get("/api/v1/whoami"), bob.clone(), ask("alice"), alice, bob].concat()).await;
    for expected in ["alice", "Unauthorized", "bob", "Unauthorized", "alice", "bob"] {
        let answer = wire.answer().await.unwrap();
        assert!(answer.body.contains(&format!("\"{expected}\"")), "{expected}: {answer:?}");
    }
    app.stop().await;
}
