//! The emergency brake: with it on, everything is observed and decided, and nothing is scaled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{RwLock, RwLockReadGuard};

use crate::clock::Clock;
use crate::domain::autoscaler::Mode;
use crate::ports::ClusterError;
use crate::ports::election::Election;

/// How long to wait before the others are told again.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// The service's mode, which can be switched while it runs.
#[derive(Debug)]
pub struct Brake {
    observing: AtomicBool,
    /// Whether it was put on here, and the other replicas may not know yet: they do not release it then.
    latched: AtomicBool,
    /// Read-locked by each change that is on its way to the cluster.
    acting: RwLock<()>,
}

impl Brake {
    /// A brake that is on with [`Mode::Observe`].
    pub fn new(mode: Mode) -> Self {
        Self {
            observing: AtomicBool::new(mode == Mode::Observe),
            latched: AtomicBool::new(false),
            acting: RwLock::new(()),
        }
    }

    /// The service's mode.
    pub fn mode(&self) -> Mode {
        if self.observing.load(Ordering::Acquire) { Mode::Observe } else { Mode::Active }
    }

    /// Switches. With [`Mode::Observe`] this completes when the last change that was sent is over: nothing is scaled
    /// afterwards.
    pub async fn set(&self, mode: Mode) {
        let is_new = self.observing.swap(mode == Mode::Observe, Ordering::AcqRel) != (mode == Mode::Observe);
        if is_new {
            log::warn!("the service's mode is {} from now on", mode.as_str());
        }
        if mode == Mode::Observe {
            drop(self.acting.write().await);
        }
    }

    /// Puts the brake on, whatever the mode of all replicas is, until that is `observe` as well or it is released here.
    /// Completes as [`Self::set`].
    pub async fn latch(&self) {
        self.latched.store(true, Ordering::Release);
        self.set(Mode::Observe).await;
    }

    /// Lets the mode of all replicas count again.
    pub fn unlatch(&self) {
        self.latched.store(false, Ordering::Release);
    }

    /// Puts the brake on for all replicas, because this one was started with it, and tries until they know. Whoever releases
    /// it meanwhile has the last word.
    pub async fn impose(self: Arc<Self>, election: Arc<dyn Election>, clock: Clock) {
        self.latch().await;
        loop {
            match election.set_mode(Mode::Observe).await {
                Ok(()) => return,
                Err(ClusterError::Conflict(_)) => return self.unlatch(),
                Err(error) => log::warn!("the other replicas do not know yet that the mode is observe: {error}"),
            }
            clock.sleep(TRY_AGAIN).await;
        }
    }

    /// Is in the mode of all replicas, once somebody has switched that, and says so; without end.
    pub async fn follow(self: Arc<Self>, election: Arc<dyn Election>) {
        let mut claim = election.claim();
        loop {
            let wanted = claim.borrow_and_update().mode;
            if wanted == Some(Mode::Observe) {
                self.unlatch();
            }
            if let Some(mode) = wanted.filter(|_| !self.latched.load(Ordering::Acquire)) {
                self.set(mode).await;
                // Again even when nothing has changed: a switch to and fro that was too quick to be seen took the
                // confirmation back.
                election.confirm_mode(mode);
            }
            if claim.changed().await.is_err() {
                // The election has ended with the service.
                return;
            }
        }
    }

    /// The permission to change something, as long as it is held; `None` while the brake is on.
    pub(super) async fn permit(&self) -> Option<RwLockReadGuard<'_, ()>> {
        let permit = self.acting.read().await;
        (self.mode() == Mode::Active).then_some(permit)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::sync::watch;

    use super::*;
    use crate::domain::Timestamp;
    use crate::ports::PortFuture;
    use crate::ports::election::Claim;

    #[tokio::test]
    async fn the_switch_waits_for_the_change_in_hand_and_lets_no_other_begin() {
        let brake = Arc::new(Brake::new(Mode::Active));
        let in_hand = brake.permit().await.expect("nothing is in the way");
        let switching = tokio::spawn({
            let brake = brake.clone();
            async move { brake.set(Mode::Observe).await }
        });
        while brake.mode() == Mode::Active {
            tokio::task::yield_now().await;
        }
        assert!(!switching.is_finished());
        drop(in_hand);
        switching.await.unwrap();
        assert!(brake.permit().await.is_none());
        brake.set(Mode::Active).await;
        assert!(brake.permit().await.is_some());
    }

    /// An election in which somebody switches the mode of all.
    #[derive(Default)]
    struct Switched {
        claim: watch::Sender<Claim>,
        confirmed: Mutex<Vec<Mode>>,
        /// What comes of the next switches.
        switches: Mutex<Vec<ClusterError>>,
    }

    impl Election for Switched {
        fn identity(&self) -> Arc<str> {
            "me".into()
        }

        fn claim(&self) -> watch::Receiver<Claim> {
            self.claim.subscribe()
        }

        fn set_mode(&self, mode: Mode) -> PortFuture<Result<(), ClusterError>> {
            let failed = self.switches.lock().unwrap().pop();
            if failed.is_none() {
                self.claim.send_modify(|claim| claim.mode = Some(mode));
            }
            Box::pin(std::future::ready(failed.map_or(Ok(()), Err)))
        }

        fn confirm_mode(&self, mode: Mode) {
            self.confirmed.lock().unwrap().push(mode);
        }

        fn stand(&self, _: bool) {}

        fn resign(&self) -> PortFuture<()> {
            unreachable!()
        }
    }

    #[tokio::test]
    async fn all_replicas_are_in_the_mode_that_one_was_asked_for_and_say_so_when_it_holds() {
        let brake = Arc::new(Brake::new(Mode::Active));
        let election = Arc::new(Switched::default());
        let in_hand = brake.permit().await.expect("nothing is in the way");
        tokio::spawn(brake.clone().follow(election.clone()));
        tokio::task::yield_now().await;
        election.claim.send_modify(|claim| claim.mode = Some(Mode::Observe));
        while brake.mode() == Mode::Active {
            tokio::task::yield_now().await;
        }
        assert!(election.confirmed.lock().unwrap().is_empty(), "a change is still on its way");
        drop(in_hand);
        while election.confirmed.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        election.claim.send_modify(|claim| claim.mode = Some(Mode::Active));
        while election.confirmed.lock().unwrap().len() < 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(*election.confirmed.lock().unwrap(), [Mode::Observe, Mode::Active]);
        assert!(brake.permit().await.is_some());
    }

    #[tokio::test]
    async fn a_brake_that_was_put_on_here_is_not_released_by_those_who_do_not_know() {
        let brake = Arc::new(Brake::new(Mode::Active));
        let election = Arc::new(Switched::default());
        election.claim.send_modify(|claim| claim.mode = Some(Mode::Active));
        tokio::spawn(brake.clone().follow(election.clone()));
        let settle = async || {
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        };
        settle().await;
        brake.latch().await;
        election.claim.send_modify(|claim| claim.transitions += 1);
        settle().await;
        assert_eq!(brake.mode(), Mode::Observe, "the others still scale");
        election.claim.send_modify(|claim| claim.mode = Some(Mode::Observe));
        settle().await;
        election.claim.send_modify(|claim| claim.mode = Some(Mode::Active));
        settle().await;
        assert_eq!(brake.mode(), Mode::Active, "all were in it, and somebody released all");
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_started_with_the_brake_on_puts_it_on_for_all_until_somebody_releases_it() {
        let clock = Clock::scaled(Timestamp::UNIX_EPOCH, 1.0);
        let brake = Arc::new(Brake::new(Mode::Observe));
        let election = Arc::new(Switched::default());
        election.claim.send_modify(|claim| claim.mode = Some(Mode::Active));
        tokio::spawn(brake.clone().follow(election.clone()));
        let unreachable = ClusterError::Unavailable("the connection broke".into());
        election.switches.lock().unwrap().push(unreachable);
        brake.clone().impose(election.clone(), clock).await;
        assert_eq!(election.claim.borrow().mode, Some(Mode::Observe), "at the second try");
        assert_eq!(brake.mode(), Mode::Observe);

        let conflict = ClusterError::Conflict("somebody else has switched the mode to active meanwhile".into());
        election.switches.lock().unwrap().push(conflict);
        brake.clone().impose(election.clone(), clock).await;
        election.claim.send_modify(|claim| claim.mode = Some(Mode::Active));
        clock.sleep(Duration::from_millis(10)).await;
        assert_eq!(brake.mode(), Mode::Active);
    }
}
