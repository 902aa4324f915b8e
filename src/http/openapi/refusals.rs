//! The answers that are not the wanted one: always `{"error", "details"}`.

use std::collections::BTreeMap;

use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

use crate::http::error::ErrorBody;

type Refusals = BTreeMap<String, RefOr<Response>>;

/// A refusal under one of `titles`.
fn refusal(description: impl Into<String>, titles: &[&str]) -> ResponseBuilder {
    let title = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(titles.iter().copied()));
    let schema = AllOfBuilder::new()
        .item(Ref::from_schema_name(ErrorBody::name()))
        .item(ObjectBuilder::new().property("error", title));
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new().description(description).content("application/json", content)
}

/// A refusal with a header.
fn with_header(refusal: ResponseBuilder, name: &str, description: &str, value: ObjectBuilder) -> ResponseBuilder {
    refusal.header(name, HeaderBuilder::new().description(Some(description)).schema(Some(value)).build())
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// A refusal of a request that is as good later.
fn later(description: &str, titles: &[&str]) -> ResponseBuilder {
    let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
    with_header(refusal(description, titles), "Retry-After", "After how many seconds to try again", seconds)
}

/// That the service cannot answer at present; it may also be that nobody knows who the caller is.
fn unavailable(description: &str, titles: &[&str]) -> ResponseBuilder {
    let description = format!("{description}; or it cannot be found out who the caller is, or what they may do");
    later(&description, &[titles, &UNCERTAIN].concat())
}

fn all<const N: usize>(refusals: [(&str, ResponseBuilder); N]) -> Refusals {
    refusals.into_iter().map(|(status, refusal)| (status.to_owned(), refusal.build().into())).collect()
}

/// Adds those of `refusals` whose status the operation does not speak of.
pub fn add_missing(operation: &mut Operation, refusals: Refusals) {
    for (status, refusal) in refusals {
        operation.responses.responses.entry(status).or_insert(refusal);
    }
}

/// What any request may be answered; another answer than these may have the same status.
pub fn of_any_request(needs_token: bool) -> Refusals {
    let foreign =
        "A page of another origin asks, or by a name that is not the service's, or a client without a certificate";
    let mut refusals = all([
        ("403", refusal(foreign, &FORBIDDEN[..3])),
        ("414", refusal("The path and its query have more than 8 KiB", &["URI too long"])),
        ("431", refusal("The headers have more than 32 KiB", &["Headers too large"])),
    ]);
    if needs_token {
        let unknown = refusal("Callers have to say who they are, and this one is not known", &["Unauthorized"]);
        let unknown = with_header(unknown, "WWW-Authenticate", "How to say it", text().enum_values(Some(["Bearer"])));
        refusals.extend(all([
            ("401", unknown),
            ("403", refusal(format!("The caller may not do this. {foreign}"), &FORBIDDEN)),
            ("429", later("The caller asks faster than it may", &["Too many requests"])),
            ("503", later("It cannot be found out who the caller is, or what they may do", &UNCERTAIN)),
        ]));
    }
    refusals
}

const FORBIDDEN: [&str; 4] = ["Forbidden origin", "Forbidden host", "Client certificate required", "Forbidden"];

const UNCERTAIN: [&str; 2] = ["Authentication unavailable", "Authorization unavailable"];

/// What a request with a body may be answered.
pub fn of_bodies() -> Refusals {
    all([
        ("400", refusal("The body is not as described", &["Invalid request format", "Validation failed"])),
        ("408", refusal("The body did not arrive in time", &["Request timeout"])),
        ("413", refusal("The body is larger than 64 KiB", &["Request body too large"])),
        ("415", refusal("The body is announced as something else than JSON", &["Unsupported media type"])),
    ])
}

/// What is answered on this path to a request with another method.
pub fn of_other_methods(allowed: &str) -> Refusals {
    let other = refusal(format!("To other methods than {allowed}"), &["Method not allowed"]);
    all([("405", with_header(other, "Allow", "The methods that this path knows", text().enum_values(Some([allowed]))))])
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident { $($status:literal: $refusal:expr,)* })*) => {
        $(
            $(#[$doc])*
            pub struct $name;

            impl IntoResponses for $name {
                fn responses() -> Refusals {
                    all([$(($status, $refusal)),*])
                }
            }
        )*
    };
}

refusals! {
    /// The parameters are wrong.
    BadParameters {
        "400": refusal("A parameter is unknown, or not as described", &["Invalid request format", "Validation failed"]),
    }
    /// The registry is busy or stopping, or does not know the autoscalers yet.
    Busy {
        "503": unavailable(
            "The service is busy or stopping, or has just started and does not know the autoscalers yet",
            &["Service unavailable"]
        ),
    }
    /// The service is not ready for traffic.
    NotReady {
        "503": later("It is stopping, or it does not know the cluster", &["Not ready"]),
    }
    /// The service cannot recover by itself.
    NotAlive {
        "503": refusal("A part of the service has ended; it has to be started again", &["Not alive"]),
    }
    /// There is no autoscaler with this id.
    NoSuchAutoscaler {
        "404": refusal("There is no such autoscaler", &["Autoscaler not found", "Not found"]),
    }
    /// An autoscaler cannot be changed.
    NotChanged {
        "409": refusal(
            "Others changed it each time that this was tried, or something else scales what it is to scale, or the cluster \
             does not allow it",
            &["Autoscaler was changed meanwhile", "Autoscaler cannot be activated", "Autoscaler could not be kept"]
        ),
        "503": unavailable(
            "The service is busy or stopping, or it is not known who else scales the workload, or the API server does not \
             answer",
            &["Service unavailable", "Autoscaler cannot be activated", "Autoscaler could not be kept"]
        ),
    }
    /// It could not be changed or ended.
    NotKept {
        "409": refusal(
            "Others changed it each time that this was tried, or the cluster does not allow it",
            &["Autoscaler was changed meanwhile", "Autoscaler could not be kept"]
        ),
        "503": unavailable(
            "The service is busy or stopping, or the API server does not answer",
            &["Service unavailable", "Autoscaler could not be kept"]
        ),
    }
    /// The mode may not hold everywhere.
    NotConfirmed {
        "503": unavailable("Another replica of the service has not confirmed the mode", &["Mode not confirmed"]),
    }
    /// A preview cannot be made.
    PreviewFailed {
        "500": refusal("The preview could not be computed; the log says why", &["Preview failed"]),
    }
    /// As many follow the events as can.
    TooManyFollowers {
        "429": later(
            "The caller follows as often as one can, or asks faster than it may",
            &["Too many followers", "Too many requests"]
        ),
        "503": unavailable(
            "Too many clients follow, or the service is busy or stopping",
            &["Too many followers", "Service unavailable"]
        ),
    }
    /// The metrics cannot be written.
    Unwritable {
        "500": refusal("The metrics could not be written; the log says why", &["Internal error"]),
    }
    /// An autoscaler cannot be created.
    NotCreated {
        "403": refusal(
            "The service is kept out of the namespace; or as for any request",
            &["Namespace not allowed", FORBIDDEN[0], FORBIDDEN[1], FORBIDDEN[2], FORBIDDEN[3]]
        ),
        "409": refusal(
            "The workload has an autoscaler with another definition, or something else scales it, or the name is ambiguous",
            &["Autoscaler already exists", "Failed to create autoscaler", "Autoscaler could not be kept"]
        ),
        "500": refusal("The workload cannot be read, for instance because there is none", &["Failed to create autoscaler"]),
        "503": unavailable(
            "The API server does not answer, or the service is busy or stopping",
            &["Failed to create autoscaler", "Autoscaler could not be kept", "Service unavailable"]
        ),
    }
}
