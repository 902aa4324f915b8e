//! Our own supervision. actix's `Supervisor` does not restart an actor that panicked, and restarts one that was told
//! to stop; so autoscalers are plain actors, each with a notice that tells the registry when it is gone.

use std::time::Duration;

use actix::WeakRecipient;

use super::messages::ActorGone;

/// Tells the registry, when it is dropped with its actor, that the actor is gone, and whether by a panic.
pub(super) struct DeathNotice {
    pub(super) registry: WeakRecipient<ActorGone>,
    pub(super) id: String,
    pub(super) generation: u64,
}

impl Drop for DeathNotice {
    fn drop(&mut self) {
        let Some(registry) = self.registry.upgrade() else { return };
        registry.do_send(ActorGone {
            id: std::mem::take(&mut self.id),
            generation: self.generation,
            panicked: std::thread::panicking(),
        });
    }
}

/// How long to wait before an actor is started again after so many crashes in quick succession: 1 s, doubling, at most
/// a minute.
pub(super) fn restart_delay(crashes: u32) -> Duration {
    let doublings = crashes.saturating_sub(1).min(6);
    Duration::from_secs(1 << doublings).min(Duration::from_secs(60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restarts_become_rarer_up_to_one_a_minute() {
        let delays: Vec<_> = (1..=9).map(|n| restart_delay(n).as_secs()).collect();
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }
}
