//! The routes, by subject.

use actix_web::{HttpRequest, guard, web};

use super::error::ApiError;

mod autoscaling;
mod service;

/// Every path of the service.
pub fn configure(config: &mut web::ServiceConfig) {
    config.configure(service::configure).service(web::scope("/api/v1").configure(autoscaling::configure));
}

/// What is at no path.
pub async fn no_such_path(request: HttpRequest) -> Result<&'static str, ApiError> {
    Err(ApiError::no_such_path(request.path()))
}

/// A route for GET, and for HEAD, whose body actix leaves out.
fn get() -> actix_web::Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// The answer for the methods that a path does not know.
fn only(allowed: &'static str) -> actix_web::Route {
    web::to(move |request: HttpRequest| async move {
        Err::<&'static str, _>(ApiError::method_not_allowed(request.method().as_str(), allowed))
    })
}
