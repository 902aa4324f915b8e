//! The emergency brake: with it on, everything is observed and decided, and nothing is scaled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{RwLock, RwLockReadGuard};

use crate::domain::autoscaler::Mode;
use crate::ports::election::Election;

/// The service's mode, which can be switched while it runs.
#[derive(Debug)]
pub struct Brake {
    observing: AtomicBool,
    /// Read-locked by each change that is on its way to the cluster.
    acting: RwLock<()>,
}

impl Brake {
    /// A brake that is on with [`Mode::Observe`].
    pub fn new(mode: Mode) -> Self {
        Self { observing: AtomicBool::new(mode == Mode::Observe), acting: RwLock::new(()) }
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

    /// Is in the mode of all replicas, once somebody has switched that, and says so; without end.
    pub async fn follow(self: Arc<Self>, election: Arc<dyn Election>) {
        let mut claim = election.claim();
        loop {
            let wanted = claim.borrow_and_update().mode;
            if let Some(mode) = wanted {
                self.set(mode).await;
                election.confirm_mode(mode);
            }
            if claim.wait_for(|claim| claim.mode != wanted).await.is_err() {
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
    use super::*;

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
}
