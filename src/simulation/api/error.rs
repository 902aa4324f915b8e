//! Refusals in the API server's form and words.

use http::StatusCode;
use serde_json::{Value, json};

use super::Reply;
use crate::simulation::resource::{Definition, Resource};
use crate::simulation::selector::InvalidSelector;
use crate::simulation::store::Expired;

/// A refusal: a `Status` object.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::simulation) struct ApiError {
    pub code: StatusCode,
    pub reason: String,
    pub message: String,
    pub details: Value,
}

impl ApiError {
    pub fn new(code: StatusCode, reason: &str, message: impl Into<String>) -> Self {
        Self { code, reason: reason.to_owned(), message: message.into(), details: Value::Null }
    }

    pub fn not_found(resource: Resource, name: &str) -> Self {
        let definition = resource.definition();
        Self {
            details: named(definition, name),
            ..Self::new(
                StatusCode::NOT_FOUND,
                "NotFound",
                format!("{} \"{name}\" not found", definition.qualified_plural()),
            )
        }
    }

    pub fn already_exists(resource: Resource, name: &str) -> Self {
        let definition = resource.definition();
        Self {
            details: named(definition, name),
            ..Self::new(
                StatusCode::CONFLICT,
                "AlreadyExists",
                format!("{} \"{name}\" already exists", definition.qualified_plural()),
            )
        }
    }

    pub fn conflict(resource: Resource, name: &str) -> Self {
        let definition = resource.definition();
        Self {
            details: named(definition, name),
            ..Self::new(
                StatusCode::CONFLICT,
                "Conflict",
                format!(
                    "Operation cannot be fulfilled on {} \"{name}\": the object has been modified; please apply your \
                     changes to the latest version and try again",
                    definition.qualified_plural()
                ),
            )
        }
    }

    pub fn wrong_uid(resource: Resource, name: &str, asked: &str, present: &str) -> Self {
        let definition = resource.definition();
        Self {
            details: named(definition, name),
            ..Self::new(
                StatusCode::CONFLICT,
                "Conflict",
                format!(
                    "Operation cannot be fulfilled on {} \"{name}\": Precondition failed: UID in precondition: \
                     {asked}, UID in object meta: {present}",
                    definition.qualified_plural()
                ),
            )
        }
    }

    /// `kind` with its group, as in `Scale.autoscaling`.
    pub fn invalid(kind: &str, name: &str, field: &str, problem: &str) -> Self {
        let (short, group) = kind.split_once('.').unwrap_or((kind, ""));
        Self {
            details: json!({
                "name": name,
                "group": group,
                "kind": short,
                "causes": [{ "reason": "FieldValueInvalid", "message": problem, "field": field }],
            }),
            ..Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "Invalid",
                format!("{kind} \"{name}\" is invalid: {field}: {problem}"),
            )
        }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    pub fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )
    }

    pub fn unsupported_media_type(accepted: &str) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UnsupportedMediaType",
            format!("the body of the request was in an unknown format - accepted media types include: {accepted}"),
        )
    }

    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, "Expired", message)
    }

    /// Somebody has seen a version that is still to come: from another cluster, or from before it was made anew.
    pub fn too_large_version(asked: u64, present: u64) -> Self {
        Self {
            details: json!({
                "causes": [{ "reason": "ResourceVersionTooLarge", "message": "Too large resource version" }],
                "retryAfterSeconds": 1,
            }),
            ..Self::new(
                StatusCode::GATEWAY_TIMEOUT,
                "Timeout",
                format!("Timeout: Too large resource version: {asked}, current: {present}"),
            )
        }
    }

    /// The `Status` object.
    pub fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code.as_u16(),
        });
        if !self.details.is_null() {
            status["details"] = self.details.clone();
        }
        status
    }

    pub fn into_reply(self) -> Reply {
        Reply::Json(self.code, self.status().to_string().into())
    }
}

fn named(definition: &Definition, name: &str) -> Value {
    let mut details = json!({ "name": name, "kind": definition.plural });
    if !definition.group.is_empty() {
        details["group"] = definition.group.into();
    }
    details
}

impl From<Expired> for ApiError {
    fn from(expired: Expired) -> Self {
        Self::expired(expired.to_string())
    }
}

impl From<InvalidSelector> for ApiError {
    fn from(invalid: InvalidSelector) -> Self {
        Self::bad_request(invalid.to_string())
    }
}
