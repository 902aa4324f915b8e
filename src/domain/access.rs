//! Who asks, and what they want to do, in the words of Kubernetes' own authorisation: a caller may do through this service
//! what the cluster would let them do without it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::autoscaler::{WorkloadKind, WorkloadRef};

/// Who sent a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Whoever gets through: nobody has to say who they are, and everybody may do everything.
    Anyone,
    /// Who holds the static token of this name, and may do everything.
    Holder(Arc<str>),
    /// A user of the cluster, who may do what the cluster says.
    User(Arc<User>),
}

/// A user as the cluster knows them (`UserInfo` of `authentication.k8s.io/v1`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// The name, for instance `system:serviceaccount:shop:robot`.
    pub name: String,
    /// The uid, where the cluster has one.
    pub uid: Option<String>,
    /// The groups.
    pub groups: Vec<String>,
    /// What else the authenticator says of them.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl Caller {
    /// Their name; `None` when nobody has to say it.
    pub fn name(&self) -> Option<Arc<str>> {
        match self {
            Self::Anyone => None,
            Self::Holder(name) => Some(name.clone()),
            Self::User(user) => Some(user.name.as_str().into()),
        }
    }
}

/// What can be done with autoscalers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// To read one.
    Get,
    /// To read many.
    List,
    /// To make one.
    Create,
    /// To change, pause or resume one.
    Patch,
    /// To end one.
    Delete,
}

impl Verb {
    /// Every verb.
    pub const ALL: [Self; 5] = [Self::Get, Self::List, Self::Create, Self::Patch, Self::Delete];

    /// The verb as roles write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Create => "create",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }
}

/// Something that a caller may or may not do.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Deed {
    /// Something with autoscalers (`workloadautoscalers.ai-storage.io`).
    Autoscalers {
        /// What.
        verb: Verb,
        /// In which namespace; `None` is in all of them.
        namespace: Option<String>,
        /// With which one; `None` is with any.
        name: Option<String>,
    },
    /// To set the replicas of workloads (`update` of the subresource `scale`).
    Scale {
        /// Their kind.
        kind: WorkloadKind,
        /// Namespace and name; `None` is all of the kind, in all namespaces.
        workload: Option<(String, String)>,
    },
    /// To read all pods of the cluster.
    ListPods,
    /// To read the nodes.
    ListNodes,
    /// To read what Prometheus reads (`get` of the path `/metrics`).
    ReadMetrics,
}

impl Deed {
    /// Something with the autoscalers of a namespace.
    pub fn in_namespace(verb: Verb, namespace: &str) -> Self {
        Self::Autoscalers { verb, namespace: Some(namespace.to_owned()), name: None }
    }

    /// Something with the autoscalers of all namespaces.
    pub fn everywhere(verb: Verb) -> Self {
        Self::Autoscalers { verb, namespace: None, name: None }
    }

    /// Something with one autoscaler, by the name of its object.
    pub fn with_one(verb: Verb, namespace: &str, name: &str) -> Self {
        Self::Autoscalers { verb, namespace: Some(namespace.to_owned()), name: Some(name.to_owned()) }
    }

    /// To set the replicas of a workload.
    pub fn scale(workload: &WorkloadRef) -> Self {
        Self::Scale { kind: workload.kind, workload: Some((workload.namespace.clone(), workload.name.clone())) }
    }

    /// To set the replicas of all workloads of a kind.
    pub fn scale_all(kind: WorkloadKind) -> Self {
        Self::Scale { kind, workload: None }
    }
}

/// The deed as an answer says that it is not allowed: `update deployments/scale "web" in namespace "shop"`.
impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Autoscalers { verb, namespace, name } => {
                write!(f, "{} workloadautoscalers.ai-storage.io", verb.as_str())?;
                if let Some(name) = name {
                    write!(f, " \"{name}\"")?;
                }
                within(f, namespace.as_deref())
            }
            Self::Scale { kind, workload } => {
                write!(f, "update {}/scale", kind.plural())?;
                if let Some((_, name)) = workload {
                    write!(f, " \"{name}\"")?;
                }
                within(f, workload.as_ref().map(|(namespace, _)| namespace.as_str()))
            }
            Self::ListPods => f.write_str("list pods in all namespaces"),
            Self::ListNodes => f.write_str("list nodes"),
            Self::ReadMetrics => f.write_str("get the path \"/metrics\""),
        }
    }
}

fn within(f: &mut fmt::Formatter<'_>, namespace: Option<&str>) -> fmt::Result {
    match namespace {
        Some(namespace) => write!(f, " in namespace \"{namespace}\""),
        None => f.write_str(" in all namespaces"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_deed_is_said_in_the_words_of_roles() {
        let web = WorkloadRef { kind: WorkloadKind::StatefulSet, namespace: "shop".to_owned(), name: "web".to_owned() };
        for (deed, words) in [
            (
                Deed::in_namespace(Verb::Create, "shop"),
                "create workloadautoscalers.ai-storage.io in namespace \"shop\"",
            ),
            (Deed::everywhere(Verb::List), "list workloadautoscalers.ai-storage.io in all namespaces"),
            (
                Deed::with_one(Verb::Patch, "shop", "hpa-web"),
                "patch workloadautoscalers.ai-storage.io \"hpa-web\" in namespace \"shop\"",
            ),
            (Deed::scale(&web), "update statefulsets/scale \"web\" in namespace \"shop\""),
            (Deed::scale_all(WorkloadKind::Deployment), "update deployments/scale in all namespaces"),
            (Deed::ReadMetrics, "get the path \"/metrics\""),
        ] {
            assert_eq!(deed.to_string(), words);
        }
    }
}
