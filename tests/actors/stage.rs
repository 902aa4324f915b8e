//! What every test needs: a registry on a scripted cluster, and time that passes when the test says so.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use actix::Actor as _;
use ai_storage_orchestrator::actors::brake::Brake;
use ai_storage_orchestrator::actors::collectors::gpu::{GpuCollector, GpuCollectorSettings};
use ai_storage_orchestrator::actors::collectors::resource::{CollectorSettings, ResourceCollector};
use ai_storage_orchestrator::actors::collectors::shelf::Shelf;
use ai_storage_orchestrator::actors::events::Journal;
use ai_storage_orchestrator::actors::leadership::Leadership;
use ai_storage_orchestrator::actors::listing::List;
use ai_storage_orchestrator::actors::messages::{CreateError, Created};
use ai_storage_orchestrator::actors::registry::Registry;
use ai_storage_orchestrator::actors::registry_handle::RegistryHandle;
use ai_storage_orchestrator::actors::saving::Saver;
use ai_storage_orchestrator::actors::shared::Shared;
use ai_storage_orchestrator::actors::snapshot::{AutoscalerRecord, ScaleTotals, Snapshot};
use ai_storage_orchestrator::actors::subscribers::Subscribers;
use ai_storage_orchestrator::actors::turns::Turns;
use ai_storage_orchestrator::adapters::memory::MemoryStore;
use ai_storage_orchestrator::clock::Clock;
use ai_storage_orchestrator::domain::Timestamp;
use ai_storage_orchestrator::domain::autoscaler::{
    Metric, Mode, ReplicaBounds, RequestedAutoscaler, RequestedKind, ScalingRules, TargetPercent, Targets, Window,
    WorkloadRef,
};
use ai_storage_orchestrator::domain::condition::{Condition, ConditionKind};
use ai_storage_orchestrator::domain::decision_log::LogBounds;
use ai_storage_orchestrator::domain::gpu::Fallback;
use ai_storage_orchestrator::domain::namespaces::NamespaceRules;
use ai_storage_orchestrator::instruments::Instruments;
use ai_storage_orchestrator::ports::announcer::{Announcement, Announcer};
use ai_storage_orchestrator::ports::election::Claim;
use ai_storage_orchestrator::ports::store::AutoscalerStore;
use ai_storage_orchestrator::telemetry::{self, Format, Registered, SeriesLimits, Telemetry};
use chrono::TimeDelta;
use tokio::sync::watch;
use tokio::task::{JoinHandle, LocalSet, spawn_local};
use tokio::time::timeout;

use super::cluster::{Answer, FakeCluster, Gate, Op, deployment, no_exporters};
use super::objects::Objects;

/// A result of the collector serves everyone for this long: less than half an interval, so that a lone autoscaler
/// finds a new one at each evaluation.
pub const FRESHNESS: Duration = Duration::from_secs(5);

/// From this many namespaces on, the collector reads the whole cluster at once.
pub const CLUSTER_SCOPE_FROM: usize = 5;

/// Longer than the registry looks for a workload.
const TIME_LIMIT: Duration = Duration::from_secs(120);

pub struct Stage {
    pub cluster: FakeCluster,
    pub registry: Arc<RegistryHandle>,
    pub clock: Clock,
    pub brake: Arc<Brake>,
    start: Timestamp,
    shared: Arc<Shared>,
    pub sources: telemetry::Sources,
    pub told: Arc<Told>,
}

/// Another replica of the service on the same cluster, with autoscalers that are objects.
pub struct Replica {
    pub registry: Arc<RegistryHandle>,
    pub journal: Arc<Journal>,
    claims: watch::Sender<Claim>,
    clock: Clock,
    name: &'static str,
    following: JoinHandle<()>,
}

impl Replica {
    /// It leads from now on, whatever the others think; for so long.
    pub fn lead(&self, seconds: i64) {
        self.claims.send_modify(|claim| {
            claim.holder = Some(self.name.into());
            claim.ours_until = Some(self.clock.steady() + TimeDelta::seconds(seconds));
        });
    }

    /// It learns that another one leads.
    pub fn stand_by(&self, leader: &'static str) {
        self.claims.send_replace(Claim { holder: Some(leader.into()), ..Claim::default() });
    }

    /// Puts the Deployment `web` under autoscaling.
    pub async fn create(&self, rules: ScalingRules) -> Result<Created, CreateError> {
        self.registry.create(request(&deployment("web"), rules), None).await.unwrap()
    }

    /// The only autoscaler.
    pub async fn one(&self) -> Arc<AutoscalerRecord> {
        let mut all = self.registry.list(&List::default()).unwrap().autoscalers;
        assert_eq!(all.len(), 1);
        all.pop().unwrap()
    }

    /// It does nothing more, as if it had been killed.
    pub async fn kill(self) {
        self.following.abort();
        self.claims.send_replace(Claim::default());
        // Nothing that it has in hand can act any more.
        drop(self.registry);
    }
}

/// Runs a test on a stage of its own.
pub fn play(test: impl AsyncFnOnce(&Stage)) {
    play_with(Duration::from_secs(1), test);
}

/// The same where changes are looked at only so often.
pub fn play_with(min_interval: Duration, test: impl AsyncFnOnce(&Stage)) {
    keep_log();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let stage = Stage::new(min_interval);
        // On a paused clock, waiting for what never happens would have no end.
        timeout(Duration::from_secs(7200), test(&stage))
            .await
            .expect("the test waits for something that never happens");
    });
}

/// What the cluster's people are told.
#[derive(Default)]
pub struct Told(Mutex<Vec<Announcement>>);

impl Announcer for Told {
    fn announce(&self, announcement: Announcement) {
        self.0.lock().unwrap().push(announcement);
    }
}

impl Told {
    /// What was told under a reason.
    pub fn notes(&self, reason: &str) -> Vec<String> {
        let all = self.0.lock().unwrap();
        all.iter().filter(|told| told.reason == reason).map(|told| told.note.clone()).collect()
    }
}

impl Stage {
    fn new(min_interval: Duration) -> Self {
        let clock = Clock::scaled(Timestamp::UNIX_EPOCH + TimeDelta::days(20_000), 1.0);
        let cluster = FakeCluster::new(clock);
        let ports = cluster.ports();
        let (instruments, totals) = (Arc::new(Instruments::default()), Arc::new(ScaleTotals::default()));
        let settings = CollectorSettings { freshness: FRESHNESS, cluster_scope_from: CLUSTER_SCOPE_FROM };
        let (subscribers, shelf) = (Arc::new(Subscribers::default()), Arc::new(Shelf::default()));
        let collector = ResourceCollector::new(
            ports.metrics.clone(),
            clock,
            settings,
            instruments.clone(),
            subscribers.clone(),
            shelf.clone(),
        )
        .start();
        let settings = GpuCollectorSettings {
            freshness: FRESHNESS,
            max_age: Duration::from_secs(90),
            concurrency: 4,
            window: Duration::ZERO,
        };
        let (exporters, source) = no_exporters();
        let gpus = GpuCollector::new(
            exporters,
            source,
            clock,
            settings,
            Arc::default(),
            instruments.clone(),
            subscribers.clone(),
        )
        .start();
        let brake = Arc::new(Brake::new(Mode::Active));
        let told = Arc::new(Told::default());
        let store: Arc<dyn AutoscalerStore> = Arc::new(MemoryStore::new(clock));
        let shared = Arc::new(Shared {
            cluster: ports.clone(),
            usage: collector.recipient(),
            gpus: gpus.recipient(),
            shelf,
            subscribers,
            min_interval,
            fallback: Fallback::Shown,
            clock,
            max_age: Duration::from_secs(90),
            log_bounds: LogBounds { entries: 32, bytes: 64 * 1024 },
            turns: Arc::new(Turns::new(clock)),
            brake: brake.clone(),
            totals: totals.clone(),
            instruments: instruments.clone(),
            journal: Arc::new(Journal::new(100)),
            saver: Arc::new(Saver::new(store.clone())),
            store,
            leadership: Leadership::alone(),
            announcer: told.clone(),
        });
        let registry = RegistryHandle::start(Registry::new(shared.clone(), namespaces(), Vec::new()), TIME_LIMIT);
        let sources = telemetry::Sources {
            instruments,
            totals,
            brake: brake.clone(),
            index: ports.index.clone(),
            store: shared.store.clone(),
            leadership: Leadership::alone(),
            gpu_table: Arc::default(),
            clock,
        };
        let start = clock.now();
        Self { cluster, registry: Arc::new(registry), clock, brake, start, shared, sources, told }
    }

    /// A replica that keeps its autoscalers in `objects`, and does not lead yet.
    pub fn replica(&self, name: &'static str, objects: &Objects) -> Replica {
        let (claims, claim) = watch::channel(Claim::default());
        let store: Arc<dyn AutoscalerStore> = Arc::new(objects.clone());
        let shared = Shared {
            saver: Arc::new(Saver::new(store.clone())),
            store,
            leadership: Leadership::elected(claim, self.clock, name.into()),
            brake: Arc::new(Brake::new(Mode::Active)),
            totals: Arc::default(),
            journal: Arc::new(Journal::new(100)),
            ..Shared::clone(&self.shared)
        };
        let journal = shared.journal.clone();
        let registry =
            Arc::new(RegistryHandle::start(Registry::new(Arc::new(shared), namespaces(), Vec::new()), TIME_LIMIT));
        let (following, events) = (registry.clone(), objects.follow());
        let following = spawn_local(async move { following.follow(events).await });
        Replica { registry, journal, claims, clock: self.clock, name, following }
    }

    /// What Prometheus would see, when so many autoscalers may have series of their own.
    pub async fn metrics_of(&self, autoscalers: usize) -> String {
        let telemetry = Telemetry::new(self.sources.clone(), SeriesLimits { autoscalers, exporters: 10 });
        self.registry.probe().await.unwrap();
        let page = self.registry.list(&List::default()).unwrap();
        telemetry.write(Registered { autoscalers: page.autoscalers, waiting: 0 }, Format::Prometheus).unwrap()
    }

    /// The same without a limit.
    pub async fn metrics(&self) -> String {
        self.metrics_of(usize::MAX).await
    }

    /// Lets time pass. Everything that falls due meanwhile happens at its own time.
    pub async fn pass(&self, seconds: f64) {
        self.clock.sleep(Duration::from_secs_f64(seconds)).await;
    }

    /// Lets everything happen that is due now.
    pub async fn settle(&self) {
        self.pass(0.001).await;
    }

    /// The seconds since the stage was set up.
    pub fn seconds(&self, at: Timestamp) -> f64 {
        (at - self.start).as_seconds_f64()
    }

    pub fn now(&self) -> f64 {
        self.seconds(self.clock.now())
    }

    /// The counts that were asked for of whatever workload, in order.
    pub fn changes(&self) -> Vec<u32> {
        self.cluster.calls(Op::Set).into_iter().map(|call| call.change.unwrap().0).collect()
    }

    /// How many autoscaler actors there are, evaluations in hand counted extra.
    pub fn actors(&self) -> usize {
        // One more belongs to the stage, and one to the registry.
        Arc::strong_count(&self.shared) - 2
    }

    pub async fn try_create(&self, workload: &WorkloadRef, rules: ScalingRules) -> Result<Created, CreateError> {
        self.registry.create(request(workload, rules), None).await.unwrap()
    }

    pub async fn create_for(&self, workload: &WorkloadRef, rules: ScalingRules) -> Arc<AutoscalerRecord> {
        match self.try_create(workload, rules).await {
            Ok(Created::New(record)) => record,
            other => panic!("not created: {other:?}"),
        }
    }

    /// Puts a Deployment in the default namespace under autoscaling, and lets the first evaluation happen.
    pub async fn create(&self, name: &str, rules: ScalingRules) -> Arc<AutoscalerRecord> {
        let record = self.create_for(&deployment(name), rules).await;
        self.settle().await;
        record
    }

    /// Puts the Deployment `web` under autoscaling, and lets its first evaluation go on until this call, which waits at the
    /// gate.
    pub async fn create_held(&self, op: Op, subject: &str, rules: ScalingRules) -> (Arc<AutoscalerRecord>, Gate) {
        let gate = Gate::new();
        self.cluster.next(op, subject, [Answer::Waits(gate.clone())]);
        let record = self.create_for(&deployment("web"), rules).await;
        gate.reached().await;
        (record, gate)
    }

    pub async fn delete(&self, record: &AutoscalerRecord) -> bool {
        self.registry.delete(record, None).await.unwrap().unwrap()
    }

    /// Starts to delete, and lets the test go on.
    pub fn start_deleting(&self, record: &Arc<AutoscalerRecord>) -> JoinHandle<bool> {
        let (registry, record) = (self.registry.clone(), record.clone());
        spawn_local(async move { registry.delete(&record, None).await.unwrap().unwrap() })
    }

    /// Gives an autoscaler other rules.
    pub async fn update(&self, record: &AutoscalerRecord, rules: ScalingRules) {
        self.registry.update(&record.id, record.rules(), rules, None).await.unwrap().unwrap();
    }

    pub async fn set_paused(&self, record: &AutoscalerRecord, paused: bool) {
        assert!(self.registry.set_paused(record, paused, None).await.unwrap().unwrap().is_some());
    }

    /// Starts to drain, and lets the test go on.
    pub fn start_draining(&self) -> JoinHandle<()> {
        let registry = self.registry.clone();
        spawn_local(async move { registry.drain().await.unwrap() })
    }

    /// Starts to create, and lets the test go on.
    pub fn start_creating(
        &self,
        workload: &WorkloadRef,
        rules: ScalingRules,
    ) -> JoinHandle<Result<Created, CreateError>> {
        let (registry, request) = (self.registry.clone(), request(workload, rules));
        spawn_local(async move { registry.create(request, None).await.unwrap() })
    }
}

fn namespaces() -> NamespaceRules {
    NamespaceRules { allow: Vec::new(), deny: vec!["kube-system".into()] }
}

pub fn request(workload: &WorkloadRef, rules: ScalingRules) -> RequestedAutoscaler {
    RequestedAutoscaler {
        namespace: workload.namespace.clone(),
        name: workload.name.clone(),
        kind: RequestedKind::Exactly(workload.kind),
        rules,
    }
}

/// A CPU target of 70 %, the default windows (0 s up, 300 s down) and the default interval of 15 s.
pub fn rules(min: u32, max: u32) -> ScalingRules {
    let targets = Targets::only(Metric::Cpu, TargetPercent::new(70).unwrap());
    ScalingRules::new(ReplicaBounds::new(min, max).unwrap(), targets)
}

/// As [`rules`], with another scale-down window.
pub fn rules_with_down_window(min: u32, max: u32, seconds: u32) -> ScalingRules {
    let mut rules = rules(min, max);
    rules.scale_down.window = Window::from_seconds(seconds).unwrap();
    rules
}

/// The condition of that kind.
pub fn condition(snapshot: &Snapshot, kind: ConditionKind) -> Condition {
    snapshot.conditions.iter().find(|condition| condition.kind == kind).expect("the condition exists").clone()
}

thread_local! {
    static LOG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

struct Recorder;

impl log::Log for Recorder {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if record.target().starts_with("ai_storage_orchestrator") {
            LOG.with_borrow_mut(|lines| lines.push(format!("{} {}", record.level(), record.args())));
        }
    }

    fn flush(&self) {}
}

/// Each test has a thread, so each has a log.
fn keep_log() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        log::set_logger(&Recorder).unwrap();
        log::set_max_level(log::LevelFilter::Info);
    });
    LOG.with_borrow_mut(Vec::clear);
}

/// The lines of this test's log that contain `text`.
pub fn log_lines(text: &str) -> Vec<String> {
    LOG.with_borrow(|lines| lines.iter().filter(|line| line.contains(text)).cloned().collect())
}
