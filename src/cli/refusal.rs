//! What the service does not do, in words that say what to do about it.

use std::time::Duration;

use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::failure::Failure;
use super::terminal::plain;
use crate::plain_text::shortened;

/// How much of a refusal is shown, in characters. The service's own are shorter.
pub const LONGEST: usize = 2_000;

/// How a token is had.
const GET_A_TOKEN: &str = "\"kubectl create token SERVICE-ACCOUNT -n NAMESPACE\" (with --audience, where the service wants one) \
                           makes one where the service asks the cluster who somebody is; a service with tokens of its own \
                           has them from its operator";

/// The answer of a service that is not the one that was wanted.
pub struct Refusal<'a> {
    /// The service's URL.
    pub server: &'a str,
    /// Whether a token was sent.
    pub had_token: bool,
    /// The answer's status.
    pub status: StatusCode,
    /// The answer's head.
    pub headers: &'a HeaderMap,
    /// The answer, if it was JSON.
    pub body: Option<Value>,
}

impl Refusal<'_> {
    /// Why the command fails.
    pub fn failure(&self) -> Failure {
        let (error, details) = (self.text("error"), self.text("details"));
        match (self.status, error, details) {
            (StatusCode::UNAUTHORIZED, ..) => Failure::Unauthorized(self.unauthorized()),
            (StatusCode::FORBIDDEN, Some(error), Some(details)) if error == "Forbidden" => Failure::Failed(format!(
                "{error}: {details}; a role of the cluster has to allow it, which whoever administers it can give. \
                 \"ai-storage-orchestrator whoami\" says who you are"
            )),
            (StatusCode::FORBIDDEN, Some(error), Some(details)) if error == "Client certificate required" => {
                Failure::Failed(format!("{error}: {details}; name yours with --client-cert FILE and --client-key FILE"))
            }
            (StatusCode::NOT_FOUND, Some(_), Some(details)) => Failure::NotFound(details),
            (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE, Some(error), details) => {
                let after = retry_after(self.headers);
                let again = after.map_or_else(String::new, |after| format!("; try again in {} s", after.as_secs()));
                let details = details.map_or_else(String::new, |details| format!(": {details}"));
                Failure::NotNow { why: format!("{error}{details}{again}"), after }
            }
            (_, Some(error), Some(details)) => Failure::Failed(format!("{error}: {details}")),
            (status, ..) if status.is_redirection() => Failure::Failed(self.redirected()),
            _ => stranger(self.server, self.status),
        }
    }

    fn text(&self, field: &str) -> Option<String> {
        self.body.as_ref()?[field].as_str().map(brief)
    }

    fn unauthorized(&self) -> String {
        let server = self.server;
        if self.had_token {
            format!(
                "the service at {server} does not accept the token: it may have expired, or be meant for another service; \
                 {GET_A_TOKEN}"
            )
        } else {
            format!(
                "the service at {server} wants a token: put it into the environment variable ORCHESTRATOR_TOKEN, or name \
                 a file that has it with --token-file FILE; {GET_A_TOKEN}"
            )
        }
    }

    fn redirected(&self) -> String {
        let to = self.headers.get(LOCATION).and_then(|to| to.to_str().ok()).map(brief);
        let to = to.map_or_else(|| "another place".to_owned(), |to| format!("\"{to}\""));
        format!(
            "what answers at {} sends to {to}, where nothing is sent, the token least of all; if the service is there, name \
             it with --server URL",
            self.server
        )
    }
}

/// What others wrote, as far as it is worth reading.
fn brief(text: &str) -> String {
    plain(&shortened(text.to_owned(), LONGEST))
}

/// What answers is not the service.
pub fn stranger(server: &str, status: StatusCode) -> Failure {
    Failure::Failed(format!(
        "what answers at {server} (HTTP {}) is not this service, or not of this version; name the service with --server URL",
        status.as_u16()
    ))
}

/// How long the service wants to be left alone, if it says so in seconds.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use serde_json::json;

    use super::*;

    fn failure(
        status: u16,
        had_token: bool,
        headers: &[(http::HeaderName, &'static str)],
        body: Option<Value>,
    ) -> Failure {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        let status = StatusCode::from_u16(status).unwrap();
        Refusal { server: "http://it", had_token, status, headers: &headers, body }.failure()
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        let body = |error: &str| Some(json!({"error": error, "details": "that is so"}));
        let none = failure(401, false, &[], body("Unauthorized")).to_string();
        let bad = failure(401, true, &[], body("Unauthorized")).to_string();
        assert!(none.contains("ORCHESTRATOR_TOKEN") && none.contains("kubectl create token"), "{none}");
        assert!(bad.contains("expired") && bad.contains("kubectl create token"), "{bad}");
        let forbidden = failure(403, true, &[], body("Forbidden")).to_string();
        assert!(forbidden.starts_with("Forbidden: that is so; a role of the cluster"), "{forbidden}");
        let of_the_settings = failure(403, true, &[], body("Namespace not allowed")).to_string();
        assert_eq!(of_the_settings, "Namespace not allowed: that is so", "no role helps against that");
        assert_eq!(failure(404, true, &[], body("Not found")).exit_code(), 3);
        let moved = failure(302, true, &[(LOCATION, "https://evil.example/")], None).to_string();
        assert!(moved.contains("sends to \"https://evil.example/\"") && moved.contains("--server"), "{moved}");
    }

    #[test]
    fn what_can_be_tried_again_says_when() {
        for (status, error) in [(429, "Too many requests"), (503, "Authentication unavailable")] {
            let refused = failure(status, true, &[(RETRY_AFTER, "5")], Some(json!({"error": error, "details": "x"})));
            assert_eq!(refused.to_string(), format!("{error}: x; try again in 5 s"));
            assert_eq!(refused.exit_code(), 1);
            assert!(matches!(refused, Failure::NotNow { after: Some(after), .. } if after == Duration::from_secs(5)));
        }
        let without = failure(503, true, &[(RETRY_AFTER, "soon")], Some(json!({"error": "Not ready"})));
        assert_eq!(without.to_string(), "Not ready");
        assert!(failure(503, true, &[], None).to_string().contains("is not this service"));
    }

    #[test]
    fn nothing_in_an_answer_is_obeyed() {
        const ATTACK: &str = "\u{1b}]0;owned\u{7}\u{202e}\n";
        for status in [302, 400, 401, 403, 404, 409, 429, 500, 503] {
            let body = json!({"error": ATTACK, "details": ATTACK});
            let said = failure(status, true, &[], Some(body)).to_string();
            assert!(!said.chars().any(super::super::terminal::is_obeyed), "{said:?}");
        }
    }
}
