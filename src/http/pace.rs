//! How fast a caller may ask, and how fast an address may try tokens.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::HttpMessage;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::Data;
use governor::clock::{Clock, DefaultClock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use super::error::ApiError;
use super::places::PeerNetwork;
use super::refusal::refuse;
use crate::domain::access::{Caller, CallerName};

/// How fast somebody may do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many a second, for as long as it is wanted.
    pub per_second: NonZeroU32,
    /// How many at once, after a pause.
    pub burst: NonZeroU32,
}

/// How fast an address may try tokens that are not known yet. Behind a proxy this is for all clients together, each of
/// whom needs a try or two a minute.
const TRIES: Rate = Rate { per_second: NonZeroU32::MIN.saturating_add(9), burst: NonZeroU32::MIN.saturating_add(99) };

/// Keeps callers to a rate.
pub struct Pace<C: Clock + Clone = DefaultClock>(Option<Keeper<CallerName, C>>);

impl Pace {
    /// Each caller may ask at `rate`; `None` is as fast as they can.
    pub fn new(rate: Option<Rate>) -> Self {
        Self::with_clock(rate, DefaultClock::default())
    }
}

impl<C: Clock + Clone> Pace<C> {
    fn with_clock(rate: Option<Rate>, clock: C) -> Self {
        Self(rate.map(|rate| Keeper::new(rate, clock)))
    }

    /// Whether `caller` may ask now; otherwise how long to wait. Where nobody has to say who they are, they cannot be told
    /// apart, and are not limited.
    pub fn check(&self, caller: &Caller) -> Result<(), Duration> {
        match (&self.0, caller.name()) {
            (Some(keeper), Some(name)) => keeper.check(name),
            _ => Ok(()),
        }
    }
}

/// Keeps those who try tokens to a rate, so that guessing does not become questions to the API server.
pub struct Attempts<C: Clock + Clone = DefaultClock>(Keeper<PeerNetwork, C>);

impl Default for Attempts {
    fn default() -> Self {
        Self::with_clock(DefaultClock::default())
    }
}

impl<C: Clock + Clone> Attempts<C> {
    fn with_clock(clock: C) -> Self {
        Self(Keeper::new(TRIES, clock))
    }

    /// Whether a token that is not known yet may be tried from `address` now; otherwise how long to wait.
    pub fn may_try(&self, address: IpAddr) -> Result<(), Duration> {
        self.0.check(address.into())
    }
}

/// Without a key it is for all whom there is no room for.
type Limiter<K, C> = RateLimiter<Option<K>, DashMapStateStore<Option<K>>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// Keeps each of many to a rate.
struct Keeper<K: Hash + Eq + Clone, C: Clock + Clone> {
    limiter: Limiter<K, C>,
    clock: C,
    checks: AtomicUsize,
    is_full: AtomicBool,
}

/// How many are told apart, and about how many bytes times hundred are remembered. When there are more, all share what
/// one has: nobody has so many callers within seconds but somebody who makes them up.
const MOST: usize = 10_000;

/// After so many checks those are forgotten who can do as much as if they had never been there.
const TIDY_EVERY: usize = 1_000;

impl<K: Hash + Eq + Clone, C: Clock + Clone> Keeper<K, C> {
    fn new(rate: Rate, clock: C) -> Self {
        let quota = Quota::per_second(rate.per_second).allow_burst(rate.burst);
        let limiter = RateLimiter::new(quota, DashMapStateStore::default(), clock.clone());
        Self { limiter, clock, checks: AtomicUsize::new(0), is_full: AtomicBool::new(false) }
    }

    fn check(&self, who: K) -> Result<(), Duration> {
        if self.checks.fetch_add(1, Ordering::Relaxed) % TIDY_EVERY == TIDY_EVERY - 1 {
            self.limiter.retain_recent();
            self.is_full.store(self.limiter.len() >= MOST, Ordering::Relaxed);
        }
        let who = if self.is_full.load(Ordering::Relaxed) { None } else { Some(who) };
        let now = self.clock.now();
        self.limiter.check_key(&who).map_err(|refused| Duration::from(refused.earliest_possible().duration_since(now)))
    }
}

/// Refuses what a caller asks faster than it may. What needs no caller (probes, pages) has no limit.
pub async fn keep<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let refused = match (request.app_data::<Data<Pace>>(), request.extensions().get::<Caller>()) {
        (Some(pace), Some(caller)) => pace.check(caller).err(),
        _ => None,
    };
    match refused {
        Some(wait) => Ok(refuse(request, &ApiError::too_many_requests(wait))),
        None => Ok(next.call(request).await?.map_into_boxed_body()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use governor::clock::FakeRelativeClock;

    use super::*;
    use crate::domain::access::User;

    fn rate(per_second: u32, burst: u32) -> Option<Rate> {
        Some(Rate { per_second: NonZeroU32::new(per_second)?, burst: NonZeroU32::new(burst)? })
    }

    fn holder(name: &str) -> Caller {
        Caller::Holder(name.into())
    }

    fn user(name: &str) -> Caller {
        Caller::User(Arc::new(User { name: name.to_owned(), ..User::default() }))
    }

    #[test]
    fn a_caller_may_ask_so_often_at_once_and_then_so_often_a_second() {
        let clock = FakeRelativeClock::default();
        let pace = Pace::with_clock(rate(2, 3), clock.clone());
        for _ in 0..3 {
            assert_eq!(pace.check(&holder("ci")), Ok(()));
        }
        assert_eq!(pace.check(&holder("ci")), Err(Duration::from_millis(500)));
        clock.advance(Duration::from_millis(500));
        assert_eq!(pace.check(&holder("ci")), Ok(()));
        assert!(pace.check(&holder("ci")).is_err());
    }

    #[test]
    fn one_caller_does_not_slow_another_down() {
        let pace = Pace::with_clock(rate(1, 1), FakeRelativeClock::default());
        for caller in [holder("ci"), user("alice"), user("bob")] {
            assert_eq!(pace.check(&caller), Ok(()), "{caller:?}");
        }
        assert!(pace.check(&user("alice")).is_err());
    }

    #[test]
    fn who_cannot_be_told_apart_is_not_limited_and_nobody_is_without_a_rate() {
        let pace = Pace::with_clock(rate(1, 1), FakeRelativeClock::default());
        assert!((0..10).all(|_| pace.check(&Caller::Anyone).is_ok()));
        let pace = Pace::with_clock(None, FakeRelativeClock::default());
        assert!((0..10).all(|_| pace.check(&holder("ci")).is_ok()));
    }

    #[test]
    fn an_address_that_tries_many_tokens_has_to_wait_and_others_have_not() {
        let clock = FakeRelativeClock::default();
        let attempts = Attempts::with_clock(clock.clone());
        let (guesser, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        assert!((0..TRIES.burst.get()).all(|_| attempts.may_try(guesser).is_ok()));
        assert_eq!(attempts.may_try(guesser), Err(Duration::from_millis(100)));
        assert_eq!(attempts.may_try(other), Ok(()));
        clock.advance(Duration::from_secs(1));
        assert_eq!((0..100).filter(|_| attempts.may_try(guesser).is_ok()).count(), 10);
    }

    #[test]
    fn what_is_remembered_is_bounded_and_forgotten() {
        let clock = FakeRelativeClock::default();
        let attempts = Attempts::with_clock(clock.clone());
        let mut allowed = 0;
        for number in 0..100_000_u32 {
            allowed += usize::from(attempts.may_try(IpAddr::from(number.to_be_bytes())).is_ok());
        }
        let remembered = attempts.0.limiter.len();
        assert!(remembered <= MOST + TIDY_EVERY, "{remembered}");
        assert!(allowed <= MOST + TIDY_EVERY + 100, "made-up addresses get no further than {allowed} tries");
        clock.advance(Duration::from_secs(60));
        for _ in 0..=TIDY_EVERY {
            let _ = attempts.may_try(IpAddr::from([10, 0, 0, 1]));
        }
        assert!(attempts.0.limiter.len() <= 2, "{}", attempts.0.limiter.len());
        assert!(!attempts.0.is_full.load(Ordering::Relaxed));
    }
}
