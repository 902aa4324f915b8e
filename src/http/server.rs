//! The listening server.

use std::net::TcpListener;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::{Compress, DefaultHeaders, Logger, NormalizePath, from_fn};
use actix_web::web::{self, Data, PathConfig};
use actix_web::{App, HttpServer};

use super::error::ApiError;
use super::state::HttpState;
use super::{counted, gate, routes};

/// How the server serves.
#[derive(Clone, Copy, Debug)]
pub struct HttpServerSettings {
    /// Threads that serve requests.
    pub workers: usize,
    /// How long requests under way may take after the server was told to stop.
    pub shutdown_grace: Duration,
}

/// How long a client may take to send the head of a request, and to answer a TLS or shutdown handshake.
const TIME_TO_SEND_HEAD: Duration = Duration::from_secs(5);

/// How long an idle connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// What a page of the service may do: run and show its own files, and ask the service. Nothing inline, nothing from
/// elsewhere, and nobody may put it into a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

fn security_headers() -> DefaultHeaders {
    DefaultHeaders::new()
        .add((CONTENT_SECURITY_POLICY, POLICY))
        .add((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .add((REFERRER_POLICY, "no-referrer"))
}

/// Serves on `listener` until the returned server's handle stops it. Signals are the caller's business.
pub fn serve(listener: TcpListener, state: Data<HttpState>, settings: HttpServerSettings) -> std::io::Result<Server> {
    let server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .app_data(PathConfig::default().error_handler(|_, request| ApiError::no_such_path(request.path()).into()))
            .wrap(from_fn(gate::check))
            .wrap(from_fn(counted::count))
            .wrap(security_headers())
            .wrap(Compress::default())
            .wrap(NormalizePath::trim())
            // Without the query, in which somebody may have put a token.
            .wrap(
                Logger::new("%a \"%{method}xi %U\" %s %b %Dms")
                    .custom_request_replace("method", |request| request.method().to_string())
                    .log_target("http")
                    .log_level(log::Level::Debug),
            )
            .configure(routes::configure)
            .default_service(web::to(routes::no_such_path))
    })
    .workers(settings.workers)
    .client_request_timeout(TIME_TO_SEND_HEAD)
    .client_disconnect_timeout(TIME_TO_SEND_HEAD)
    .keep_alive(KEEP_ALIVE)
    .shutdown_timeout(settings.shutdown_grace.as_secs())
    .disable_signals()
    .listen(listener)?
    .run();
    Ok(server)
}
