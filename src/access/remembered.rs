//! Answers that are remembered for a while: who asks the same meanwhile has the same answer, and of those who ask while it
//! is on its way only the first really asks.

use std::hash::Hash;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::FutureExt;
use futures_util::future::Shared;
use lru::LruCache;

use crate::clock::Clock;
use crate::domain::Timestamp;
use crate::ports::{ClusterError, PortFuture};

/// For how long it is remembered that nobody answered: many who ask at once are not many questions to somebody who is
/// not well.
const NO_ANSWER: Duration = Duration::from_secs(1);

/// After this time nobody waits any more for an answer that was asked for. Questions end by themselves before that.
const OVERDUE: Duration = Duration::from_secs(15);

const PANICKED: &str = "asking about a caller panicked";

/// Remembers answers of the type `V` to questions of the type `K`: so many, and of those the ones that were asked last.
pub(super) struct Remembered<K, V: Clone> {
    clock: Clock,
    /// For how long an answer holds, counted from the question.
    holds: fn(&V, Duration) -> Duration,
    longest: Duration,
    answers: Mutex<LruCache<K, Answer<V>>>,
}

struct Answer<V: Clone> {
    asked_at: Timestamp,
    outcome: Outcome<V>,
}

pub(super) type Outcome<V> = Shared<PortFuture<Result<V, ClusterError>>>;

impl<K: Eq + Hash, V: Clone + Send + Sync + 'static> Remembered<K, V> {
    /// Remembers each answer for as long as `holds` makes of `longest`.
    pub(super) fn new(
        clock: Clock,
        most: NonZeroUsize,
        longest: Duration,
        holds: fn(&V, Duration) -> Duration,
    ) -> Self {
        Self { clock, holds, longest, answers: Mutex::new(LruCache::new(most)) }
    }

    /// Whether this question is no new one: it has an answer that still holds or is on its way, or had one, however long ago,
    /// that is `familiar`.
    pub(super) fn knows(&self, question: &K, familiar: impl Fn(&V) -> bool) -> bool {
        let now = self.clock.steady();
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.get(question).is_some_and(|answer| {
            let was_familiar = matches!(answer.outcome.peek(), Some(Ok(said)) if familiar(said));
            was_familiar || self.still_holds(answer, now)
        })
    }

    /// The answer to a question, for which `ask` is called only when it is not known. Needs a tokio runtime.
    pub(super) fn answer(
        &self,
        question: K,
        ask: impl FnOnce(&K) -> PortFuture<Result<V, ClusterError>>,
    ) -> Outcome<V> {
        let asked_at = self.clock.steady();
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = answers.get(&question).filter(|answer| self.still_holds(answer, asked_at)) {
            return known.outcome.clone();
        }
        // By itself: whoever asks may go away before there is an answer, and others wait for it.
        let asked = tokio::spawn(ask(&question));
        let outcome = asked.map(|ended| ended.unwrap_or_else(|_| Err(ClusterError::Unavailable(PANICKED.to_owned()))));
        let outcome = outcome.boxed().shared();
        answers.put(question, Answer { asked_at, outcome: outcome.clone() });
        outcome
    }

    fn still_holds(&self, answer: &Answer<V>, now: Timestamp) -> bool {
        let holds = match answer.outcome.peek() {
            None => OVERDUE,
            Some(Err(_)) => NO_ANSWER,
            Some(Ok(said)) => (self.holds)(said, self.longest),
        };
        let age = now - answer.asked_at;
        age >= TimeDelta::zero() && age.to_std().is_ok_and(|age| age < holds)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::{join_all, pending, ready};

    use super::*;

    struct Scene {
        remembered: Remembered<&'static str, u32>,
        asked: Arc<AtomicUsize>,
    }

    impl Scene {
        fn new(most: usize) -> Self {
            let clock = Clock::scaled(Timestamp::UNIX_EPOCH, 1.0);
            let holds: fn(&u32, Duration) -> Duration = |said, longest| if *said == 0 { longest / 6 } else { longest };
            let most = NonZeroUsize::new(most).unwrap();
            Self { remembered: Remembered::new(clock, most, Duration::from_secs(60), holds), asked: Arc::default() }
        }

        async fn ask(&self, question: &'static str, answer: Result<u32, ClusterError>) -> Result<u32, ClusterError> {
            let asked = self.asked.clone();
            let ask = move |_: &_| {
                async move {
                    asked.fetch_add(1, Ordering::Relaxed);
                    answer
                }
                .boxed()
            };
            self.remembered.answer(question, ask).await
        }

        fn asked(&self) -> usize {
            self.asked.load(Ordering::Relaxed)
        }
    }

    async fn pass(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    fn no_answer() -> ClusterError {
        ClusterError::Unavailable("away".to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_holds_for_its_time_and_no_longer_however_often_it_is_asked_for() {
        let scene = Scene::new(9);
        for _ in 0..59 {
            assert_eq!(scene.ask("a", Ok(7)).await, Ok(7));
            pass(1).await;
        }
        assert_eq!(scene.asked(), 1);
        pass(1).await;
        assert_eq!(scene.ask("a", Ok(8)).await, Ok(8));
        assert_eq!(scene.asked(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_week_later_nothing_holds_and_who_cannot_be_asked_says_nothing() {
        let scene = Scene::new(9);
        assert_eq!(scene.ask("a", Ok(7)).await, Ok(7));
        pass(7 * 24 * 3600).await;
        assert!(!scene.remembered.knows(&"a", |_| false));
        assert_eq!(scene.ask("a", Err(no_answer())).await, Err(no_answer()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_holds_from_the_question_on_and_not_from_when_it_came() {
        let scene = Scene::new(9);
        let slow = async {
            Clock::scaled(Timestamp::UNIX_EPOCH, 1.0).sleep(Duration::from_secs(14)).await;
            Ok(7)
        };
        assert_eq!(scene.remembered.answer("a", |_| slow.boxed()).await, Ok(7));
        pass(45).await;
        assert_eq!(scene.ask("a", Ok(7)).await, Ok(7));
        assert_eq!(scene.asked(), 0, "59 s after the question");
        pass(1).await;
        assert_eq!(scene.ask("a", Ok(8)).await, Ok(8));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_holds_for_a_shorter_time_and_no_answer_for_a_moment() {
        let scene = Scene::new(9);
        assert_eq!(scene.ask("a", Ok(0)).await, Ok(0));
        assert_eq!(scene.ask("b", Err(no_answer())).await, Err(no_answer()));
        assert_eq!(scene.ask("b", Ok(1)).await, Err(no_answer()), "it is left alone for a moment");
        pass(1).await;
        assert_eq!(scene.ask("b", Ok(1)).await, Ok(1));
        assert_eq!(scene.ask("a", Ok(1)).await, Ok(0));
        pass(9).await;
        assert_eq!(scene.ask("a", Ok(1)).await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn many_who_ask_at_once_are_one_question() {
        let scene = Scene::new(9);
        let answers = join_all((0..100).map(|_| scene.ask("a", Ok(7)))).await;
        assert!(answers.iter().all(|answer| *answer == Ok(7)));
        assert_eq!(scene.asked(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_never_answered_is_asked_anew() {
        let scene = Scene::new(9);
        let given_up = scene.remembered.answer("a", |_| pending().boxed());
        assert!(tokio::time::timeout(Duration::from_secs(1), given_up).await.is_err());
        assert!(scene.remembered.knows(&"a", |_| false), "it is on its way");
        pass(15).await;
        assert_eq!(scene.ask("a", Ok(7)).await, Ok(7));
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_comes_to_its_end_though_whoever_asked_is_gone() {
        let scene = Scene::new(9);
        let (answer, told) = tokio::sync::oneshot::channel();
        let asking = scene.remembered.answer("a", |_| told.map(|said| Ok(said.unwrap_or_default())).boxed());
        assert!(tokio::time::timeout(Duration::from_secs(1), asking).await.is_err());
        answer.send(7).unwrap();
        assert_eq!(scene.ask("a", Ok(8)).await, Ok(7));
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_is_no_answer_and_does_no_harm() {
        let scene = Scene::new(9);
        let panicked = scene.remembered.answer("a", |_| async { panic!("a fault of the test") }.boxed()).await;
        assert_eq!(panicked, Err(ClusterError::Unavailable(PANICKED.to_owned())));
        pass(1).await;
        assert_eq!(scene.ask("a", Ok(7)).await, Ok(7));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_familiar_stays_no_new_question() {
        let scene = Scene::new(9);
        assert_eq!((scene.ask("a", Ok(7)).await, scene.ask("b", Ok(0)).await), (Ok(7), Ok(0)));
        let knows = |question: &'static str| scene.remembered.knows(&question, |said| *said > 0);
        assert!(knows("a") && knows("b") && !knows("c"));
        pass(3600).await;
        assert!(knows("a") && !knows("b"));
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_much_is_remembered() {
        let scene = Scene::new(2);
        for question in ["a", "b", "a", "c"] {
            assert_eq!(scene.ask(question, Ok(1)).await, Ok(1));
        }
        let knows = |question: &'static str| scene.remembered.knows(&question, |_| true);
        assert!(knows("a") && knows("c") && !knows("b"));
        assert_eq!(scene.remembered.answer("a", |_| ready(Ok(2)).boxed()).await, Ok(1));
    }
}
