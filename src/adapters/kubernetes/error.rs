//! Turns what `kube` reports into what the ports report.

use std::time::Duration;

use kube::core::Status;
use kube::core::response::reason;
use kube::runtime::watcher;

use super::discretion::told;
use crate::plain_text::shortened;
use crate::ports::ClusterError;

/// An answer that is no Kubernetes status may be a whole web page of some proxy; this much of it is shown.
const SHOWN: usize = 300;

/// How much is shown of an error that may repeat what it is about, such as a text where a number should be.
pub(super) const LONGEST: usize = 1_000;

/// Says why a call failed.
pub(super) fn cluster_error(error: kube::Error) -> ClusterError {
    match error {
        kube::Error::Api(status) => status_error(*status),
        kube::Error::SerdeError(error) => {
            ClusterError::Unavailable(shortened(format!("the API server's answer makes no sense: {error}"), LONGEST))
        }
        kube::Error::Auth(error) => {
            ClusterError::Unavailable(format!("cannot log in to the API server: {}", told(&error)))
        }
        kube::Error::Service(error) => match error.downcast() {
            // A time limit of our own, which has passed through `kube`.
            Ok(error) => *error,
            Err(error) => unreachable(told(&*error)),
        },
        kube::Error::HyperError(error) => unreachable(told(&error)),
        error => unreachable(told(&error)),
    }
}

/// Says why a watch broke.
pub(super) fn watch_error(error: watcher::Error) -> ClusterError {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => cluster_error(error),
        watcher::Error::WatchError(status) => status_error(*status),
        error @ watcher::Error::NoResourceVersion => ClusterError::Unavailable(error.to_string()),
    }
}

fn unreachable(why: String) -> ClusterError {
    ClusterError::Unavailable(shortened(format!("the API server cannot be reached: {why}"), LONGEST))
}

fn status_error(status: Status) -> ClusterError {
    let mut message: String = status.message.chars().take(SHOWN).collect();
    if message.is_empty() {
        message = if status.reason.is_empty() {
            "it gives no reason".to_owned()
        } else {
            shortened(status.reason.clone(), SHOWN)
        };
    }
    let means = |reason: &str, code| means(&status, reason, code);
    if means(reason::NOT_FOUND, 404) {
        ClusterError::NotFound(message)
    } else if means(reason::FORBIDDEN, 403) {
        ClusterError::Forbidden(message)
    } else if means(reason::CONFLICT, 409) {
        ClusterError::Conflict(message)
    } else if means(reason::TOO_MANY_REQUESTS, 429) {
        let seconds = status.details.map_or(0, |details| details.retry_after_seconds);
        let retry_after = (seconds > 0).then(|| Duration::from_secs(seconds.into()));
        ClusterError::Overloaded { message, retry_after }
    } else if means(reason::UNAUTHORIZED, 401) {
        ClusterError::Unavailable(format!("the API server does not accept the service's credentials: {message}"))
    } else {
        ClusterError::Unavailable(format!("the API server answers {}: {message}", status.code))
    }
}

/// Whether a status means `reason`: by its own reason, or by its code where it gives none that Kubernetes knows, as a
/// plain text answer does. `Status::is_not_found` and the like are to do the same, but in kube 5.0 ignore the code.
fn means(status: &Status, reason: &str, code: u16) -> bool {
    status.reason == reason || !reason::is_known(&status.reason) && status.code == code
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answered(status: serde_json::Value) -> ClusterError {
        let status: Status = serde_json::from_value(status).unwrap();
        cluster_error(kube::Error::Api(status.boxed()))
    }

    #[test]
    fn a_refusal_keeps_the_api_servers_words() {
        let message = "deployments.apps \"web\" is forbidden: User \"x\" cannot patch resource \"deployments/scale\"";
        let error = answered(json!({"code": 403, "reason": "Forbidden", "message": message}));
        assert_eq!(error, ClusterError::Forbidden(message.to_owned()));
    }

    #[test]
    fn too_many_requests_say_how_long_to_wait() {
        let status = json!({"code": 429, "reason": "TooManyRequests", "message": "later"});
        let error = answered(status.clone());
        assert_eq!(error, ClusterError::Overloaded { message: "later".to_owned(), retry_after: None });

        let mut status = status;
        status["details"] = json!({"retryAfterSeconds": 7});
        let wait = Some(Duration::from_secs(7));
        assert_eq!(answered(status), ClusterError::Overloaded { message: "later".to_owned(), retry_after: wait });
    }

    #[test]
    fn a_failing_server_is_unavailable() {
        let error = answered(json!({"code": 503, "reason": "ServiceUnavailable", "message": "etcd is down"}));
        assert_eq!(error.to_string(), "the API server answers 503: etcd is down");
        let error = answered(json!({"code": 502, "message": "<html>".repeat(1_000)}));
        assert!(error.to_string().len() < 400);
        let error = answered(json!({"code": 504, "reason": "Timeout"}));
        assert_eq!(error.to_string(), "the API server answers 504: Timeout");
        let error = answered(json!({"code": 500}));
        assert_eq!(error.to_string(), "the API server answers 500: it gives no reason");
    }

    #[test]
    fn an_answer_without_a_known_reason_is_taken_by_its_code() {
        let plain = |code: u16| json!({"code": code, "reason": "Failed to parse error data", "message": "text"});
        assert_eq!(answered(plain(404)), ClusterError::NotFound("text".to_owned()));
        assert_eq!(answered(plain(403)), ClusterError::Forbidden("text".to_owned()));
        assert_eq!(answered(plain(409)), ClusterError::Conflict("text".to_owned()));
        let exists = json!({"code": 409, "reason": "AlreadyExists", "message": "text"});
        assert_eq!(answered(exists).to_string(), "the API server answers 409: text");
    }
}
