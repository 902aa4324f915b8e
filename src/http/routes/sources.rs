//! Where the service's knowledge comes from.

use actix_web::web::{Data, Json, ServiceConfig, resource};

use super::{get, only};
use crate::http::state::HttpState;
use crate::http::wire::SourcesBody;

pub fn configure(config: &mut ServiceConfig) {
    config.service(resource("/sources").route(get().to(sources)).default_service(only("GET, HEAD")));
}

/// `GET /sources`
async fn sources(state: Data<HttpState>) -> Json<SourcesBody> {
    let (index, listed) = (&state.index, state.exporters.exporters());
    let table = state.gpu_table.load();
    Json(SourcesBody::new(index.fault(), index.capacity_fault(), &listed, &table, state.clock.now()))
}
