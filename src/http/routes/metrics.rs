//! What Prometheus reads.

use actix_web::http::header::{ACCEPT, CONTENT_TYPE, VARY};
use actix_web::web::{Data, ServiceConfig, block, resource};
use actix_web::{HttpRequest, HttpResponse};
use utoipa::OpenApi;

use super::{get, only};
use crate::actors::listing::List;
use crate::actors::registry_handle::RegistryError;
use crate::domain::access::Deed;
use crate::http::asker::Asker;
use crate::http::error::ApiError;
use crate::http::openapi::{Busy, Unwritable};
use crate::http::state::HttpState;
use crate::telemetry::{Format, Registered};

/// The description of this path.
#[derive(OpenApi)]
#[openapi(paths(metrics))]
pub struct Description;

pub fn configure(config: &mut ServiceConfig) {
    config.service(resource("/metrics").route(get().to(metrics)).default_service(only("GET, HEAD")));
}

/// What Prometheus reads
///
/// In the text format that the client prefers.
#[utoipa::path(
    get, path = "/metrics", operation_id = "getMetrics", tag = "service",
    responses(
        (status = 200, description = "The metrics", content(
            (String = "text/plain"), (String = "application/openmetrics-text"),
        )),
        Unwritable, Busy,
    ),
)]
async fn metrics(state: Data<HttpState>, asker: Asker, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    asker.require([Deed::ReadMetrics]).await?;
    let accept = request.headers().get_all(ACCEPT).filter_map(|value| value.to_str().ok()).collect::<Vec<_>>();
    let format = Format::preferred(&accept.join(","));
    let waiting = state.registry.waiting();
    // How long that takes is one of the metrics.
    let probed = state.registry.probe().await;
    let autoscalers = match probed.and_then(|()| state.registry.list(&List::default())) {
        // That they are not known is another.
        Err(RegistryError::NotSynced) => Vec::new(),
        page => page?.autoscalers,
    };
    let telemetry = state.telemetry.clone();
    // Ten thousand autoscalers are many megabytes of text: not on a thread that others' requests wait for.
    let text = match block(move || telemetry.write(Registered { autoscalers, waiting }, format)).await {
        Ok(Ok(text)) => text,
        failed => {
            log::error!("the metrics cannot be written: {failed:?}");
            return Err(ApiError::unwritable());
        }
    };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, format.content_type()))
        .insert_header((VARY, "Accept"))
        .body(text))
}
