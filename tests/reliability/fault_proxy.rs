//! A network between services and the API server that answers, delays, loses and cuts as a test wants it.
//!
//! Requests are forwarded with their credentials and their user agent, so the audit log shows the same as without it.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use futures_util::{Stream, StreamExt};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use serde_json::json;

use super::cluster::Cluster;

/// What becomes of a request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It is answered with this, and gets no further.
    Answer(u16),
    /// It gets no further, and there is no answer. The events of a watch come later.
    Hang,
    /// It is executed, and there is no answer.
    LoseAnswer,
    /// It is executed, and the answer comes later.
    DelayAnswer(Duration),
    /// The next event of the watch is cut in the middle of its bytes, and the connection with it.
    CutWatch,
    /// The next event of the watch is that it is too old (410).
    ExpireWatch,
}

/// A request, as rules see it.
pub struct Seen<'a> {
    pub method: &'a str,
    /// With the query.
    pub path: &'a str,
    pub body: &'a str,
}

impl Seen<'_> {
    pub fn is_watch(&self) -> bool {
        self.path.contains("watch=true")
    }

    /// A change of a scale.
    pub fn scales(&self) -> bool {
        self.method == "PATCH" && self.path.split('?').next().unwrap().ends_with("/scale")
    }

    /// The announcement of one.
    pub fn announces(&self) -> bool {
        self.method == "PATCH" && self.path.contains("/workloadautoscalers/") && self.body.contains("\"decisionId\":\"")
    }
}

type Matches = Box<dyn Fn(&Seen) -> bool + Send + Sync>;

struct Rule {
    matches: Matches,
    share: Share,
    /// To how many more it may happen.
    left: usize,
    fault: Fault,
}

/// A share of the requests of each kind.
struct Share {
    /// Of 100 requests.
    percent: u8,
    /// By kind, how much of the next fault is due, in percent.
    due: HashMap<String, u8>,
}

impl Share {
    fn takes(&mut self, seen: &Seen) -> bool {
        let path = seen.path.split('?').next().unwrap_or_default();
        let kind = format!("{} {path} {}", seen.method, seen.is_watch());
        let due = self.due.entry(kind).or_insert_with(|| fastrand::u8(..100));
        let is_due = *due + self.percent >= 100;
        *due = (*due + self.percent) % 100;
        is_due
    }
}

/// What the proxy's threads share.
#[derive(Default)]
struct Shared {
    rules: Mutex<Vec<Rule>>,
    /// How often something happened.
    faults: AtomicUsize,
}

impl Shared {
    /// What becomes of a request, or of an event of a watch.
    fn fault_of(&self, seen: &Seen, is_event: bool) -> Option<Fault> {
        let mut rules = self.rules.lock().unwrap();
        let fault = rules.iter_mut().find_map(|rule| {
            let is_for = match rule.fault {
                Fault::CutWatch | Fault::ExpireWatch => is_event,
                Fault::Hang => true,
                _ => !is_event,
            };
            let happens = is_for && rule.left > 0 && (rule.matches)(seen) && rule.share.takes(seen);
            happens.then(|| {
                rule.left -= 1;
                rule.fault.clone()
            })
        })?;
        self.faults.fetch_add(1, Ordering::Relaxed);
        Some(fault)
    }
}

/// The proxy. It listens until the tests end.
pub struct FaultProxy {
    shared: Arc<Shared>,
    port: u16,
}

impl FaultProxy {
    /// A proxy to the API server of this control plane, without faults.
    pub async fn start(cluster: &Cluster) -> Self {
        let kubeconfig = Kubeconfig::read_from(&cluster.kubeconfig).unwrap();
        let options = KubeConfigOptions::default();
        let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
        // Who asks has credentials.
        config.auth_info = AuthInfo::default();
        config.read_timeout = None;
        let shared = Arc::new(Shared::default());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let of_thread = shared.clone();
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let app = move || {
                    let config = config.clone();
                    App::new()
                        .app_data(Data::from(of_thread.clone()))
                        .app_data(web::PayloadConfig::new(16 << 20))
                        .data_factory(move || {
                            let client = Client::try_from(config.clone());
                            async move { client }
                        })
                        .default_service(web::to(forward))
                };
                let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap();
                server.run().await.unwrap();
            });
        });
        Self { shared, port }
    }

    pub fn server(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From now on this happens to a share of the requests that match, and of those of each kind: by chance alone, a watch
    /// could fail for longer than anybody waits for it.
    pub fn often(&self, percent: u8, fault: Fault, matches: impl Fn(&Seen) -> bool + Send + Sync + 'static) {
        self.add(percent, usize::MAX, fault, matches);
    }

    /// This happens to so many of the next requests that match.
    pub fn times(&self, times: usize, fault: Fault, matches: impl Fn(&Seen) -> bool + Send + Sync + 'static) {
        self.add(100, times, fault, matches);
    }

    fn add(&self, percent: u8, left: usize, fault: Fault, matches: impl Fn(&Seen) -> bool + Send + Sync + 'static) {
        self.shared.rules.lock().unwrap().push(Rule {
            matches: Box::new(matches),
            share: Share { percent, due: HashMap::new() },
            left,
            fault,
        });
    }

    /// Nothing happens any more.
    pub fn heal(&self) {
        self.shared.rules.lock().unwrap().clear();
    }

    /// How often something happened so far.
    pub fn faults(&self) -> usize {
        self.shared.faults.load(Ordering::Relaxed)
    }
}

async fn forward(request: HttpRequest, body: Bytes, client: Data<Client>, shared: Data<Shared>) -> HttpResponse {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let text = String::from_utf8_lossy(&body).into_owned();
    let seen = Seen { method: request.method().as_str(), path: &path, body: &text };
    let fault = shared.fault_of(&seen, false);
    match fault {
        Some(Fault::Answer(code)) => return refusal(code),
        Some(Fault::Hang) => std::future::pending::<()>().await,
        _ => {}
    }
    let mut asked = http::Request::builder().method(seen.method).uri(&path);
    for (name, value) in request.headers() {
        if ![HOST, CONNECTION, CONTENT_LENGTH, ACCEPT_ENCODING].contains(name) {
            asked = asked.header(name.as_str(), value.as_bytes());
        }
    }
    let answer = match client.send(asked.body(Body::from(body.to_vec())).unwrap()).await {
        Ok(answer) => answer,
        Err(error) => return HttpResponse::BadGateway().body(error.to_string()),
    };
    match fault {
        Some(Fault::LoseAnswer) => std::future::pending::<()>().await,
        Some(Fault::DelayAnswer(delay)) => tokio::time::sleep(delay).await,
        _ => {}
    }
    let mut response = HttpResponse::build(StatusCode::from_u16(answer.status().as_u16()).unwrap());
    for (name, value) in answer.headers() {
        let is_framing = [CONNECTION, CONTENT_LENGTH, CONTENT_ENCODING, TRANSFER_ENCODING]
            .iter()
            .any(|framing| framing.as_str() == name.as_str());
        if !is_framing {
            response.append_header((name.as_str(), value.as_bytes()));
        }
    }
    let is_watch = seen.is_watch();
    let data = answer.into_body().into_data_stream();
    if is_watch { response.streaming(watched(data, path, shared.into_inner())) } else { response.streaming(data) }
}

/// The events of a watch, until something happens to one of them.
fn watched(
    events: impl Stream<Item = Result<Bytes, kube::Error>> + 'static,
    path: String,
    shared: Arc<Shared>,
) -> Pin<Box<dyn Stream<Item = Result<Bytes, std::io::Error>>>> {
    let begin = (Some(Box::pin(events)), false);
    Box::pin(futures_util::stream::unfold(begin, move |(events, is_cut)| {
        let (shared, path) = (shared.clone(), path.clone());
        async move {
            if is_cut {
                return Some((Err(std::io::Error::other("cut")), (None, false)));
            }
            let mut events = events?;
            let chunk = events.next().await?;
            let fault = loop {
                match shared.fault_of(&Seen { method: "GET", path: &path, body: "" }, true) {
                    Some(Fault::Hang) => tokio::time::sleep(Duration::from_millis(250)).await,
                    fault => break fault,
                }
            };
            Some(match (chunk, fault) {
                (Ok(bytes), Some(Fault::CutWatch)) => (Ok(bytes.slice(..bytes.len() / 2)), (None, true)),
                (Ok(_), Some(Fault::ExpireWatch)) => (Ok(expired()), (None, false)),
                (Ok(bytes), _) => (Ok(bytes), (Some(events), false)),
                (Err(error), _) => (Err(std::io::Error::other(error)), (None, false)),
            })
        }
    }))
}

fn expired() -> Bytes {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "too old resource version: 1 (2)", "reason": "Expired", "code": 410});
    format!("{}\n", json!({"type": "ERROR", "object": status})).into()
}

fn refusal(code: u16) -> HttpResponse {
    let mut response = HttpResponse::build(StatusCode::from_u16(code).unwrap());
    if code == 429 {
        response.insert_header(("Retry-After", "1"));
    }
    response.json(json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "a test wants it so", "reason": "TestFault", "code": code}))
}
