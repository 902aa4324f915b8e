//! How many more pods the nodes can hold, as far as a scheduler's basic filters tell (Kubernetes' NodeResourcesFit,
//! NodeAffinity, TaintToleration, NodeUnschedulable and NodeName).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::gpu::is_gpu_resource;

/// Room for more pods of a workload.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Room {
    /// Nobody asked: it does not matter for the decision.
    #[default]
    NotAsked,
    /// It is known.
    Known {
        /// How many more pods fit on the nodes, those that wait for a node included.
        more: u32,
        /// What the next one would lack, in the scheduler's words.
        blocked_by: Arc<str>,
    },
    /// It is not known; nothing is limited by it.
    Unknown {
        /// Why.
        error: Arc<str>,
    },
}

/// The resource by which a node's places for pods are counted.
pub const PODS: &str = "pods";

/// Amounts by resource name, in thousandths. A pod takes one of [`PODS`].
pub type Amounts = BTreeMap<String, u64>;

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What keeps pods away that do not tolerate it: only what concerns pods that have no place yet.
    pub taints: Vec<Taint>,
    /// What pods can request of it.
    pub allocatable: Amounts,
}

/// Something that keeps pods away from a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taint {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// `NoSchedule` or `NoExecute`.
    pub effect: String,
}

impl Taint {
    /// What a cordoned node has.
    pub const UNSCHEDULABLE: &'static str = "node.kubernetes.io/unschedulable";
}

/// What a pod asks of its node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodDemand {
    /// What it requests, its place included.
    pub requests: Amounts,
    /// Labels that the node must have.
    pub node_selector: BTreeMap<String, String>,
    /// Required node affinity: one of the terms must hold; `None` is no affinity.
    pub affinity: Option<Vec<Term>>,
    /// The taints that it does not mind.
    pub tolerations: Vec<Toleration>,
    /// The only node that it may be on.
    pub node_name: Option<String>,
}

/// A term of a node affinity: all of it must hold. An empty one holds nowhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Term {
    /// About the node's labels.
    pub labels: Vec<Requirement>,
    /// About its name.
    pub name: Vec<Requirement>,
}

/// A condition on one label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The label.
    pub key: String,
    /// How it is compared.
    pub operator: Operator,
    /// With what.
    pub values: Vec<String>,
}

/// How a label is compared (Kubernetes' `NodeSelectorOperator`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// It is one of the values.
    In,
    /// It is none of them, or absent.
    NotIn,
    /// It is there.
    Exists,
    /// It is not.
    DoesNotExist,
    /// It is a whole number above the only value.
    Gt,
    /// It is a whole number below the only value.
    Lt,
}

/// A taint that a pod does not mind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Toleration {
    /// The taint's key; `None` is any.
    pub key: Option<String>,
    /// The taint's value; `None` is any.
    pub value: Option<String>,
    /// The taint's effect; `None` is any.
    pub effect: Option<String>,
}

impl Toleration {
    fn tolerates(&self, taint: &Taint) -> bool {
        let matches = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
        matches(&self.key, &taint.key) && matches(&self.value, &taint.value) && matches(&self.effect, &taint.effect)
    }
}

impl Requirement {
    fn holds(&self, value: Option<&str>) -> bool {
        let is_listed = value.is_some_and(|value| self.values.iter().any(|listed| listed == value));
        let numbers = || Some((value?.parse::<i64>().ok()?, self.values.first()?.parse::<i64>().ok()?));
        match self.operator {
            Operator::In => is_listed,
            Operator::NotIn => !is_listed,
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::Gt => numbers().is_some_and(|(is, bound)| is > bound),
            Operator::Lt => numbers().is_some_and(|(is, bound)| is < bound),
        }
    }
}

impl Term {
    fn holds(&self, node: &Node) -> bool {
        let is_empty = self.labels.is_empty() && self.name.is_empty();
        let label = |key: &str| node.labels.get(key).map(String::as_str);
        !is_empty
            && self.labels.iter().all(|required| required.holds(label(&required.key)))
            && self.name.iter().all(|required| required.holds(Some(&node.name)))
    }
}

/// Why a pod cannot be on a node, however empty that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exclusion {
    Affinity,
    Taint,
    Unschedulable,
}

impl Exclusion {
    /// In the scheduler's words.
    fn as_str(self) -> &'static str {
        match self {
            Self::Affinity => "node(s) didn't match Pod's node affinity/selector",
            Self::Taint => "node(s) had untolerated taint(s)",
            Self::Unschedulable => "node(s) were unschedulable",
        }
    }
}

impl PodDemand {
    /// Whether it asks for a GPU.
    pub fn has_gpus(&self) -> bool {
        self.requests.iter().any(|(name, amount)| *amount > 0 && is_gpu_resource(name))
    }

    fn exclusion(&self, node: &Node) -> Option<Exclusion> {
        // In the scheduler's order: the first reason is the one that it gives.
        let is_minded = |taint: &&Taint| !self.tolerations.iter().any(|toleration| toleration.tolerates(taint));
        let mut minded = node.taints.iter().filter(is_minded);
        if minded.clone().any(|taint| taint.key == Taint::UNSCHEDULABLE) {
            return Some(Exclusion::Unschedulable);
        }
        if minded.next().is_some() {
            return Some(Exclusion::Taint);
        }
        let is_selected = self.node_selector.iter().all(|(key, value)| node.labels.get(key) == Some(value));
        let is_wanted = self.affinity.as_ref().is_none_or(|terms| terms.iter().any(|term| term.holds(node)));
        let is_named = self.node_name.as_ref().is_none_or(|name| *name == node.name);
        (!(is_selected && is_wanted && is_named)).then_some(Exclusion::Affinity)
    }

    /// How many such pods fit beside what is used of the node.
    fn fitting(&self, node: &Node, used: &Amounts) -> u64 {
        let wanted = self.requests.iter().filter(|(_, amount)| **amount > 0);
        wanted.map(|(name, amount)| free(node, used, name) / amount).min().unwrap_or(0)
    }

    /// The GPU resources of the node, if it offers those that the pod requests.
    fn is_offered_gpus(&self, node: &Node) -> bool {
        let mut gpus = self.requests.iter().filter(|(name, amount)| **amount > 0 && is_gpu_resource(name));
        gpus.all(|(name, _)| node.allocatable.get(name).is_some_and(|amount| *amount > 0))
    }
}

/// What is left of a resource on a node.
fn free(node: &Node, used: &Amounts, name: &str) -> u64 {
    let of = |amounts: &Amounts| amounts.get(name).copied().unwrap_or(0);
    of(&node.allocatable).saturating_sub(of(used))
}

/// What an exhausted resource is called, in the scheduler's words.
fn lack(name: &str) -> String {
    if name == PODS { "Too many pods".to_owned() } else { format!("Insufficient {name}") }
}

/// How many more pods with this demand fit on the nodes, of each of which so much is used already.
pub fn room<'a>(demand: &PodDemand, nodes: impl Iterator<Item = (&'a Node, &'a Amounts)>) -> Room {
    let mut more = 0u64;
    // The nearer a node is to taking the pod, the more its reasons say.
    let (mut nearest, mut near, mut far) = (Reasons::default(), Reasons::default(), Reasons::default());
    for (node, used) in nodes {
        if let Some(exclusion) = demand.exclusion(node) {
            far.count(exclusion.as_str().to_owned());
            continue;
        }
        let fitting = demand.fitting(node, used);
        more = more.saturating_add(fitting);
        let reasons = if demand.is_offered_gpus(node) { &mut nearest } else { &mut near };
        for (name, amount) in demand.requests.iter().filter(|(_, amount)| **amount > 0) {
            if free(node, used, name) / amount <= fitting {
                reasons.count(lack(name));
            }
        }
    }
    let blocked_by = [nearest, near, far].into_iter().find_map(Reasons::text).unwrap_or_else(|| "no nodes".to_owned());
    Room::Known { more: u32::try_from(more).unwrap_or(u32::MAX), blocked_by: blocked_by.into() }
}

/// How often each reason was found.
#[derive(Default)]
struct Reasons(BTreeMap<String, usize>);

impl Reasons {
    fn count(&mut self, reason: String) {
        *self.0.entry(reason).or_default() += 1;
    }

    /// The most frequent one, or several that are equally frequent; `None` when there is none.
    fn text(self) -> Option<String> {
        let most = self.0.values().max().copied()?;
        let names = self.0.into_iter().filter(|(_, count)| *count == most).map(|(reason, _)| reason);
        names.reduce(|all, reason| format!("{all}, {reason}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn amounts(of: &[(&str, u64)]) -> Amounts {
        of.iter().map(|(name, amount)| ((*name).to_owned(), amount * 1000)).collect()
    }

    fn node(gpus: u64) -> Node {
        Node {
            name: "n".to_owned(),
            labels: [("zone".to_owned(), "a".to_owned()), ("cards".to_owned(), "8".to_owned())].into(),
            taints: Vec::new(),
            allocatable: amounts(&[("cpu", 64), (PODS, 100), ("nvidia.com/gpu", gpus)]),
        }
    }

    fn demand(gpus: u64) -> PodDemand {
        PodDemand { requests: amounts(&[("cpu", 4), (PODS, 1), ("nvidia.com/gpu", gpus)]), ..PodDemand::default() }
    }

    fn room_on(demand: &PodDemand, nodes: &[(Node, Amounts)]) -> (u32, String) {
        match room(demand, nodes.iter().map(|(node, used)| (node, used))) {
            Room::Known { more, blocked_by } => (more, blocked_by.to_string()),
            other => panic!("{other:?}"),
        }
    }

    fn used(gpus: u64) -> Amounts {
        amounts(&[("nvidia.com/gpu", gpus)])
    }

    #[rstest]
    #[case::empty(2, &[(8, 0)], (4, "Insufficient nvidia.com/gpu"))]
    #[case::in_parts(2, &[(8, 7), (8, 7)], (0, "Insufficient nvidia.com/gpu"))]
    #[case::some_left(2, &[(8, 5), (8, 2)], (4, "Insufficient nvidia.com/gpu"))]
    #[case::overcommitted(1, &[(8, 9)], (0, "Insufficient nvidia.com/gpu"))]
    #[case::beside_nodes_without(1, &[(0, 0), (8, 8), (0, 0)], (0, "Insufficient nvidia.com/gpu"))]
    #[case::only_nodes_without(1, &[(0, 0)], (0, "Insufficient nvidia.com/gpu"))]
    #[case::more_gpus_than_cpu(1, &[(20, 0)], (16, "Insufficient cpu"))]
    #[case::nothing_at_all(1, &[], (0, "no nodes"))]
    fn each_node_holds_what_is_free_on_it(
        #[case] gpus: u64,
        #[case] nodes: &[(u64, u64)],
        #[case] (more, blocked_by): (u32, &str),
    ) {
        let nodes: Vec<_> = nodes.iter().map(|(all, taken)| (node(*all), used(*taken))).collect();
        assert_eq!(room_on(&demand(gpus), &nodes), (more, blocked_by.to_owned()));
    }

    #[test]
    fn places_for_pods_run_out_too() {
        let full = amounts(&[(PODS, 99)]);
        assert_eq!(room_on(&demand(1), &[(node(8), full)]), (1, "Too many pods".to_owned()));
    }

    fn term(key: &str, operator: Operator, values: &[&str]) -> Term {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Term { labels: vec![Requirement { key: key.to_owned(), operator, values }], name: Vec::new() }
    }

    #[rstest]
    #[case(term("zone", Operator::In, &["a", "b"]), true)]
    #[case(term("zone", Operator::In, &["b"]), false)]
    #[case(term("rack", Operator::In, &["b"]), false)]
    #[case(term("zone", Operator::NotIn, &["a"]), false)]
    #[case(term("rack", Operator::NotIn, &["a"]), true)]
    #[case(term("zone", Operator::Exists, &[]), true)]
    #[case(term("zone", Operator::DoesNotExist, &[]), false)]
    #[case(term("cards", Operator::Gt, &["7"]), true)]
    #[case(term("cards", Operator::Gt, &["8"]), false)]
    #[case(term("cards", Operator::Lt, &["9"]), true)]
    #[case(term("zone", Operator::Lt, &["9"]), false)]
    #[case(Term::default(), false)]
    #[case(Term { labels: Vec::new(), name: term("metadata.name", Operator::In, &["n"]).labels }, true)]
    #[case(Term { labels: Vec::new(), name: term("metadata.name", Operator::In, &["m"]).labels }, false)]
    fn a_required_affinity_holds_or_not(#[case] term: Term, #[case] holds: bool) {
        let demand = PodDemand { affinity: Some(vec![term]), ..demand(1) };
        let expected = if holds { (8, "Insufficient nvidia.com/gpu") } else { (0, Exclusion::Affinity.as_str()) };
        assert_eq!(room_on(&demand, &[(node(8), Amounts::new())]), (expected.0, expected.1.to_owned()));
    }

    #[test]
    fn the_selector_and_the_name_must_match() {
        let selecting =
            |zone: &str| PodDemand { node_selector: [("zone".to_owned(), zone.to_owned())].into(), ..demand(1) };
        let named = |name: &str| PodDemand { node_name: Some(name.to_owned()), ..demand(1) };
        let on = |demand: &PodDemand| room_on(demand, &[(node(8), Amounts::new())]).0;
        assert_eq!((on(&selecting("a")), on(&selecting("b")), on(&named("n")), on(&named("m"))), (8, 0, 8, 0));
    }

    #[rstest]
    #[case::none(None, false)]
    #[case::everything(Some(Toleration::default()), true)]
    #[case::the_key(Some(Toleration { key: Some("gpu".into()), ..Toleration::default() }), true)]
    #[case::another_key(Some(Toleration { key: Some("disk".into()), ..Toleration::default() }), false)]
    #[case::another_value(
        Some(Toleration { key: Some("gpu".into()), value: Some("no".into()), ..Toleration::default() }), false)]
    #[case::another_effect(
        Some(Toleration { effect: Some("NoExecute".into()), ..Toleration::default() }), false)]
    fn a_taint_must_be_tolerated(#[case] toleration: Option<Toleration>, #[case] fits: bool) {
        let taint = |key: &str| Taint { key: key.into(), value: "only".into(), effect: "NoSchedule".into() };
        let demand = PodDemand { tolerations: toleration.into_iter().collect(), ..demand(1) };
        let tainted = |key| Node { taints: vec![taint(key)], ..node(8) };
        let (more, why) = room_on(&demand, &[(tainted("gpu"), Amounts::new())]);
        assert_eq!((more, why == Exclusion::Taint.as_str()), if fits { (8, false) } else { (0, true) });
        if demand.tolerations.is_empty() {
            let why = room_on(&demand, &[(tainted(Taint::UNSCHEDULABLE), Amounts::new())]).1;
            assert_eq!(why, "node(s) were unschedulable");
        }
    }

    proptest! {
        #[test]
        fn it_is_what_placing_one_pod_after_the_other_gives(
            gpus in 1_u64..4,
            mut nodes in prop::collection::vec((0_u64..12, 0_u64..12), 0..6),
        ) {
            let demand = demand(gpus);
            let all: Vec<_> = nodes.iter().map(|(all, taken)| (node(*all), used(*taken))).collect();
            let (more, _) = room_on(&demand, &all);
            let mut placed = 0;
            while let Some((_, taken)) = nodes.iter_mut().find(|(all, taken)| *taken + gpus <= *all) {
                *taken += gpus;
                placed += 1;
            }
            prop_assert_eq!(more, placed);
        }
    }
}
