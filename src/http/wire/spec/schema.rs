//! The parts of a definition's schema that depend on the kind of document.

use std::borrow::Cow;

use utoipa::openapi::schema::{
    AllOfBuilder, AnyOfBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::CreateRequest;
use crate::domain::autoscaler::{Interval, Metric, RatePolicy, Window, WorkloadKind};

/// Seconds as one kind of document has them.
pub trait SpanSchema {
    /// A whole number, or any.
    const TYPE: Type;

    /// A span of `least` to `most` seconds.
    fn schema(least: u32, most: u32) -> ObjectBuilder;
}

impl SpanSchema for i32 {
    const TYPE: Type = Type::Integer;

    fn schema(least: u32, most: u32) -> ObjectBuilder {
        let format = SchemaFormat::KnownFormat(KnownFormat::Int32);
        of_type(Self::TYPE).format(Some(format)).minimum(Some(least)).maximum(Some(most))
    }
}

impl SpanSchema for f64 {
    const TYPE: Type = Type::Number;

    fn schema(_: u32, _: u32) -> ObjectBuilder {
        of_type(Self::TYPE).minimum(Some(0))
    }
}

fn of_type(kind: Type) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::from_iter([kind, Type::Null]))
}

/// An autoscaler's interval.
pub fn interval<Seconds: SpanSchema>() -> ObjectBuilder {
    Seconds::schema(1, Interval::MAX_SECONDS).description(Some("Time between evaluations; 15 when absent."))
}

/// A stabilization window.
pub fn window<Seconds: SpanSchema>() -> ObjectBuilder {
    Seconds::schema(0, Window::MAX_SECONDS)
        .description(Some("How long a recommendation counts; 0 up and 300 down when absent."))
}

/// A rate limit's period.
pub fn period<Seconds: SpanSchema>() -> ObjectBuilder {
    Seconds::schema(1, RatePolicy::MAX_PERIOD_SECONDS).schema_type(Seconds::TYPE).description(Some("The period."))
}

/// A kind of workload as a client may write it.
pub fn workload_type() -> ObjectBuilder {
    let either_case = |c: char| format!("[{}{}]", c.to_ascii_uppercase(), c.to_ascii_lowercase());
    let words = WorkloadKind::ALL.map(WorkloadKind::as_str).into_iter().chain(["auto"]);
    let pattern: Vec<String> = words.map(|word| word.chars().map(either_case).collect()).collect();
    of_type(Type::String)
        .pattern(Some(format!("^({})$", pattern.join("|"))))
        .examples([WorkloadKind::Deployment.as_str()])
        .description(Some("`Deployment`, `StatefulSet` or `ReplicaSet` in any case, or `auto`: looked up by name."))
}

/// A schema's name, which says what its seconds are.
const DEFINITION: &str = "Definition_i32";
const WHAT_IF_DEFINITION: &str = "Definition_f64";

/// A definition of which nothing that is needed is left out.
fn complete(definition: &str, needed: &[(&str, Type)]) -> AllOfBuilder {
    let given = needed.iter().fold(ObjectBuilder::new(), |object, (field, kind)| {
        object.property(*field, ObjectBuilder::new().schema_type(kind.clone())).required(*field)
    });
    AllOfBuilder::new().item(Ref::from_schema_name(definition)).item(given)
}

const BOUNDS: [(&str, Type); 2] = [("min_replicas", Type::Integer), ("max_replicas", Type::Integer)];

/// The body of a create request: a definition with a workload, bounds and at least one target.
pub struct NewAutoscaler;

impl PartialSchema for NewAutoscaler {
    fn schema() -> RefOr<Schema> {
        let workload = ["workload_name", "workload_namespace", "workload_type"].map(|field| (field, Type::String));
        let target = |metric: Metric| {
            let field = format!("target_{}_percent", metric.as_str());
            let set = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
            ObjectBuilder::new().property(&field, set).required(&field)
        };
        let targets = Metric::ALL.into_iter().map(target).fold(AnyOfBuilder::new(), AnyOfBuilder::item);
        let whole = complete(DEFINITION, &[&workload[..], &BOUNDS].concat()).item(targets);
        whole.description(Some("A definition with a workload, bounds and at least one target.")).into()
    }
}

impl ToSchema for NewAutoscaler {
    fn name() -> Cow<'static, str> {
        "NewAutoscaler".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((DEFINITION.to_owned(), CreateRequest::<i32>::schema()));
        CreateRequest::<i32>::schemas(schemas);
    }
}

/// The definition in a what-if, of which the workload does not matter.
pub fn what_if_spec() -> AllOfBuilder {
    complete(WHAT_IF_DEFINITION, &BOUNDS)
        .description(Some("What is wanted. Without any target only together with `recommended_replicas`."))
}
