//! The API's description, and the page to browse it.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::{Json, Path, ServiceConfig, resource};
use utoipa::OpenApi;
use utoipa_swagger_ui::Config;

use super::{get, only};
use crate::http::error::ApiError;
use crate::http::openapi;

/// The description of the path; the page is nothing for programs.
#[derive(OpenApi)]
#[openapi(paths(document))]
pub struct Description;

pub fn configure(config: &mut ServiceConfig) {
    config
        .service(resource("/openapi.json").route(get().to(document)).default_service(only("GET, HEAD")))
        .service(resource("/api-docs").route(get().to(page)).default_service(only("GET, HEAD")))
        .service(resource("/api-docs/{file}").route(get().to(file)).default_service(only("GET, HEAD")));
}

/// This description
///
/// `ai-storage-orchestrator openapi` prints the same.
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "getOpenapi", tag = "service", security(()),
    responses((status = 200, description = "An OpenAPI document", body = serde_json::Map<String, serde_json::Value>)),
)]
async fn document() -> Json<&'static utoipa::openapi::OpenApi> {
    Json(openapi::document())
}

async fn page() -> HttpResponse {
    served("text/html; charset=utf-8", include_str!("../../../assets/api-docs/index.html"))
}

/// A file of the page.
async fn file(name: Path<String>) -> Result<HttpResponse, ApiError> {
    let missing = || ApiError::no_such_path(&format!("/api-docs/{name}"));
    match &**name {
        "start.js" => {
            let script = include_str!("../../../assets/api-docs/start.js");
            Ok(served("text/javascript; charset=utf-8", script))
        }
        vendored @ ("swagger-ui.css" | "swagger-ui-bundle.js") => {
            let file =
                utoipa_swagger_ui::serve(vendored, Arc::new(Config::default())).ok().flatten().ok_or_else(missing)?;
            Ok(served(&file.content_type, file.bytes.into_owned()))
        }
        _ => Err(missing()),
    }
}

fn served(content_type: &str, content: impl actix_web::body::MessageBody + 'static) -> HttpResponse {
    HttpResponse::Ok().content_type(content_type).body(content)
}
