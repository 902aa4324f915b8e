//! Who the service takes the caller for.

use actix_web::web::{Data, Json, ServiceConfig, resource};
use utoipa::OpenApi;

use super::{get, only};
use crate::http::asker::Asker;
use crate::http::state::HttpState;
use crate::http::wire::WhoamiBody;

/// The description of this path.
#[derive(OpenApi)]
#[openapi(paths(whoami))]
pub struct Description;

pub fn configure(config: &mut ServiceConfig) {
    config.service(resource("/whoami").route(get().to(whoami)).default_service(only("GET, HEAD")));
}

/// Who the service takes the caller for
///
/// And how callers have to say who they are.
#[utoipa::path(
    get, path = "/api/v1/whoami", operation_id = "getWhoami", tag = "service",
    responses((status = 200, description = "The caller", body = WhoamiBody)),
)]
async fn whoami(state: Data<HttpState>, asker: Asker) -> Json<WhoamiBody> {
    Json(WhoamiBody::new(state.access.mode(), asker.caller()))
}
