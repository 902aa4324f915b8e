//! The election of one replica, by a Lease.
//!
//! The crate `kube-lease-manager` is not used: it takes a Lease for expired when the machine's wall clock says so, by
//! which a clock that is a minute wrong makes two leaders, and its changes do not name the version that they were
//! decided on. Here no wall clock decides anything: a candidate takes a Lease over when it has itself seen it unchanged
//! for as long as the Lease grants ([`candidate`]).
//!
//! The mode of all replicas is kept with the Lease, as an annotation: whoever takes the Lease reads it at the same time.
//!
//! While the Lease is watched, a change of its holder or of the mode is looked at when it happens ([`watching`]), so that
//! the Lease need not be asked for often.

mod candidate;
mod keeper;
mod record;
mod switch;
mod watching;

#[cfg(test)]
mod simulated;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::PostParams;
use kube::core::Status;
use tokio::sync::{Notify, watch};

use self::keeper::Keeper;
use self::record::{holder, transitions, wanted_mode};
use self::watching::Watching;
use super::calls::Calls;
use super::error::cluster_error;
use super::scale::FIELD_MANAGER;
use super::watch::{Watcher, follow};
use super::watched::Watched;
use crate::clock::Clock;
use crate::domain::Timestamp;
use crate::domain::autoscaler::Mode;
use crate::ports::election::{Claim, Election};
use crate::ports::{ClusterError, PortFuture};

/// Which Lease, and how it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseSettings {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// This process's name among the candidates. No other may have it.
    pub identity: String,
    /// How long the Lease is its holder's after a renewal, in whole seconds. The holder acts for two thirds of that.
    pub duration: Duration,
    /// How often the Lease is looked at and renewed when it is not watched, or after a failure; at most a sixth of the
    /// duration.
    pub retry: Duration,
}

impl LeaseSettings {
    /// With the durations that suit most.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>, identity: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
            identity: identity.into(),
            duration: Duration::from_secs(15),
            retry: Duration::from_secs(2),
        }
    }

    /// The duration as a Lease can say it.
    fn lasts(&self) -> Duration {
        Duration::from_secs(self.duration.as_secs().max(1))
    }

    /// How often the Lease is looked at and renewed when nothing else tells of its changes.
    fn period(&self) -> Duration {
        self.retry.min(self.lasts() / 6)
    }

    /// The same while it is watched: half as long as a claim counts.
    fn period_while_watched(&self) -> Duration {
        self.lasts() / 3
    }

    /// The time limit of a call: a renewal whose answer does not come must leave time for another one.
    pub(super) fn call_limit(&self, limit: Duration) -> Duration {
        limit.min(self.lasts() / 6)
    }
}

/// A candidate for a Lease.
pub(super) struct LeaseElection {
    shared: Arc<Shared>,
    keeper: Arc<tokio::sync::Mutex<Keeper>>,
}

impl LeaseElection {
    /// A candidate that does nothing until it is [run](Self::run).
    pub(super) fn new(calls: Calls, clock: Clock, settings: LeaseSettings) -> Self {
        let keeper = Keeper::new(settings.identity.as_str().into(), settings.lasts());
        let shared = Shared {
            api: Api::namespaced(calls.client(), &settings.namespace),
            calls,
            clock,
            identity: settings.identity.as_str().into(),
            settings,
            claim: watch::Sender::new(Claim::default()),
            local: Mutex::default(),
            ready: AtomicBool::new(true),
            watched: Watched::of::<Lease>(),
            wake: Notify::new(),
            confirmed: Notify::new(),
        };
        Self { shared: Arc::new(shared), keeper: Arc::new(tokio::sync::Mutex::new(keeper)) }
    }

    /// Looks at the Lease, takes it when it is free, and keeps it. Without end.
    pub(super) fn run(&self) -> impl Future<Output = ()> + Send + use<> {
        let (shared, keeper) = (self.shared.clone(), self.keeper.clone());
        async move {
            let turns = async {
                loop {
                    let pause = {
                        let mut keeper = keeper.lock().await;
                        keeper.turn(&shared).await;
                        keeper.pause(&shared)
                    };
                    tokio::select! {
                        () = shared.clock.sleep(pause) => {}
                        () = shared.wake.notified() => {}
                    }
                }
            };
            // Apart from the turns: a call that is waited for must not keep a claim from ending.
            tokio::select! {
                () = turns => {}
                () = shared.lapse_in_time() => {}
            }
        }
    }

    /// Watches the Lease. Without end. Without it the candidate looks more often, and learns of changes later.
    pub(super) fn watch(&self, watcher: Watcher) -> impl Future<Output = ()> + Send + use<> {
        follow(Arc::new(Watching::new(self.shared.clone())), watcher)
    }
}

impl Election for LeaseElection {
    fn identity(&self) -> Arc<str> {
        self.shared.identity.clone()
    }

    fn claim(&self) -> watch::Receiver<Claim> {
        self.shared.claim.subscribe()
    }

    fn set_mode(&self, mode: Mode) -> PortFuture<Result<(), ClusterError>> {
        switch::set_mode(self.shared.clone(), mode).boxed()
    }

    fn confirm_mode(&self, mode: Mode) {
        self.shared.confirm(mode);
    }

    fn stand(&self, ready: bool) {
        if !self.shared.ready.swap(ready, Ordering::AcqRel) && ready {
            self.shared.wake.notify_one();
        }
    }

    fn resign(&self) -> PortFuture<()> {
        self.shared.resign();
        let (shared, keeper) = (self.shared.clone(), self.keeper.clone());
        async move {
            let limit = shared.clock.real(shared.settings.period() * 2);
            let released = async { keeper.lock().await.release(&shared).await };
            if tokio::time::timeout(limit, released).await.is_err() {
                log::warn!("{} could not give up the leadership in time, so the others wait", shared.identity);
            }
        }
        .boxed()
    }
}

/// What the candidate's task and its users share.
struct Shared {
    calls: Calls,
    api: Api<Lease>,
    clock: Clock,
    settings: LeaseSettings,
    identity: Arc<str>,
    claim: watch::Sender<Claim>,
    /// Locked by everyone who publishes, so that what is published fits what is known.
    local: Mutex<Local>,
    /// Whether this process may take the Lease.
    ready: AtomicBool,
    /// Whether the Lease is watched at present.
    watched: Watched<()>,
    /// Ends the task's pause.
    wake: Notify,
    /// This process has confirmed a mode.
    confirmed: Notify,
}

/// What is known without the Lease.
#[derive(Default)]
struct Local {
    /// This process does not want to lead any more.
    resigned: bool,
    /// How often this process has switched the mode.
    switches: u64,
    /// The mode in which this process is, confirmed since the wanted one was published.
    confirmed: Option<Mode>,
}

impl Shared {
    fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    fn local(&self) -> MutexGuard<'_, Local> {
        self.local.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_resigned(&self) -> bool {
        self.local().resigned
    }

    /// Whether this process leads now.
    fn leads(&self) -> bool {
        !self.left().is_zero()
    }

    /// For how long this process still leads.
    fn left(&self) -> Duration {
        let until = self.claim.borrow().ours_until;
        until.and_then(|until| (until - self.clock.steady()).to_std().ok()).unwrap_or_default()
    }

    /// Whether changes of the Lease are told as they happen.
    fn is_watched(&self) -> bool {
        self.watched.fault().is_none()
    }

    /// Publishes what the Lease says. `switches` is their number when it was asked for: a mode that was switched in the
    /// meantime is younger.
    fn publish(&self, lease: Option<&Lease>, switches: u64, ours_until: Option<Timestamp>) {
        let mut local = self.local();
        let ours_until = ours_until.filter(|until| !local.resigned && *until > self.clock.steady());
        self.claim.send_if_modified(|claim| {
            let mode = lease.and_then(wanted_mode).or(claim.mode);
            let new = Claim {
                holder: lease.and_then(holder).map(|holder| reused(claim.holder.as_ref(), holder)),
                ours_until,
                mode: if switches == local.switches { mode } else { claim.mode },
                transitions: lease.map_or(claim.transitions, transitions),
            };
            if new.mode != claim.mode {
                local.confirmed = None;
            }
            self.tell(claim, &new);
            let is_new = new != *claim;
            *claim = new;
            is_new
        });
    }

    /// Logs who leads, when that changes.
    fn tell(&self, old: &Claim, new: &Claim) {
        let identity = &self.identity;
        match (old.ours_until, new.ours_until) {
            (None, Some(_)) => log::info!("{identity} leads from now on"),
            (Some(_), None) => {
                let holder = new.holder.as_deref().filter(|holder| **holder != **identity);
                let holder = holder.map_or("perhaps another one".to_owned(), |holder| holder.to_owned());
                log::warn!("{identity} does not lead any more; {holder} does");
            }
            (None, None) if old.holder != new.holder => {
                let holder = new.holder.as_deref().filter(|holder| **holder != **identity);
                if let Some(holder) = holder {
                    log::info!("{holder} leads; {identity} stands by");
                }
            }
            _ => {}
        }
        if old.mode != new.mode
            && let Some(mode) = new.mode
        {
            log::info!("all replicas are to be in mode {}", mode.as_str());
        }
    }

    /// Ends each claim when its time has come. Without end.
    async fn lapse_in_time(&self) {
        let mut claim = self.claim.subscribe();
        loop {
            let until = claim.borrow_and_update().ours_until;
            let lapse = async {
                match until {
                    Some(until) => {
                        let left = (until - self.clock.steady()).to_std().unwrap_or_default();
                        // Tokio's timer may end a little early.
                        self.clock.sleep(left.max(Duration::from_millis(1))).await;
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = claim.changed() => {}
                () = lapse => self.lapse(),
            }
        }
    }

    fn lapse(&self) {
        let _local = self.local();
        let now = self.clock.steady();
        let lapsed = self.claim.send_if_modified(|claim| {
            let lapsed = claim.ours_until.is_some_and(|until| until <= now);
            if lapsed {
                claim.ours_until = None;
            }
            lapsed
        });
        if lapsed {
            log::warn!("{} does not lead any more: it could not renew its Lease in time", self.identity);
        }
    }

    fn resign(&self) {
        let mut local = self.local();
        local.resigned = true;
        let led = self.claim.send_if_modified(|claim| claim.ours_until.take().is_some());
        if led {
            log::info!("{} gives up the leadership", self.identity);
        }
    }

    fn confirm(&self, mode: Mode) {
        let is_new = self.local().confirmed.replace(mode) != Some(mode);
        if is_new {
            self.confirmed.notify_waiters();
            if self.leads() {
                self.wake.notify_one();
            }
        }
    }

    /// Publishes the mode that this process has switched all replicas to.
    fn switched(&self, mode: Mode) {
        let mut local = self.local();
        local.switches += 1;
        self.claim.send_if_modified(|claim| {
            let is_new = claim.mode != Some(mode);
            if is_new {
                local.confirmed = None;
                self.tell(claim, &Claim { mode: Some(mode), ..claim.clone() });
                claim.mode = Some(mode);
            }
            is_new
        });
    }

    /// Reads the Lease, if there is one.
    async fn read(&self) -> Result<Option<Lease>, ClusterError> {
        self.calls.run(self.api.get_opt(&self.settings.name)).await
    }

    /// Creates the Lease. That somebody else was faster is a conflict.
    async fn create(&self, lease: &Lease) -> Result<Lease, ClusterError> {
        let create = async { self.api.create(&params(), lease).await.map_err(or_conflict) };
        self.calls.limited(create).await
    }

    /// Writes the Lease, provided that it is still of the version that it names.
    async fn replace(&self, lease: &Lease) -> Result<Lease, ClusterError> {
        self.calls.run(self.api.replace(&self.settings.name, &params(), lease)).await
    }
}

fn params() -> PostParams {
    PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() }
}

fn or_conflict(error: kube::Error) -> ClusterError {
    match error {
        kube::Error::Api(status) if already_exists(&status) => ClusterError::Conflict(status.message),
        error => cluster_error(error),
    }
}

fn already_exists(status: &Status) -> bool {
    status.code == 409
}

/// `text`, without allocating it again if it is known already.
fn reused(known: Option<&Arc<str>>, text: &str) -> Arc<str> {
    known.filter(|known| ***known == *text).cloned().unwrap_or_else(|| text.into())
}
