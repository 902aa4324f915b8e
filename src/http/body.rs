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
    let bytes = read(request, payload).await?;
    // A null for an unknown field would change nothing and go unnoticed.
    parse::<CreateRequest>(&bytes)?;
    parse(&bytes)
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

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(ApiError::invalid_format("the request body is empty; send a JSON object"));
    }
    read_object(bytes).map_err(|error| ApiError::invalid_format(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn deep_nesting_is_refused_and_not_followed() {
        let body = format!("{{\"workload_name\": {}{}}}", "[".repeat(20_000), "]".repeat(20_000));
        assert!(fault(&body).contains("workload_name"));
    }
}
