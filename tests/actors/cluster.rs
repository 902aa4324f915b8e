//! A cluster that does what a test tells it: workloads whose load is set by hand, and answers that can be wrong, late,
//! or a panic. It writes every call down.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use ai_storage_orchestrator::clock::Clock;
use ai_storage_orchestrator::domain::Timestamp;
use ai_storage_orchestrator::domain::autoscaler::{RequestedKind, WorkloadKind, WorkloadRef};
use ai_storage_orchestrator::domain::capacity::Room;
use ai_storage_orchestrator::domain::observation::{
    ContainerRequests, ContainerUsage, Pod, PodPhase, PodRequests, PodUsage, Readiness, ResourceRequests,
};
use ai_storage_orchestrator::domain::quantity::Amount;
use ai_storage_orchestrator::ports::{
    Cluster, ClusterError, Exporter, ExporterDirectory, GpuMetrics, PodSelection, PortFuture, ResolveError,
    ResolvedWorkload, ResourceMetrics, Scale, Scope, Scrape, ScrapeError, UsageTable, WorkloadIndex, WorkloadResolver,
    WorkloadScaler, WorkloadView, Written,
};
use chrono::TimeDelta;
use tokio::sync::{Semaphore, watch};

/// What the actors ask a cluster for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    Resolve,
    View,
    Read,
    Set,
    Probe,
    /// Who set the replicas last.
    Writer,
    /// The usage of a namespace (whose name is the subject), or of the cluster (subject `*`).
    List,
}

/// One call, as the cluster saw it come in.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    pub op: Op,
    pub subject: String,
    pub at: Timestamp,
    /// For [`Op::Set`]: the wanted replicas and the named version.
    pub change: Option<(u32, String)>,
}

/// An answer other than the truth.
#[derive(Clone)]
pub enum Answer {
    /// As if nothing was scripted.
    Truth,
    Fails(ClusterError),
    Panics,
    /// The truth, once the gate is open.
    Waits(Gate),
    /// The truth, after somebody else has set the replicas.
    AfterOthersSet(u32),
    /// For [`Op::Set`]: it is done, but no answer comes.
    DoneUnanswered,
    /// For [`Op::Set`]: it is done, and the answer comes once the gate is open.
    DoneThenWaits(Gate),
    /// For [`Op::View`]: nothing is known.
    Unknown(&'static str),
    /// For [`Op::View`]: the watches have not heard of the workload yet.
    NotSeenYet,
}

/// Holds calls up.
#[derive(Clone)]
pub struct Gate(Arc<(Semaphore, watch::Sender<bool>)>);

impl Gate {
    pub fn new() -> Self {
        Self(Arc::new((Semaphore::new(0), watch::Sender::new(false))))
    }

    /// Completes when a call waits at the gate.
    pub async fn reached(&self) {
        self.0.0.acquire().await.unwrap().forget();
    }

    pub fn open(&self) {
        self.0.1.send_replace(true);
    }

    async fn pass(&self) {
        self.0.0.add_permits(1);
        self.0.1.subscribe().wait_for(|open| *open).await.unwrap();
    }
}

struct Workload {
    uid: Arc<str>,
    kind: WorkloadKind,
    replicas: u32,
    version: u64,
    /// What its pods use together, in percent of what one of them requests.
    load: u64,
    /// What the watches still believe, when they lag behind.
    seen_replicas: Option<u32>,
    /// The scale as the watches know it, when they do.
    seen_scale: Option<Scale>,
    /// Who else set the replicas last.
    writer: Option<String>,
}

impl Workload {
    fn scale(&self) -> Scale {
        Scale { uid: self.uid.clone(), replicas: self.replicas, resource_version: self.version.to_string() }
    }
}

struct State {
    clock: Clock,
    /// How many workloads there have been.
    added: u32,
    workloads: BTreeMap<(String, String), Workload>,
    /// Another autoscaler of the cluster: as the watches have it, and as it is.
    rival: (Option<String>, Option<String>),
    calls: Vec<Call>,
    once: HashMap<(Op, String), VecDeque<Answer>>,
    always: HashMap<(Op, String), Answer>,
}

/// The cluster.
#[derive(Clone)]
pub struct FakeCluster(Arc<Mutex<State>>);

pub const NAMESPACE: &str = "default";

/// A Deployment in the default namespace.
pub fn deployment(name: &str) -> WorkloadRef {
    WorkloadRef { kind: WorkloadKind::Deployment, namespace: NAMESPACE.into(), name: name.into() }
}

impl FakeCluster {
    pub fn new(clock: Clock) -> Self {
        Self(Arc::new(Mutex::new(State {
            clock,
            added: 0,
            workloads: BTreeMap::new(),
            rival: (None, None),
            calls: Vec::new(),
            once: HashMap::new(),
            always: HashMap::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A scripted panic may have poisoned it, but never in the middle of a change.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub fn ports(&self) -> Cluster {
        Cluster {
            resolver: Arc::new(self.clone()),
            index: Arc::new(self.clone()),
            scaler: Arc::new(self.clone()),
            metrics: Arc::new(self.clone()),
        }
    }

    pub fn add(&self, name: &str, replicas: u32, cpu_percent: u64) {
        self.add_workload(&deployment(name), replicas, cpu_percent);
    }

    pub fn add_workload(&self, workload: &WorkloadRef, replicas: u32, cpu_percent: u64) {
        let WorkloadRef { kind, namespace, name } = workload.clone();
        let load = cpu_percent * u64::from(replicas);
        let mut state = self.state();
        state.added += 1;
        let uid = format!("uid-{}", state.added).into();
        let added =
            Workload { uid, kind, replicas, version: 100, load, seen_replicas: None, seen_scale: None, writer: None };
        state.workloads.insert((namespace, name), added);
    }

    pub fn remove(&self, name: &str) {
        self.state().workloads.remove(&(NAMESPACE.into(), name.into()));
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Workload)) {
        change(self.state().workloads.get_mut(&(NAMESPACE.into(), name.into())).unwrap());
    }

    /// Each pod uses `cpu_percent` of its request from now on; more pods will share that load.
    pub fn set_load(&self, name: &str, cpu_percent: u64) {
        self.change(name, |workload| workload.load = cpu_percent * u64::from(workload.replicas));
    }

    /// The watches show another count than the API server has.
    pub fn lag(&self, name: &str, seen_replicas: u32) {
        self.change(name, |workload| workload.seen_replicas = Some(seen_replicas));
    }

    /// The watches know the scale, from now on as it is now.
    pub fn show_scale(&self, name: &str) {
        self.change(name, |workload| workload.seen_scale = Some(workload.scale()));
    }

    /// Somebody else changes the replicas.
    pub fn scale_by_hand(&self, name: &str, writer: &str, replicas: u32) {
        self.change(name, |workload| {
            (workload.replicas, workload.writer) = (replicas, Some(writer.to_owned()));
            workload.version += 1;
        });
    }

    /// Another autoscaler scales the workloads, as the watches see it, and as it is.
    pub fn rival(&self, seen: Option<&str>, there_is: Option<&str>) {
        self.state().rival = (seen.map(str::to_owned), there_is.map(str::to_owned));
    }

    /// Somebody else changes something other than the replicas.
    pub fn bump(&self, name: &str) {
        self.change(name, |workload| workload.version += 1);
    }

    pub fn replicas(&self, name: &str) -> u32 {
        self.state().workloads[&(NAMESPACE.into(), name.into())].replicas
    }

    /// Answers the next calls.
    pub fn next(&self, op: Op, subject: &str, answers: impl IntoIterator<Item = Answer>) {
        self.state().once.entry((op, subject.into())).or_default().extend(answers);
    }

    /// Answers every call from now on.
    pub fn always(&self, op: Op, subject: &str, answer: Answer) {
        self.state().always.insert((op, subject.into()), answer);
    }

    pub fn calls(&self, op: Op) -> Vec<Call> {
        self.state().calls.iter().filter(|call| call.op == op).cloned().collect()
    }

    pub fn calls_about(&self, op: Op, subject: &str) -> Vec<Call> {
        self.calls(op).into_iter().filter(|call| call.subject == subject).collect()
    }

    /// Calls that need a request of their own to the API server.
    pub fn scaler_calls(&self) -> usize {
        self.calls(Op::Read).len() + self.calls(Op::Set).len() + self.calls(Op::Probe).len()
    }

    pub fn forget_calls(&self) {
        self.state().calls.clear();
    }

    /// Writes the call down, and says how to answer it.
    fn called(&self, op: Op, subject: &str, change: Option<(u32, String)>) -> Answer {
        let mut state = self.state();
        let at = state.clock.now();
        state.calls.push(Call { op, subject: subject.into(), at, change });
        let key = (op, subject.to_owned());
        let once = state.once.get_mut(&key).and_then(VecDeque::pop_front);
        once.or_else(|| state.always.get(&key).cloned()).unwrap_or(Answer::Truth)
    }

    /// Answers with `truth`, unless told otherwise.
    fn answer<T: Send + 'static, E: From<ClusterError> + Send + 'static>(
        &self,
        answer: Answer,
        subject: (String, String),
        truth: impl FnOnce(&mut State) -> Result<T, E> + Send + 'static,
    ) -> PortFuture<Result<T, E>> {
        let cluster = self.clone();
        Box::pin(async move {
            match answer {
                Answer::Truth => {}
                Answer::Fails(error) => return Err(error.into()),
                Answer::Panics => panic!("scripted panic"),
                Answer::Waits(gate) => gate.pass().await,
                Answer::AfterOthersSet(replicas) => {
                    let mut state = cluster.state();
                    let workload = state.workloads.get_mut(&subject).unwrap();
                    workload.replicas = replicas;
                    workload.writer = Some("somebody".into());
                    workload.version += 1;
                }
                Answer::DoneUnanswered => {
                    truth(&mut cluster.state())?;
                    return Err(ClusterError::Timeout(std::time::Duration::from_secs(5)).into());
                }
                Answer::DoneThenWaits(gate) => {
                    let done = truth(&mut cluster.state());
                    gate.pass().await;
                    return done;
                }
                Answer::Unknown(_) | Answer::NotSeenYet => panic!("only a view has such an answer"),
            }
            truth(&mut cluster.state())
        })
    }
}

fn key(workload: &WorkloadRef) -> (String, String) {
    (workload.namespace.clone(), workload.name.clone())
}

fn not_found(name: &str) -> ClusterError {
    ClusterError::NotFound(format!("deployments.apps \"{name}\" not found"))
}

fn pods(clock: &Clock, name: &str, replicas: u32) -> Vec<Arc<Pod>> {
    let started = clock.now() - TimeDelta::hours(1);
    let requests = ContainerRequests {
        name: "main".into(),
        resources: ResourceRequests { cpu: Some(Amount::from_thousandths(1000)), memory: None },
    };
    (0..replicas)
        .map(|number| Pod {
            revision: None,
            unschedulable: None,
            name: format!("{name}-{number}"),
            node: Some(format!("node-{number}").into()),
            phase: PodPhase::Running,
            terminating: false,
            readiness: Some(Readiness { is_false: false, changed_at: started }),
            started_at: Some(started),
            requests: Arc::new(PodRequests { containers: vec![requests.clone()], ..PodRequests::default() }),
        })
        .map(Arc::new)
        .collect()
}

impl WorkloadResolver for FakeCluster {
    fn resolve(
        &self,
        namespace: String,
        name: String,
        kind: RequestedKind,
    ) -> PortFuture<Result<ResolvedWorkload, ResolveError>> {
        let answer = self.called(Op::Resolve, &name, None);
        self.answer(answer, (namespace.clone(), name.clone()), move |state| {
            match state.workloads.get(&(namespace.clone(), name.clone())) {
                Some(found) if kind == RequestedKind::Auto || kind == RequestedKind::Exactly(found.kind) => {
                    let workload = WorkloadRef { kind: found.kind, namespace, name };
                    Ok(ResolvedWorkload { workload, replicas: found.replicas, scaled_by: state.rival.1.clone() })
                }
                _ => Err(ResolveError::NotFound { kind: "deployment", name, hint: String::new() }),
            }
        })
    }
}

/// A cluster without GPUs.
struct NoExporters;

impl ExporterDirectory for NoExporters {
    fn exporters(&self) -> Result<Vec<Exporter>, String> {
        Err("there are no exporters".to_owned())
    }
}

impl GpuMetrics for NoExporters {
    fn scrape(&self, _: &Exporter) -> PortFuture<Result<Scrape, ScrapeError>> {
        panic!("there is nothing to read")
    }
}

/// What a collector for GPUs reads, which is nothing.
pub fn no_exporters() -> (Arc<dyn ExporterDirectory>, Arc<dyn GpuMetrics>) {
    (Arc::new(NoExporters), Arc::new(NoExporters))
}

impl WorkloadIndex for FakeCluster {
    fn view(&self, workload: &WorkloadRef, _: PodSelection) -> WorkloadView {
        match self.called(Op::View, &workload.name, None) {
            Answer::Truth => {}
            Answer::Panics => panic!("scripted panic"),
            Answer::Unknown(error) => return WorkloadView::Unknown { error: error.into() },
            Answer::NotSeenYet => return WorkloadView::Absent,
            _ => panic!("a view has no such answer"),
        }
        let state = self.state();
        let Some(found) = state.workloads.get(&key(workload)) else { return WorkloadView::Absent };
        let replicas = found.seen_replicas.unwrap_or(found.replicas);
        let uid = found.uid.clone();
        WorkloadView::Present { uid, replicas, revision: None, pods: pods(&state.clock, &workload.name, replicas) }
    }

    fn scale(&self, workload: &WorkloadRef) -> Option<Scale> {
        self.state().workloads.get(&key(workload))?.seen_scale.clone()
    }

    fn rival(&self, _: &WorkloadRef) -> Option<String> {
        self.state().rival.0.clone()
    }

    fn room(&self, _: &WorkloadRef) -> Room {
        Room::NotAsked
    }

    fn capacity_fault(&self) -> Option<String> {
        None
    }

    fn fault(&self) -> Option<String> {
        None
    }
}

impl WorkloadScaler for FakeCluster {
    fn read(&self, workload: &WorkloadRef) -> PortFuture<Result<Scale, ClusterError>> {
        let answer = self.called(Op::Read, &workload.name, None);
        let workload = key(workload);
        self.answer(answer, workload.clone(), move |state| {
            let found = state.workloads.get(&workload).ok_or_else(|| not_found(&workload.1))?;
            Ok(found.scale())
        })
    }

    fn set(
        &self,
        workload: &WorkloadRef,
        replicas: u32,
        resource_version: String,
    ) -> PortFuture<Result<(), ClusterError>> {
        let answer = self.called(Op::Set, &workload.name, Some((replicas, resource_version.clone())));
        let workload = key(workload);
        self.answer(answer, workload.clone(), move |state| {
            let found = state.workloads.get_mut(&workload).ok_or_else(|| not_found(&workload.1))?;
            if found.version.to_string() != resource_version {
                return Err(ClusterError::Conflict("the object has been modified".into()));
            }
            found.replicas = replicas;
            found.version += 1;
            found.writer = None;
            Ok(())
        })
    }

    fn last_writer(&self, workload: &WorkloadRef) -> PortFuture<Result<Written, ClusterError>> {
        let answer = self.called(Op::Writer, &workload.name, None);
        let workload = key(workload);
        self.answer(answer, workload.clone(), move |state| {
            let found = state.workloads.get(&workload).ok_or_else(|| not_found(&workload.1))?;
            let writer = found.writer.clone().unwrap_or_else(|| "ai-storage-orchestrator".into());
            Ok(Written { replicas: found.replicas, by_us: found.writer.is_none(), writer })
        })
    }

    fn probe(&self, workload: &WorkloadRef) -> PortFuture<Result<(), ClusterError>> {
        let answer = self.called(Op::Probe, &workload.name, None);
        self.answer(answer, key(workload), |_| Ok(()))
    }
}

impl ResourceMetrics for FakeCluster {
    fn list(&self, scope: Scope, _: Option<Arc<UsageTable>>) -> PortFuture<Result<UsageTable, ClusterError>> {
        let subject = match &scope {
            Scope::Cluster => "*".to_owned(),
            Scope::Namespace(namespace) => namespace.clone(),
        };
        let answer = self.called(Op::List, &subject, None);
        self.answer(answer, (String::new(), subject), move |state| {
            let measured_at = state.clock.now();
            let mut table = UsageTable::new("fake");
            for ((namespace, name), workload) in &state.workloads {
                if matches!(&scope, Scope::Namespace(wanted) if wanted != namespace) {
                    continue;
                }
                let cpu = Some(Amount::from_thousandths(workload.load * 10 / u64::from(workload.replicas.max(1))));
                let used = ContainerUsage { name: "main".into(), cpu, memory: None };
                let usage = Arc::new(PodUsage { measured_at, window: Duration::from_secs(15), containers: vec![used] });
                let of_namespace = Arc::make_mut(table.namespaces.entry(Arc::from(&**namespace)).or_default());
                // The watches may know more pods than there are: all that they can know are measured.
                let pods = workload.seen_replicas.unwrap_or(workload.replicas).max(workload.replicas);
                of_namespace.extend((0..pods).map(|number| (Arc::from(format!("{name}-{number}")), usage.clone())));
            }
            Ok(table)
        })
    }
}
