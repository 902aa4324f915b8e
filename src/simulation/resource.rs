//! The kinds of object that the simulated API stores, as a table: what it serves and what it refuses follows from here.

/// A kind of object in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Resource {
    Namespace,
    Node,
    Pod,
    Deployment,
    ReplicaSet,
    StatefulSet,
    HorizontalPodAutoscaler,
    ScaledObject,
    Lease,
    Event,
    WorkloadAutoscaler,
}

/// What the API server knows about a kind of object.
#[derive(Debug)]
pub(super) struct Definition {
    /// The API group; empty for the core group.
    pub group: &'static str,
    pub version: &'static str,
    pub kind: &'static str,
    pub plural: &'static str,
    pub singular: &'static str,
    pub short_names: &'static [&'static str],
    pub namespaced: bool,
    /// Whether it has the `scale` subresource.
    pub scalable: bool,
    /// Whether it has the `status` subresource, and so a `metadata.generation`, which counts the changes of the rest.
    pub has_status: bool,
    /// What clients may do with it, as discovery shows it.
    pub verbs: &'static [&'static str],
    /// Whether it is taken note of and forgotten at once.
    pub forgotten: bool,
    /// The fields that a field selector may name, besides the name and the namespace.
    pub selectable_fields: &'static [&'static str],
    /// Whether it is an add-on's custom resource, whose group is there only once it has been installed.
    pub add_on: bool,
}

const BASE: Definition = Definition {
    group: "",
    version: "v1",
    kind: "",
    plural: "",
    singular: "",
    short_names: &[],
    namespaced: true,
    scalable: false,
    has_status: false,
    verbs: &["get", "list", "watch"],
    forgotten: false,
    selectable_fields: &[],
    add_on: false,
};

const WORKLOAD: Definition =
    Definition { group: "apps", scalable: true, verbs: &["get", "list", "patch", "watch"], ..BASE };

static NAMESPACE: Definition = Definition {
    kind: "Namespace",
    plural: "namespaces",
    singular: "namespace",
    short_names: &["ns"],
    namespaced: false,
    ..BASE
};

static NODE: Definition =
    Definition { kind: "Node", plural: "nodes", singular: "node", short_names: &["no"], namespaced: false, ..BASE };

static POD: Definition = Definition {
    kind: "Pod",
    plural: "pods",
    singular: "pod",
    short_names: &["po"],
    selectable_fields: &["spec.nodeName", "status.phase"],
    ..BASE
};

static DEPLOYMENT: Definition = Definition {
    kind: "Deployment",
    plural: "deployments",
    singular: "deployment",
    short_names: &["deploy"],
    ..WORKLOAD
};

static REPLICA_SET: Definition =
    Definition { kind: "ReplicaSet", plural: "replicasets", singular: "replicaset", short_names: &["rs"], ..WORKLOAD };

static STATEFUL_SET: Definition = Definition {
    kind: "StatefulSet",
    plural: "statefulsets",
    singular: "statefulset",
    short_names: &["sts"],
    ..WORKLOAD
};

static HORIZONTAL_POD_AUTOSCALER: Definition = Definition {
    group: "autoscaling",
    version: "v2",
    kind: "HorizontalPodAutoscaler",
    plural: "horizontalpodautoscalers",
    singular: "horizontalpodautoscaler",
    short_names: &["hpa"],
    ..BASE
};

static SCALED_OBJECT: Definition = Definition {
    group: "keda.sh",
    version: "v1alpha1",
    kind: "ScaledObject",
    plural: "scaledobjects",
    singular: "scaledobject",
    short_names: &["so"],
    add_on: true,
    ..BASE
};

static LEASE: Definition = Definition {
    group: "coordination.k8s.io",
    kind: "Lease",
    plural: "leases",
    singular: "lease",
    verbs: &["create", "get", "list", "update", "watch"],
    ..BASE
};

static EVENT: Definition = Definition {
    group: "events.k8s.io",
    kind: "Event",
    plural: "events",
    singular: "event",
    short_names: &["ev"],
    verbs: &["create", "patch"],
    forgotten: true,
    ..BASE
};

static WORKLOAD_AUTOSCALER: Definition = Definition {
    group: "ai-storage.io",
    version: "v1alpha1",
    kind: "WorkloadAutoscaler",
    plural: "workloadautoscalers",
    singular: "workloadautoscaler",
    short_names: &["wa"],
    has_status: true,
    verbs: &["create", "delete", "get", "list", "patch", "watch"],
    add_on: true,
    ..BASE
};

impl Resource {
    /// All of them, in the order in which discovery shows them.
    pub const ALL: [Self; 11] = [
        Self::Namespace,
        Self::Node,
        Self::Pod,
        Self::Deployment,
        Self::ReplicaSet,
        Self::StatefulSet,
        Self::HorizontalPodAutoscaler,
        Self::ScaledObject,
        Self::Lease,
        Self::Event,
        Self::WorkloadAutoscaler,
    ];

    /// Its row of the table.
    pub fn definition(self) -> &'static Definition {
        match self {
            Self::Namespace => &NAMESPACE,
            Self::Node => &NODE,
            Self::Pod => &POD,
            Self::Deployment => &DEPLOYMENT,
            Self::ReplicaSet => &REPLICA_SET,
            Self::StatefulSet => &STATEFUL_SET,
            Self::HorizontalPodAutoscaler => &HORIZONTAL_POD_AUTOSCALER,
            Self::ScaledObject => &SCALED_OBJECT,
            Self::Lease => &LEASE,
            Self::Event => &EVENT,
            Self::WorkloadAutoscaler => &WORKLOAD_AUTOSCALER,
        }
    }

    /// The kind that a group serves under a plural.
    pub fn find(group: &str, version: &str, plural: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|resource| {
            let definition = resource.definition();
            definition.group == group && definition.version == version && definition.plural == plural
        })
    }
}

impl Definition {
    /// Group and version as `apiVersion` has them.
    pub fn api_version(&self) -> String {
        match self.group {
            "" => self.version.to_owned(),
            group => format!("{group}/{}", self.version),
        }
    }

    /// Plural and group as error messages have them: `deployments.apps`.
    pub fn qualified_plural(&self) -> String {
        qualified(self.plural, self.group)
    }

    /// Kind and group as error messages about invalid objects have them: `Deployment.apps`.
    pub fn qualified_kind(&self) -> String {
        qualified(self.kind, self.group)
    }

    /// Whether clients may do this with it.
    pub fn allows(&self, verb: &str) -> bool {
        self.verbs.contains(&verb)
    }
}

fn qualified(name: &str, group: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{name}.{group}") }
}
