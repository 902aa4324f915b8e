//! The emergency brake: whether the whole service scales, or only observes.

use actix_web::HttpRequest;
use actix_web::web::{self, Data, Json, Payload, ServiceConfig, resource};
use futures_util::future::join;
use utoipa::OpenApi;

use super::{get, only};
use crate::domain::access::{Deed, Verb};
use crate::domain::autoscaler::{Mode, WorkloadKind};
use crate::http::asker::Asker;
use crate::http::body::read_json;
use crate::http::error::ApiError;
use crate::http::openapi::NotConfirmed;
use crate::http::state::HttpState;
use crate::http::wire::{ModeBody, ModeRequest};
use crate::ports::ClusterError;

/// The description of these paths.
#[derive(OpenApi)]
#[openapi(paths(mode, set))]
pub struct Description;

pub fn configure(config: &mut ServiceConfig) {
    config.service(
        resource("/mode").route(get().to(mode)).route(web::put().to(set)).default_service(only("GET, HEAD, PUT")),
    );
}

/// Whether the whole service scales, or only observes
#[utoipa::path(
    get, path = "/api/v1/mode", operation_id = "getMode", tag = "mode",
    responses((status = 200, description = "The mode", body = ModeBody)),
)]
async fn mode(state: Data<HttpState>, _: Asker) -> Json<ModeBody> {
    Json(state.brake.mode().into())
}

/// Put the emergency brake on, or release it
///
/// `observe`: every autoscaler goes on deciding, but once this is answered nothing is scaled. `active` releases the brake.
#[utoipa::path(
    put, path = "/api/v1/mode", operation_id = "setMode", tag = "mode",
    request_body(content = ModeRequest, example = json!({"mode": "observe"})),
    responses((status = 200, description = "The mode as it is now", body = ModeBody), NotConfirmed),
)]
async fn set(
    state: Data<HttpState>,
    asker: Asker,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<ModeBody>, ApiError> {
    let asked: ModeRequest = read_json(&request, payload).await?;
    let mode = asked.mode().map_err(ApiError::validation)?;
    asker.require(needed_for(mode)).await?;
    log::warn!(
        "mode {} is asked for by {}",
        mode.as_str(),
        asker.name().as_deref().unwrap_or("a caller without a name")
    );
    switch(&state, mode).await.map_err(|error| ApiError::mode_not_confirmed(mode, &error))?;
    Ok(Json(mode.into()))
}

/// What it takes to switch the whole service: that one could do the same with each autoscaler alone, and with each
/// workload that is then scaled again.
fn needed_for(mode: Mode) -> Vec<Deed> {
    let scaled = match mode {
        Mode::Observe => &[][..],
        Mode::Active => &WorkloadKind::ALL[..],
    };
    std::iter::once(Deed::everywhere(Verb::Patch)).chain(scaled.iter().copied().map(Deed::scale_all)).collect()
}

/// Puts this replica and all others into a mode: the brake is on here before anybody else is asked, and released here only
/// when all have been asked.
async fn switch(state: &HttpState, mode: Mode) -> Result<(), ClusterError> {
    let Some(election) = &state.election else {
        state.brake.set(mode).await;
        return Ok(());
    };
    match mode {
        Mode::Observe => {
            let ((), asked) = join(state.brake.latch(), election.set_mode(mode)).await;
            asked
        }
        Mode::Active => {
            state.brake.unlatch();
            election.set_mode(mode).await?;
            state.brake.set(mode).await;
            Ok(())
        }
    }
}
