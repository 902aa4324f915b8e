//! The dashboard: a page and its files, which are a part of the binary.

use actix_web::http::header::{CACHE_CONTROL, ETAG, EntityTag, Header, IfNoneMatch};
use actix_web::web::{Path, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::{get, only};
use crate::http::error::ApiError;

/// The files. A debug build reads them from the checkout, so that they can be changed while it runs.
#[derive(RustEmbed)]
#[folder = "assets/dashboard"]
struct Files;

pub fn configure(config: &mut ServiceConfig) {
    config
        .service(resource("/").route(get().to(page)).default_service(only("GET, HEAD")))
        .service(resource("/assets/{file:.+}").route(get().to(file)).default_service(only("GET, HEAD")));
}

async fn page(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    serve("index.html", &request)
}

async fn file(path: Path<String>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    serve(&path, &request)
}

fn serve(name: &str, request: &HttpRequest) -> Result<HttpResponse, ApiError> {
    let file = Files::get(name).ok_or_else(|| ApiError::no_such_path(request.path()))?;
    let tag = tag_of(&file);
    let is_known = is_known(request, &tag);
    let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    // Asked for each time, so that the page and its files are always of the same version.
    response.insert_header((ETAG, tag)).insert_header((CACHE_CONTROL, "no-cache"));
    Ok(if is_known { response.finish() } else { response.content_type(content_type(&file)).body(file.data) })
}

fn content_type(file: &EmbeddedFile) -> String {
    let kind = file.metadata.mimetype();
    let is_text = kind.starts_with("text/") || kind.ends_with("javascript");
    if is_text { format!("{kind}; charset=utf-8") } else { kind.to_owned() }
}

fn tag_of(file: &EmbeddedFile) -> EntityTag {
    let hash = file.metadata.sha256_hash();
    EntityTag::new_strong(hash.iter().take(12).map(|byte| format!("{byte:02x}")).collect())
}

/// Whether the client has this version already. What is compressed on the way has the same content.
fn is_known(request: &HttpRequest, tag: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Items(known)) => known.iter().any(|known| known.weak_eq(tag)),
        Ok(IfNoneMatch::Any) => true,
        Err(_) => false,
    }
}
