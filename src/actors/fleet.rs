//! All autoscalers at a glance: which of them need attention, and how many there are of each.

use std::cmp::Ordering;
use std::sync::Arc;

use super::snapshot::{AutoscalerRecord, Status};

/// Why somebody should look at an autoscaler; the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Attention {
    /// It failed: its workload is not scaled.
    Failed,
    /// It is at its maximum, and its metrics ask for more.
    WantsMoreThanMax,
    /// A metric with a target is unknown: it cannot scale down, or not at all.
    MetricUnknown,
    /// Nobody needs to.
    None,
}

impl Attention {
    /// Every reason, the gravest first.
    pub const ALL: [Self; 4] = [Self::Failed, Self::WantsMoreThanMax, Self::MetricUnknown, Self::None];

    /// Its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::WantsMoreThanMax => "wants_more_than_max",
            Self::MetricUnknown => "metric_unknown",
            Self::None => "none",
        }
    }

    /// Whether and why somebody should look at this one, and what is to be seen.
    pub fn of(record: &AutoscalerRecord) -> (Self, Option<String>) {
        let snapshot = record.snapshot();
        match record.status() {
            Status::Inactive => return (Self::None, None),
            Status::Failed => return (Self::Failed, snapshot.failure.clone()),
            Status::Active => {}
        }
        if let Some(wanted) = snapshot.wants_more_than_max() {
            let max = record.rules().bounds.max();
            return (Self::WantsMoreThanMax, Some(format!("{wanted} replicas are wanted, max_replicas is {max}")));
        }
        match snapshot.unknown() {
            Some(why) => (Self::MetricUnknown, Some(why)),
            None => (Self::None, None),
        }
    }
}

/// In which order autoscalers are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Order {
    /// What needs attention first, then by name.
    #[default]
    Attention,
    /// By namespace and name.
    Name,
}

impl Order {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Attention, Self::Name];

    /// Its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Attention => "attention",
            Self::Name => "name",
        }
    }
}

/// Which autoscalers are looked for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Those whose workload is in this namespace.
    pub namespace: Option<String>,
    /// Those with this status.
    pub status: Option<Status>,
    /// Those that need this attention.
    pub attention: Option<Attention>,
    /// Those in whose id, namespace, workload's name or kind this text is, in any case.
    pub text: Option<String>,
}

impl Filter {
    fn permits(&self, member: &Member) -> bool {
        let record = &*member.record;
        self.namespace.as_ref().is_none_or(|namespace| *namespace == record.workload.namespace)
            && self.status.is_none_or(|status| status == record.status())
            && self.attention.is_none_or(|attention| attention == member.attention)
            && self.text.as_ref().is_none_or(|text| is_in(record, &text.to_lowercase()))
    }
}

fn is_in(record: &AutoscalerRecord, text: &str) -> bool {
    let workload = &record.workload;
    // Names in Kubernetes and ids are in lower case. What is between them belongs to it, so that one can paste `a/b`.
    format!("{} {} {}/{}", record.id, workload.kind.lowercase(), workload.namespace, workload.name).contains(text)
}

/// An autoscaler of the fleet.
#[derive(Clone, Debug)]
pub struct Member {
    /// The autoscaler.
    pub record: Arc<AutoscalerRecord>,
    /// Whether somebody should look at it.
    pub attention: Attention,
    /// What is to be seen.
    pub message: Option<String>,
}

impl Member {
    /// An autoscaler as it is now.
    pub fn new(record: Arc<AutoscalerRecord>) -> Self {
        let (attention, message) = Attention::of(&record);
        Self { record, attention, message }
    }

    fn compare(&self, other: &Self, order: Order) -> Ordering {
        let by_name = || {
            let name = |member: &Self| {
                let workload = &member.record.workload;
                (workload.namespace.clone(), workload.name.clone(), workload.kind.as_str())
            };
            name(self).cmp(&name(other))
        };
        match order {
            Order::Attention => self.attention.cmp(&other.attention).then_with(by_name),
            Order::Name => by_name(),
        }
    }
}

/// All autoscalers at one moment.
#[derive(Clone, Debug)]
pub struct Fleet {
    members: Vec<Member>,
}

impl Fleet {
    /// The fleet of these.
    pub fn new(records: Vec<Arc<AutoscalerRecord>>) -> Self {
        Self { members: records.into_iter().map(Member::new).collect() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// How many need this attention.
    pub fn count(&self, attention: Attention) -> usize {
        self.members.iter().filter(|member| member.attention == attention).count()
    }

    /// The namespaces of all workloads, in order.
    pub fn namespaces(&self) -> Vec<String> {
        let all = self.members.iter().map(|member| member.record.workload.namespace.clone());
        all.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    }

    /// Those that are looked for, in this order.
    pub fn find(self, filter: &Filter, order: Order) -> Vec<Member> {
        let mut found: Vec<_> = self.members.into_iter().filter(|member| filter.permits(member)).collect();
        found.sort_by(|one, other| one.compare(other, order));
        found
    }
}
