//! The exporters as a tower service, in the place where real ones have sockets.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use tower::Service;

use super::exporter::{self, Answer};
use crate::simulation::Shared;

/// The exporters of a simulated cluster. A request reaches the one whose address and port it names. Cheap to clone.
#[derive(Clone)]
pub struct SimulatedExporters {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for SimulatedExporters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimulatedExporters").finish_non_exhaustive()
    }
}

impl SimulatedExporters {
    pub(in crate::simulation) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

impl Service<Request<Bytes>> for SimulatedExporters {
    type Response = Response<Bytes>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        Box::pin(handle(Arc::clone(&self.shared), request))
    }
}

async fn handle(shared: Arc<Shared>, request: Request<Bytes>) -> io::Result<Response<Bytes>> {
    let answer = {
        let mut state = shared.lock();
        if state.stopped {
            return Err(refused());
        }
        state.world.advance(shared.clock.now());
        exporter::answer(&state.world, request.uri())
    };
    shared.wake();
    match answer {
        Answer::Response(response) => Ok(response),
        Answer::Refused => Err(refused()),
        Answer::Never => std::future::pending().await,
    }
}

fn refused() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionRefused, "connection refused")
}
