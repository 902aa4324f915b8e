//! Who is let in: no web page of another origin, and nobody of whom it is not known who they are, where that has to be
//! known. A page can also give a name of its own to this machine's address (DNS rebinding); so a service that only this
//! machine reaches answers only to this machine's names, unless a token protects it.

use std::net::IpAddr;

use actix_web::HttpMessage;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderValue, ORIGIN};
use actix_web::middleware::Next;
use actix_web::web::Data;
use secrecy::SecretString;

use super::error::ApiError;
use super::state::HttpState;
use crate::access::Access;
use crate::domain::access::Caller;

/// What a kubelet asks for; it has no token.
const PROBES: [&str; 3] = ["/health", "/healthz", "/readyz"];

/// Pages and their files, which tell nothing: what is to be seen on them comes from the API. So does its description.
fn is_page(path: &str) -> bool {
    ["/", "/openapi.json", "/api-docs"].contains(&path)
        || ["/assets/", "/api-docs/"].iter().any(|folder| path.starts_with(folder))
}

/// Refuses what may not come in.
pub async fn check<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    if is_foreign(request.headers()) {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "Forbidden origin",
            "requests from web pages of another origin are refused",
        )
        .into());
    }
    if request.app_data::<Data<HttpState>>().is_some_and(|state| is_misnamed(state, request.headers())) {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "Forbidden host",
            "without a token, this service answers only to localhost and loopback addresses",
        )
        .into());
    }
    let is_open = PROBES.contains(&request.path()) || is_page(request.path());
    if !is_open && let Some(state) = request.app_data::<Data<HttpState>>() {
        let caller = state.access.who(bearer_token(request.headers())).await.map_err(ApiError::from)?;
        request.extensions_mut().insert::<Caller>(caller);
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

/// Any web page could make a browser post to localhost, but the browser says where the page is from.
fn is_foreign(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let is_own = |origin: &HeaderValue| {
        let origin_host = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
        origin_host.zip(host).is_some_and(|(origin_host, host)| origin_host.eq_ignore_ascii_case(host))
    };
    !headers.get_all(ORIGIN).all(is_own)
}

fn is_misnamed(state: &HttpState, headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).map(|host| host.to_str().unwrap_or_default());
    state.on_loopback && matches!(state.access, Access::Open) && host.is_some_and(|host| !names_loopback(host))
}

fn names_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// The token that a request brings (RFC 6750).
pub fn bearer_token(headers: &HeaderMap) -> Option<SecretString> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn foreign(origin: Option<&'static str>, host: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static(host));
        if let Some(origin) = origin {
            headers.insert(ORIGIN, HeaderValue::from_static(origin));
        }
        is_foreign(&headers)
    }

    #[test]
    fn this_machine_has_these_names() {
        for name in ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "127.8.9.1", "[::1]:8080", "[::1]"] {
            assert!(names_loopback(name), "{name}");
        }
        for name in ["", "evil.example:8080", "localhost.evil.example", "10.0.0.1:8080", "[fe80::1]:80", "::1"] {
            assert!(!names_loopback(name), "{name}");
        }
    }

    #[test]
    fn only_pages_of_the_same_host_and_port_are_let_in() {
        assert!(!foreign(None, "localhost:8080"));
        assert!(!foreign(Some("http://localhost:8080"), "localhost:8080"));
        assert!(foreign(Some("http://localhost:3000"), "localhost:8080"));
        assert!(foreign(Some("https://evil.example"), "localhost:8080"));
        assert!(foreign(Some("null"), "localhost:8080"));
        assert!(foreign(Some("http://localhost:8080.evil.example"), "localhost:8080"));
    }
}
