//! How what stands before the handlers refuses a request.

use actix_web::ResponseError;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};

use super::error::ApiError;

/// The answer to `request`, which goes no further.
pub fn refuse(request: ServiceRequest, why: &ApiError) -> ServiceResponse<BoxBody> {
    request.into_response(why.error_response())
}
