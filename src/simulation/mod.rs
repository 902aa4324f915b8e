//! A simulated Kubernetes cluster: the part of the API that this service uses, in its own process, behind the same
//! `kube::Client` as a real cluster.
//!
//! It exists so that one can try the service without a cluster, and so that tests can make happen in milliseconds what
//! takes a real cluster minutes. Since it is entered through `kube`, what runs in a demonstration is what runs in
//! production: there is no second adapter, and no mock that agrees with the code because it was written with it.
//!
//! ```text
//!   kube::Client ── SimulatedApi ──> api ────────> World ──> store     objects, versions, history
//!                   (tower service)  routes,        │ │├───> agenda    what happens, and when
//!                        │           reads, writes, │ │├───> controllers, scheduler
//!                     faults         watches        │ │└───> metrics   what each pod uses
//!                                                   │ │
//!   HTTP client ── SimulatedExporters ──> gpus ─────│─┘      what each GPU does, and for whom
//!                   (tower service)                 │
//!                                    background task: lets the time pass
//! ```
//!
//! The `World` is plain data behind one lock, and nothing in it waits. Whatever takes time (a container that starts, a
//! scrape that is due) is an event on the agenda; whoever looks at the world first lets it advance to the clock's
//! present time, and a task in the background does so when an event is due and nobody looks. Time comes from
//! [`Clock`] only, and randomness from the seed only, so a run can be sped up, paused and repeated.
//!
//! What a client sees is meant to be indistinguishable from a real API server, errors included, for what it serves.
//! Clients can make autoscalers (once [installed](SimulatedCluster::install_autoscalers)), Leases and Events, so that the
//! service can be run on it as on a cluster in production, a socket in between. Events are accepted and forgotten.
//!
//! Not simulated: authentication and authorisation (inject a [`Fault`] for a 403), admission and the rules of custom
//! resources, creating and deleting other objects through the API, server-side apply and managed fields, finalizers,
//! container failures, nodes that come and go, DaemonSets (the GPU exporters' pods just are there), and the CPU and
//! memory that exporters use.

mod agenda;
mod api;
mod controllers;
mod faults;
mod gpus;
mod levers;
mod load;
mod manifests;
mod metrics;
mod quantity;
mod random;
mod requests;
mod resource;
mod scheduler;
mod selector;
mod settings;
mod store;
mod template;
#[cfg(test)]
mod tests;
mod world;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;

pub use self::api::SimulatedApi;
pub use self::faults::{Fault, FaultEffect, FaultId};
pub use self::gpus::{ExporterFault, InvalidMigProfile, MigProfile, SimulatedExporters};
pub use self::levers::SimulationError;
pub use self::load::LoadCurve;
pub use self::metrics::{MetricsApi, MetricsVersion};
pub use self::quantity::{Cpu, InvalidQuantity, Memory};
pub use self::requests::RecordedRequest;
pub use self::settings::{
    DEFAULTS, MigSettings, NodeSettings, PodManagement, SimulationSettings, WorkloadKind, WorkloadSettings,
};

use self::faults::Faults;
use self::requests::RequestLog;
use self::world::World;
use crate::clock::Clock;

/// A handle on a simulated cluster. Cheap to clone; the cluster ends with its last handle, client and watch.
#[derive(Clone)]
pub struct SimulatedCluster {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for SimulatedCluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimulatedCluster").finish_non_exhaustive()
    }
}

/// What handles, clients, watches and the background task have in common.
struct Shared {
    clock: Clock,
    age: Duration,
    state: Mutex<State>,
    /// Tells the background task that there may be something earlier to do.
    changed: Arc<Notify>,
}

struct State {
    world: World,
    faults: Faults,
    requests: RequestLog,
    /// How many times all watches have been cut.
    cuts: u64,
    stopped: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that panics while it holds the lock has failed anyway; others may go on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        self.changed.notify_one();
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.changed.notify_one();
    }
}

impl SimulatedCluster {
    /// Starts a cluster. It must be called on a tokio runtime, on which the cluster's background task runs.
    pub fn start(settings: &SimulationSettings, clock: Clock) -> Self {
        let changed = Arc::new(Notify::new());
        let state = State {
            world: World::new(settings, clock.now()),
            faults: Faults::default(),
            requests: RequestLog::default(),
            cuts: 0,
            stopped: false,
        };
        let shared =
            Arc::new(Shared { clock, age: settings.age, state: Mutex::new(state), changed: Arc::clone(&changed) });
        tokio::spawn(let_time_pass(Arc::downgrade(&shared), changed));
        Self { shared }
    }

    /// A client, as one for a real cluster.
    pub fn client(&self) -> kube::Client {
        kube::Client::new(self.service(), "default")
    }

    /// The service behind the client, to put a layer in between.
    pub fn service(&self) -> SimulatedApi {
        SimulatedApi::new(Arc::clone(&self.shared))
    }

    /// The GPU exporters, for an HTTP client's place: the host and the port of a request's address say which one.
    pub fn exporter_service(&self) -> SimulatedExporters {
        SimulatedExporters::new(Arc::clone(&self.shared))
    }

    /// Stops the cluster: time stands still, watches break, and connections are refused.
    pub fn stop(&self) {
        let mut state = self.shared.lock();
        state.stopped = true;
        state.world.store.wake_watches();
        drop(state);
        self.shared.wake();
    }

    /// How long the workloads of the settings had been running when the cluster started.
    fn age(&self) -> Duration {
        self.shared.age
    }
}

/// Carries out events as they fall due, until nobody holds the cluster any more.
async fn let_time_pass(shared: Weak<Shared>, changed: Arc<Notify>) {
    loop {
        // Not held while waiting, so that it does not keep the cluster alive.
        let Some(present) = shared.upgrade() else { return };
        let clock = present.clock;
        let next = {
            let mut state = present.lock();
            if state.stopped {
                return;
            }
            state.world.advance(clock.now());
            state.world.next_at()
        };
        drop(present);
        match next {
            Some(next) => tokio::select! {
                () = clock.sleep_until(next) => {}
                () = changed.notified() => {}
            },
            None => changed.notified().await,
        }
    }
}
