//! Where the service's knowledge comes from.

use actix_web::web::{Data, Json, ServiceConfig, resource};
use utoipa::OpenApi;

use super::{get, only};
use crate::domain::access::Deed;
use crate::http::asker::Asker;
use crate::http::error::ApiError;
use crate::http::state::HttpState;
use crate::http::wire::SourcesBody;

/// The description of this path.
#[derive(OpenApi)]
#[openapi(paths(sources))]
pub struct Description;

/// What it takes to read them: they name nodes, and the pods that have GPUs.
pub const SOURCES: [Deed; 2] = [Deed::ListNodes, Deed::ListPods];

pub fn configure(config: &mut ServiceConfig) {
    config.service(resource("/sources").route(get().to(sources)).default_service(only("GET, HEAD")));
}

/// Where the service's knowledge comes from, and what is wrong with it
///
/// The cluster's watches, the room on the nodes, and each GPU exporter with its devices.
#[utoipa::path(
    get, path = "/api/v1/sources", operation_id = "getSources", tag = "sources",
    responses((status = 200, description = "The sources", body = SourcesBody)),
)]
async fn sources(state: Data<HttpState>, asker: Asker) -> Result<Json<SourcesBody>, ApiError> {
    asker.require(SOURCES).await?;
    let (index, listed) = (&state.index, state.exporters.exporters());
    let table = state.gpu_table.load();
    Ok(Json(SourcesBody::new(index.fault(), index.capacity_fault(), &listed, &table, state.clock.now())))
}
