//! TLS: who can speak with whom, and how.

use rustls::ProtocolVersion;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::app::TestApp;
use super::authority::{Authority, Secret};
use super::client::Client;
use super::wire::{Answer, Wire, address};

async fn service(settings: &str) -> TestApp {
    TestApp::start_configured(&Default::default(), 1.0, settings, |_| {}).await
}

/// The answer to a GET; `None` when the service does not speak with the client.
async fn get(client: &Client<'_>, app: &TestApp, path: &str) -> Option<Answer> {
    let stream = client.connect(address(app)).await.ok()?;
    let mut wire = Wire::over(stream);
    wire.send(super::wire::get(path)).await;
    wire.answer().await
}

#[actix_web::test]
async fn who_knows_the_authority_can_speak_with_it_in_two_versions_and_two_protocols() {
    let authority = Authority::new("ours");
    let secret = Secret::new(&authority.service());
    let app = service(&secret.settings()).await;
    for (version, number) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let client = Client { speaks: &[version], ..Client::of(&authority) };
        assert_eq!(get(&client, &app, "/healthz").await.unwrap().status, 200);
        let stream = client.connect(address(&app)).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(number));
    }
    for (offers, agreed) in [
        (&["h2", "http/1.1"][..], Some("h2")),
        (&["http/1.1"], Some("http/1.1")),
        (&[], None),
        (&["http/1.1", "h2"], Some("h2")),
    ] {
        let stream = Client { offers, ..Client::of(&authority) }.connect(address(&app)).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), agreed.map(str::as_bytes), "{offers:?}");
    }
    let stranger = Authority::new("another");
    assert!(Client::of(&stranger).connect(address(&app)).await.is_err());
    app.stop().await;
}

#[actix_web::test]
async fn a_browser_is_told_to_come_back_with_tls_only() {
    let authority = Authority::new("ours");
    let secret = Secret::new(&authority.service());
    let app = service(&secret.settings()).await;
    for path in ["/", "/healthz", "/nothing"] {
        let answer = get(&Client::of(&authority), &app, path).await.unwrap();
        assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000"), "{answer:?}");
    }
    app.stop().await;
}

/// The beginning of a handshake in which a client offers a version at most, as it was done before there were lists of them.
fn hello(version: [u8; 2]) -> Vec<u8> {
    let mut body = version.to_vec();
    body.extend([7; 32]);
    body.push(0);
    // The suites ECDHE-RSA-AES128-SHA, AES128-SHA, ECDHE-ECDSA-AES128-SHA, and no compression.
    body.extend([0, 6, 0xc0, 0x13, 0x00, 0x2f, 0xc0, 0x09, 1, 0]);
    let mut hello = vec![1, 0, 0, body.len() as u8];
    hello.extend(body);
    let mut record = vec![22, 3, 1, 0, hello.len() as u8];
    record.extend(hello);
    record
}

#[actix_web::test]
async fn former_versions_are_not_spoken() {
    const ALERT: u8 = 21;
    const FATAL: u8 = 2;
    const HANDSHAKE_FAILURE: u8 = 40;
    const PROTOCOL_VERSION: u8 = 70;
    let authority = Authority::new("ours");
    let secret = Secret::new(&authority.service());
    let app = service(&secret.settings()).await;
    for version in [[3, 0], [3, 1], [3, 2]] {
        let mut connection = TcpStream::connect(address(&app)).await.unwrap();
        connection.write_all(&hello(version)).await.unwrap();
        let mut answer = Vec::new();
        let _ = connection.read_to_end(&mut answer).await;
        let is_refused = matches!(answer[..], [ALERT, _, _, 0, 2, FATAL, PROTOCOL_VERSION | HANDSHAKE_FAILURE]);
        assert!(is_refused, "{version:?}: {answer:?}");
    }
    app.stop().await;
}

#[actix_web::test]
async fn who_does_not_speak_tls_or_says_nothing_is_not_waited_for() {
    let authority = Authority::new("ours");
    let secret = Secret::new(&authority.service());
    let app = service(&secret.settings()).await;
    let silent = Wire::to(&app).await;
    let mut plain = Wire::to(&app).await;
    plain.send(super::wire::get("/healthz")).await;
    let (silent, plain) = tokio::join!(silent.end(), plain.end());
    assert!(silent.is_empty());
    assert!(!plain.starts_with(b"HTTP"), "{plain:?}");
    app.stop().await;
}

#[actix_web::test]
async fn with_an_authority_for_clients_nobody_gets_in_without_a_certificate_but_the_probes() {
    let (ours, clients, others) = (Authority::new("ours"), Authority::new("clients"), Authority::new("others"));
    let secret = Secret::new(&ours.service());
    let app = service(&secret.settings_with_clients_of(&clients)).await;
    let nobody = Client::of(&ours);
    for path in ["/health", "/healthz", "/readyz"] {
        assert_ne!(get(&nobody, &app, path).await.unwrap().status, 403, "a kubelet has no certificate");
    }
    for path in ["/api/v1", "/", "/openapi.json", "/metrics", "/nothing"] {
        let answer = get(&nobody, &app, path).await.unwrap();
        assert_eq!(answer.status, 403, "{answer:?}");
        assert!(answer.body.contains("Client certificate required"), "{answer:?}");
    }
    let identity = clients.client();
    for version in [&TLS12, &TLS13] {
        let client = Client { is: Some(&identity), speaks: &[version], ..Client::of(&ours) };
        assert_eq!(get(&client, &app, "/api/v1").await.unwrap().status, 200);
    }
    for stranger in [others.client(), clients.service()] {
        let client = Client { is: Some(&stranger), ..Client::of(&ours) };
        assert!(get(&client, &app, "/healthz").await.is_none(), "a certificate that is not valid is worse than none");
    }
    app.stop().await;
}
