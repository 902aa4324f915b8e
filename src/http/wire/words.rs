//! Schemas of the words that the domain's values are written as, made from the values themselves.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::scalar::PHASES;
use crate::actors::events::EventKind;
use crate::actors::fleet::{Attention, Order};
use crate::actors::snapshot::Status;
use crate::domain::autoscaler::{
    CapacityRule, Compatibility, Metric, Mode, OnConflict, RateUnit, SelectPolicy, Stabilization, WorkloadKind,
};
use crate::domain::condition::ConditionKind;
use crate::domain::decision::{Outcome, Rule};
use crate::domain::observation::PodPhase;
use crate::domain::reason::Reason;
use crate::domain::standing::Standing;

/// A text that is one of `words`.
fn one_of<const N: usize>(words: [&'static str; N], description: &str) -> RefOr<Schema> {
    let text = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).description(Some(description));
    text.build().into()
}

macro_rules! words {
    ($($type:ident as $name:literal, $words:expr, $description:literal;)*) => {
        $(
            impl PartialSchema for $type {
                fn schema() -> RefOr<Schema> {
                    one_of($words, $description)
                }
            }

            impl ToSchema for $type {
                fn name() -> std::borrow::Cow<'static, str> {
                    $name.into()
                }
            }
        )*
    };
}

words! {
    WorkloadKind as "WorkloadType", WorkloadKind::ALL.map(WorkloadKind::as_str), "The kind of a workload";
    Status as "Status", Status::ALL.map(Status::as_str), "`active`; `inactive`: paused; `failed`: it recovers by itself";
    Attention as "Attention", Attention::ALL.map(Attention::as_str), "What a person should look at an autoscaler for";
    Order as "FleetOrder", Order::ALL.map(Order::as_str), "`attention`: what needs it most first";
    EventKind as "EventKind", EventKind::ALL.map(EventKind::as_str), "What happened";
    Mode as "Mode", Mode::ALL.map(Mode::as_str), "`observe`: decides and records everything, but scales nothing";
    Compatibility as "Compatibility", Compatibility::ALL.map(Compatibility::as_str), "`hpa`: decides as the HPA does";
    CapacityRule as "CapacityRule", CapacityRule::ALL.map(CapacityRule::as_str),
        "`respect`: of pods that request GPUs no more than can run";
    OnConflict as "OnConflict", OnConflict::ALL.map(OnConflict::as_str),
        "`yield`: leaves the workload to whoever reverses its changes again and again; `insist`: goes on";
    Stabilization as "Stabilization", Stabilization::ALL.map(Stabilization::as_str),
        "`hpa`: the window's minimum decides on scaling up";
    SelectPolicy as "SelectPolicy", SelectPolicy::ALL.map(SelectPolicy::as_str),
        "The policy that counts: that which allows most, that which allows least; `Disabled`: never in this direction";
    RateUnit as "RateUnit", RateUnit::ALL.map(RateUnit::as_str), "What the value of a rate limit counts";
    Metric as "MetricName", Metric::ALL.map(Metric::as_str), "The name of a metric";
    Outcome as "Outcome", Outcome::ALL.map(Outcome::as_str),
        "`held`: another count is recommended or might be; `observed`: not done, because of the mode; \
         `failed`: could not be done";
    Rule as "Rule", Rule::ALL.map(Rule::as_str), "A rule that changed the number of replicas";
    Reason as "Reason", Reason::ALL.map(Reason::as_str), "What decided";
    ConditionKind as "ConditionType", ConditionKind::ALL.map(ConditionKind::as_str), "The HPA's conditions";
    PodPhase as "PodPhase", PHASES.map(|(name, _)| name), "A pod's phase";
    Standing as "Standing", ["measured", "unready", "missing", "ignored"], "What a pod contributes to a metric";
}
