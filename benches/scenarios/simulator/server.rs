//! Serves the simulated API over HTTP/1.1 and HTTP/2, with gzip as the API server has it.

use std::convert::Infallible;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ai_storage_orchestrator::simulation::SimulatedApi;
use bytes::Bytes;
use chrono::Utc;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use kube::client::Body;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tower::{Service, service_fn};

use super::counts::{Counts, Kind};

/// From this size on the API server compresses an answer.
const WORTH_COMPRESSING: usize = 128 * 1024;

/// How hard it tries.
const LEVEL: Compression = Compression::new(1);

type Answer = Response<UnsyncBoxBody<Bytes, io::Error>>;

/// The server of the simulated API.
pub struct Front {
    pub api: SimulatedApi,
    pub counts: Counts,
    pub compresses: bool,
    /// Until when requests are refused, in milliseconds since 1970.
    pub refuses_until: AtomicI64,
    /// The last answer that was compressed, before and after: the metrics are asked for several times between two readings.
    packed: Mutex<Option<(Bytes, Bytes)>>,
}

impl Front {
    pub fn new(api: SimulatedApi, compresses: bool) -> Self {
        let refuses_until = AtomicI64::new(0);
        Self { api, counts: Counts::default(), compresses, refuses_until, packed: Mutex::default() }
    }

    /// Takes connections without end.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) -> anyhow::Result<()> {
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let front = self.clone();
            let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                let front = front.clone();
                async move {
                    let (parts, body) = request.into_parts();
                    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
                    front.answer(Request::from_parts(parts, Body::from(body))).await
                }
            });
            tokio::spawn(async move {
                let connection = TokioIo::new(stream);
                let served = Builder::new(TokioExecutor::new());
                // How a connection ends is its client's business.
                let _ = served.serve_connection(connection, TowerToHyperService::new(service)).await;
            });
        }
    }

    async fn answer(self: Arc<Self>, request: Request<Body>) -> io::Result<Answer> {
        let kind = Kind::of(&request);
        let now = Utc::now().timestamp_millis();
        self.counts.request(&kind);
        let refused_for = self.refuses_until.load(Ordering::Relaxed) - now;
        if refused_for > 0 && Kind::is_call(kind.verb, &kind.resource) {
            self.counts.refused(now);
            return Ok(refusal(refused_for));
        }
        let takes_gzip = takes_gzip(request.headers());
        let scaled = (request.method() == Method::PATCH).then(|| scaled(&request)).flatten();
        let answer = self.api.clone().call(request).await?;
        if let Some(workload) = scaled.filter(|_| answer.status().is_success()) {
            self.counts.patched(&workload, now);
        }
        if kind.verb == "watch" && answer.status().is_success() {
            return Ok(answer.map(|body| {
                let counted = body.map_frame(move |frame| {
                    self.counts.sent(&kind, frame.data_ref().map_or(0, Bytes::len));
                    frame
                });
                counted.boxed_unsync()
            }));
        }
        let (mut parts, body) = answer.into_parts();
        let mut body = body.collect().await?.to_bytes();
        if self.compresses && takes_gzip && body.len() > WORTH_COMPRESSING {
            body = self.packed(body).await?;
            parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        self.counts.sent(&kind, body.len());
        Ok(Response::from_parts(parts, full(body)))
    }

    /// An answer compressed, beside the thread that serves. What was just compressed for another is not again.
    async fn packed(&self, plain: Bytes) -> io::Result<Bytes> {
        let mut last = self.packed.lock().await;
        // The same memory is the same answer, for it is kept.
        if let Some((_, packed)) =
            last.as_ref().filter(|(known, _)| known.as_ptr() == plain.as_ptr() && known.len() == plain.len())
        {
            return Ok(packed.clone());
        }
        let to_pack = plain.clone();
        let packed = tokio::task::spawn_blocking(move || {
            let mut encoder = GzEncoder::new(Vec::with_capacity(to_pack.len() / 8), LEVEL);
            encoder.write_all(&to_pack)?;
            encoder.finish()
        });
        let packed = Bytes::from(packed.await.map_err(io::Error::other)??);
        *last = Some((plain, packed.clone()));
        Ok(packed)
    }
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("gzip"))
}

/// The workload whose scale a request really changes.
fn scaled<B>(request: &Request<B>) -> Option<String> {
    let is_dry = request.uri().query().is_some_and(|query| query.contains("dryRun"));
    request.uri().path().strip_suffix("/scale").filter(|_| !is_dry).map(str::to_owned)
}

/// The refusal of an API server that has too much to do, as its flow control makes it.
fn refusal(milliseconds: i64) -> Answer {
    let mut answer = Response::new(full(Bytes::from_static(b"Too many requests, please try again later.\n")));
    *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    let seconds = u64::try_from(milliseconds).unwrap_or_default().div_ceil(1000);
    answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}

fn full(body: Bytes) -> UnsyncBoxBody<Bytes, io::Error> {
    Full::new(body).map_err(|never: Infallible| match never {}).boxed_unsync()
}
