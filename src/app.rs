//! The composition root: joins the adapters, the actors and the HTTP server, and runs them until it is told to stop.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use actix::{Actor, Arbiter};
use actix_web::dev::Server;
use actix_web::web::Data;
use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::access::{Access, CallerReviews, NoRandomness, TokenFile, TokenFileError};
use crate::actors::brake::Brake;
use crate::actors::collectors::gpu::{GpuCollector, GpuCollectorSettings};
use crate::actors::collectors::resource::{CollectorSettings, ResourceCollector};
use crate::actors::collectors::shelf::Shelf;
use crate::actors::events::Journal;
use crate::actors::leadership::Leadership;
use crate::actors::registry::Registry;
use crate::actors::registry_handle::RegistryHandle;
use crate::actors::saving::Saver;
use crate::actors::shared::Shared;
use crate::actors::snapshot::ScaleTotals;
use crate::actors::subscribers::Subscribers;
use crate::actors::turns::Turns;
use crate::adapters::dcgm::fixed::{ExporterUrlError, FixedExporters};
use crate::adapters::dcgm::scraper::{ScrapeLimits, Scraper};
use crate::adapters::destinations::Destinations;
use crate::adapters::kubernetes::client::{AccessError, Clients, ClusterAccess};
use crate::adapters::kubernetes::exporters::ExporterDiscovery;
use crate::adapters::kubernetes::lease::LeaseSettings;
use crate::adapters::kubernetes::selector::MalformedSelector;
use crate::adapters::kubernetes::{KubernetesCluster, Limits};
use crate::adapters::memory::MemoryStore;
use crate::adapters::outgoing::{Outgoing, SetupError};
use crate::clock::Clock;
use crate::domain::autoscaler::{Mode, RequestedAutoscaler};
use crate::http::{self, Followers, HttpServerSettings, HttpState, InvalidRequest, Names, Pace, Reach, Tls, TlsError};
use crate::instruments::Instruments;
use crate::ports::ExporterDirectory;
use crate::ports::announcer::{Announcer, Silent};
use crate::ports::election::Election;
use crate::ports::reviewer::AccessReviewer;
use crate::ports::store::{AutoscalerStore, StoreEvents};
use crate::settings::{Authentication, ClusterChoice, Settings, SettingsError, Surroundings};
use crate::simulation::SimulatedCluster;
use crate::telemetry::{self, Telemetry};

/// How long a request waits for the registry: longer than the registry's own limits on what it asks the cluster.
const REGISTRY_TIME_LIMIT: Duration = Duration::from_secs(30);

/// What is left to requests under way when the service stops.
const REQUESTS_GRACE: Duration = Duration::from_secs(2);

/// What is left to evaluations under way when the service stops: somewhat longer than the registry needs at most. With
/// [`REQUESTS_GRACE`] it stays below 10 s.
const EVALUATIONS_GRACE: Duration = Duration::from_millis(7_500);

/// How many events are kept for those who were away for a moment.
const KEPT_EVENTS: usize = 1_000;

/// How many can follow what happens at the same time.
const MOST_FOLLOWERS: usize = 1_000;

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings do not allow it.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// It is not known how to reach the cluster.
    #[error("{0} (with --simulated the service needs no cluster)")]
    Access(#[from] AccessError),
    /// The exporters' labels make no sense.
    #[error("invalid settings: gpu.selectors: {0}")]
    ExporterSelector(#[from] MalformedSelector),
    /// A URL of an exporter is none.
    #[error("invalid settings: gpu.urls: {0}")]
    ExporterUrl(#[from] ExporterUrlError),
    /// Exporters cannot be asked.
    #[error(transparent)]
    Outgoing(#[from] SetupError),
    /// An autoscaler of the simulated cluster is not valid.
    #[error("invalid settings: simulation.autoscalers: {0}")]
    Autoscaler(#[source] InvalidRequest),
    /// The tokens cannot be used.
    #[error(transparent)]
    Tokens(#[from] TokenFileError),
    /// The cluster cannot say who callers are.
    #[error(
        "auth.mode = \"kubernetes\" needs a real cluster, because the simulated one knows no users; \
         set auth.token_file, or leave http.bind and auth.mode out to listen on this machine only"
    )]
    NoUsers,
    /// Tokens cannot be hashed.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// There can be no TLS.
    #[error("{0}; without http.tls the service speaks HTTP")]
    Tls(#[from] TlsError),
    /// The port cannot be listened on.
    #[error("cannot listen on {address}: {error}; choose another port with --port, or an address with --bind")]
    Listen {
        /// The address and port.
        address: SocketAddr,
        /// The system's error.
        error: std::io::Error,
    },
}

/// Where the autoscalers are kept, and who acts on them.
struct Keeping {
    store: Arc<dyn AutoscalerStore>,
    /// What the store tells of its own accord.
    events: Option<StoreEvents>,
    /// Elects the replica that acts, where there can be several.
    election: Option<Arc<dyn Election>>,
    announcer: Arc<dyn Announcer>,
}

impl Keeping {
    /// In this process only.
    fn in_memory(clock: Clock) -> Self {
        let store = Arc::new(MemoryStore::new(clock));
        Self { store, events: None, election: None, announcer: Arc::new(Silent) }
    }

    /// In the cluster, as the settings say.
    fn in_cluster(kubernetes: &KubernetesCluster, clock: Clock, settings: &Settings, host: Option<&str>) -> Self {
        let identity = identity(host);
        let announcer: Arc<dyn Announcer> =
            if settings.events.enabled { kubernetes.announcer(&identity) } else { Arc::new(Silent) };
        if !settings.store.is_kubernetes() {
            log::warn!(
                "store.kind is memory: the autoscalers end with this process, and no other replica of the service may run"
            );
            return Self { announcer, ..Self::in_memory(clock) };
        }
        let (store, events) = kubernetes.store();
        let election = &settings.leader_election;
        let namespace = election.namespace().unwrap_or_else(|| kubernetes.default_namespace().to_owned());
        log::info!(
            "this replica is {identity}; the one that scales holds the Lease {namespace}/{}",
            election.lease_name
        );
        let lease = LeaseSettings {
            duration: election.lease(),
            retry: Duration::from_secs(2).min(election.lease() / 6),
            ..LeaseSettings::new(namespace, &election.lease_name, identity)
        };
        Self { store, events: Some(events), election: Some(kubernetes.election(lease)), announcer }
    }

    fn leadership(&self, clock: Clock) -> Leadership {
        match &self.election {
            Some(election) => Leadership::elected(election.claim(), clock, election.identity()),
            None => Leadership::alone(),
        }
    }
}

/// This process's name among the replicas: the pod's, and something that tells its lives apart.
fn identity(host: Option<&str>) -> String {
    format!("{}-{:08x}", host.unwrap_or("orchestrator"), Uuid::new_v4().as_fields().0)
}

/// A cluster that is connected to.
pub struct ConnectedCluster {
    kubernetes: KubernetesCluster,
    keeping: Keeping,
    exporters: Arc<dyn ExporterDirectory>,
    scraper: Scraper,
    clock: Clock,
    name: String,
    instruments: Arc<Instruments>,
    /// Knows its users; the simulated cluster has none.
    reviewer: Option<Arc<dyn AccessReviewer>>,
    /// What is to be put under autoscaling at once.
    autoscalers: Vec<RequestedAutoscaler>,
}

impl ConnectedCluster {
    /// Connects to the cluster that the settings and the surroundings name. A real one need not answer yet.
    pub async fn connect(settings: &Settings, surroundings: &Surroundings) -> Result<Self, StartError> {
        let (access, name) = match settings.cluster.choice(surroundings) {
            ClusterChoice::Simulated => {
                if surroundings.in_pod_without_token && settings.cluster.is_auto() {
                    log::warn!(
                        "this seems to be a pod, but no service account's token is mounted, so no real workload is scaled \
                         and, unless http.bind says otherwise, only this pod is listened to; \
                         set cluster.kind to in-cluster to make that an error"
                    );
                }
                let simulation = &settings.simulation;
                let clock = Clock::scaled_from_now(simulation.speed);
                let simulated = SimulatedCluster::start(simulation, clock);
                let name = format!("simulated cluster (seed {}, speed {})", simulation.seed, simulation.speed);
                let autoscalers = simulation.autoscalers.iter().map(requested).collect::<Result<_, _>>()?;
                let connected = Self::simulated(&simulated, clock, name, settings)?;
                return Ok(Self { autoscalers, ..connected });
            }
            ClusterChoice::InCluster => (ClusterAccess::InCluster, "the cluster of this pod".to_owned()),
            ClusterChoice::Kubeconfig { path, context } => {
                let which = context.as_deref().map_or("its current context".to_owned(), |c| format!("context {c}"));
                let name = format!("the cluster of kubeconfig {} ({which})", path.display());
                (ClusterAccess::Kubeconfig { path, context }, name)
            }
        };
        let config = access.config().await?;
        let name = format!("{name} at {}", config.cluster_url);
        let clock = Clock::wall();
        let outgoing = Outgoing::new(Destinations::new(settings.outgoing.deny(), settings.outgoing.allow()))?;
        let scraper = Scraper::new(outgoing, scrape_limits(settings), settings.gpu.prefer(), clock);
        let connected = Self::start(Clients::new(config)?, scraper, clock, name, settings)?;
        let keeping = Keeping::in_cluster(&connected.kubernetes, clock, settings, surroundings.host.as_deref());
        let reviewer = connected.kubernetes.reviewer(settings.auth.audiences().to_vec());
        Ok(Self { keeping, ..connected }.with_users(reviewer))
    }

    /// Starts the watches of a simulated cluster, whose exporters are in this process, too.
    pub fn simulated(
        simulated: &SimulatedCluster,
        clock: Clock,
        name: String,
        settings: &Settings,
    ) -> Result<Self, StartError> {
        let limits = scrape_limits(settings);
        let scraper = Scraper::over(simulated.exporter_service(), limits, settings.gpu.prefer(), clock);
        Self::start(Clients::shared(simulated.client()), scraper, clock, name, settings)
    }

    /// The same with users, whom `reviewer` knows.
    pub fn with_users(self, reviewer: Arc<dyn AccessReviewer>) -> Self {
        Self { reviewer: Some(reviewer), ..self }
    }

    fn start(
        clients: Clients,
        scraper: Scraper,
        clock: Clock,
        name: String,
        settings: &Settings,
    ) -> Result<Self, StartError> {
        let gpu = &settings.gpu;
        let discovery = ExporterDiscovery {
            namespace: gpu.namespace.clone(),
            selectors: gpu.selectors.iter().map(|selector| selector.parse()).collect::<Result<_, _>>()?,
            port_name: gpu.port_name.clone(),
            default_port: gpu.default_port,
            path: gpu.path.clone(),
        };
        let fixed = if gpu.urls.is_empty() { None } else { Some(FixedExporters::new(&gpu.urls)?) };
        let limits = Limits { call: settings.cluster.request_timeout(), ..Limits::default() };
        let instruments = Arc::new(Instruments::default());
        let kubernetes = KubernetesCluster::start(clients, clock, limits, instruments.clone());
        let exporters: Arc<dyn ExporterDirectory> = match fixed {
            Some(fixed) => Arc::new(fixed),
            None => kubernetes.exporters(discovery),
        };
        let keeping = Keeping::in_memory(clock);
        let autoscalers = Vec::new();
        Ok(Self { kubernetes, keeping, exporters, scraper, clock, name, instruments, reviewer: None, autoscalers })
    }
}

/// How callers have to say who they are.
fn access(
    authentication: Authentication,
    reviewer: Option<Arc<dyn AccessReviewer>>,
    clock: Clock,
) -> Result<Access, StartError> {
    Ok(match authentication {
        Authentication::None => Access::Open,
        Authentication::Token(path) => Access::Tokens(Arc::new(TokenFile::open(path, clock)?)),
        Authentication::Kubernetes { cache } => {
            let reviewer = reviewer.ok_or(StartError::NoUsers)?;
            Access::Cluster(Arc::new(CallerReviews::new(reviewer, clock, cache)?))
        }
    })
}

fn requested(body: &serde_json::Value) -> Result<RequestedAutoscaler, StartError> {
    http::requested_autoscaler(body.clone()).map_err(StartError::Autoscaler)
}

fn scrape_limits(settings: &Settings) -> ScrapeLimits {
    ScrapeLimits { timeout: settings.gpu.timeout(), max_answer: settings.gpu.max_answer() }
}

/// The service, listening but not yet serving.
pub struct Application {
    server: Server,
    address: SocketAddr,
    is_tls: bool,
    state: Data<HttpState>,
    arbiters: Vec<Arbiter>,
    kubernetes: KubernetesCluster,
    events: Option<StoreEvents>,
    autoscalers: Vec<RequestedAutoscaler>,
}

impl Application {
    /// Joins all parts. Must be called within an actix system.
    pub fn build(settings: &Settings, in_pod: bool, connected: ConnectedCluster) -> Result<Self, StartError> {
        let ConnectedCluster {
            kubernetes,
            keeping,
            exporters,
            scraper,
            clock,
            name,
            instruments,
            reviewer,
            autoscalers,
        } = connected;
        let leadership = keeping.leadership(clock);
        let Keeping { store, events, election, announcer } = keeping;
        let cluster = kubernetes.cluster();
        let bind = SocketAddr::new(settings.http.bind_address(in_pod)?, settings.http.port);
        let access = access(settings.auth.choice(reviewer.is_some() && in_pod, bind.ip())?, reviewer, clock)?;
        let tls = settings.http.tls().map(Tls::load).transpose()?;
        let is_tls = tls.is_some();
        let reach = match &access {
            _ if bind.ip().is_loopback() => Reach::Loopback,
            Access::Open => Reach::Open,
            _ => Reach::Authenticated,
        };
        let cannot_listen = |error| StartError::Listen { address: bind, error };
        let listener = TcpListener::bind(bind).map_err(cannot_listen)?;
        let address = listener.local_addr().map_err(cannot_listen)?;

        let collector = CollectorSettings {
            freshness: settings.metrics.freshness(),
            cluster_scope_from: settings.metrics.cluster_scope_from_namespaces,
        };
        let subscribers = Arc::new(Subscribers::default());
        let shelf = Arc::new(Shelf::default());
        let usage = ResourceCollector::new(
            cluster.metrics.clone(),
            clock,
            collector,
            instruments.clone(),
            subscribers.clone(),
            shelf.clone(),
        )
        .start();
        let gpu_table = Arc::new(ArcSwap::default());
        let gpu_collector = GpuCollectorSettings {
            freshness: settings.gpu.freshness(settings.metrics.max_age()),
            max_age: settings.metrics.max_age(),
            concurrency: settings.gpu.concurrency,
            window: settings.gpu.collect_interval(),
        };
        let gpus = GpuCollector::new(
            exporters.clone(),
            Arc::new(scraper),
            clock,
            gpu_collector,
            gpu_table.clone(),
            instruments.clone(),
            subscribers.clone(),
        )
        .start();
        let index = cluster.index.clone();
        let journal = Arc::new(Journal::new(KEPT_EVENTS));
        let brake = Arc::new(Brake::new(settings.scaling.mode()));
        let totals = Arc::new(ScaleTotals::default());
        let telemetry = telemetry::Sources {
            instruments: instruments.clone(),
            totals: totals.clone(),
            brake: brake.clone(),
            index: index.clone(),
            store: store.clone(),
            leadership: leadership.clone(),
            gpu_table: gpu_table.clone(),
            clock,
        };
        let telemetry = Arc::new(Telemetry::new(telemetry, settings.prometheus.limits()));
        let shared = Shared {
            cluster,
            usage: usage.recipient(),
            gpus: gpus.recipient(),
            shelf,
            subscribers,
            min_interval: settings.scaling.min_interval(),
            fallback: settings.gpu.fallback(),
            clock,
            max_age: settings.metrics.max_age(),
            log_bounds: settings.decisions.bounds(),
            turns: Arc::new(Turns::new(clock)),
            brake: brake.clone(),
            totals,
            instruments,
            journal: journal.clone(),
            saver: Arc::new(Saver::new(store.clone())),
            store: store.clone(),
            leadership: leadership.clone(),
            announcer,
        };
        let arbiters: Vec<_> = (0..threads(settings.actors.arbiters, 1)).map(|_| Arbiter::new()).collect();
        let handles = arbiters.iter().map(Arbiter::handle).collect();
        let registry = RegistryHandle::start(
            Registry::new(Arc::new(shared), settings.namespaces.rules(), handles),
            REGISTRY_TIME_LIMIT,
        );

        let state = Data::new(HttpState {
            registry,
            brake,
            max_age: settings.metrics.max_age(),
            index,
            store,
            leadership,
            election,
            exporters,
            gpu_table,
            telemetry,
            clock,
            cluster_name: name,
            access,
            stopping: CancellationToken::new(),
            journal,
            pulse: Default::default(),
            kept: Default::default(),
            followers: Followers::new(MOST_FOLLOWERS, settings.http.followers_per_caller),
            life: clock.now().timestamp_millis(),
        });
        let serving = HttpServerSettings {
            workers: threads(settings.http.workers, 0),
            shutdown_grace: REQUESTS_GRACE,
            max_connections: settings.http.max_connections,
            max_connections_per_address: settings.http.max_connections_per_address,
            tls,
            names: Names::new(reach, settings.http.allowed_hosts()?),
            pace: Pace::new(settings.http.rate()),
        };
        let server = http::serve(listener, state.clone(), serving).map_err(cannot_listen)?;
        Ok(Self { server, address, is_tls, state, arbiters, kubernetes, events, autoscalers })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` completes; then takes no more requests, finishes the evaluations in hand, and ends.
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> std::io::Result<()> {
        let scheme = if self.is_tls { "https" } else { "http" };
        log::info!("cluster: {}; open {scheme}://{}/", self.state.cluster_name, self.address);
        if self.state.brake.mode() == Mode::Observe {
            log::warn!("the service's mode is observe: it decides and records, and scales nothing");
        }
        match &self.state.access {
            Access::Open => log::warn!("auth.mode is none: whoever reaches {} may do everything", self.address),
            Access::Tokens(file) => {
                actix::spawn(file.clone().follow());
            }
            Access::Cluster(_) => {}
        }
        let handle = self.server.handle();
        actix::spawn(http::beat(self.state.clone()));
        if let Some(events) = self.events {
            let state = self.state.clone();
            actix::spawn(async move { state.registry.follow(events).await });
        }
        if let Some(election) = self.state.election.clone() {
            if self.state.brake.mode() == Mode::Observe {
                actix::spawn(self.state.brake.clone().impose(election.clone(), self.state.clock));
            }
            actix::spawn(self.state.brake.clone().follow(election.clone()));
            actix::spawn(stand(self.state.clone(), election));
        }
        actix::spawn(create_all(self.state.clone(), self.autoscalers));
        let serving = actix::spawn(self.server);
        tokio::pin!(serving);
        tokio::select! {
            () = stop => {}
            ended = &mut serving => return flatten(ended),
        }
        log::info!("stopping: no more requests are taken, evaluations in hand are finished");
        self.state.stopping.cancel();
        handle.stop(true).await;
        if tokio::time::timeout(EVALUATIONS_GRACE, self.state.registry.drain()).await.is_err() {
            log::warn!("some evaluations did not finish within {} s", EVALUATIONS_GRACE.as_secs_f64());
        }
        // When nothing is done here any more, another may begin.
        if let Some(election) = &self.state.election {
            election.resign().await;
        }
        self.kubernetes.stop().await;
        for arbiter in &self.arbiters {
            arbiter.stop();
        }
        log::info!("stopped");
        flatten(serving.await)
    }
}

/// Lets this replica take the lead as long as it knows what there is: one that is still reading would be no leader.
async fn stand(state: Data<HttpState>, election: Arc<dyn Election>) {
    const LOOK: Duration = Duration::from_millis(100);
    while !state.stopping.is_cancelled() {
        let knows = state.registry.is_synced() && state.store.fault().is_none() && state.index.fault().is_none();
        election.stand(knows);
        state.clock.sleep(LOOK).await;
    }
}

async fn create_all(state: Data<HttpState>, autoscalers: Vec<RequestedAutoscaler>) {
    for requested in autoscalers {
        let workload = format!("{}/{}", requested.namespace, requested.name);
        let error = match state.registry.create(requested, None).await {
            Ok(Ok(_)) => continue,
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        log::warn!("{workload} of simulation.autoscalers is not under autoscaling: {error}");
    }
}

fn flatten(ended: Result<std::io::Result<()>, tokio::task::JoinError>) -> std::io::Result<()> {
    ended.unwrap_or_else(|panicked| Err(std::io::Error::other(panicked)))
}

/// `wanted` threads; 0 is one for each core but `spare`, at least one.
fn threads(wanted: usize, spare: usize) -> usize {
    match wanted {
        0 => available_parallelism().map_or(1, usize::from).saturating_sub(spare).max(1),
        wanted => wanted,
    }
}
