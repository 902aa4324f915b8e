//! Objects by namespace and labels, as selectors look for them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use kube::core::{Selector, SelectorExt};

use super::owned::Uid;

pub(super) type Labels = BTreeMap<String, String>;

/// Objects of a cluster whose labels can be asked for, one namespace at a time.
///
/// Labels that are equal are kept once, as those of a ReplicaSet's pods are, and are compared with a selector once.
pub(super) struct Labelled<T> {
    namespaces: HashMap<Arc<str>, HashMap<Arc<Labels>, Group<T>>>,
    places: HashMap<Uid, Place>,
}

/// Objects with the same labels, in the order of their uids. Most groups are small, so this is no tree.
type Group<T> = Vec<(Uid, T)>;

/// Where an object is: its labels can change while it lives.
struct Place {
    namespace: Arc<str>,
    labels: Arc<Labels>,
}

impl<T> Default for Labelled<T> {
    fn default() -> Self {
        Self { namespaces: HashMap::new(), places: HashMap::new() }
    }
}

impl<T> Labelled<T> {
    /// Adds or replaces an object. Returns what it was before.
    pub(super) fn put(&mut self, uid: Uid, namespace: &str, labels: Labels, object: T) -> Option<T> {
        let is_there = |place: &Place| *place.namespace == *namespace && *place.labels == labels;
        let mut before = None;
        if !self.places.get(&uid).is_some_and(is_there) {
            before = self.remove(&uid);
            let place = self.place(namespace, labels);
            self.places.insert(uid.clone(), place);
        }
        let Place { namespace, labels } = self.places.get(&uid)?;
        let group = self.namespaces.entry(namespace.clone()).or_default().entry(labels.clone()).or_default();
        match group.binary_search_by(|(known, _)| known.cmp(&uid)) {
            Ok(at) => Some(std::mem::replace(&mut group[at].1, object)),
            Err(at) => {
                group.insert(at, (uid, object));
                before
            }
        }
    }

    /// Removes an object, wherever it is, and returns it.
    pub(super) fn remove(&mut self, uid: &str) -> Option<T> {
        let Place { namespace, labels } = self.places.remove(uid)?;
        let groups = self.namespaces.get_mut(&namespace)?;
        let group = groups.get_mut(&labels)?;
        let at = group.binary_search_by(|(known, _)| (**known).cmp(uid));
        let removed = at.ok().map(|at| group.remove(at).1);
        if group.is_empty() {
            groups.remove(&labels);
        }
        if groups.is_empty() {
            self.namespaces.remove(&namespace);
        }
        removed
    }

    /// The objects of a namespace that a selector matches.
    pub(super) fn selected(&self, namespace: &str, selector: &Selector) -> impl Iterator<Item = &T> {
        let groups = self.namespaces.get(namespace).into_iter().flatten();
        let selected = groups.filter(|(labels, _)| selector.matches(labels));
        selected.flat_map(|(_, group)| group.iter().map(|(_, object)| object))
    }

    /// The place for such labels, with what is known of it already.
    fn place(&self, namespace: &str, labels: Labels) -> Place {
        let Some((namespace, groups)) = self.namespaces.get_key_value(namespace) else {
            return Place { namespace: namespace.into(), labels: labels.into() };
        };
        let known = groups.get_key_value(&labels).map(|(known, _)| known.clone());
        Place { namespace: namespace.clone(), labels: known.unwrap_or_else(|| labels.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(app: &str) -> Labels {
        Labels::from([("app".to_owned(), app.to_owned())])
    }

    fn of(labelled: &Labelled<u8>, namespace: &str, app: &'static str) -> Vec<u8> {
        let selector = Selector::from_iter([("app", app)]);
        labelled.selected(namespace, &selector).copied().collect()
    }

    #[test]
    fn an_object_is_found_by_its_namespace_and_its_present_labels() {
        let mut labelled = Labelled::default();
        labelled.put("b".into(), "x", labels("web"), 2);
        labelled.put("a".into(), "x", labels("web"), 1);
        labelled.put("c".into(), "y", labels("web"), 3);
        labelled.put("d".into(), "x", labels("api"), 4);
        assert_eq!((of(&labelled, "x", "web"), of(&labelled, "y", "web")), (vec![1, 2], vec![3]));

        assert_eq!(labelled.put("a".into(), "x", labels("api"), 8), Some(1));
        assert_eq!(labelled.put("b".into(), "x", labels("web"), 9), Some(2));
        assert_eq!((of(&labelled, "x", "web"), of(&labelled, "x", "api")), (vec![9], vec![8, 4]));
    }

    #[test]
    fn equal_labels_are_kept_once() {
        let mut labelled = Labelled::default();
        labelled.put("a".into(), "x", labels("web"), 1);
        labelled.put("b".into(), "x", labels("web"), 2);
        let place = |uid: &str| &labelled.places[uid];
        assert!(Arc::ptr_eq(&place("a").labels, &place("b").labels));
        assert!(Arc::ptr_eq(&place("a").namespace, &place("b").namespace));
    }

    #[test]
    fn nothing_is_left_of_what_was_removed() {
        let mut labelled = Labelled::default();
        labelled.put("a".into(), "x", labels("web"), 1);
        labelled.put("a".into(), "x", labels("api"), 2);
        assert_eq!((labelled.remove("a"), labelled.remove("a")), (Some(2), None));
        assert!(labelled.namespaces.is_empty() && labelled.places.is_empty());
    }
}
