//! Errors as clients see them: always `{"error", "details"}` (guide, "API Error Responses").

use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use super::followers::Full;
use super::json::shortened;
use super::wire::{EvaluateError, PatchError};
use crate::access::Stranger;
use crate::actors::messages::CreateError;
use crate::actors::registry_handle::RegistryError;
use crate::domain::access::Deed;
use crate::domain::autoscaler::Mode;
use crate::domain::validation::ValidationErrors;
use crate::ports::store::StoreError;
use crate::ports::{ClusterError, ResolveError};

/// An answer that is not the one that the client wanted.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    error: &'static str,
    details: String,
    header: Option<(header::HeaderName, HeaderValue)>,
}

/// An answer that is not the one that was wanted.
#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
pub struct ErrorBody<'a> {
    /// What went wrong, always in the same words.
    error: &'a str,
    /// What exactly, and what to do about it.
    #[schema(max_length = 1000)]
    details: &'a str,
}

/// How much of what a client has sent is sent back at most, in characters.
const LONGEST_DETAILS: usize = 1_000;

/// After how many seconds a client may try again what failed for want of time or of the cluster.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

impl ApiError {
    /// An error with its status code, its title and what to do about it.
    pub fn new(status: StatusCode, error: &'static str, details: impl Into<String>) -> Self {
        Self { status, error, details: shortened(details.into(), LONGEST_DETAILS), header: None }
    }

    fn with_header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }

    /// The request's form is wrong.
    pub fn invalid_format(details: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Invalid request format", details)
    }

    /// A value is not allowed.
    pub fn validation(details: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Validation failed", details)
    }

    /// There is no autoscaler with this id.
    pub fn autoscaler_not_found(id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "Autoscaler not found", format!("autoscaler {id} not found"))
    }

    /// There is nothing at this path.
    pub fn no_such_path(path: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not found", format!("there is nothing at {path}; the API is under /api/v1"))
    }

    /// The path does not know the method; `allowed` is what it knows.
    pub fn method_not_allowed(method: &str, allowed: &'static str) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "Method not allowed",
            format!("{method} is not supported here; supported are {allowed}"),
        )
        .with_header(header::ALLOW, HeaderValue::from_static(allowed))
    }

    /// The client has not said who they are.
    pub fn unauthorized() -> Self {
        Self::stranger("no token was sent")
    }

    fn stranger(why: &str) -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "Unauthorized",
            format!("{why}; send one as \"Authorization: Bearer <token>\""),
        )
        .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// The caller may not do this.
    pub fn forbidden(who: Option<&str>, deed: &Deed) -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden", format!("{} may not {deed}", who.unwrap_or("this caller")))
    }

    /// It is not known whether the caller may do this.
    pub fn authorization_unavailable(why: &ClusterError) -> Self {
        Self::unavailable("Authorization unavailable", format!("it cannot be found out what this caller may do: {why}"))
    }

    /// Others changed the autoscaler again and again in the meantime.
    pub fn changed_meanwhile(id: &str) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "Autoscaler was changed meanwhile",
            format!("autoscaler {id} was changed by others each time that this change was tried; try again"),
        )
    }

    /// The autoscaler only observes, and is not to scale.
    pub fn not_activated(why: &ResolveError) -> Self {
        const ERROR: &str = "Autoscaler cannot be activated";
        match why {
            ResolveError::ScaledBy { .. } => Self::new(StatusCode::CONFLICT, ERROR, why.to_string()),
            _ => Self::unavailable(ERROR, format!("it is not known who else scales the workload: {why}")),
        }
    }

    /// What was asked for could not be kept, so it is not so.
    pub fn not_kept(why: &StoreError) -> Self {
        match why {
            StoreError::Cluster(error) => Self::unavailable(
                NOT_KEPT,
                format!("nothing is known to have been changed; what is asked for can be tried again: {error}"),
            ),
            _ => Self::new(StatusCode::CONFLICT, NOT_KEPT, why.to_string()),
        }
    }

    /// It is not certain that all replicas are in the mode.
    pub fn mode_not_confirmed(mode: Mode, why: &ClusterError) -> Self {
        let here = match mode {
            Mode::Observe => "this replica observes from now on, others may still scale",
            Mode::Active => "replicas may still observe",
        };
        Self::unavailable("Mode not confirmed", format!("{here}; try again: {why}"))
    }

    fn unavailable(error: &'static str, details: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error, details).with_header(header::RETRY_AFTER, RETRY_AFTER)
    }

    /// As many follow what happens as can.
    pub fn too_many_followers(full: Full) -> Self {
        const ERROR: &str = "Too many followers";
        match full {
            Full::All => Self::unavailable(ERROR, "too many clients follow the events; close some, or try again later"),
            Full::Caller(most) => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                ERROR,
                format!("this caller follows the events {most} times already; close some"),
            )
            .with_header(header::RETRY_AFTER, RETRY_AFTER),
        }
    }

    /// The caller asks faster than it may, and has to wait for so long.
    pub fn too_many_requests(wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let seconds = seconds.max(1);
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "Too many requests",
            format!("this is more than the service takes from one caller; try again in {seconds} s"),
        )
        .with_header(header::RETRY_AFTER, seconds.into())
    }

    /// Computing a preview ended abnormally.
    pub fn preview_failed() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Preview failed", "the preview could not be computed; see the log")
    }

    /// The service cannot recover by itself.
    pub fn not_alive() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Not alive", "a part of the service has ended; restart the service")
    }

    /// The answer could not be written; the log says why.
    pub fn unwritable() -> Self {
        let details = "the answer could not be written; the service's log says why";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal error", details)
    }

    /// The service is not ready for traffic.
    pub fn not_ready(details: impl Into<String>) -> Self {
        Self::unavailable("Not ready", details)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.error, self.details)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if let Some(header) = &self.header {
            response.insert_header(header.clone());
        }
        response.json(ErrorBody { error: self.error, details: &self.details })
    }
}

impl From<Stranger> for ApiError {
    fn from(stranger: Stranger) -> Self {
        match stranger {
            Stranger::Silent | Stranger::Unknown => Self::stranger(&stranger.to_string()),
            Stranger::Unrecognizable(_) => Self::unavailable("Authentication unavailable", stranger.to_string()),
        }
    }
}

impl From<ValidationErrors> for ApiError {
    fn from(errors: ValidationErrors) -> Self {
        Self::validation(errors.to_string())
    }
}

impl From<EvaluateError> for ApiError {
    fn from(error: EvaluateError) -> Self {
        Self::validation(error.to_string())
    }
}

impl From<PatchError> for ApiError {
    fn from(error: PatchError) -> Self {
        match error {
            PatchError::Malformed(fault) => Self::invalid_format(fault.to_string()),
            PatchError::Rules(_) | PatchError::OtherWorkload(_) => Self::validation(error.to_string()),
        }
    }
}

impl From<RegistryError> for ApiError {
    fn from(error: RegistryError) -> Self {
        Self::unavailable("Service unavailable", error.to_string())
    }
}

const FAILED_TO_CREATE: &str = "Failed to create autoscaler";
const NOT_KEPT: &str = "Autoscaler could not be kept";

impl From<CreateError> for ApiError {
    fn from(error: CreateError) -> Self {
        match &error {
            CreateError::Workload(resolve) => resolve_error(resolve),
            CreateError::Exists { .. } => {
                Self::new(StatusCode::CONFLICT, "Autoscaler already exists", error.to_string())
            }
            CreateError::NamespaceDenied(_) => {
                Self::new(StatusCode::FORBIDDEN, "Namespace not allowed", error.to_string())
            }
            CreateError::NameTaken(_) => Self::new(StatusCode::CONFLICT, FAILED_TO_CREATE, error.to_string()),
            CreateError::Store(store) => Self::not_kept(store),
            CreateError::Stopping => Self::unavailable("Service unavailable", error.to_string()),
        }
    }
}

fn resolve_error(error: &ResolveError) -> ApiError {
    let details = format!("failed to get workload: {error}");
    match error {
        ResolveError::Ambiguous { .. } | ResolveError::Owned { .. } | ResolveError::ScaledBy { .. } => {
            ApiError::new(StatusCode::CONFLICT, FAILED_TO_CREATE, error.to_string())
        }
        ResolveError::Cluster(
            ClusterError::Timeout(_) | ClusterError::Unavailable(_) | ClusterError::Overloaded { .. },
        ) => ApiError::unavailable(FAILED_TO_CREATE, details),
        ResolveError::NotFound { .. } | ResolveError::Cluster(_) => {
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, FAILED_TO_CREATE, details)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_of_what_was_sent_is_sent_back() {
        let error = ApiError::invalid_format("ä".repeat(LONGEST_DETAILS + 1));
        assert_eq!(error.details.chars().count(), LONGEST_DETAILS, "the mark of the cut included");
        assert!(error.details.ends_with("ä…"));
        let whole = "ä".repeat(LONGEST_DETAILS);
        assert_eq!(ApiError::invalid_format(whole.clone()).details, whole);
    }
}
