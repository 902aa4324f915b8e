//! Objects grouped by who controls them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// An object's uid.
pub(super) type Uid = Arc<str>;

/// Objects by the uid of their controller, found without a search through all of them.
pub(super) struct Owned<T> {
    groups: HashMap<Uid, BTreeMap<Uid, T>>,
    /// Object -> controller: an object can be released or adopted while it lives.
    controllers: HashMap<Uid, Uid>,
}

impl<T> Default for Owned<T> {
    fn default() -> Self {
        Self { groups: HashMap::new(), controllers: HashMap::new() }
    }
}

impl<T> Owned<T> {
    /// Adds or replaces an object.
    pub(super) fn put(&mut self, uid: Uid, controller: &str, object: T) {
        if self.controllers.get(&uid).is_some_and(|known| **known != *controller) {
            self.remove(&uid);
        }
        let controller: Uid = match self.groups.get_key_value(controller) {
            Some((known, _)) => known.clone(),
            None => controller.into(),
        };
        self.groups.entry(controller.clone()).or_default().insert(uid.clone(), object);
        self.controllers.insert(uid, controller);
    }

    /// Removes an object, whoever controlled it.
    pub(super) fn remove(&mut self, uid: &str) {
        let Some(controller) = self.controllers.remove(uid) else { return };
        if let Some(group) = self.groups.get_mut(&controller) {
            group.remove(uid);
            if group.is_empty() {
                self.groups.remove(&controller);
            }
        }
    }

    /// The objects of one controller, in the order of their uids.
    pub(super) fn of(&self, controller: &str) -> impl Iterator<Item = (&Uid, &T)> {
        self.groups.get(controller).into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(owned: &Owned<u8>, controller: &str) -> Vec<u8> {
        owned.of(controller).map(|(_, object)| *object).collect()
    }

    #[test]
    fn an_object_is_in_the_group_of_its_last_controller_only() {
        let mut owned = Owned::default();
        owned.put("b".into(), "one", 2);
        owned.put("a".into(), "one", 1);
        owned.put("c".into(), "two", 3);
        assert_eq!((of(&owned, "one"), of(&owned, "two")), (vec![1, 2], vec![3]));

        owned.put("a".into(), "two", 9);
        assert_eq!((of(&owned, "one"), of(&owned, "two")), (vec![2], vec![9, 3]));
    }

    #[test]
    fn nothing_is_left_of_what_was_removed() {
        let mut owned = Owned::default();
        owned.put("a".into(), "one", 1);
        owned.put("a".into(), "one", 2);
        owned.remove("a");
        owned.remove("a");
        assert!(owned.groups.is_empty() && owned.controllers.is_empty());
        assert_eq!(of(&owned, "one"), Vec::<u8>::new());
    }
}
