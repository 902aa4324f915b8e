//! The listening server.

use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{HttpService, Request};
use actix_server::ServerBuilder;
use actix_service::boxed::{self, BoxService};
use actix_service::{IntoServiceFactory, Service, ServiceFactory, fn_factory, fn_service};
use actix_web::App;
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Server, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Compress, Condition, Logger, NormalizePath, from_fn};
use actix_web::web::{self, Data, PathConfig};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;

use super::connection::{Connection, Guarded, IDLE, Protection, Protocol};
use super::error::ApiError;
use super::origin::Names;
use super::pace::{Attempts, Pace};
use super::places::Places;
use super::site::Site;
use super::state::HttpState;
use super::tls::Tls;
use super::{client_certificate, counted, gate, head, http2, origin, pace, routes};

/// How the server serves.
pub struct HttpServerSettings {
    /// Threads that serve requests.
    pub workers: usize,
    /// How long requests under way may take after the server was told to stop.
    pub shutdown_grace: Duration,
    /// How many connections there can be at once.
    pub max_connections: usize,
    /// How many of them can be from one address; 0 is as many as there can be.
    pub max_connections_per_address: usize,
    /// The certificates; `None` is HTTP without TLS.
    pub tls: Option<Arc<Tls>>,
    /// The names that it answers to.
    pub names: Names,
    /// How fast callers may ask.
    pub pace: Pace,
}

/// How long a client may take to send the head of its first request, to shake hands for TLS, and to answer when a connection
/// ends.
const PATIENCE: Duration = Duration::from_secs(5);

/// What each thread that serves requests begins with.
#[derive(Clone)]
struct Doorway {
    state: Data<HttpState>,
    names: Data<Names>,
    pace: Data<Pace>,
    attempts: Data<Attempts>,
    places: Arc<Places>,
    tls: Option<Arc<Tls>>,
}

type Stream = Guarded<Either<TcpStream, tokio_rustls::server::TlsStream<TcpStream>>>;

/// Serves on `listener` until the returned server's handle stops it. Signals are the caller's business.
pub fn serve(listener: TcpListener, state: Data<HttpState>, settings: HttpServerSettings) -> std::io::Result<Server> {
    if let Some(tls) = &settings.tls {
        actix_web::rt::spawn(tls.clone().follow(state.clock, state.stopping.clone()));
    }
    let doorway = Doorway {
        state,
        names: Data::new(settings.names),
        pace: Data::new(settings.pace),
        attempts: Data::default(),
        places: Places::new(settings.max_connections_per_address),
        tls: settings.tls,
    };
    let server = ServerBuilder::new()
        .workers(settings.workers)
        // Who comes when all places are taken waits.
        .max_concurrent_connections(settings.max_connections.div_ceil(settings.workers))
        .shutdown_timeout(settings.shutdown_grace.as_secs())
        .disable_signals()
        .listen("http", listener, move || {
            let doorway = doorway.clone();
            fn_factory(move || doorway.clone().service())
        })?
        .run();
    Ok(server)
}

impl Doorway {
    /// What takes the connections of a thread.
    async fn service(self) -> Result<BoxService<TcpStream, (), ()>, ()> {
        let site = Site::new(self.app().into_factory().new_service(AppConfig::default()).await?);
        let over_http1 = site.clone();
        let http1 = HttpService::build()
            .client_request_timeout(PATIENCE)
            .client_disconnect_timeout(PATIENCE)
            .keep_alive(IDLE)
            .on_connect_ext(|stream: &Stream, data| {
                data.insert(stream.connection().clone());
            })
            .h1(fn_service(move |request: Request| {
                let site = over_http1.clone();
                async move {
                    // Every connection has one: it was given above.
                    let connection = request.conn_data::<Rc<Connection>>().cloned();
                    let connection = connection.unwrap_or_else(|| Connection::new(Protocol::Http1, Protection::None));
                    Ok::<_, actix_web::Error>(site.answer(request, connection.begin()).await)
                }
            }))
            .new_service(())
            .await?;
        let entrance = Rc::new(Entrance {
            stopping: self.state.stopping.clone(),
            places: self.places,
            tls: self.tls,
            site,
            http1: boxed::service(http1),
        });
        Ok(boxed::service(fn_service(move |connection| {
            let entrance = entrance.clone();
            async move {
                entrance.take(connection).await;
                Ok(())
            }
        })))
    }

    fn app(
        &self,
    ) -> App<
        impl ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<impl MessageBody + 'static>,
            Error = actix_web::Error,
            InitError = (),
        > + 'static,
    > {
        App::new()
            .app_data(self.state.clone())
            .app_data(self.names.clone())
            .app_data(self.pace.clone())
            .app_data(self.attempts.clone())
            .app_data(PathConfig::default().error_handler(|_, request| ApiError::no_such_path(request.path()).into()))
            // From the last to the first: by whom and how it is asked, before who asks, before how often.
            .wrap(from_fn(pace::keep))
            .wrap(from_fn(gate::check))
            .wrap(from_fn(client_certificate::check))
            .wrap(from_fn(origin::check))
            .wrap(from_fn(head::check))
            .wrap(from_fn(counted::count))
            .wrap(Compress::default())
            .wrap(NormalizePath::trim())
            // Only if it is read: it makes its line before it looks. Without the query, in which somebody may have put a token.
            .wrap(Condition::new(
                log::log_enabled!(target: "http", log::Level::Debug),
                Logger::new("%a \"%{method}xi %U\" %s %b %Dms")
                    .custom_request_replace("method", |request| request.method().to_string())
                    .log_target("http")
                    .log_level(log::Level::Debug),
            ))
            .configure(routes::configure)
            .default_service(web::to(routes::no_such_path))
    }
}

/// Where the connections of a thread come in.
struct Entrance {
    stopping: CancellationToken,
    places: Arc<Places>,
    tls: Option<Arc<Tls>>,
    site: Rc<Site>,
    http1: BoxService<(Stream, Option<SocketAddr>), (), DispatchError>,
}

impl Entrance {
    /// Serves a connection to its end. How it ends is its client's business.
    async fn take(&self, connection: TcpStream) {
        let Ok(peer) = connection.peer_addr() else { return };
        let Some(_place) = self.places.take(peer.ip()) else { return };
        // An answer is written as a whole, so there is nothing to wait for.
        let _ = connection.set_nodelay(true);
        let (stream, protocol, protection) = match &self.tls {
            None => (Either::Left(connection), Protocol::Http1, Protection::None),
            Some(tls) => match timeout(PATIENCE, tls.accept(connection)).await {
                Ok(Ok(accepted)) => (Either::Right(accepted.stream), accepted.protocol, accepted.protection),
                Ok(Err(error)) => return log::debug!("{peer}: no TLS connection: {error}"),
                Err(_slow) => return,
            },
        };
        let stream = Guarded::new(stream, Connection::new(protocol, protection), self.stopping.clone());
        match protocol {
            Protocol::Http1 => drop(self.http1.call((stream, Some(peer))).await),
            Protocol::Http2 => http2::serve(stream, &self.site, peer, self.stopping.clone()).await,
        }
    }
}
