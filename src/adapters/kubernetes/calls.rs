//! Short calls to the API server: each has a time limit, and none is repeated.

use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use kube::core::Status;
use kube::core::response::{StatusDetails, reason};

use super::error::cluster_error;
use crate::ports::ClusterError;

/// A client with a time limit for each call.
#[derive(Clone)]
pub(super) struct Calls {
    client: Client,
    limit: Duration,
}

impl Calls {
    pub(super) fn new(client: Client, limit: Duration) -> Self {
        let namespace = client.default_namespace().to_owned();
        let service = tower::service_fn(move |request: Request<Body>| {
            let client = client.clone();
            async move { keep_retry_after(client.send(request).await?).await }
        });
        Self { client: Client::new(service, namespace), limit }
    }

    /// The client to make calls with; each goes through [`Self::run`].
    pub(super) fn client(&self) -> Client {
        self.client.clone()
    }

    /// Waits for a call's answer, but not longer than the limit.
    pub(super) async fn run<T>(&self, call: impl Future<Output = kube::Result<T>>) -> Result<T, ClusterError> {
        self.limited(async { call.await.map_err(cluster_error) }).await
    }

    /// The same for several calls that have the time limit of one.
    pub(super) async fn limited<T, E: From<ClusterError>>(
        &self,
        calls: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        tokio::time::timeout(self.limit, calls).await.unwrap_or_else(|_| Err(ClusterError::Timeout(self.limit).into()))
    }
}

/// The API server's flow control answers 429 in plain text and says in a header how long to wait; `kube` drops headers.
/// So the header is put where the other answers with 429 have it.
async fn keep_retry_after(response: Response<Body>) -> Result<Response<Body>, kube::Error> {
    let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let Some(retry_after_seconds) = seconds.filter(|_| response.status() == StatusCode::TOO_MANY_REQUESTS) else {
        return Ok(response);
    };
    let (parts, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    let status = serde_json::from_slice(&body).unwrap_or_else(|_| plain_text_status(&body));
    let mut details = status.details.clone().unwrap_or_else(no_details);
    if details.retry_after_seconds == 0 {
        details.retry_after_seconds = retry_after_seconds;
    }
    let body = serde_json::to_vec(&status.with_details(details)).map_err(kube::Error::SerdeError)?;
    Ok(Response::from_parts(parts, Body::from(body)))
}

fn plain_text_status(body: &Bytes) -> Status {
    let text = String::from_utf8_lossy(body);
    Status::failure(text.trim(), reason::TOO_MANY_REQUESTS).with_code(StatusCode::TOO_MANY_REQUESTS.as_u16())
}

fn no_details() -> StatusDetails {
    StatusDetails {
        name: String::new(),
        group: String::new(),
        kind: String::new(),
        uid: String::new(),
        causes: Vec::new(),
        retry_after_seconds: 0,
    }
}
