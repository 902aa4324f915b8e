//! How much the head of a request may be. The HTTP libraries have limits of their own, which are for everybody's needs:
//! 128 KiB and 96 headers in HTTP/1.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{RequestHead, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::middleware::Next;

use super::error::ApiError;
use super::refusal::refuse;

/// The longest path with its query, in bytes: for events of 200 autoscalers it is less than 5 KiB.
const LONGEST_TARGET: usize = 8 * 1024;

/// All names and values of the headers, in bytes. The largest are tokens, of some KiB.
pub const LARGEST_HEADERS: usize = 32 * 1024;

/// Refuses a head that is larger than any that makes sense.
pub async fn check<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    match fault(request.head()) {
        Some(fault) => Ok(refuse(request, &fault)),
        None => Ok(next.call(request).await?.map_into_boxed_body()),
    }
}

fn fault(head: &RequestHead) -> Option<ApiError> {
    let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if target > LONGEST_TARGET {
        let details = format!("the path and its query may have at most {} KiB", LONGEST_TARGET / 1024);
        return Some(ApiError::new(StatusCode::URI_TOO_LONG, "URI too long", details));
    }
    let headers: usize = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    (headers > LARGEST_HEADERS).then(|| {
        let details = format!("the headers may have at most {} KiB", LARGEST_HEADERS / 1024);
        ApiError::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "Headers too large", details)
    })
}
