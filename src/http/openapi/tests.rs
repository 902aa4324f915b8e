use std::collections::BTreeSet;

use actix_web::test::{TestRequest, call_and_read_body, init_service};
use actix_web::{App, HttpRequest, web};

use super::*;

/// What a person opens; a program needs no description of it.
const PAGES: [&str; 4] = ["/", "/assets/{file:.+}", "/api-docs", "/api-docs/{file}"];

/// The paths that the server has routes for, read from how it shows its own table of them.
async fn served() -> BTreeSet<String> {
    let table = |request: HttpRequest| async move { format!("{:#?}", request.resource_map()) };
    let app = App::new().configure(routes::configure).default_service(web::to(table));
    let app = init_service(app).await;
    let request = TestRequest::with_uri("/nothing").to_request();
    let table = call_and_read_body(&app, request).await;
    paths_of(std::str::from_utf8(&table).unwrap())
}

/// A scope's paths follow it, further to the right.
fn paths_of(table: &str) -> BTreeSet<String> {
    let mut scopes: Vec<(usize, String)> = Vec::new();
    let mut found = BTreeSet::new();
    for (before, line) in table.lines().zip(table.lines().skip(1)) {
        let pattern = line.trim().strip_prefix('"').and_then(|rest| rest.strip_suffix("\","));
        let Some(pattern) = pattern.filter(|_| before.trim() == "patterns: Single(") else { continue };
        let indent = line.len() - line.trim_start().len();
        scopes.retain(|(of_scope, _)| *of_scope < indent);
        let path = scopes.last().map_or(String::new(), |(_, above)| above.clone()) + pattern;
        found.insert(path.clone());
        scopes.push((indent, path));
    }
    // The application's own.
    found.remove("");
    found
}

/// Every `$ref` in a value.
fn references(value: &serde_json::Value) -> Vec<&str> {
    match value {
        serde_json::Value::Object(object) => {
            let own = object.get("$ref").and_then(serde_json::Value::as_str);
            own.into_iter().chain(object.values().flat_map(references)).collect()
        }
        serde_json::Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = serde_json::to_value(document()).unwrap();
    let all = references(&document);
    assert!(all.len() > 100);
    let lost: Vec<_> = all.into_iter().filter(|to| document.pointer(to.trim_start_matches('#')).is_none()).collect();
    assert!(lost.is_empty(), "{lost:?}");
}

#[actix_web::test]
async fn every_path_that_is_served_is_described_and_no_other() {
    let described: BTreeSet<String> = document().paths.paths.keys().cloned().chain(PAGES.map(str::to_owned)).collect();
    assert_eq!(served().await, described);
}
