//! Where workloads may be put under autoscaling.

use std::collections::BTreeSet;
use std::sync::Arc;

/// Which namespaces are open to autoscaling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceRules {
    /// When not empty, only these.
    pub allow: Vec<String>,
    /// Never these.
    pub deny: Vec<String>,
}

impl NamespaceRules {
    /// Whether workloads in `namespace` may be put under autoscaling.
    pub fn permit(&self, namespace: &str) -> bool {
        let listed = |list: &[String]| list.iter().any(|entry| entry == namespace);
        (self.allow.is_empty() || listed(&self.allow)) && !listed(&self.deny)
    }
}

/// The namespaces that somebody may see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NamespaceScope {
    /// All of them.
    #[default]
    All,
    /// These.
    Only(Arc<BTreeSet<String>>),
}

impl NamespaceScope {
    /// Only this one.
    pub fn one(namespace: String) -> Self {
        Self::Only(Arc::new(BTreeSet::from([namespace])))
    }

    /// Whether `namespace` is among them.
    pub fn contains(&self, namespace: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(these) => these.contains(namespace),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_has_what_is_in_it() {
        assert!(NamespaceScope::All.contains("a"));
        let one = NamespaceScope::one("a".to_owned());
        assert!(one.contains("a") && !one.contains("b") && !one.contains(""));
    }

    #[test]
    fn a_denied_namespace_stays_denied_when_it_is_allowed_too() {
        let rules = NamespaceRules { allow: vec!["a".into(), "b".into()], deny: vec!["b".into()] };
        assert!(rules.permit("a") && !rules.permit("b") && !rules.permit("c"));
        assert!(NamespaceRules::default().permit("anything"));
    }
}
