use std::collections::BTreeSet;

use actix_web::{App, HttpRequest, test, web};

use super::*;

/// What a person opens; a program needs no description of it.
const PAGES: [&str; 4] = ["/", "/assets/{file:.+}", "/api-docs", "/api-docs/{file}"];

/// The paths that the server has routes for, read from how it shows its own table of them.
async fn served() -> BTreeSet<String> {
    let table = |request: HttpRequest| async move { format!("{:#?}", request.resource_map()) };
    let app = App::new().configure(routes::configure).default_service(web::to(table));
    let app = test::init_service(app).await;
    let request = test::TestRequest::with_uri("/nothing").to_request();
    let table = test::call_and_read_body(&app, request).await;
    paths_of(std::str::from_utf8(&table).unwrap())
}

/// A scope's paths follow it, further to the right.
fn paths_of(table: &str) -> BTreeSet<String> {
    let mut scopes: Vec<(usize, String)> = Vec::new();
    let mut found: Vec<(usize, String)> = Vec::new();
    for (line, next) in table.lines().zip(table.lines().skip(1)) {
        let indent = line.len() - line.trim_start().len();
        let is_path = line.trim_start().starts_with("patterns: Single(");
        let text = next.trim_start().strip_prefix('"').and_then(|rest| rest.strip_suffix("\",")).filter(|_| is_path);
        if let Some(pattern) = text {
            scopes.retain(|(of_scope, _)| *of_scope < indent);
            let above: String = scopes.last().map(|(_, path)| path.clone()).unwrap_or_default();
            found.push((indent, format!("{above}{pattern}")));
            scopes.push((indent, format!("{above}{pattern}")));
        }
    }
    // The whole server is a scope without a path.
    found.into_iter().map(|(_, path)| path).filter(|path| !path.is_empty()).collect()
}

#[actix_web::test]
async fn every_path_that_is_served_is_described_and_no_other() {
    let described: BTreeSet<String> = document().paths.paths.keys().cloned().chain(PAGES.map(str::to_owned)).collect();
    assert_eq!(served().await, described);
}
