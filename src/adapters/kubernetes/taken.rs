//! What the pods of each node request in all.

use std::collections::HashMap;
use std::sync::Arc;

use super::owned::Uid;
use super::shape::Shape;
use crate::domain::capacity::Amounts;

/// Sums that are kept up to date pod by pod.
#[derive(Default)]
pub(super) struct Taken {
    nodes: HashMap<Arc<str>, Amounts>,
    /// Where each pod is, and what it takes there.
    pods: HashMap<Uid, (Arc<str>, Arc<Shape>)>,
}

impl Taken {
    /// A pod takes its place on a node, in the place of where it was before; without a node it takes none.
    pub(super) fn put(&mut self, uid: &Uid, node: Option<&Arc<str>>, shape: &Arc<Shape>) {
        let is_there = |(known, same): &(Arc<str>, Arc<Shape>)| Some(known) == node && Arc::ptr_eq(same, shape);
        if self.pods.get(uid).is_some_and(is_there) {
            return;
        }
        self.remove(uid);
        let Some(node) = node else { return };
        let amounts = self.nodes.entry(node.clone()).or_default();
        for (name, amount) in shape.requests() {
            let sum = amounts.entry(name.clone()).or_default();
            *sum = sum.saturating_add(*amount);
        }
        let node = self.nodes.get_key_value(node).map_or_else(|| node.clone(), |(known, _)| known.clone());
        self.pods.insert(uid.clone(), (node, shape.clone()));
    }

    /// A pod is gone.
    pub(super) fn remove(&mut self, uid: &str) {
        let Some((node, shape)) = self.pods.remove(uid) else { return };
        let Some(amounts) = self.nodes.get_mut(&node) else { return };
        for (name, amount) in shape.requests() {
            if let Some(sum) = amounts.get_mut(name) {
                *sum = sum.saturating_sub(*amount);
            }
        }
        amounts.retain(|_, sum| *sum > 0);
        if amounts.is_empty() {
            self.nodes.remove(&node);
        }
    }

    /// What is taken of a node.
    pub(super) fn of(&self, node: &str) -> Option<&Amounts> {
        self.nodes.get(node)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shape(gpus: u32) -> Arc<Shape> {
        let limits = json!({"nvidia.com/gpu": gpus});
        let spec = json!({"containers": [{"name": "c", "resources": {"limits": limits}}]});
        Arc::new(Shape::of(&serde_json::from_value(spec).unwrap()))
    }

    fn gpus(taken: &Taken, node: &str) -> u64 {
        taken.of(node).and_then(|amounts| amounts.get("nvidia.com/gpu")).map_or(0, |sum| sum / 1_000)
    }

    #[test]
    fn a_pod_takes_its_place_once_wherever_it_is_and_leaves_nothing() {
        let (mut taken, two, one) = (Taken::default(), shape(2), shape(1));
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        taken.put(&"x".into(), None, &two);
        taken.put(&"x".into(), Some(&a), &two);
        taken.put(&"x".into(), Some(&a), &two);
        taken.put(&"y".into(), Some(&a), &one);
        assert_eq!((gpus(&taken, "a"), gpus(&taken, "b")), (3, 0));
        taken.put(&"x".into(), Some(&b), &one);
        assert_eq!((gpus(&taken, "a"), gpus(&taken, "b")), (1, 1));
        taken.remove("x");
        taken.put(&"y".into(), None, &one);
        taken.remove("y");
        assert!(taken.nodes.is_empty() && taken.pods.is_empty());
    }
}
