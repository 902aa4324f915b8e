//! HTTP/2. actix serves it, too, but sets no limits there: a client could have any number of requests under way, each with
//! 16 MiB of headers, and leave their answers where they are.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::{Poll, ready};
use std::time::Duration;

use actix_http::error::PayloadError;
use actix_http::{Payload, Request, Response, ResponseHead};
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::header::{CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE};
use actix_web::http::{Method, StatusCode, Version};
use actix_web::web::Bytes;
use futures_util::StreamExt;
use futures_util::future::poll_fn;
use futures_util::stream::{self, FuturesUnordered};
use h2::server::{Builder, SendResponse};
use h2::{Reason, RecvStream, SendStream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, sink};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::connection::{Connection, Guarded, STALLED, UnderWay};
use super::head::LARGEST_HEADERS;
use super::site::Site;
use crate::clock::Clock;

/// How many requests of one connection can be under way.
const MOST_REQUESTS: usize = 100;

/// How much of a body is taken before it is read; more than the largest body that is.
const BODY_AHEAD: u32 = 128 * 1024;

/// The same for all bodies of a connection together.
const BODIES_AHEAD: u32 = 1024 * 1024;

/// How long a client may take for what comes before its first request.
const TIME_TO_GREET: Duration = Duration::from_secs(5);

/// How long a client may take to leave when all has been said.
const TIME_TO_LEAVE: Duration = Duration::from_secs(1);

/// The largest part in which a body is sent.
const PART: usize = 16 * 1024;

fn limits() -> Builder {
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(MOST_REQUESTS as u32)
        .max_header_list_size(LARGEST_HEADERS as u32)
        .initial_window_size(BODY_AHEAD)
        .initial_connection_window_size(BODIES_AHEAD);
    builder
}

/// Serves a connection to its end.
pub async fn serve<T>(mut stream: Guarded<T>, site: &Site, peer: SocketAddr, stopping: CancellationToken)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let connection = stream.connection().clone();
    let Ok(Ok(mut http2)) = timeout(TIME_TO_GREET, limits().handshake(&mut stream)).await else { return };
    let mut answers = FuturesUnordered::new();
    let mut is_leaving = false;
    let is_orderly = loop {
        tokio::select! {
            request = next(&mut http2, &connection) => match request {
                Some(Ok((request, respond))) => {
                    answers.push(answer(site, request, respond, peer, connection.begin()));
                }
                Some(Err(_)) => break false,
                None => break true,
            },
            Some(()) = answers.next() => {}
            () = stopping.cancelled(), if !is_leaving => {
                is_leaving = true;
                http2.graceful_shutdown();
            }
        }
    };
    // What is under way is brought to its end, as in HTTP/1, and the connection keeps its place until then.
    drop(http2);
    while answers.next().await.is_some() {}
    if is_orderly {
        // A client that does not leave by itself is left.
        let _ = timeout(TIME_TO_LEAVE, leave(&mut stream)).await;
    }
}

/// Says that nothing more comes, and takes what the client still sends, until it has left, too. For one who closes before
/// that, the kernel resets the connection, and the client may not get to read the end of its answer (RFC 9112, 9.6).
async fn leave(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<u64> {
    stream.shutdown().await?;
    copy(&mut stream.take(BODIES_AHEAD.into()), &mut sink()).await
}

type Incoming = Result<(http::Request<RecvStream>, SendResponse<Bytes>), h2::Error>;

/// The next request, as long as there is room for one. A client that ends requests as soon as it has begun them has as many
/// under way as it has begun, although the protocol does not count them any more.
async fn next<T>(http2: &mut h2::server::Connection<T, Bytes>, connection: &Connection) -> Option<Incoming>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    poll_fn(|cx| {
        if connection.under_way() < MOST_REQUESTS {
            return pin!(http2.accept()).poll(cx);
        }
        // Its end is nothing to wait for; how it ended is nobody's business.
        let _ = ready!(http2.poll_closed(cx));
        Poll::Ready(None)
    })
    .await
}

async fn answer(
    site: &Site,
    request: http::Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    peer: SocketAddr,
    under_way: UnderWay,
) {
    let is_head = request.method() == http::Method::HEAD;
    let Some(request) = received(request, peer) else { return respond.send_reset(Reason::PROTOCOL_ERROR) };
    let answer = site.answer(request, under_way).await;
    // A client that is gone by now is no fault.
    let _ = send(answer, respond, is_head).await;
}

/// A request as actix knows it, whose types are of a former version.
fn received(request: http::Request<RecvStream>, peer: SocketAddr) -> Option<Request> {
    let (parts, mut body) = request.into_parts();
    let payload = if body.is_end_stream() {
        Payload::None
    } else {
        let parts = stream::poll_fn(move |cx| {
            let part = ready!(body.poll_data(cx)).map(|part| {
                let part = part?;
                body.flow_control().release_capacity(part.len())?;
                Ok(part)
            });
            Poll::Ready(part.map(|part: Result<_, h2::Error>| part.map_err(|e| PayloadError::Io(io::Error::other(e)))))
        });
        Payload::Stream { payload: Box::pin(parts) as _ }
    };
    let mut request = Request::with_payload(payload);
    let head = request.head_mut();
    head.method = Method::from_bytes(parts.method.as_str().as_bytes()).ok()?;
    head.uri = parts.uri.to_string().parse().ok()?;
    head.version = Version::HTTP_2;
    head.peer_addr = Some(peer);
    for (name, value) in &parts.headers {
        let name = HeaderName::from_bytes(name.as_str().as_bytes()).ok()?;
        head.headers.append(name, HeaderValue::from_bytes(value.as_bytes()).ok()?);
    }
    Some(request)
}

async fn send(answer: Response<BoxBody>, mut respond: SendResponse<Bytes>, is_head: bool) -> Result<(), h2::Error> {
    let (answer, mut body) = answer.into_parts();
    let size = body.size();
    let is_all = is_head || size.is_eof();
    let mut stream = respond.send_response(sent_head(answer.head(), size), is_all)?;
    if is_all {
        return Ok(());
    }
    loop {
        let part = poll_fn(|cx| match stream.poll_reset(cx) {
            Poll::Ready(gone) => Poll::Ready(Err(gone)),
            Poll::Pending => body.as_pin_mut().poll_next(cx).map(Ok),
        });
        match part.await {
            Ok(Some(Ok(part))) => send_part(&mut stream, part).await?,
            Ok(Some(Err(_))) => {
                stream.send_reset(Reason::INTERNAL_ERROR);
                return Ok(());
            }
            Ok(None) => return stream.send_data(Bytes::new(), true),
            Err(_gone) => return Ok(()),
        }
    }
}

async fn send_part(stream: &mut SendStream<Bytes>, mut part: Bytes) -> Result<(), h2::Error> {
    while !part.is_empty() {
        stream.reserve_capacity(part.len().min(PART));
        match timeout(STALLED, poll_fn(|cx| stream.poll_capacity(cx))).await {
            Ok(Some(room)) => {
                let room = room?.min(part.len());
                stream.send_data(part.split_to(room), false)?;
            }
            Ok(None) => return Err(Reason::CANCEL.into()),
            Err(_stalled) => {
                stream.send_reset(Reason::CANCEL);
                return Err(Reason::CANCEL.into());
            }
        }
    }
    Ok(())
}

/// The head of an answer in the types of this protocol, and without what only HTTP/1 knows.
fn sent_head(head: &ResponseHead, size: BodySize) -> http::Response<()> {
    let mut sent = http::Response::new(());
    let status = http::StatusCode::from_u16(head.status.as_u16());
    *sent.status_mut() = status.unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = sent.headers_mut();
    let of_http1 = |name: &HeaderName| [CONNECTION, TRANSFER_ENCODING, UPGRADE, CONTENT_LENGTH].contains(name);
    for (name, value) in head.headers.iter().filter(|(name, _)| !of_http1(name)) {
        let name = http::HeaderName::from_bytes(name.as_str().as_bytes());
        if let (Ok(name), Ok(value)) = (name, http::HeaderValue::from_bytes(value.as_bytes())) {
            headers.append(name, value);
        }
    }
    let has_no_body = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&head.status);
    if let (BodySize::Sized(length), false) = (size, has_no_body) {
        headers.insert(http::header::CONTENT_LENGTH, length.into());
    }
    let date = Clock::wall().now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(date) = date.parse() {
        headers.insert(http::header::DATE, date);
    }
    sent
}

#[cfg(test)]
mod tests;
