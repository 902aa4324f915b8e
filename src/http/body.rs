//! Reads JSON request bodies, strictly: nothing is guessed, and each refusal says what is wrong and where.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Bytes, Payload};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::error::ApiError;
use super::json::read_object;
use super::wire::{CreateRequest, MergePatch};

/// The largest body that is read.
const LARGEST: usize = 64 * 1024;

/// How long a client may take to send its body.
const TIME_TO_SEND: Duration = Duration::from_secs(10);

/// Reads the body as a JSON object.
pub async fn read_json<T: DeserializeOwned>(request: &HttpRequest, payload: Payload) -> Result<T, ApiError> {
    require_media_type(request, &[JSON])?;
    parse(&read(request, payload).await?)
}

/// Reads the body as a JSON merge patch.
pub async fn read_merge_patch(request: &HttpRequest, payload: Payload) -> Result<MergePatch, ApiError> {
    require_media_type(request, &[JSON, "application/merge-patch+json"])?;
    merge_patch(&read(request, payload).await?)
}

/// The merge patch that a body is.
pub(super) fn merge_patch(bytes: &[u8]) -> Result<MergePatch, ApiError> {
    // A null for an unknown field would change nothing and go unnoticed.
    parse::<CreateRequest>(bytes)?;
    parse(bytes)
}

const JSON: &str = "application/json";

fn require_media_type(request: &HttpRequest, allowed: &[&str]) -> Result<(), ApiError> {
    let header = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = header.split(';').next().unwrap_or_default().trim();
    if allowed.iter().any(|allowed| media_type.eq_ignore_ascii_case(allowed)) {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "Unsupported media type",
        format!("send the body as JSON with the header \"Content-Type: {}\"", allowed.join("\" or \"")),
    ))
}

async fn read(request: &HttpRequest, payload: Payload) -> Result<Bytes, ApiError> {
    let announced = request.headers().get("content-length").and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > LARGEST as u64) {
        return Err(too_large());
    }
    match timeout(TIME_TO_SEND, payload.to_bytes_limited(LARGEST)).await {
        Ok(Ok(Ok(bytes))) => Ok(bytes),
        Ok(Ok(Err(error))) => Err(ApiError::invalid_format(format!("the request body could not be read: {error}"))),
        Ok(Err(_)) => Err(too_large()),
        Err(_) => Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "Request timeout",
            format!("the request body did not arrive within {} s", TIME_TO_SEND.as_secs()),
        )),
    }
}

fn too_large() -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "Request body too large",
        format!("the request body may have at most {} KiB", LARGEST / 1024),
    )
}

/// The JSON object that a body is.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(ApiError::invalid_format("the request body is empty; send a JSON object"));
    }
    read_object(bytes).map_err(|error| ApiError::invalid_format(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::wire::EvaluateRequest;

    fn fault(body: &str) -> String {
        parse::<CreateRequest>(body.as_bytes()).expect_err("the body must be refused").to_string()
    }

    #[test]
    fn each_malformed_body_is_refused_with_its_fault() {
        for (body, expected) in [
            ("", "the request body is empty"),
            (" \n ", "the request body is empty"),
            ("{", "EOF while parsing"),
            ("nonsense", "expected ident"),
            ("[]", "a JSON object"),
            (r#"["nginx", "default"]"#, "a JSON object"),
            ("null", "a JSON object"),
            (r#"{"min_replicas": "2"}"#, "min_replicas: invalid type: string \"2\", expected i32"),
            (r#"{"min_replicas": 2.5}"#, "min_replicas: invalid type: floating point"),
            (r#"{"max_replicas": 2147483648}"#, "max_replicas: invalid value: integer `2147483648`, expected i32"),
            (r#"{"workload_name": 5}"#, "workload_name: invalid type: integer `5`, expected a string"),
            (r#"{"min_replica": 2}"#, "unknown field `min_replica`"),
            (r#"{"scale_up_policy": {"max": 1}}"#, "scale_up_policy.max: unknown field `max`"),
            (r#"{"scale_up_policy": [60, 3]}"#, "scale_up_policy: invalid type: sequence, expected a JSON object"),
            (r#"{"min_replicas": 1, "min_replicas": 2}"#, "duplicate field `min_replicas`"),
            (r#"{"min_replicas": 1} x"#, "trailing characters"),
        ] {
            let fault = fault(body);
            assert!(fault.contains(expected), "{body}: {fault}");
        }
    }

    #[test]
    fn huge_numbers_are_refused() {
        let digits = "9".repeat(100);
        for (number, expected) in [
            ("1e999", "number out of range"),
            ("-1e999", "number out of range"),
            ("9223372036854775808", "expected i32"),
            ("-9223372036854775809", "expected i32"),
            ("18446744073709551616", "expected i32"),
            (digits.as_str(), "expected i32"),
        ] {
            let fault = fault(&format!("{{\"max_replicas\": {number}}}"));
            assert!(fault.contains(expected) && fault.contains("max_replicas"), "{number}: {fault}");
        }
        let fault = fault("{\"warm_up\": {\"readiness_delay_seconds\": 1e999}}");
        assert!(fault.contains("warm_up.readiness_delay_seconds: number out of range"), "{fault}");
    }

    #[test]
    fn a_long_name_is_not_sent_back_whole() {
        let name = "n".repeat(1 << 20);
        for body in [
            format!("{{\"{name}\": 1}}"),
            format!("{{\"min_replicas\": \"{name}\"}}"),
            format!("{{\"scale_up_policy\": {{\"{name}\": null}}}}"),
        ] {
            assert!(fault(&body).chars().count() < 1_100);
        }
    }

    #[test]
    fn what_keys_of_a_body_are_kept_in_is_no_hash_table() {
        // So that no keys can be chosen that make it slow: a sorted map is as fast as it is for whatever is in it.
        let value: serde_json::Value = serde_json::from_str(r#"{"b": 1, "a": 2}"#).unwrap();
        assert_eq!(value.as_object().unwrap().keys().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn deep_nesting_is_refused_and_not_followed() {
        let body = format!("{{\"workload_name\": {}{}}}", "[".repeat(20_000), "]".repeat(20_000));
        assert!(fault(&body).contains("workload_name"));
        for deep in ["[".repeat(20_000), r#"{"a":"#.repeat(20_000), format!("{{\"a\": {}", "[".repeat(20_000))] {
            assert!(merge_patch(deep.as_bytes()).is_err());
            let document = format!("{{\"spec\": {deep}");
            assert!(parse::<EvaluateRequest>(document.as_bytes()).is_err());
        }
    }
}
