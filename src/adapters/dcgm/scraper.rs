//! Reads exporters over HTTP.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::StatusCode;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Service, ServiceExt};

use super::{Skipped, read_devices};
use crate::adapters::causes::with_sources;
use crate::adapters::outgoing::{Outgoing, SendError};
use crate::clock::Clock;
use crate::domain::Timestamp;
use crate::domain::gpu::Preference;
use crate::ports::{Exporter, GpuMetrics, PortFuture, Scrape, ScrapeError};

/// The longest text about a failure.
const SHOWN_OF_ERROR: usize = 300;

/// How much is shown of an answer, or of a line, that makes no sense.
const SHOWN_OF_ANSWER: usize = 80;

/// What one exporter may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScrapeLimits {
    /// The time from the first attempt to connect to the end of the answer.
    pub timeout: Duration,
    /// The length of an answer in bytes, once unpacked. What is longer is not read to its end.
    pub max_answer: usize,
}

/// Where requests are answered: by exporters on the network, or by something that plays them.
type Exchange = BoxCloneSyncService<http::Request<Bytes>, reqwest::Response, BoxError>;

/// Reads exporters, each with one request.
#[derive(Clone)]
pub struct Scraper {
    exchange: Exchange,
    limits: ScrapeLimits,
    preference: Preference,
    clock: Clock,
}

impl Scraper {
    /// Asks exporters over the network.
    pub fn new(outgoing: Outgoing, limits: ScrapeLimits, preference: Preference, clock: Clock) -> Self {
        let network = tower::service_fn(move |request: http::Request<Bytes>| {
            let outgoing = outgoing.clone();
            async move { outgoing.send(request).await }
        });
        Self { exchange: BoxCloneSyncService::new(network.map_err(BoxError::from)), limits, preference, clock }
    }

    /// Asks `service` in place of the network.
    pub fn over<S>(service: S, limits: ScrapeLimits, preference: Preference, clock: Clock) -> Self
    where
        S: Service<http::Request<Bytes>, Response = http::Response<Bytes>> + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
    {
        let answering = service.map_response(reqwest::Response::from).map_err(Into::into);
        Self { exchange: BoxCloneSyncService::new(answering), limits, preference, clock }
    }
}

impl Scraper {
    /// What is answered at `url`, whatever it is.
    pub async fn answer(&self, url: &str) -> Result<Vec<u8>, ScrapeError> {
        let Self { exchange, limits, clock, .. } = self;
        tokio::select! {
            answer = fetch(exchange.clone(), url, limits.max_answer) => answer,
            () = clock.sleep(limits.timeout) => Err(ScrapeError::Timeout(limits.timeout)),
        }
    }
}

impl GpuMetrics for Scraper {
    fn scrape(&self, exporter: &Exporter) -> PortFuture<Result<Scrape, ScrapeError>> {
        let (scraper, url) = (self.clone(), exporter.url.clone());
        async move {
            let sent_at = scraper.clock.now();
            read(&scraper.answer(&url).await?, sent_at, scraper.preference)
        }
        .boxed()
    }
}

/// An exporter's whole answer, unpacked.
async fn fetch(exchange: Exchange, url: &str, max_answer: usize) -> Result<Vec<u8>, ScrapeError> {
    let request = http::Request::get(url).body(Bytes::new()).map_err(|error| unreachable(&error))?;
    let mut response = exchange.oneshot(request).await.map_err(|error| unanswered(&*error))?;
    match response.status() {
        StatusCode::OK => {}
        status if status.is_redirection() => return Err(ScrapeError::Redirected(status.as_u16())),
        status => return Err(ScrapeError::Status(status.as_u16())),
    }
    let tells_its_end = [CONTENT_LENGTH, TRANSFER_ENCODING].iter().any(|name| response.headers().contains_key(name));
    let mut answer = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|error| unreachable(&error.without_url()))? {
        if answer.len().saturating_add(part.len()) > max_answer {
            return Err(ScrapeError::TooLong(max_answer));
        }
        answer.extend_from_slice(&part);
    }
    // Every line of the format ends with a line feed. Where the connection's end is the answer's, a last line without one
    // is probably half a line, whose number is not to be trusted.
    if !tells_its_end && !answer.ends_with(b"\n") {
        return Err(ScrapeError::Unreachable("its answer breaks off in the middle of a line".to_owned()));
    }
    Ok(answer)
}

/// What an answer says.
fn read(answer: &[u8], sent_at: Timestamp, preference: Preference) -> Result<Scrape, ScrapeError> {
    let (mut skipped_lines, mut first_skipped) = (0, None);
    let devices = read_devices(answer, sent_at, preference, |skipped| {
        skipped_lines += 1;
        first_skipped.get_or_insert_with(|| describe(&skipped));
    });
    if devices.is_empty() && !names_dcgm(answer) {
        return Err(ScrapeError::Senseless(excerpt(answer)));
    }
    Ok(Scrape { devices, skipped_lines, first_skipped, bytes: answer.len() })
}

/// Whether an answer names a metric of DCGM at all, as that of an exporter on a node without GPUs may do.
fn names_dcgm(answer: &[u8]) -> bool {
    let starts = [&b"DCGM_"[..], b"# HELP DCGM_", b"# TYPE DCGM_"];
    answer.split(|&byte| byte == b'\n').any(|line| starts.iter().any(|start| line.starts_with(start)))
}

fn describe(skipped: &Skipped<'_>) -> String {
    format!("line {}: {}: {}", skipped.line, skipped.why, excerpt(skipped.text))
}

/// The beginning of a text, on one line and printable.
fn excerpt(text: &[u8]) -> String {
    // No character takes more than four bytes; blanks are given some room.
    let beginning = text.get(..8 * SHOWN_OF_ANSWER).unwrap_or(text);
    let printable: String =
        String::from_utf8_lossy(beginning).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<_> = printable.split_whitespace().collect();
    match words.join(" ").chars().take(SHOWN_OF_ANSWER).collect::<String>() {
        shown if shown.is_empty() => "(nothing)".to_owned(),
        shown => shown,
    }
}

/// Why the request had no answer.
fn unanswered(error: &(dyn Error + 'static)) -> ScrapeError {
    match error.downcast_ref::<SendError>() {
        Some(SendError::Refused(refused)) => ScrapeError::Refused(refused.to_string()),
        _ => unreachable(error),
    }
}

fn unreachable(error: &(dyn Error + 'static)) -> ScrapeError {
    ScrapeError::Unreachable(with_sources(error).chars().take(SHOWN_OF_ERROR).collect())
}

#[cfg(test)]
mod tests;
