//! Who must show a certificate, where the settings name an authority for those of clients.

use std::rc::Rc;

use actix_web::HttpMessage;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Extensions, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::middleware::Next;

use super::connection::{Certificate, Connection, Protection};
use super::error::ApiError;
use super::gate::PROBES;
use super::refusal::refuse;

/// Whether a request came without a certificate that it should have come with.
pub fn is_missing(request: &Extensions) -> bool {
    let protection = request.get::<Rc<Connection>>().map(|connection| connection.protection);
    protection == Some(Protection::Tls { certificate: Certificate::Missing })
}

/// Refuses a client without a certificate, but for the probes of a kubelet, which has none.
pub async fn check<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let is_missing = is_missing(&request.extensions());
    if is_missing && !PROBES.contains(&request.path()) {
        return Ok(refuse(
            request,
            &ApiError::new(
                StatusCode::FORBIDDEN,
                "Client certificate required",
                "this service takes requests only from clients with a certificate of an authority that it knows",
            ),
        ));
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}
