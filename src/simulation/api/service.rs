//! The API as a tower service, in the place where a real cluster has a socket.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, BodyStream, Full, StreamBody};
use kube::client::Body;
use tower::Service;

use super::watch::Watch;
use super::{ApiError, ApiRequest, Reply};
use crate::simulation::Shared;
use crate::simulation::faults::FaultEffect;
use crate::simulation::requests::RecordedRequest;

/// The simulated API server, for a `kube::Client` or for a layer in between. Cheap to clone.
#[derive(Clone)]
pub struct SimulatedApi {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for SimulatedApi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimulatedApi").finish_non_exhaustive()
    }
}

type ResponseBody = UnsyncBoxBody<Bytes, io::Error>;

impl SimulatedApi {
    pub(in crate::simulation) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

impl Service<Request<Body>> for SimulatedApi {
    type Response = Response<ResponseBody>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(handle(Arc::clone(&self.shared), request))
    }
}

async fn handle(shared: Arc<Shared>, request: Request<Body>) -> io::Result<Response<ResponseBody>> {
    let (parts, body) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default().trim_matches('&').to_owned();
    let fault = {
        let mut state = shared.lock();
        if state.stopped {
            return Err(io::Error::new(io::ErrorKind::ConnectionRefused, "the simulated cluster has been stopped"));
        }
        let recorded = RecordedRequest {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: query.clone(),
            user_agent: text(&parts.headers, header::USER_AGENT),
            at: shared.clock.now(),
        };
        let fault = state.faults.strike(&recorded);
        state.requests.record(recorded);
        fault
    };
    match fault {
        None => {}
        Some(FaultEffect::Delay(span)) => shared.clock.sleep(span).await,
        Some(FaultEffect::Hang) => std::future::pending().await,
        Some(FaultEffect::Disconnect) => {
            return Err(io::Error::new(io::ErrorKind::ConnectionReset, "connection reset by peer"));
        }
        Some(FaultEffect::Status { code, reason, message, retry_after }) => {
            let reply = ApiError::new(status_code(code), &reason, message).into_reply();
            return Ok(with_retry_after(response(reply), retry_after));
        }
        Some(FaultEffect::Text { code, body, retry_after }) => {
            let reply = Reply::Text(status_code(code), body.into());
            return Ok(with_retry_after(response(reply), retry_after));
        }
    }
    let request = ApiRequest {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query,
        accept: text(&parts.headers, header::ACCEPT).unwrap_or_default(),
        content_type: text(&parts.headers, header::CONTENT_TYPE).unwrap_or_default(),
        body: body.collect().await.map_err(io::Error::other)?.to_bytes(),
    };
    let (reply, cuts) = {
        let mut state = shared.lock();
        state.world.advance(shared.clock.now());
        (super::answer(&mut state.world, &request), state.cuts)
    };
    shared.wake();
    Ok(match reply {
        Reply::Watch(plan) => {
            let events = stream::unfold(Watch::new(shared, *plan, cuts), Watch::next);
            streaming(events.boxed())
        }
        reply => response(reply),
    })
}

fn status_code(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn with_retry_after(mut response: Response<ResponseBody>, seconds: Option<u32>) -> Response<ResponseBody> {
    if let Some(seconds) = seconds {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn response(reply: Reply) -> Response<ResponseBody> {
    let (status, media_type, body) = match reply {
        Reply::Json(status, body) => (status, "application/json", body),
        Reply::Text(status, text) => (status, "text/plain; charset=utf-8", text),
        // Streams are made where the cluster is at hand.
        Reply::Watch(_) => (StatusCode::INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", Bytes::new()),
    };
    respond(status, media_type, Full::new(body).map_err(impossible).boxed_unsync())
}

fn streaming(events: stream::BoxStream<'static, io::Result<Bytes>>) -> Response<ResponseBody> {
    // A body of one piece yields the frame that a streaming body is made of.
    let frames = events.map_ok(|bytes| BodyStream::new(Full::new(bytes).map_err(impossible))).try_flatten();
    respond(StatusCode::OK, "application/json", StreamBody::new(frames).boxed_unsync())
}

fn respond(status: StatusCode, media_type: &'static str, body: ResponseBody) -> Response<ResponseBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(media_type));
    response
}

fn impossible(never: Infallible) -> io::Error {
    match never {}
}
