//! Who may change a workload now: some at a time, in the order in which they asked, and nobody while the API server asks
//! to be left alone. There is no fixed rate: the API server's own flow control says what it can take.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clock::Clock;
use crate::domain::Timestamp;
use crate::ports::ClusterError;

/// So many at a time. Each has one request under way, and so a connection.
const AT_ONCE: usize = 32;

/// How long to leave an API server alone that does not say how long.
const USUAL_PAUSE: Duration = Duration::from_secs(1);

/// However long it asks for, it is asked again after this.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Gives out turns.
#[derive(Debug)]
pub struct Turns {
    clock: Clock,
    free: Arc<Semaphore>,
    /// Until when nothing is asked, by the clock that never jumps.
    paused_until: Mutex<Option<Timestamp>>,
}

/// A turn, for as long as it lives.
#[derive(Debug)]
pub(super) struct Turn {
    /// Whether it had to be waited for, so that what was known before may not be so any more.
    pub waited: bool,
    _place: Option<OwnedSemaphorePermit>,
}

impl Turns {
    /// Turns by this clock.
    pub fn new(clock: Clock) -> Self {
        Self { clock, free: Arc::new(Semaphore::new(AT_ONCE)), paused_until: Mutex::default() }
    }

    /// The next turn.
    pub(super) async fn take(&self) -> Turn {
        let free = self.free.clone();
        let (place, waited) = match free.clone().try_acquire_owned() {
            Ok(place) => (Some(place), false),
            // The semaphore is never closed.
            Err(_) => (free.acquire_owned().await.ok(), true),
        };
        let paused = self.pass_pause().await;
        Turn { waited: waited || paused, _place: place }
    }

    /// Whether nobody else can have a turn now.
    pub(super) fn are_taken(&self) -> bool {
        self.free.available_permits() == 0
    }

    /// Waits while the API server is to be left alone. Whether it was.
    pub(super) async fn pass_pause(&self) -> bool {
        let mut paused = false;
        // It may be prolonged meanwhile.
        while let Some(left) = self.pause_left() {
            paused = true;
            self.clock.sleep(left).await;
        }
        paused
    }

    fn pause_left(&self) -> Option<Duration> {
        let until = (*self.paused_until.lock().unwrap_or_else(PoisonError::into_inner))?;
        (until - self.clock.steady()).to_std().ok().filter(|left| !left.is_zero())
    }

    /// Takes notice of why a call failed. Whether it was refused because the API server wants to be left alone, which then
    /// holds for all calls.
    pub(super) fn was_refused(&self, error: &ClusterError) -> bool {
        let ClusterError::Overloaded { retry_after, .. } = error else { return false };
        let until = self.clock.steady() + retry_after.unwrap_or(USUAL_PAUSE).min(LONGEST_PAUSE);
        let mut paused_until = self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        *paused_until = Some(paused_until.map_or(until, |earlier| earlier.max(until)));
        true
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use tokio::task::{LocalSet, spawn_local};

    use super::*;

    fn play(test: impl AsyncFnOnce(Arc<Turns>, Clock)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        LocalSet::new().block_on(&runtime, async {
            let clock = Clock::scaled(Timestamp::UNIX_EPOCH + TimeDelta::days(20_000), 1.0);
            test(Arc::new(Turns::new(clock)), clock).await;
        });
    }

    fn overloaded(seconds: Option<u64>) -> ClusterError {
        ClusterError::Overloaded { message: "busy".into(), retry_after: seconds.map(Duration::from_secs) }
    }

    #[test]
    fn turns_are_given_out_in_the_order_of_asking_so_many_at_a_time() {
        play(async |turns, clock| {
            let mut taken = Vec::new();
            for _ in 0..AT_ONCE {
                taken.push(turns.take().await);
            }
            assert!(taken.iter().all(|turn| !turn.waited));
            let order = Arc::new(Mutex::new(Vec::new()));
            let waiting: Vec<_> = (0..3)
                .map(|number| {
                    let (turns, order) = (turns.clone(), order.clone());
                    spawn_local(async move {
                        let turn = turns.take().await;
                        order.lock().unwrap().push(number);
                        turn.waited
                    })
                })
                .collect();
            clock.sleep(Duration::from_secs(60)).await;
            assert!(order.lock().unwrap().is_empty());
            taken.pop();
            for waiting in waiting {
                assert!(waiting.await.unwrap());
            }
            assert_eq!(*order.lock().unwrap(), [0, 1, 2]);
        });
    }

    #[test]
    fn when_one_is_refused_all_wait_as_long_as_was_asked_for() {
        play(async |turns, clock| {
            let begun = clock.steady();
            assert!(turns.was_refused(&overloaded(Some(3))));
            assert!(turns.was_refused(&overloaded(None)), "a shorter pause does not end a longer one");
            assert!(turns.take().await.waited);
            assert_eq!(clock.steady() - begun, TimeDelta::seconds(3));
            assert!(!turns.take().await.waited);
            assert!(!turns.was_refused(&ClusterError::Conflict("other".into())));
            assert!(!turns.pass_pause().await);
        });
    }

    #[test]
    fn nobody_waits_for_longer_than_a_minute() {
        play(async |turns, clock| {
            let begun = clock.steady();
            turns.was_refused(&overloaded(Some(86_400)));
            assert!(turns.pass_pause().await);
            assert_eq!(clock.steady() - begun, TimeDelta::seconds(60));
        });
    }
}
