//! An API server with one Lease, and replicas that want it.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use chrono::TimeDelta;
use fastrand::Rng;
use futures_util::{FutureExt, future};
use http::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::super::calls::Calls;
use super::super::lease::{LeaseElection, LeaseSettings};
use super::super::watch::Watcher;
use super::scripted::{Answer, Asked, Line, Log, client};
use crate::clock::Clock;
use crate::domain::Timestamp;
use crate::ports::election::{Claim, Election};

pub(super) const PATH: &str = "/apis/coordination.k8s.io/v1/namespaces/system/leases/leader";

const COLLECTION: &str = "/apis/coordination.k8s.io/v1/namespaces/system/leases";

/// The Lease as the API server has it.
#[derive(Clone, Default)]
pub(super) struct Leases(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    lease: Option<Value>,
    version: u64,
    watches: Vec<UnboundedSender<Line>>,
}

impl State {
    fn tell(&mut self, kind: &str, lease: &Value) {
        self.watches.retain(|watch| watch.send(Ok(json!({"type": kind, "object": lease}))).is_ok());
    }
}

impl Leases {
    /// A Lease that somebody has already.
    pub(super) fn held_by(holder: &str) -> Self {
        let leases = Self::default();
        leases.put(json!({
            "metadata": {"name": "leader", "namespace": "system", "labels": {"app": "x"}, "annotations": {"note": "stays"}},
            "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15, "leaseTransitions": 7,
                     "acquireTime": "2020-01-05T10:00:00.000000Z", "renewTime": "2020-01-05T10:00:07.000000Z"},
        }));
        leases
    }

    /// The Lease as it is now.
    pub(super) fn now(&self) -> Value {
        self.0.lock().unwrap().lease.clone().unwrap_or_default()
    }

    pub(super) fn holder(&self) -> Value {
        self.now()["spec"]["holderIdentity"].clone()
    }

    pub(super) fn annotation(&self, name: &str) -> Value {
        self.now()["metadata"]["annotations"][format!("ai-storage.io/{name}")].clone()
    }

    /// Writes it, whoever else does.
    pub(super) fn put(&self, mut lease: Value) -> Value {
        let mut state = self.0.lock().unwrap();
        state.version += 1;
        lease["metadata"]["resourceVersion"] = json!(state.version.to_string());
        let before = state.lease.replace(lease.clone());
        state.tell(if before.is_some() { "MODIFIED" } else { "ADDED" }, &lease);
        lease
    }

    /// Changes it, as somebody does by hand.
    pub(super) fn edit(&self, edit: impl FnOnce(&mut Value)) {
        let mut lease = self.now();
        edit(&mut lease);
        self.put(lease);
    }

    pub(super) fn delete(&self) {
        let mut state = self.0.lock().unwrap();
        if let Some(lease) = state.lease.take() {
            state.tell("DELETED", &lease);
        }
    }

    /// Tells the open watches nothing any more; returns them, so that they stay open.
    pub(super) fn forget_watches(&self) -> Vec<UnboundedSender<Line>> {
        std::mem::take(&mut self.0.lock().unwrap().watches)
    }

    /// Ends the open watches with an error.
    pub(super) fn break_watches(&self) {
        for watch in self.0.lock().unwrap().watches.drain(..) {
            let _ = watch.send(Err(std::io::Error::other("the connection broke")));
        }
    }

    pub(super) fn answer(&self, asked: &Asked) -> Answer {
        let now = self.0.lock().unwrap().lease.clone();
        if asked.method == Method::GET && asked.path == COLLECTION {
            return self.tell_of(asked, now);
        }
        match (&asked.method, now) {
            (&Method::GET, Some(lease)) => Answer::ok(lease),
            (&Method::POST, None) => Answer::Json(201, self.put(asked.body.clone())),
            (&Method::POST, Some(_)) => Answer::status(409, "AlreadyExists", "leases \"leader\" already exists"),
            (&Method::PUT, Some(lease)) => {
                let versions = [&asked.body, &lease].map(|lease| lease["metadata"]["resourceVersion"].clone());
                if versions[0] == versions[1] {
                    Answer::ok(self.put(asked.body.clone()))
                } else {
                    Answer::status(409, "Conflict", "the object has been modified")
                }
            }
            _ => Answer::not_found("leases \"leader\""),
        }
    }

    /// The answer to a list or a watch.
    fn tell_of(&self, asked: &Asked, now: Option<Value>) -> Answer {
        assert!(asked.query.contains("fieldSelector=metadata.name%3Dleader"), "{}", asked.query);
        let mut state = self.0.lock().unwrap();
        if asked.query.contains("watch=true") {
            let (sender, lines) = unbounded_channel();
            state.watches.push(sender);
            return Answer::Events(lines);
        }
        let version = state.version.to_string();
        Answer::ok(json!({"metadata": {"resourceVersion": version}, "items": Vec::from_iter(now)}))
    }
}

/// How a replica's requests fare.
pub(super) enum Network {
    Works,
    /// Nothing arrives.
    Cut,
    /// The Lease can be neither listed nor watched.
    WithoutWatch,
    /// What is asked is done, but the answer is lost.
    Deaf,
    Refuses(u16, &'static str),
    /// What is asked is done at once, but the answer takes its time.
    Slow(Duration),
    /// Anything may happen.
    Wild(Rng),
}

/// A replica.
pub(super) struct Replica {
    pub(super) election: Arc<LeaseElection>,
    pub(super) log: Log,
    pub(super) clock: Clock,
    network: Arc<Mutex<Network>>,
    frost: Arc<Mutex<Frost>>,
    task: JoinHandle<()>,
}

impl Replica {
    /// Starts one whose clock shows something else than the others'. It may not watch the Lease.
    pub(super) fn start(leases: &Leases, identity: &str) -> Self {
        Self::start_as(leases, identity, false)
    }

    /// The same, but it watches the Lease.
    pub(super) fn start_watching(leases: &Leases, identity: &str) -> Self {
        Self::start_as(leases, identity, true)
    }

    fn start_as(leases: &Leases, identity: &str, watches: bool) -> Self {
        let network = Arc::new(Mutex::new(Network::Works));
        let connect = || {
            client({
                let (leases, network) = (leases.clone(), network.clone());
                move |asked| match &mut *network.lock().unwrap() {
                    Network::Works => leases.answer(asked),
                    Network::Cut => Answer::Silence,
                    Network::WithoutWatch if asked.path == COLLECTION => Answer::status(403, "Forbidden", "no"),
                    Network::WithoutWatch => leases.answer(asked),
                    Network::Deaf => {
                        leases.answer(asked);
                        Answer::Silence
                    }
                    Network::Refuses(code, reason) => Answer::status(*code, reason, "no"),
                    Network::Slow(delay) => Answer::Late(*delay, Box::new(leases.answer(asked))),
                    Network::Wild(rng) => match rng.u8(0..16) {
                        0 => Answer::Silence,
                        1 => Answer::Broken,
                        2 => Answer::status(503, "ServiceUnavailable", "no"),
                        3 => {
                            leases.answer(asked);
                            Answer::Broken
                        }
                        4 | 5 => Answer::Late(Duration::from_millis(rng.u64(0..4_000)), Box::new(leases.answer(asked))),
                        _ => Answer::Late(Duration::from_millis(rng.u64(0..200)), Box::new(leases.answer(asked))),
                    },
                }
            })
        };
        let epoch = Timestamp::UNIX_EPOCH + TimeDelta::days(20_000 + fastrand::i64(0..100));
        let clock = Clock::scaled(epoch, 1.0);
        let settings = LeaseSettings::new("system", "leader", identity);
        let (client, log) = connect();
        let calls = Calls::new(client, settings.call_limit(Duration::from_secs(5)));
        let election = Arc::new(LeaseElection::new(calls, clock, settings));
        let frost = Arc::new(Mutex::new(Frost::default()));
        let watcher = Watcher { client: connect().0, clock, instruments: Arc::default() };
        let watching = election.watch(watcher);
        let watching = async move { if watches { watching.await } else { future::pending().await } };
        let work = Box::pin(future::join(election.run(), watching).map(|_| ()));
        let task = tokio::spawn(Freezable { work, frost: frost.clone() });
        Self { election, log, clock, network, frost, task }
    }

    /// Starts one, and waits until it has looked.
    pub(super) async fn started(leases: &Leases, identity: &str) -> Self {
        let replica = Self::start(leases, identity);
        replica.seconds(0.1).await;
        replica
    }

    pub(super) fn network(&self, network: Network) {
        *self.network.lock().unwrap() = network;
    }

    /// Stops its task from doing anything, until it is thawed.
    pub(super) fn freeze(&self) {
        self.frost.lock().unwrap().frozen = true;
    }

    pub(super) fn thaw(&self) {
        let mut frost = self.frost.lock().unwrap();
        frost.frozen = false;
        if let Some(waker) = frost.waker.take() {
            waker.wake();
        }
    }

    pub(super) fn kill(&self) {
        self.task.abort();
    }

    pub(super) async fn seconds(&self, seconds: f64) {
        self.clock.sleep(Duration::from_secs_f64(seconds)).await;
    }

    pub(super) fn claim(&self) -> Claim {
        self.election.claim().borrow().clone()
    }

    /// Whether it may act, which needs no task of its own.
    pub(super) fn leads(&self) -> bool {
        self.claim().ours_until.is_some_and(|until| until > self.clock.steady())
    }

    /// How long it may still act.
    pub(super) fn left(&self) -> Option<TimeDelta> {
        Some(self.claim().ours_until? - self.clock.steady())
    }

    /// What it has asked, without the paths.
    pub(super) fn methods(&self) -> Vec<Method> {
        self.log.all().into_iter().map(|asked| asked.method).collect()
    }

    /// Waits until it leads; returns how long that took, in seconds.
    pub(super) async fn until_it_leads(&self) -> f64 {
        let begun = self.clock.steady();
        while !self.leads() {
            self.seconds(0.05).await;
            assert!(self.clock.steady() - begun < TimeDelta::minutes(2), "it never leads");
        }
        (self.clock.steady() - begun).as_seconds_f64()
    }
}

#[derive(Default)]
struct Frost {
    frozen: bool,
    waker: Option<Waker>,
}

struct Freezable {
    work: Pin<Box<dyn Future<Output = ()> + Send>>,
    frost: Arc<Mutex<Frost>>,
}

impl Future for Freezable {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        {
            let mut frost = self.frost.lock().unwrap();
            if frost.frozen {
                frost.waker = Some(context.waker().clone());
                return Poll::Pending;
            }
        }
        self.work.as_mut().poll(context)
    }
}
