//! Counts the requests of clients.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::web::Data;

use super::state::HttpState;
use crate::clock::Stopwatch;

/// The route of what is at no path.
const UNMATCHED: &str = "unmatched";

/// Counts a request by its route, its method and the answer's code.
pub async fn count<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let Some(state) = request.app_data::<Data<HttpState>>().cloned() else { return next.call(request).await };
    let method = known(request.method());
    let begun = Stopwatch::start();
    let answer = next.call(request).await;
    // By now the request knows its route; before, its path would have to be compared with all of them once more.
    let (code, route) = match &answer {
        Ok(answer) => (answer.status(), answer.request().match_pattern()),
        Err(error) => (error.as_response_error().status_code(), None),
    };
    let route = route.filter(|route| !route.is_empty()).unwrap_or_else(|| UNMATCHED.to_owned());
    state.telemetry.instruments().http_answered(route, method, code.as_u16(), begun.elapsed());
    answer
}

/// A method's name; a client can make up any number of others.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
