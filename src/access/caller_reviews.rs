//! What the cluster says of callers: whose a token is, and what they may do.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use ring::hmac;
use ring::rand::SystemRandom;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Stranger;
use super::remembered::Remembered;
use crate::clock::Clock;
use crate::domain::access::{Deed, User};
use crate::ports::ClusterError;
use crate::ports::reviewer::AccessReviewer;

/// So many tokens are remembered, and their users.
const TOKENS: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();

/// So many answers to whether somebody may do something: a user who may look into each of ten thousand namespaces alone
/// has as many.
const DEEDS: NonZeroUsize = NonZeroUsize::new(65_536).unwrap();

/// For how long it is remembered that a token is nobody's: it may become somebody's.
const UNKNOWN_TOKEN: Duration = Duration::from_secs(10);

/// So many questions of each kind may be on their way to the API server: tokens that somebody makes up do not hold up
/// what callers may do.
const AT_ONCE: usize = 32;

/// How long a question waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the cluster, and remembers what it said.
pub struct CallerReviews {
    reviewer: Arc<dyn AccessReviewer>,
    /// Tokens are remembered by a hash that nobody outside of this process can compute.
    key: hmac::Key,
    users: Remembered<Fingerprint, Option<Arc<User>>>,
    deeds: Remembered<(Arc<User>, Deed), bool>,
    /// Whether the last question had no answer.
    failing: AtomicBool,
    token_places: Arc<Semaphore>,
    deed_places: Arc<Semaphore>,
}

type Fingerprint = [u8; 32];

/// The system has no random numbers to give.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the system's source of random numbers does not work")]
pub struct NoRandomness;

impl CallerReviews {
    /// Remembers answers for `longest`, refused tokens for a shorter time.
    pub fn new(reviewer: Arc<dyn AccessReviewer>, clock: Clock, longest: Duration) -> Result<Self, NoRandomness> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).map_err(|_| NoRandomness)?;
        Ok(Self {
            reviewer,
            key,
            users: Remembered::new(clock, TOKENS, longest, |user, longest| match user {
                Some(_) => longest,
                None => longest.min(UNKNOWN_TOKEN),
            }),
            deeds: Remembered::new(clock, DEEDS, longest, |_, longest| longest),
            failing: AtomicBool::new(false),
            token_places: Arc::new(Semaphore::new(AT_ONCE)),
            deed_places: Arc::new(Semaphore::new(AT_ONCE)),
        })
    }

    fn fingerprint(&self, token: &SecretString) -> Fingerprint {
        let mut fingerprint = Fingerprint::default();
        let signed = hmac::sign(&self.key, token.expose_secret().as_bytes());
        fingerprint.copy_from_slice(signed.as_ref());
        fingerprint
    }

    pub(super) fn remembers(&self, token: &SecretString) -> bool {
        self.users.knows(&self.fingerprint(token), Option::is_some)
    }

    /// Whose token this is.
    pub(super) async fn who(&self, token: SecretString) -> Result<Arc<User>, Stranger> {
        let known = self.users.answer(self.fingerprint(&token), |_| {
            let (reviewer, places) = (self.reviewer.clone(), self.token_places.clone());
            async move {
                let _place = turn(places).await?;
                Ok(reviewer.who(token).await?.map(Arc::new))
            }
            .boxed()
        });
        match self.noticed(known.await) {
            Ok(Some(user)) => Ok(user),
            Ok(None) => Err(Stranger::Unknown),
            Err(error) => Err(Stranger::Unrecognizable(error.to_string())),
        }
    }

    /// Says once in the log that the cluster cannot be asked, and once that it can be again.
    fn noticed<T>(&self, answer: Result<T, ClusterError>) -> Result<T, ClusterError> {
        match &answer {
            Err(error) if !self.failing.swap(true, Ordering::Relaxed) => {
                log::error!("the cluster cannot be asked about callers, so nobody new is let in: {error}");
            }
            Ok(_) if self.failing.swap(false, Ordering::Relaxed) => {
                log::info!("the cluster can be asked about callers again")
            }
            _ => {}
        }
        answer
    }

    /// Whether somebody may do something.
    pub(super) async fn may(&self, user: &Arc<User>, deed: &Deed) -> Result<bool, ClusterError> {
        let question = (user.clone(), deed.clone());
        let answer = self
            .deeds
            .answer(question, |(user, deed)| {
                let (reviewer, places) = (self.reviewer.clone(), self.deed_places.clone());
                let (user, deed) = (user.clone(), deed.clone());
                async move {
                    let _place = turn(places).await?;
                    reviewer.may(&user, &deed).await
                }
                .boxed()
            })
            .await;
        self.noticed(answer)
    }
}

/// Waits until a question may be asked.
async fn turn(places: Arc<Semaphore>) -> Result<OwnedSemaphorePermit, ClusterError> {
    match tokio::time::timeout(PATIENCE, places.acquire_owned()).await {
        Ok(Ok(place)) => Ok(place),
        Ok(Err(_)) | Err(_) => Err(ClusterError::Unavailable("too many callers are being asked about".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::AtomicUsize;

    use futures_util::future::{join_all, ready};

    use super::*;
    use crate::access::Access;
    use crate::domain::Timestamp;
    use crate::domain::access::{Caller, Verb};
    use crate::ports::PortFuture;

    /// A cluster with one token, one right, and a count of its questions.
    #[derive(Default)]
    struct Cluster {
        is_away: AtomicBool,
        /// Whether it answers nothing until the time limit of a call.
        is_silent: AtomicBool,
        valid: Mutex<Option<&'static str>>,
        allowed: Mutex<Option<Deed>>,
        token_reviews: AtomicUsize,
        access_reviews: AtomicUsize,
    }

    impl Cluster {
        fn answer<T>(&self, answer: T) -> PortFuture<Result<T, ClusterError>>
        where
            T: Send + 'static,
        {
            if self.is_silent.load(Ordering::Relaxed) {
                let limit = Duration::from_secs(5);
                return async move {
                    Clock::scaled(Timestamp::UNIX_EPOCH, 1.0).sleep(limit).await;
                    Err(ClusterError::Timeout(limit))
                }
                .boxed();
            }
            let away = ClusterError::Unavailable("connection refused".to_owned());
            ready(if self.is_away.load(Ordering::Relaxed) { Err(away) } else { Ok(answer) }).boxed()
        }
    }

    impl AccessReviewer for Cluster {
        fn who(&self, token: SecretString) -> PortFuture<Result<Option<User>, ClusterError>> {
            self.token_reviews.fetch_add(1, Ordering::Relaxed);
            let user = User { name: "alice".to_owned(), groups: vec!["devs".to_owned()], ..User::default() };
            self.answer((*self.valid.lock().unwrap() == Some(token.expose_secret())).then_some(user))
        }

        fn may(&self, _: &User, deed: &Deed) -> PortFuture<Result<bool, ClusterError>> {
            self.access_reviews.fetch_add(1, Ordering::Relaxed);
            self.answer(self.allowed.lock().unwrap().as_ref() == Some(deed))
        }
    }

    struct Scene {
        cluster: Arc<Cluster>,
        access: Access,
    }

    fn scene() -> Scene {
        let cluster = Arc::new(Cluster::default());
        *cluster.valid.lock().unwrap() = Some("good");
        *cluster.allowed.lock().unwrap() = Some(read_shop());
        let clock = Clock::scaled(Timestamp::UNIX_EPOCH, 1.0);
        let reviews = CallerReviews::new(cluster.clone(), clock, Access::LONGEST).unwrap();
        Scene { cluster, access: Access::Cluster(Arc::new(reviews)) }
    }

    fn read_shop() -> Deed {
        Deed::in_namespace(Verb::Get, "shop")
    }

    impl Scene {
        async fn who(&self, token: &str) -> Result<Caller, Stranger> {
            self.access.who(Some(SecretString::from(token))).await
        }

        async fn may_read(&self, namespace: &str) -> Result<bool, ClusterError> {
            let alice = User { name: "alice".to_owned(), groups: vec!["devs".to_owned()], ..User::default() };
            self.access.may(&Caller::User(Arc::new(alice)), &Deed::in_namespace(Verb::Get, namespace)).await
        }

        fn questions(&self) -> (usize, usize) {
            let count = |count: &AtomicUsize| count.load(Ordering::Relaxed);
            (count(&self.cluster.token_reviews), count(&self.cluster.access_reviews))
        }
    }

    async fn pass(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_costs_one_question_of_each_kind_a_minute_however_much_they_ask() {
        let scene = scene();
        for _ in 0..600 {
            assert_eq!(scene.who("good").await.unwrap().name().as_deref(), Some("alice"));
            assert_eq!(scene.may_read("shop").await, Ok(true));
            assert_eq!(scene.may_read("bank").await, Ok(false));
            tokio::time::advance(Duration::from_millis(99)).await;
        }
        assert_eq!(scene.questions(), (1, 2));
        let together = join_all((0..50).map(|_| scene.may_read("park"))).await;
        assert!(together.iter().all(|may| *may == Ok(false)));
        assert_eq!(scene.questions(), (1, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_revoked_is_out_after_a_minute_at_most() {
        let scene = scene();
        assert!(scene.who("good").await.is_ok());
        assert_eq!(scene.may_read("shop").await, Ok(true));
        *scene.cluster.valid.lock().unwrap() = None;
        *scene.cluster.allowed.lock().unwrap() = None;
        pass(59).await;
        assert!(scene.who("good").await.is_ok(), "that is what is promised to the API server");
        pass(1).await;
        assert_eq!(scene.who("good").await, Err(Stranger::Unknown));
        assert_eq!(scene.may_read("shop").await, Ok(false));
    }

    #[tokio::test(start_paused = true)]
    async fn an_api_server_that_is_away_lets_nobody_in_for_longer_and_nobody_new() {
        let scene = scene();
        assert!(scene.who("good").await.is_ok());
        assert_eq!(scene.may_read("shop").await, Ok(true));
        scene.cluster.is_away.store(true, Ordering::Relaxed);
        assert!(matches!(scene.who("other").await, Err(Stranger::Unrecognizable(_))));
        assert!(scene.may_read("bank").await.is_err());
        for _ in 0..59 {
            pass(1).await;
            assert!(scene.who("good").await.is_ok(), "what is known to be so still counts");
        }
        pass(1).await;
        assert!(matches!(scene.who("good").await, Err(Stranger::Unrecognizable(_))));
        assert!(scene.may_read("shop").await.is_err());
        pass(7 * 24 * 3600).await;
        assert!(matches!(scene.who("good").await, Err(Stranger::Unrecognizable(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_becomes_valid_is_soon_taken() {
        let scene = scene();
        assert_eq!(scene.who("new").await, Err(Stranger::Unknown));
        *scene.cluster.valid.lock().unwrap() = Some("new");
        assert_eq!(scene.who("new").await, Err(Stranger::Unknown));
        assert_eq!(scene.questions().0, 1);
        pass(10).await;
        assert!(scene.who("new").await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_says_nothing_is_not_asked_about() {
        let scene = scene();
        assert_eq!(scene.access.who(None).await, Err(Stranger::Silent));
        assert_eq!(scene.who("").await, Err(Stranger::Silent));
        assert_eq!(scene.questions(), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_ask_and_go_away_do_not_keep_others_out() {
        let scene = scene();
        scene.cluster.is_silent.store(true, Ordering::Relaxed);
        for number in 0..2 * AT_ONCE {
            let token = format!("made-up-{number}");
            let gone = tokio::time::timeout(Duration::from_millis(1), scene.who(&token)).await;
            assert!(gone.is_err(), "nobody answers");
        }
        assert!(matches!(scene.who("good").await, Err(Stranger::Unrecognizable(_))), "there is no place");
        scene.cluster.is_silent.store(false, Ordering::Relaxed);
        pass(2).await;
        assert!(scene.who("good").await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_was_somebodys_is_no_guess_when_it_is_asked_about_again() {
        let scene = scene();
        let remembers = |token: &str| scene.access.remembers(&token.into());
        assert!(!remembers("good"));
        let _ = (scene.who("good").await, scene.who("made-up").await);
        pass(3600).await;
        assert!(remembers("good") && !remembers("made-up"));
    }

    #[tokio::test(start_paused = true)]
    async fn two_users_of_one_name_are_two_when_their_groups_differ() {
        let scene = scene();
        assert_eq!(scene.may_read("shop").await, Ok(true));
        let without = Caller::User(Arc::new(User { name: "alice".to_owned(), ..User::default() }));
        let _ = scene.access.may(&without, &read_shop()).await;
        assert_eq!(scene.questions().1, 2);
        assert_eq!(scene.access.may(&Caller::Anyone, &read_shop()).await, Ok(false));
        assert_eq!(scene.access.may(&Caller::Holder("robot".into()), &read_shop()).await, Ok(false));
    }
}
