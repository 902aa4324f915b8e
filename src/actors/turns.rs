//! Who may change a workload now: some at a time, in the order in which they asked, and nobody while the API server asks
//! to be left alone. There is no fixed rate: the API server says what it can take. As long as it answers everything quickly,
//! ever more have their turn at a time; when it refuses something or does not answer, half as many.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clock::Clock;
use crate::domain::Timestamp;
use crate::ports::ClusterError;

/// So many have their turn at a time in the beginning. Each has one request under way, and so a connection.
const AT_FIRST: usize = 32;

/// As many as there ever may be. The API server's flow control has about 250 seats and as many places to wait for a client
/// like this one, which has other requests as well.
const AT_MOST: usize = 128;

/// As few as there ever may be.
const AT_LEAST: usize = 8;

/// Whose turn lasts longer makes no place for another one: the API server works to capacity, and would only make all wait
/// for longer.
const QUICK: TimeDelta = TimeDelta::milliseconds(500);

/// How long to leave an API server alone that does not say how long.
const USUAL_PAUSE: Duration = Duration::from_secs(1);

/// However long it asks for, it is asked again after this.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Gives out turns.
#[derive(Debug)]
pub struct Turns {
    clock: Clock,
    free: Arc<Semaphore>,
    course: Mutex<Course>,
}

/// How it has gone until now.
#[derive(Debug)]
struct Course {
    /// How many may have their turn at a time.
    at_once: usize,
    /// How many of those who have theirs leave no place for another one.
    surplus: usize,
    /// Until when nothing is asked, by the clock that never jumps.
    paused_until: Option<Timestamp>,
    /// Until when more trouble is that of requests which were sent before the last time that it was answered for.
    slowed_until: Option<Timestamp>,
}

/// A turn, for as long as it lives.
#[derive(Debug)]
pub(super) struct Turn {
    /// Whether it had to be waited for, so that what was known before may not be so any more.
    pub waited: bool,
    place: Option<OwnedSemaphorePermit>,
    begun: Timestamp,
    turns: Arc<Turns>,
}

impl Turns {
    /// Turns by this clock.
    pub fn new(clock: Clock) -> Self {
        let course = Course { at_once: AT_FIRST, surplus: 0, paused_until: None, slowed_until: None };
        Self { clock, free: Arc::new(Semaphore::new(AT_FIRST)), course: Mutex::new(course) }
    }

    /// The next turn.
    pub(super) async fn take(self: &Arc<Self>) -> Turn {
        let free = self.free.clone();
        let (place, waited) = match free.clone().try_acquire_owned() {
            Ok(place) => (Some(place), false),
            // The semaphore is never closed.
            Err(_) => (free.acquire_owned().await.ok(), true),
        };
        let paused = self.pass_pause().await;
        Turn { waited: waited || paused, place, begun: self.clock.steady(), turns: self.clone() }
    }

    /// Whether so many have their turn that whatever is not urgent is to wait.
    pub(super) fn are_busy(&self) -> bool {
        let at_once = self.course().at_once;
        at_once.saturating_sub(self.free.available_permits()) >= at_once.min(AT_FIRST)
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
        let until = self.course().paused_until?;
        (until - self.clock.steady()).to_std().ok().filter(|left| !left.is_zero())
    }

    /// Takes notice of why a call failed. Whether it was refused because the API server wants to be left alone, which then
    /// holds for all calls.
    pub(super) fn was_refused(&self, error: &ClusterError) -> bool {
        match error {
            ClusterError::Overloaded { retry_after, .. } => {
                let until = self.clock.steady() + retry_after.unwrap_or(USUAL_PAUSE).min(LONGEST_PAUSE);
                let mut course = self.course();
                course.paused_until = Some(course.paused_until.map_or(until, |earlier| earlier.max(until)));
                self.slow_down(&mut course, until);
                true
            }
            ClusterError::Timeout(limit) => {
                self.slow_down(&mut self.course(), self.clock.steady() + *limit);
                false
            }
            _ => false,
        }
    }

    /// Half as many at a time. All that fails before `until` is the same trouble.
    fn slow_down(&self, course: &mut Course, until: Timestamp) {
        if course.slowed_until.is_some_and(|slowed| self.clock.steady() < slowed) {
            return;
        }
        course.slowed_until = Some(until);
        let fewer = (course.at_once / 2).max(AT_LEAST);
        let less = course.at_once - fewer;
        course.at_once = fewer;
        course.surplus += less - self.free.forget_permits(less);
    }

    /// A turn is over. Its place is for the next one, and for one more if all places are taken and all goes well.
    fn is_over(&self, place: OwnedSemaphorePermit, begun: Timestamp) {
        let now = self.clock.steady();
        let mut course = self.course();
        if course.surplus > 0 {
            course.surplus -= 1;
            place.forget();
            return;
        }
        let goes_well = now - begun <= QUICK && course.slowed_until.is_none_or(|slowed| slowed <= now);
        if goes_well && self.free.available_permits() == 0 && course.at_once < AT_MOST {
            course.at_once += 1;
            self.free.add_permits(1);
        }
    }

    fn course(&self) -> MutexGuard<'_, Course> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            self.turns.is_over(place, self.begun);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::spawn_local;

    use super::super::paused;
    use super::*;

    fn play(test: impl AsyncFnOnce(Arc<Turns>, Clock)) {
        paused::play(async |clock| test(Arc::new(Turns::new(clock)), clock).await);
    }

    fn overloaded(seconds: Option<u64>) -> ClusterError {
        ClusterError::Overloaded { message: "busy".into(), retry_after: seconds.map(Duration::from_secs) }
    }

    #[test]
    fn turns_are_given_out_in_the_order_of_asking_so_many_at_a_time() {
        play(async |turns, clock| {
            let mut taken = Vec::new();
            for _ in 0..AT_FIRST {
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

    /// How many have their turn at a time when a thousand want one, each of which lasts so long.
    async fn at_once(turns: &Arc<Turns>, clock: Clock, milliseconds: u64) -> Vec<usize> {
        let now = Arc::new(Mutex::new(0));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let all: Vec<_> = (0..1_000)
            .map(|_| {
                let (turns, now, seen) = (turns.clone(), now.clone(), seen.clone());
                spawn_local(async move {
                    let _turn = turns.take().await;
                    *now.lock().unwrap() += 1;
                    seen.lock().unwrap().push(*now.lock().unwrap());
                    clock.sleep(Duration::from_millis(milliseconds)).await;
                    *now.lock().unwrap() -= 1;
                })
            })
            .collect();
        for one in all {
            one.await.unwrap();
        }
        Arc::try_unwrap(seen).unwrap().into_inner().unwrap()
    }

    #[test]
    fn as_long_as_all_goes_well_and_others_wait_ever_more_have_their_turn_at_a_time() {
        play(async |turns, clock| {
            let seen = at_once(&turns, clock, 100).await;
            assert!(seen[..AT_FIRST].iter().copied().eq(1..=AT_FIRST));
            assert_eq!(seen.iter().max(), Some(&AT_MOST));
            assert_eq!(turns.free.available_permits(), AT_MOST);
        });
    }

    #[test]
    fn an_api_server_that_works_to_capacity_is_not_given_more_at_a_time() {
        play(async |turns, clock| {
            assert_eq!(at_once(&turns, clock, 600).await.iter().max(), Some(&AT_FIRST));
        });
    }

    #[test]
    fn what_is_not_urgent_waits_while_as_many_act_as_in_the_beginning_can() {
        play(async |turns, clock| {
            at_once(&turns, clock, 100).await;
            let mut taken = Vec::new();
            for _ in 1..AT_FIRST {
                taken.push(turns.take().await);
            }
            assert!(!turns.are_busy());
            taken.push(turns.take().await);
            assert!(turns.are_busy());
        });
    }

    #[test]
    fn who_is_alone_needs_no_more_places() {
        play(async |turns, _| {
            for _ in 0..1_000 {
                assert!(!turns.take().await.waited);
            }
            assert_eq!(turns.free.available_permits(), AT_FIRST);
        });
    }

    #[test]
    fn trouble_leaves_half_as_many_at_a_time_however_many_of_them_have_it() {
        for trouble in [overloaded(Some(2)), ClusterError::Timeout(Duration::from_secs(2))] {
            play(async |turns, clock| {
                let mut taken = Vec::new();
                for _ in 0..AT_FIRST - 4 {
                    taken.push(turns.take().await);
                }
                for _ in 0..20 {
                    turns.was_refused(&trouble);
                }
                assert!(turns.are_busy());
                taken.clear();
                assert_eq!(turns.free.available_permits(), AT_FIRST / 2);
                for _ in 0..10 {
                    clock.sleep(Duration::from_secs(2)).await;
                    turns.was_refused(&trouble);
                }
                assert_eq!(turns.free.available_permits(), AT_LEAST);
                turns.pass_pause().await;
                clock.sleep(Duration::from_secs(2)).await;
                assert_eq!(at_once(&turns, clock, 100).await.iter().max(), Some(&AT_MOST), "it passes");
            });
        }
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
