//! One connection: what its requests know of it, and how long its client may take.
//!
//! actix bounds the first head of a connection and the time between two requests. It does not bound later heads, bodies
//! that nobody reads, and clients that do not read their answers; so the stream below it does.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::web::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::clock::Stopwatch;

/// How long a client may take from the first byte of a request to its handling. For the first request of a connection
/// actix has a shorter limit, which it says before it closes.
const TIME_TO_ASK: Duration = Duration::from_secs(10);

/// How long a connection on which nothing is asked is kept.
pub const IDLE: Duration = Duration::from_secs(75);

/// How long a client may take nothing of an answer that waits for it.
pub const STALLED: Duration = Duration::from_secs(30);

/// How a connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Not at all.
    None,
    /// By TLS.
    Tls {
        /// The client's certificate.
        certificate: Certificate,
    },
}

/// Whether a client has shown a valid certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// It was not asked for one.
    NotWanted,
    /// It has none.
    Missing,
    /// It has one.
    Valid,
}

/// How requests come over a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// One after the other.
    Http1,
    /// Many at once.
    Http2,
}

/// What the stream of a connection and its requests share. All of them are on one thread.
#[derive(Debug)]
pub struct Connection {
    /// How it is protected.
    pub protection: Protection,
    protocol: Protocol,
    under_way: Cell<usize>,
    /// Since when no request is under way.
    idle: Cell<Stopwatch>,
    /// Since when something came that is no request yet.
    asking: Cell<Option<Stopwatch>>,
    /// The task that serves the connection.
    task: RefCell<Option<Waker>>,
}

impl Connection {
    /// A connection on which nothing was asked yet.
    pub fn new(protocol: Protocol, protection: Protection) -> Rc<Self> {
        Rc::new(Self {
            protection,
            protocol,
            under_way: Cell::new(0),
            idle: Cell::new(Stopwatch::start()),
            asking: Cell::new(None),
            task: RefCell::new(None),
        })
    }

    /// How many requests are under way.
    pub fn under_way(&self) -> usize {
        self.under_way.get()
    }

    /// A request begins; it ends when what is returned is dropped.
    pub fn begin(self: &Rc<Self>) -> UnderWay {
        self.under_way.set(self.under_way.get() + 1);
        self.asking.set(None);
        UnderWay(self.clone())
    }

    fn end(&self) {
        let left = self.under_way.get().saturating_sub(1);
        self.under_way.set(left);
        if left == 0 {
            self.idle.set(Stopwatch::start());
        }
        // Its limits are others now, and another request may begin.
        if let Some(task) = self.task.borrow().as_ref() {
            task.wake_by_ref();
        }
    }

    /// Something came from the client.
    fn heard(&self) {
        // What comes between the requests of HTTP/2 can be anything, pings for instance.
        if self.protocol == Protocol::Http1 && self.under_way.get() == 0 && self.asking.get().is_none() {
            self.asking.set(Some(Stopwatch::start()));
        }
    }

    /// When the client has taken too long for its next request.
    fn deadline(&self) -> Option<tokio::time::Instant> {
        if self.under_way.get() > 0 {
            return None;
        }
        let idle = self.idle.get().after(IDLE);
        Some(self.asking.get().map_or(idle, |asking| asking.after(TIME_TO_ASK).min(idle)))
    }
}

/// A request that is under way.
#[derive(Debug)]
pub struct UnderWay(Rc<Connection>);

impl UnderWay {
    /// The connection on which it is.
    pub fn connection(&self) -> &Rc<Connection> {
        &self.0
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// The body of an answer, with which the request ends.
pub struct LastPart {
    body: BoxBody,
    _request: UnderWay,
}

impl LastPart {
    /// `body`, with which `request` ends.
    pub fn new(body: BoxBody, request: UnderWay) -> Self {
        Self { body, _request: request }
    }
}

impl MessageBody for LastPart {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.body.as_pin_mut().poll_next(cx)
    }
}

/// The stream of a connection, which ends when the client takes too long, and in HTTP/1 when the service stops and nothing is
/// under way.
pub struct Guarded<T> {
    stream: T,
    connection: Rc<Connection>,
    /// Since when the client takes nothing of what waits for it.
    stalled: Option<Stopwatch>,
    timer: Pin<Box<Sleep>>,
    stopping: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl<T> Guarded<T> {
    /// Guards `stream`, over which `connection` goes.
    pub fn new(stream: T, connection: Rc<Connection>, stopping: CancellationToken) -> Self {
        let timer = Box::pin(tokio::time::sleep_until(Stopwatch::start().after(IDLE)));
        Self { stream, connection, stalled: None, timer, stopping: Box::pin(stopping.cancelled_owned()) }
    }

    /// The connection that goes over it.
    pub fn connection(&self) -> &Rc<Connection> {
        &self.connection
    }

    /// Completes with an error when the client has taken too long.
    fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let mut task = self.connection.task.borrow_mut();
        if !task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
            *task = Some(cx.waker().clone());
        }
        drop(task);
        let stalled = self.stalled.map(|since| since.after(STALLED));
        let Some(deadline) = self.connection.deadline().into_iter().chain(stalled).min() else { return Poll::Pending };
        // Each request moves the deadline, almost always to later. Then the timer is set anew when it rings, not before.
        if deadline < self.timer.deadline() {
            self.timer.as_mut().reset(deadline);
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            if self.timer.deadline() >= deadline {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            self.timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }

    /// Completes when nothing is to be waited for any more because the service stops. HTTP/2 has words for that.
    fn poll_stopped(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let has_words = self.connection.protocol == Protocol::Http2;
        if has_words || self.connection.under_way() > 0 { Poll::Pending } else { self.stopping.as_mut().poll(cx) }
    }

    /// Notes whether the client takes what it is given.
    fn taken<R>(&mut self, cx: &mut Context<'_>, taken: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        if taken.is_ready() {
            self.stalled = None;
            return taken;
        }
        self.stalled.get_or_insert_with(Stopwatch::start);
        self.poll_overdue(cx).map(Err)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Guarded<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            Poll::Pending if self.poll_stopped(cx).is_ready() => return Poll::Ready(Ok(())),
            Poll::Ready(Ok(())) if buffer.filled().len() > before => self.connection.heard(),
            Poll::Pending => {}
            ended => return ended,
        }
        match self.poll_overdue(cx) {
            Poll::Ready(overdue) => Poll::Ready(Err(overdue)),
            Poll::Pending if buffer.filled().len() > before => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Guarded<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let taken = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.taken(cx, taken)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let taken = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.taken(cx, taken)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let taken = Pin::new(&mut self.stream).poll_flush(cx);
        self.taken(cx, taken)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let taken = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.taken(cx, taken)
    }
}

#[cfg(test)]
mod tests;
