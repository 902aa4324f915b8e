//! Where workloads may be put under autoscaling.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denied_namespace_stays_denied_when_it_is_allowed_too() {
        let rules = NamespaceRules { allow: vec!["a".into(), "b".into()], deny: vec!["b".into()] };
        assert!(rules.permit("a") && !rules.permit("b") && !rules.permit("c"));
        assert!(NamespaceRules::default().permit("anything"));
    }
}
