//! The API's description, and the page to browse it.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use actix_web::HttpResponse;
use actix_web::web::{Path, ServiceConfig, resource};
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
async fn document() -> HttpResponse {
    /// Written once: everybody can ask for it, and it is long.
    static TEXT: LazyLock<String> = LazyLock::new(|| openapi::document().to_json().unwrap_or_default());
    served("application/json", TEXT.as_str())
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
            // Not a copy for each who asks.
            Ok(match file.bytes {
                Cow::Borrowed(bytes) => served(&file.content_type, bytes),
                Cow::Owned(bytes) => served(&file.content_type, bytes),
            })
        }
        _ => Err(missing()),
    }
}

fn served(content_type: &str, content: impl actix_web::body::MessageBody + 'static) -> HttpResponse {
    HttpResponse::Ok().content_type(content_type).body(content)
}
