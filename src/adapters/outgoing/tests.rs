use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::StatusCode;
use rstest::rstest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;

/// Somebody on this machine who gives each connection one answer, and counts them.
struct Listening {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    _serving: JoinSet<()>,
}

impl Listening {
    async fn at(address: &str, answer: &str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let (address, answer) = (listener.local_addr().unwrap(), answer.to_owned());
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(connection.read_u8().await.unwrap());
                }
                connection.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { address, connections, _serving: serving }
    }

    /// On a free port of 127.0.0.1.
    async fn start() -> Self {
        Self::at("127.0.0.1:0", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Names that mean these addresses: the first ones at the first time, the last ones from then on.
struct Names {
    answers: Vec<Vec<&'static str>>,
    asked: Arc<AtomicUsize>,
}

impl Names {
    fn new(answers: &[&[&'static str]]) -> (Self, Arc<AtomicUsize>) {
        let asked = Arc::<AtomicUsize>::default();
        (Self { answers: answers.iter().map(|answer| answer.to_vec()).collect(), asked: asked.clone() }, asked)
    }
}

impl Resolve for Names {
    fn resolve(&self, _: Name) -> Resolving {
        let time = self.asked.fetch_add(1, Ordering::SeqCst).min(self.answers.len() - 1);
        let found: Vec<_> =
            self.answers[time].iter().map(|address| SocketAddr::new(address.parse().unwrap(), 0)).collect();
        Box::pin(async move { Ok(Box::new(found.into_iter()) as Addrs) })
    }
}

fn denying(networks: &[&str]) -> Destinations {
    Destinations::new(networks.iter().map(|network| network.parse().unwrap()), [])
}

fn outgoing(destinations: Destinations, names: impl Resolve + 'static) -> Outgoing {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Outgoing::with_names(destinations, names).unwrap()
}

async fn get(outgoing: &Outgoing, url: &str) -> Result<StatusCode, SendError> {
    let request = http::Request::get(url).body(Bytes::new()).unwrap();
    outgoing.send(request).await.map(|response| response.status())
}

#[rstest]
#[case::plain("127.0.0.1")]
#[case::mapped("[::ffff:127.0.0.1]")]
#[case::mapped_in_hexadecimal("[::ffff:7f00:1]")]
#[case::one_number("2130706433")]
#[case::hexadecimal("0x7f.1")]
#[case::octal("0177.0.0.01")]
#[case::short("127.1")]
#[tokio::test]
async fn an_address_is_checked_however_it_is_written(#[case] host: &str) {
    let listening = Listening::start().await;
    let url = format!("http://{host}:{}/", listening.address.port());
    assert_eq!(get(&outgoing(Destinations::everywhere(), SystemNames), &url).await.unwrap(), StatusCode::OK);
    let refused = get(&outgoing(denying(&["127.0.0.0/8"]), SystemNames), &url).await;
    assert!(matches!(refused, Err(SendError::Refused(Refused::Denied { .. }))), "{refused:?}");
    assert_eq!(listening.connections(), 1, "the refused one is not even connected to");
}

#[tokio::test]
async fn a_name_is_checked_by_its_addresses() {
    let listening = Listening::start().await;
    let url = format!("http://localhost:{}/", listening.address.port());
    assert_eq!(get(&outgoing(Destinations::everywhere(), SystemNames), &url).await.unwrap(), StatusCode::OK);
    let refused = get(&outgoing(denying(&["127.0.0.0/8", "::1/128"]), SystemNames), &url).await;
    assert!(matches!(refused, Err(SendError::Refused(Refused::Denied { .. }))), "{refused:?}");
    assert_eq!(listening.connections(), 1);
}

#[tokio::test]
async fn of_a_name_with_several_addresses_only_the_permitted_are_connected_to() {
    let permitted = Listening::start().await;
    let port = permitted.address.port();
    let denied = Listening::at(&format!("127.0.0.2:{port}"), "").await;
    let (names, _) = Names::new(&[&["127.0.0.2", "127.0.0.1"]]);
    let outgoing = outgoing(denying(&["127.0.0.2/32"]), names);
    assert_eq!(get(&outgoing, &format!("http://exporter.example:{port}/")).await.unwrap(), StatusCode::OK);
    assert_eq!((permitted.connections(), denied.connections()), (1, 0));
}

#[tokio::test]
async fn a_name_cannot_mean_another_address_after_the_check() {
    let permitted = Listening::start().await;
    let port = permitted.address.port();
    let denied = Listening::at(&format!("127.0.0.2:{port}"), "").await;
    let (names, asked) = Names::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let outgoing = outgoing(denying(&["127.0.0.2/32"]), names);
    let url = format!("http://exporter.example:{port}/");
    assert_eq!(get(&outgoing, &url).await.unwrap(), StatusCode::OK);
    assert_eq!(asked.load(Ordering::SeqCst), 1, "who asks twice may be told two things");
    let refused = get(&outgoing, &url).await;
    assert!(matches!(refused, Err(SendError::Refused(Refused::Denied { .. }))), "{refused:?}");
    assert_eq!((permitted.connections(), denied.connections()), (1, 0));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Listening::start().await;
    let head = "HTTP/1.1 307 Temporary Redirect\r\ncontent-length: 0\r\nconnection: close\r\nlocation: http://";
    let redirecting = Listening::at("127.0.0.1:0", &format!("{head}{}/\r\n\r\n", elsewhere.address)).await;
    let outgoing = outgoing(Destinations::everywhere(), SystemNames);
    let answered = get(&outgoing, &format!("http://{}/", redirecting.address)).await;
    assert_eq!(answered.unwrap(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_name_that_nobody_knows_is_told_without_the_url() {
    let failed = get(&outgoing(Destinations::everywhere(), SystemNames), "http://nobody.invalid/a?token=secret").await;
    let text = failed.unwrap_err().to_string();
    assert!(text.contains("dns error") && !text.contains("secret"), "{text}");
}

#[rstest]
#[case("10.0.0.2:9400/metrics", "\"10.0.0.2:9400/metrics\" is no URL: relative URL without a base")]
#[case("gpu-1:9400", "\"gpu-1:9400\" does not begin with http:// or https://")]
#[case("/metrics", "\"/metrics\" is no URL: relative URL without a base")]
#[case("http://", "\"http://\" is no URL: empty host")]
#[case("http://:9400/metrics", "\"http://:9400/metrics\" is no URL: empty host")]
#[case("http://gpu-1:94000/metrics", "\"http://gpu-1:94000/metrics\" is no URL: invalid port number")]
#[case("ftp://gpu-1/metrics", "\"ftp://gpu-1/metrics\" does not begin with http:// or https://")]
#[case("file:///metrics", "\"file:///metrics\" does not begin with http:// or https://")]
#[case("", "\"\" is no URL: relative URL without a base")]
#[case::escaped("\u{1b}[31m", "\"\\u{1b}[31m\" is no URL: relative URL without a base")]
#[case("http://me:secret@gpu-1/", "a URL contains a user name or password; URLs are shown to everybody")]
#[case("http://me@gpu-1/", "a URL contains a user name or password; URLs are shown to everybody")]
#[case("http://me:secret@gpu-1:94000/", "a URL with an @ in it is no URL: invalid port number")]
#[case("ftp://me:secret@gpu-1/", "a URL with an @ in it does not begin with http:// or https://")]
#[case("me:secret@gpu-1", "a URL with an @ in it does not begin with http:// or https://")]
fn a_url_that_nothing_is_sent_to_is_refused(#[case] url: &str, #[case] why: &str) {
    assert_eq!(checked_url(url).unwrap_err().to_string(), why);
}

#[tokio::test]
async fn credentials_are_not_sent() {
    let listening = Listening::start().await;
    let url = format!("http://me:secret@{}/", listening.address);
    let refused = get(&outgoing(Destinations::everywhere(), SystemNames), &url).await;
    assert!(matches!(refused, Err(SendError::Url(UrlError::Credentials))), "{refused:?}");
    assert_eq!(listening.connections(), 0);
}
