//! Places for those who follow what happens, so that neither all of them nor one of them take too many.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::access::CallerName;

/// The places.
#[derive(Debug)]
pub struct Followers {
    places: Arc<Semaphore>,
    /// For one caller; 0 is as many as there are.
    most_of_one: usize,
    of_callers: Mutex<HashMap<CallerName, usize>>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// All are taken.
    All,
    /// The caller has as many as one can have.
    Caller(usize),
}

impl Followers {
    /// `most` places, of which one caller can have `most_of_one`; 0 is all of them.
    pub fn new(most: usize, most_of_one: usize) -> Arc<Self> {
        Arc::new(Self { places: Arc::new(Semaphore::new(most)), most_of_one, of_callers: Mutex::default() })
    }

    /// A place for a caller, until it is dropped. Callers without a name cannot be told apart.
    pub fn join(self: &Arc<Self>, caller: Option<CallerName>) -> Result<FollowersPlace, Full> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| Full::All)?;
        if let Some(caller) = &caller {
            let mut of_callers = self.of_callers();
            let taken = of_callers.entry(caller.clone()).or_default();
            // Who has none yet is always given one.
            if self.most_of_one > 0 && *taken >= self.most_of_one {
                return Err(Full::Caller(self.most_of_one));
            }
            *taken += 1;
        }
        Ok(FollowersPlace { followers: self.clone(), caller, _place: place })
    }

    fn leave(&self, caller: &CallerName) {
        if let Entry::Occupied(mut taken) = self.of_callers().entry(caller.clone()) {
            *taken.get_mut() -= 1;
            if *taken.get() == 0 {
                taken.remove();
            }
        }
    }

    fn of_callers(&self) -> MutexGuard<'_, HashMap<CallerName, usize>> {
        // What is kept here is whole between any two statements.
        self.of_callers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place that is taken.
#[derive(Debug)]
pub struct FollowersPlace {
    followers: Arc<Followers>,
    caller: Option<CallerName>,
    _place: OwnedSemaphorePermit,
}

impl Drop for FollowersPlace {
    fn drop(&mut self) {
        if let Some(caller) = &self.caller {
            self.followers.leave(caller);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_caller_cannot_take_the_places_of_others() {
        let followers = Followers::new(4, 2);
        let (first, _second) = (followers.join(Some("alice".into())).unwrap(), followers.join(Some("alice".into())));
        assert_eq!(followers.join(Some("alice".into())).unwrap_err(), Full::Caller(2));
        let _bob = followers.join(Some("bob".into())).unwrap();
        drop(first);
        assert!(followers.join(Some("alice".into())).is_ok());
    }

    #[test]
    fn there_are_so_many_places_for_all_and_a_refusal_takes_none() {
        let followers = Followers::new(3, 2);
        let taken: Vec<_> = (0..2).map(|_| followers.join(Some("alice".into())).unwrap()).collect();
        assert!((0..10).all(|_| followers.join(Some("alice".into())).is_err()));
        let last = followers.join(None).unwrap();
        assert_eq!(followers.join(None).unwrap_err(), Full::All);
        drop((taken, last));
        assert!(followers.of_callers().is_empty(), "nothing is kept of who has left");
        assert_eq!((0..3).map(|_| followers.join(None)).filter(Result::is_ok).count(), 3);
    }
}
