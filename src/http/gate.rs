//! Who is let in: nobody of whom it is not known who they are, where that has to be known.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{HttpMessage, HttpRequest};
use secrecy::SecretString;

use super::error::ApiError;
use super::pace::Attempts;
use super::refusal::refuse;
use super::state::HttpState;
use crate::domain::access::Caller;

/// What a kubelet asks for; it has no token.
pub const PROBES: [&str; 3] = ["/health", "/healthz", "/readyz"];

/// Pages and their files, which tell nothing: what is to be seen on them comes from the API. So does its description.
fn is_page(path: &str) -> bool {
    ["/", "/openapi.json", "/api-docs"].contains(&path)
        || ["/assets/", "/api-docs/"].iter().any(|folder| path.starts_with(folder))
}

/// Refuses who may not come in.
pub async fn check<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let is_open = PROBES.contains(&request.path()) || is_page(request.path());
    if !is_open {
        match caller(request.request()).await {
            Ok(caller) => request.extensions_mut().insert::<Caller>(caller),
            Err(refusal) => return Ok(refuse(request, &refusal)),
        };
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

/// Who sent a request. An address that tries many tokens has to wait, so that guessing does not become questions to the
/// API server.
pub async fn caller(request: &HttpRequest) -> Result<Caller, ApiError> {
    let state = request.app_data::<Data<HttpState>>().ok_or_else(ApiError::unauthorized)?;
    let token = bearer_token(request.headers());
    let is_new = token.as_ref().is_some_and(|token| !state.access.remembers(token));
    if is_new && let (Some(attempts), Some(peer)) = (request.app_data::<Data<Attempts>>(), request.peer_addr()) {
        attempts.may_try(peer.ip()).map_err(ApiError::too_many_requests)?;
    }
    Ok(state.access.who(token).await?)
}

/// The token that a request brings (RFC 6750).
///
/// Of several, another might be looked at by whoever stands before this service, so none counts.
pub fn bearer_token(headers: &HeaderMap) -> Option<SecretString> {
    let mut all = headers.get_all(AUTHORIZATION);
    let (header, None) = (all.next()?, all.next()) else { return None };
    let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    let is_token = scheme.eq_ignore_ascii_case("bearer") && token.bytes().all(|byte| byte.is_ascii_graphic());
    is_token.then(|| token.into())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;
    use secrecy::ExposeSecret;

    use super::*;

    fn token(values: &[&'static str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_static(value));
        }
        bearer_token(&headers).map(|token| token.expose_secret().to_owned())
    }

    #[test]
    fn a_token_is_one_word_in_the_only_header_of_its_kind() {
        for value in ["Bearer a.b-c", "bearer a.b-c", "BEARER  a.b-c "] {
            assert_eq!(token(&[value]).as_deref(), Some("a.b-c"), "{value}");
        }
        for wrong in ["a.b-c", "Basic a.b-c", "Bearer a b", "Bearera.b-c", "Bearer a\tb", "Token a.b-c"] {
            assert_eq!(token(&[wrong]), None, "{wrong}");
        }
        assert_eq!(token(&[]), None);
        assert_eq!(token(&["Bearer a", "Bearer a"]), None);
    }
}
