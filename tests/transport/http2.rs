//! HTTP/2, which is spoken over TLS only: as it should be, and as somebody speaks it who wants to do harm.

use actix_web::rt::task::JoinHandle;
use actix_web::web::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use h2::{Reason, RecvStream};
use http::{Method, Request, Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use super::app::TestApp;
use super::authority::{Authority, Secret};
use super::client::Client;
use super::slow::LONG;
use super::wire::{FOREVER, Wire, address, get};

/// A service with TLS, and who made its certificate.
struct Scene {
    app: TestApp,
    authority: Authority,
    _secret: Secret,
}

impl Scene {
    async fn new(settings: &str) -> Self {
        let authority = Authority::new("ours");
        let secret = Secret::new(&authority.service());
        let settings = format!("{settings}{}", secret.settings());
        let app = TestApp::start_configured(&Default::default(), 1.0, &settings, |_| {}).await;
        Self { app, authority, _secret: secret }
    }

    async fn stream(&self) -> TlsStream<TcpStream> {
        let client = Client { offers: &["h2"], ..Client::of(&self.authority) };
        client.connect(address(&self.app)).await.unwrap()
    }

    /// A connection of a client that behaves, and how it ended.
    async fn connect(&self, builder: &Builder) -> (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>) {
        let (requests, connection) = builder.handshake(self.stream().await).await.unwrap();
        (requests, actix_web::rt::spawn(connection))
    }

    /// The service still serves others.
    async fn assert_well(&self) {
        let client = Client::of(&self.authority);
        let mut wire = Wire::over(client.connect(address(&self.app)).await.unwrap());
        wire.send(get("/healthz")).await;
        assert_eq!(wire.answer().await.unwrap().status, 200);
    }
}

fn request(method: Method, path: &str) -> Request<()> {
    Request::builder().method(method).uri(format!("https://localhost{path}")).body(()).unwrap()
}

/// Sends a request without a body, and waits for the head of the answer.
async fn head(requests: &SendRequest<Bytes>, request: Request<()>) -> Result<Response<RecvStream>, h2::Error> {
    let mut requests = requests.clone().ready().await?;
    let (answer, _) = requests.send_request(request, true)?;
    timeout(FOREVER, answer).await.expect("there is no answer")
}

/// The whole of a body.
async fn text(mut body: RecvStream) -> String {
    let mut text = Vec::new();
    while let Some(part) = body.data().await {
        let part = part.unwrap();
        body.flow_control().release_capacity(part.len()).unwrap();
        text.extend_from_slice(&part);
    }
    String::from_utf8(text).unwrap()
}

#[actix_web::test]
async fn requests_are_answered_as_in_http1() {
    let scene = Scene::new("").await;
    let (requests, _connection) = scene.connect(&Builder::new()).await;

    let answer = head(&requests, request(Method::GET, "/healthz")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    for name in ["date", "content-security-policy", "strict-transport-security", "content-length"] {
        assert!(answer.headers().contains_key(name), "{name}");
    }
    assert_eq!(text(answer.into_body()).await, "{\"status\":\"ok\"}");

    let long = text(head(&requests, request(Method::GET, LONG)).await.unwrap().into_body()).await;
    let answer = head(&requests, request(Method::HEAD, LONG)).await.unwrap();
    assert_eq!(answer.headers()["content-length"], long.len().to_string());
    assert!(text(answer.into_body()).await.is_empty());

    let tag = head(&requests, request(Method::GET, "/")).await.unwrap().headers()["etag"].clone();
    let mut again = request(Method::GET, "/");
    again.headers_mut().insert("if-none-match", tag);
    let answer = head(&requests, again).await.unwrap();
    assert_eq!((answer.status(), answer.headers().get("content-length")), (StatusCode::NOT_MODIFIED, None));

    let answer = head(&requests, request(Method::GET, "/nothing")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    assert!(text(answer.into_body()).await.starts_with("{\"error\":\"Not found\""));
    scene.app.stop().await;
}

#[actix_web::test]
async fn a_body_is_read_whole_and_not_beyond_what_one_can_have() {
    let scene = Scene::new("").await;
    let (requests, _connection) = scene.connect(&Builder::new()).await;
    for (body, status, words) in [
        ("{}".to_owned(), StatusCode::BAD_REQUEST, "workload_name is required"),
        (format!("{{\"workload_name\": \"{}\"}}", "a".repeat(60_000)), StatusCode::BAD_REQUEST, "Validation failed"),
        (format!("{{\"workload_name\": \"{}\"}}", "a".repeat(70_000)), StatusCode::PAYLOAD_TOO_LARGE, "64 KiB"),
    ] {
        let mut post = request(Method::POST, "/api/v1/autoscaling");
        post.headers_mut().insert("content-type", "application/json".parse().unwrap());
        let mut requests = requests.clone().ready().await.unwrap();
        let (answer, mut sending) = requests.send_request(post, false).unwrap();
        sending.send_data(body.into(), true).unwrap();
        let answer = timeout(FOREVER, answer).await.unwrap().unwrap();
        assert_eq!(answer.status(), status);
        let text = text(answer.into_body()).await;
        assert!(text.contains(words), "{text}");
    }
    scene.app.stop().await;
}

#[actix_web::test]
async fn events_follow_each_other_on_a_stream_beside_other_requests() {
    let scene = Scene::new("").await;
    let (requests, _connection) = scene.connect(&Builder::new()).await;
    scene.app_is_ready(&requests).await;
    let mut events = head(&requests, request(Method::GET, "/api/v1/events")).await.unwrap().into_body();
    let first = timeout(FOREVER, events.data()).await.unwrap().unwrap().unwrap();
    assert!(first.starts_with(b"event: fleet"), "{first:?}");
    assert_eq!(head(&requests, request(Method::GET, "/healthz")).await.unwrap().status(), StatusCode::OK);
    drop(events);
    scene.app.stop().await;
}

impl Scene {
    async fn app_is_ready(&self, requests: &SendRequest<Bytes>) {
        self.app
            .eventually("it is ready", async || {
                let answer = head(requests, request(Method::GET, "/readyz")).await.unwrap();
                (answer.status() == StatusCode::OK).then_some(())
            })
            .await;
    }
}

#[actix_web::test]
async fn the_authority_of_a_request_is_its_host() {
    let scene = Scene::new("").await;
    let (requests, _connection) = scene.connect(&Builder::new()).await;
    let of = |authority: &str| Request::builder().uri(format!("https://{authority}/healthz")).body(()).unwrap();
    let with = |name: &'static str, value: &str| {
        let mut request = request(Method::GET, "/healthz");
        request.headers_mut().insert(name, value.parse().unwrap());
        request
    };
    for (request, status) in [
        (of("localhost"), StatusCode::OK),
        (of("127.0.0.1:8080"), StatusCode::OK),
        (of("evil.example"), StatusCode::FORBIDDEN),
        (with("host", "localhost"), StatusCode::OK),
        (with("host", "evil.example"), StatusCode::FORBIDDEN),
        (with("origin", "https://localhost"), StatusCode::OK),
        (with("origin", "https://evil.example"), StatusCode::FORBIDDEN),
    ] {
        let shown = format!("{request:?}");
        assert_eq!(head(&requests, request).await.unwrap().status(), status, "{shown}");
    }
    scene.app.stop().await;
}

#[actix_web::test]
async fn a_client_is_told_how_much_it_can_have_and_gets_no_more() {
    let scene = Scene::new("").await;
    let (requests, connection): (_, Connection<_, Bytes>) =
        Builder::new().handshake(scene.stream().await).await.unwrap();
    let connection = actix_web::rt::spawn(async move {
        let mut connection = connection;
        let _ = (&mut connection).await;
        connection.max_concurrent_send_streams()
    });
    assert_eq!(head(&requests, request(Method::GET, "/healthz")).await.unwrap().status(), StatusCode::OK);
    let mut large = request(Method::GET, "/healthz");
    large.headers_mut().insert("x", "y".repeat(40_000).parse().unwrap());
    let refused = head(&requests, large).await;
    let is_refused = match &refused {
        Ok(answer) => answer.status() == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        Err(error) => error.reason().is_some(),
    };
    assert!(is_refused, "{refused:?}");
    drop((refused, requests));
    assert_eq!(connection.await.unwrap(), 100);
    scene.assert_well().await;
    scene.app.stop().await;
}

/// A frame.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// What a client begins with.
fn greeting() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, &[])].concat()
}

/// Sends one after the other of `parts` until the service ends the connection; returns what it said.
async fn flood(scene: &Scene, parts: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let (mut reading, mut writing) = tokio::io::split(scene.stream().await);
    writing.write_all(&greeting()).await.unwrap();
    let write = async {
        for part in parts {
            if writing.write_all(&part).await.is_err() {
                return;
            }
        }
        panic!("nothing of this was too much");
    };
    let read = async {
        let mut said = Vec::new();
        let _ = reading.read_to_end(&mut said).await;
        said
    };
    tokio::pin!(write);
    timeout(FOREVER, async {
        tokio::pin!(read);
        tokio::select! {
            said = &mut read => said,
            () = &mut write => read.await,
        }
    })
    .await
    .expect("the connection does not end")
}

/// Whether the service said that it ends the connection.
fn went_away(said: &[u8]) -> bool {
    let mut rest = said;
    while let [a, b, c, kind, _, _, _, _, _, ..] = rest {
        if *kind == GOAWAY {
            return true;
        }
        let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
        rest = rest.get(9 + length..).unwrap_or_default();
    }
    false
}

#[actix_web::test]
async fn who_begins_requests_and_ends_them_at_once_is_sent_away() {
    let scene = Scene::new("").await;
    // GET, https, and a path and a host that are not to be remembered.
    let head = [&[0x82, 0x87, 0x04, 13][..], b"/api/v1/fleet", &[0x01, 9], b"localhost"].concat();
    let both = |number: u32| {
        let begin = frame(HEADERS, END_STREAM | END_HEADERS, 2 * number + 1, &head);
        [begin, frame(RST_STREAM, 0, 2 * number + 1, &[0, 0, 0, 8])].concat()
    };
    assert!(went_away(&flood(&scene, (0..1_000_000).map(both)).await));
    scene.assert_well().await;
    scene.app.stop().await;
}

#[actix_web::test]
async fn a_head_without_an_end_ends_the_connection() {
    let scene = Scene::new("").await;
    // A header that is not to be remembered: its name and value with their lengths.
    let header = |number: u32| [&[0, 8], format!("x{number:07}").as_bytes(), &[100], &[b'y'; 100]].concat();
    let begin = frame(HEADERS, 0, 1, &header(0));
    let more = (1..100_000).map(|number| frame(CONTINUATION, 0, 1, &header(number)));
    assert!(went_away(&flood(&scene, std::iter::once(begin).chain(more)).await));
    // Frames with nothing in them.
    let begin = frame(HEADERS, 0, 1, &header(0));
    let more = std::iter::repeat_n(frame(CONTINUATION, 0, 1, &[]), 1_000_000);
    assert!(went_away(&flood(&scene, std::iter::once(begin).chain(more)).await));
    scene.assert_well().await;
    scene.app.stop().await;
}

#[actix_web::test]
async fn a_head_that_is_small_when_sent_and_large_when_read_is_refused() {
    let scene = Scene::new("").await;
    // One header of 4000 bytes that is to be remembered, and then many times "the one that you remember".
    let value = [b'y'; 4_000];
    let remembered = [&[0x40, 1, b'x', 0x7f, 0xa1, 0x1e][..], &value].concat();
    let begin = frame(HEADERS, 0, 1, &remembered);
    let more = std::iter::repeat_n(frame(CONTINUATION, 0, 1, &[0xbe; 10_000]), 10_000);
    assert!(went_away(&flood(&scene, std::iter::once(begin).chain(more)).await));
    scene.assert_well().await;
    scene.app.stop().await;
}

#[actix_web::test]
async fn who_reads_nothing_keeps_neither_answers_nor_the_service() {
    let scene = Scene::new("").await;
    // A client that leaves its answers where they are.
    let answers = async {
        let mut nothing = Builder::new();
        nothing.initial_window_size(0);
        let (requests, _connection) = scene.connect(&nothing).await;
        let mut answers = Vec::new();
        for _ in 0..50 {
            answers.push(head(&requests, request(Method::GET, LONG)).await.unwrap().into_body());
        }
        for mut answer in answers {
            let ended = timeout(FOREVER, answer.data()).await.expect("the answer waits for ever").unwrap().unwrap_err();
            assert_eq!(ended.reason(), Some(Reason::CANCEL), "{ended}");
        }
        assert_eq!(head(&requests, request(Method::HEAD, "/healthz")).await.unwrap().status(), StatusCode::OK);
    };
    // One that asks for signs of life and reads none: at some time nothing is taken from it either, and then it is given up.
    let signs_of_life = async {
        let mut stream = scene.stream().await;
        stream.write_all(&greeting()).await.unwrap();
        let pings = frame(PING, 0, 0, &[0; 8]).repeat(1_000);
        let ended = timeout(FOREVER, async { while stream.write_all(&pings).await.is_ok() {} }).await;
        assert!(ended.is_ok(), "the connection does not end");
    };
    tokio::join!(answers, signs_of_life);
    scene.assert_well().await;
    scene.app.stop().await;
}

#[actix_web::test]
async fn a_service_that_stops_says_so_and_finishes_what_is_under_way() {
    let scene = Scene::new("").await;
    let (requests, connection) = scene.connect(&Builder::new()).await;
    scene.app_is_ready(&requests).await;
    let mut events = head(&requests, request(Method::GET, "/api/v1/events")).await.unwrap().into_body();
    scene.app.stop().await;
    while let Some(part) = events.data().await {
        events.flow_control().release_capacity(part.unwrap().len()).unwrap();
    }
    connection.await.unwrap().unwrap();
}

#[actix_web::test]
async fn who_never_greets_is_not_waited_for() {
    let scene = Scene::new("").await;
    let silent = Wire::over(scene.stream().await);
    silent.end().await;
    scene.app.stop().await;
}
