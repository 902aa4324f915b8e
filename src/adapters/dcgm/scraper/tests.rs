use std::convert::Infallible;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta};
use flate2::Compression;
use flate2::write::GzEncoder;
use rstest::rstest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::*;
use crate::adapters::destinations::Destinations;

/// What an exporter on a node with one busy GPU says.
const BUSY: &str = "\
# HELP DCGM_FI_DEV_GPU_UTIL GPU utilization (in %).
# TYPE DCGM_FI_DEV_GPU_UTIL gauge
DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"GPU-1\",device=\"nvidia0\",container=\"main\",namespace=\"ml\",pod=\"train-0\"} 87
";

/// What one on a node without GPUs says.
const NO_GPU: &str = "# HELP DCGM_FI_DEV_GPU_UTIL GPU utilization (in %).\n# TYPE DCGM_FI_DEV_GPU_UTIL gauge\n";

const MAX_ANSWER: usize = 64 * 1024;

/// For what is to be answered; nothing waits so long.
const PATIENT: ScrapeLimits = ScrapeLimits { timeout: Duration::from_secs(60), max_answer: MAX_ANSWER };

/// For what is never answered, or not to its end.
const IMPATIENT: ScrapeLimits = ScrapeLimits { timeout: Duration::from_millis(300), max_answer: MAX_ANSWER };

/// What a scripted exporter does after its answer.
#[derive(Clone, Copy)]
enum Then {
    /// It waits for the next request.
    Listen,
    /// It closes the connection.
    Close,
    /// It goes on with the same bytes until nobody reads them any more.
    Repeat(&'static [u8]),
    /// The same, but a little at a time, so that there is always something to wait for.
    Drip(&'static [u8]),
}

/// An exporter on this machine that gives each request the same bytes.
struct Scripted {
    url: String,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
    _serving: JoinSet<()>,
}

impl Scripted {
    async fn start(answer: Vec<u8>, then: Then) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/metrics", listener.local_addr().unwrap());
        let (connections, requests) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (opened, seen) = (connections.clone(), requests.clone());
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut served = JoinSet::new();
            while let Ok((connection, _)) = listener.accept().await {
                opened.fetch_add(1, Ordering::Relaxed);
                served.spawn(serve(connection, answer.clone(), then, seen.clone()));
            }
        });
        Self { url, connections, requests, _serving: serving }
    }

    async fn scrape(&self, limits: ScrapeLimits) -> Result<Scrape, ScrapeError> {
        network(limits).scrape(&exporter(&self.url)).await
    }
}

async fn serve(mut connection: TcpStream, answer: Vec<u8>, then: Then, seen: Arc<Mutex<Vec<String>>>) {
    while let Some(request) = request(&mut connection).await {
        seen.lock().unwrap().push(request);
        // The other side may go away in the middle.
        if connection.write_all(&answer).await.is_err() {
            return;
        }
        match then {
            Then::Listen => {}
            Then::Close => return,
            Then::Repeat(bytes) => while connection.write_all(bytes).await.is_ok() {},
            Then::Drip(bytes) => {
                let mut beat = tokio::time::interval(Duration::from_millis(10));
                while connection.write_all(bytes).await.is_ok() {
                    beat.tick().await;
                }
            }
        }
    }
}

/// The next request's head, in lower case; `None` when the connection is closed.
async fn request(connection: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap().to_lowercase())
}

fn network(limits: ScrapeLimits) -> Scraper {
    over_network(Destinations::everywhere(), limits)
}

fn over_network(destinations: Destinations, limits: ScrapeLimits) -> Scraper {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Scraper::new(Outgoing::new(destinations).unwrap(), limits, Preference::GpuUtil, Clock::wall())
}

fn exporter(url: &str) -> Exporter {
    Exporter { name: "gpu-monitoring/dcgm-exporter-1".to_owned(), node: None, url: url.to_owned() }
}

fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    [b"HTTP/1.1 ", head.as_bytes(), b"\r\n\r\n", body].concat()
}

fn with_length(body: &[u8]) -> Vec<u8> {
    answer(&format!("200 OK\r\ncontent-length: {}", body.len()), body)
}

fn gzipped(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    let packed = encoder.finish().unwrap();
    answer(&format!("200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}", packed.len()), &packed)
}

fn in_chunks(body: &[u8]) -> Vec<u8> {
    let chunks = body.chunks(50).flat_map(|part| [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat());
    answer("200 OK\r\ntransfer-encoding: chunked", &chunks.chain(*b"0\r\n\r\n").collect::<Vec<_>>())
}

#[rstest]
#[case::with_a_length(with_length(BUSY.as_bytes()))]
#[case::in_chunks(in_chunks(BUSY.as_bytes()))]
#[case::gzipped(gzipped(BUSY.as_bytes()))]
#[case::up_to_the_end_of_the_connection(answer("200 OK\r\nconnection: close", BUSY.as_bytes()))]
#[tokio::test]
async fn an_answer_is_read_however_it_is_sent(#[case] answer: Vec<u8>) {
    let before = Clock::wall().now();
    let scrape = Scripted::start(answer, Then::Close).await.scrape(PATIENT).await.unwrap();
    assert_eq!((scrape.bytes, scrape.skipped_lines, scrape.first_skipped), (BUSY.len(), 0, None));
    let [device] = &scrape.devices[..] else { panic!("{:?}", scrape.devices) };
    assert_eq!(device.pod, Some(("ml".into(), "train-0".into())));
    assert_eq!(device.reading.utilization_percent, Some(87.0));
    assert!(device.reading.measured_at >= before && device.reading.measured_at <= Clock::wall().now());
}

#[tokio::test]
async fn a_connection_serves_more_than_one_request() {
    let scripted = Scripted::start(with_length(BUSY.as_bytes()), Then::Listen).await;
    let scraper = network(PATIENT);
    for _ in 0..3 {
        scraper.scrape(&exporter(&scripted.url)).await.unwrap();
    }
    let requests = scripted.requests.lock().unwrap();
    assert_eq!((requests.len(), scripted.connections.load(Ordering::Relaxed)), (3, 1));
    let agent = format!("\r\nuser-agent: {}/{}\r\n", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    for request in requests.iter() {
        assert!(request.starts_with("get /metrics http/1.1\r\n"), "{request}");
        assert!(request.contains("\r\naccept-encoding: gzip\r\n") && request.contains(&agent), "{request}");
    }
}

#[tokio::test]
async fn lines_that_make_no_sense_are_counted_and_the_others_count() {
    let text = format!("{BUSY}\u{1}garbage {}\nDCGM_FI_DEV_GPU_UTIL{{gpu=\"1\n", "x".repeat(1_000));
    let scrape = Scripted::start(with_length(text.as_bytes()), Then::Close).await.scrape(PATIENT).await.unwrap();
    assert_eq!((scrape.devices.len(), scrape.skipped_lines), (1, 2));
    let first = scrape.first_skipped.unwrap();
    assert!(first.starts_with("line 4: ") && first.contains(": garbage xxx") && first.len() < 200, "{first}");
}

#[tokio::test]
async fn a_node_without_gpus_has_no_devices() {
    let scrape = Scripted::start(with_length(NO_GPU.as_bytes()), Then::Close).await.scrape(PATIENT).await.unwrap();
    assert_eq!(scrape, Scrape { bytes: NO_GPU.len(), ..Scrape::default() });
}

#[rstest]
#[case::a_web_page(b"<html>\r\n <body>\tHello</body>\r\n</html>\n", "<html> <body> Hello</body> </html>")]
#[case::nothing(b"", "(nothing)")]
#[case::binary(b"\xff\xfe\x00\x01\x02\x1b[31m", "\u{fffd}\u{fffd} [31m")]
#[case::another_exporter(
    b"# HELP node_load1 1m load average.\nnode_load1 0.5\n",
    "# HELP node_load1 1m load average. node_load1 0.5"
)]
#[case::long(&[b'x'; 1_000], &"x".repeat(80))]
#[tokio::test]
async fn what_is_no_dcgm_text_is_refused_and_shown(#[case] body: &[u8], #[case] shown: &str) {
    let refused = Scripted::start(with_length(body), Then::Close).await.scrape(PATIENT).await;
    assert_eq!(refused, Err(ScrapeError::Senseless(shown.to_owned())));
}

#[rstest]
#[case::not_found("404 Not Found\r\ncontent-length: 0", 404)]
#[case::down("503 Service Unavailable\r\ncontent-length: 0", 503)]
#[case::nothing("204 No Content", 204)]
#[tokio::test]
async fn another_status_than_200_is_no_answer(#[case] head: &str, #[case] status: u16) {
    let scripted = Scripted::start(answer(head, b""), Then::Listen).await;
    assert_eq!(scripted.scrape(PATIENT).await, Err(ScrapeError::Status(status)));
    assert_eq!(scripted.requests.lock().unwrap().len(), 1);
}

#[rstest]
#[case::a_byte_too_much(with_length(&comment(MAX_ANSWER + 1)), Then::Close)]
#[case::fifty_megabytes(answer("200 OK\r\ncontent-length: 52428800", b""), Then::Repeat(b"# comment\n"))]
#[case::endless(answer("200 OK", b""), Then::Repeat(b"# comment\n"))]
#[case::gzipped(gzipped(&comment(50_000_000)), Then::Close)]
#[tokio::test]
async fn a_long_answer_is_not_read_to_its_end(#[case] answer: Vec<u8>, #[case] then: Then) {
    let refused = Scripted::start(answer, then).await.scrape(PATIENT).await;
    assert_eq!(refused, Err(ScrapeError::TooLong(MAX_ANSWER)));
}

#[tokio::test]
async fn an_answer_may_be_as_long_as_the_limit() {
    let text = [BUSY.as_bytes(), &comment(MAX_ANSWER - BUSY.len())].concat();
    let scrape = Scripted::start(gzipped(&text), Then::Close).await.scrape(PATIENT).await.unwrap();
    assert_eq!((scrape.bytes, scrape.devices.len()), (MAX_ANSWER, 1));
}

/// A line of `length` bytes that says nothing.
fn comment(length: usize) -> Vec<u8> {
    let mut line = vec![b'#'; length];
    line[length - 1] = b'\n';
    line
}

#[rstest]
#[case::before_the_answer(Vec::new())]
#[case::within_its_head(b"HTTP/1.1 200 OK\r\n".to_vec())]
#[case::within_its_text(answer("200 OK\r\ncontent-length: 1000", BUSY.as_bytes()))]
#[tokio::test]
async fn an_exporter_that_hangs_is_given_up(#[case] answer: Vec<u8>) {
    let refused = Scripted::start(answer, Then::Listen).await.scrape(IMPATIENT).await;
    assert_eq!(refused, Err(ScrapeError::Timeout(IMPATIENT.timeout)));
}

#[rstest]
#[case::the_status(b"HTTP/1.1 200 ".to_vec(), b"O")]
#[case::the_head(b"HTTP/1.1 200 OK\r\n".to_vec(), b"a: b\r\n")]
#[case::one_field(b"HTTP/1.1 200 OK\r\na: ".to_vec(), b"b")]
#[case::other_answers_before(Vec::new(), b"HTTP/1.1 100 Continue\r\n\r\n")]
#[case::the_text(answer("200 OK\r\ncontent-length: 5000000", b""), b"#")]
#[case::the_text_to_the_end_of_the_connection(answer("200 OK", b""), b"#")]
#[case::the_chunks(answer("200 OK\r\ntransfer-encoding: chunked", b""), b"1\r\n#\r\n")]
#[case::a_chunks_head(answer("200 OK\r\ntransfer-encoding: chunked", b"1;"), b"x")]
#[case::the_trailer(answer("200 OK\r\ntransfer-encoding: chunked", b"0\r\n"), b"a: b\r\n")]
#[tokio::test]
async fn what_never_ends_does_not_hold_it(
    #[case] answer: Vec<u8>,
    #[case] repeated: &'static [u8],
    #[values(true, false)] slowly: bool,
) {
    let then = if slowly { Then::Drip(repeated) } else { Then::Repeat(repeated) };
    let refused = Scripted::start(answer, then).await.scrape(IMPATIENT).await;
    let is_given_up = match &refused {
        Err(ScrapeError::Timeout(_)) => true,
        // By the limits of the HTTP library, or ours.
        Err(ScrapeError::Unreachable(_) | ScrapeError::TooLong(_)) => !slowly,
        _ => false,
    };
    assert!(is_given_up, "{refused:?}");
}

#[rstest]
#[case("301 Moved Permanently", 301)]
#[case("302 Found", 302)]
#[case("307 Temporary Redirect", 307)]
#[case("308 Permanent Redirect", 308)]
#[tokio::test]
async fn a_redirect_is_an_error_that_says_so(#[case] head: &str, #[case] status: u16) {
    let head = format!("{head}\r\nlocation: /elsewhere\r\ncontent-length: 0");
    let scripted = Scripted::start(answer(&head, b""), Then::Listen).await;
    let refused = scripted.scrape(PATIENT).await.unwrap_err();
    assert_eq!(refused, ScrapeError::Redirected(status));
    assert_eq!(scripted.requests.lock().unwrap().len(), 1, "it is not followed");
    assert!(refused.to_string().starts_with("it answered with a redirect"), "{refused}");
}

#[rstest]
#[case::by_its_address("127.0.0.1")]
#[case::by_its_name("localhost")]
#[tokio::test]
async fn an_exporter_where_requests_may_not_go_is_refused_by_the_setting(#[case] host: &str) {
    let scripted = Scripted::start(with_length(BUSY.as_bytes()), Then::Close).await;
    let destinations = Destinations::new(["127.0.0.0/8", "::1/128"].map(|network| network.parse().unwrap()), []);
    let scraper = over_network(destinations, PATIENT);
    let refused = scraper.scrape(&exporter(&scripted.url.replace("127.0.0.1", host))).await;
    assert!(matches!(&refused, Err(ScrapeError::Refused(why)) if why.contains("outgoing.deny")), "{refused:?}");
    assert_eq!(scripted.connections.load(Ordering::Relaxed), 0);
}

#[rstest]
#[case::nothing(Vec::new(), "connection closed before message completed")]
#[case::too_little(
    answer("200 OK\r\ncontent-length: 1000", BUSY.as_bytes()),
    "end of file before message length reached"
)]
#[case::half_a_line(answer("200 OK", &BUSY.as_bytes()[..BUSY.len() - 2]), "breaks off in the middle of a line")]
#[case::no_http(b"220 ready when you are\r\n\r\n".to_vec(), "invalid HTTP version parsed")]
#[case::no_gzip(
    answer(&format!("200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}", BUSY.len()), BUSY.as_bytes()),
    "Invalid gzip header"
)]
#[tokio::test]
async fn an_answer_that_breaks_off_is_none(#[case] answer: Vec<u8>, #[case] why: &str) {
    let refused = Scripted::start(answer, Then::Close).await.scrape(PATIENT).await;
    assert!(matches!(&refused, Err(ScrapeError::Unreachable(text)) if text.contains(why)), "{refused:?}");
}

#[tokio::test]
async fn an_exporter_that_is_not_there_is_unreachable() {
    let vacated = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let refused = network(PATIENT).scrape(&exporter(&format!("http://{vacated}/metrics"))).await.unwrap_err();
    let text = "error sending request: client error (Connect): tcp connect error: Connection refused (os error 111)";
    assert_eq!(refused, ScrapeError::Unreachable(text.to_owned()));
}

#[tokio::test]
async fn an_exporter_without_tls_is_unreachable_by_https() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/metrics", listener.local_addr().unwrap());
    let answering = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        connection.write_all(&answer("400 Bad Request", b"")).await.unwrap();
        connection
    });
    let refused = network(PATIENT).scrape(&exporter(&url)).await;
    assert!(matches!(&refused, Err(ScrapeError::Unreachable(text)) if text.contains("corrupt message")), "{refused:?}");
    answering.await.unwrap();
}

#[rstest]
#[case("metrics")]
#[case("http://a b/")]
#[case("")]
#[tokio::test]
async fn a_url_that_is_none_is_unreachable(#[case] url: &str) {
    let refused = network(PATIENT).scrape(&exporter(url)).await;
    assert!(matches!(refused, Err(ScrapeError::Unreachable(_))), "{refused:?}");
}

/// A scraper over a service that gives `answer` after `wait`, on a clock that stands still unless somebody waits.
fn over(wait: Duration, answer: impl Fn() -> http::Response<Bytes> + Clone + Send + Sync + 'static) -> Scraper {
    let clock = Clock::scaled(DateTime::UNIX_EPOCH, 60.0);
    let service = tower::service_fn(move |request: http::Request<Bytes>| {
        assert_eq!(request.uri(), "http://10.0.0.7:9400/metrics");
        let answer = answer();
        async move {
            clock.sleep(wait).await;
            Ok::<_, Infallible>(answer)
        }
    });
    let limits = ScrapeLimits { timeout: Duration::from_secs(5), ..PATIENT };
    Scraper::over(service, limits, Preference::GpuUtil, clock)
}

#[tokio::test(start_paused = true)]
async fn a_service_answers_in_place_of_the_network() {
    let exporter = exporter("http://10.0.0.7:9400/metrics");
    let scrape = over(Duration::from_secs(3), || http::Response::new(BUSY.into())).scrape(&exporter).await.unwrap();
    assert_eq!(scrape.devices[0].reading.measured_at, DateTime::UNIX_EPOCH, "the values are not younger than that");

    let unwell = || http::Response::builder().status(500).body(Bytes::new()).unwrap();
    assert_eq!(over(Duration::ZERO, unwell).scrape(&exporter).await, Err(ScrapeError::Status(500)));
    let long = || http::Response::new(comment(MAX_ANSWER + 1).into());
    assert_eq!(over(Duration::ZERO, long).scrape(&exporter).await, Err(ScrapeError::TooLong(MAX_ANSWER)));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_hangs_is_given_up_by_the_clusters_clock() {
    let scraper = over(Duration::from_secs(3_600), || http::Response::new(BUSY.into()));
    let refused = scraper.scrape(&exporter("http://10.0.0.7:9400/metrics")).await;
    assert_eq!(refused, Err(ScrapeError::Timeout(Duration::from_secs(5))));
    let passed = scraper.clock.now() - DateTime::UNIX_EPOCH;
    assert!((TimeDelta::seconds(5)..TimeDelta::seconds(6)).contains(&passed), "{passed}");
}
