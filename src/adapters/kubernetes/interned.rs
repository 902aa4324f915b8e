//! Values of which equal ones are kept once.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

/// Below this number of values nobody looks for unused ones.
const SMALL: usize = 64;

/// A pool of shared values. One that nobody uses any more leaves it sooner or later, so it never holds more than twice
/// what is in use, or a few.
pub(super) struct Interned<T: ?Sized> {
    known: HashSet<Arc<T>>,
    /// At this size the unused values are removed.
    full: usize,
}

impl<T: ?Sized> Default for Interned<T> {
    fn default() -> Self {
        Self { known: HashSet::new(), full: SMALL }
    }
}

impl<T: Eq + Hash + ?Sized> Interned<T> {
    /// The value, shared with all equal ones.
    pub(super) fn share<V: Borrow<T> + Into<Arc<T>>>(&mut self, value: V) -> Arc<T> {
        if let Some(known) = self.known.get(value.borrow()) {
            return known.clone();
        }
        if self.known.len() >= self.full {
            self.known.retain(|known| Arc::strong_count(known) > 1);
            self.full = SMALL.max(2 * self.known.len());
        }
        let value = value.into();
        self.known.insert(value.clone());
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_kept_once() {
        let mut pool = Interned::<str>::default();
        let (one, same, other) = (pool.share("a"), pool.share("a".to_owned()), pool.share("b"));
        assert!(Arc::ptr_eq(&one, &same) && !Arc::ptr_eq(&one, &other));
        assert_eq!((&*one, &*other), ("a", "b"));
    }

    #[test]
    fn what_nobody_uses_does_not_pile_up() {
        let mut pool = Interned::<str>::default();
        let used: Vec<_> = (0..100).map(|number| pool.share(format!("used {number}"))).collect();
        for number in 0..10_000 {
            pool.share(format!("unused {number}"));
            assert!(pool.known.len() <= 200, "{}", pool.known.len());
        }
        assert!(Arc::ptr_eq(&used[7], &pool.share("used 7")));
    }
}
