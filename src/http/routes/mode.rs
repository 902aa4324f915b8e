//! The emergency brake: whether the whole service scales, or only observes.

use actix_web::HttpRequest;
use actix_web::web::{self, Data, Json, Payload, ServiceConfig, resource};

use super::{get, only};
use crate::http::body::read_json;
use crate::http::error::ApiError;
use crate::http::state::HttpState;
use crate::http::wire::{ModeBody, ModeRequest};

pub fn configure(config: &mut ServiceConfig) {
    config.service(
        resource("/mode").route(get().to(mode)).route(web::put().to(set)).default_service(only("GET, HEAD, PUT")),
    );
}

/// `GET /mode`
async fn mode(state: Data<HttpState>) -> Json<ModeBody> {
    Json(state.brake.mode().into())
}

/// `PUT /mode`. Once an answer says `observe`, nothing is scaled any more.
async fn set(state: Data<HttpState>, request: HttpRequest, payload: Payload) -> Result<Json<ModeBody>, ApiError> {
    let asked: ModeRequest = read_json(&request, payload).await?;
    let mode = asked.mode().map_err(ApiError::validation)?;
    state.brake.set(mode).await;
    Ok(Json(mode.into()))
}
