//! The page to browse the description.

use reqwest::Method;

use crate::app::{TestApp, token_file};

#[actix_web::test]
async fn the_page_needs_no_token_and_runs_nothing_but_its_own_files() {
    let (_file, settings) = token_file("of-this-test-and-long-enough");
    let app = TestApp::start_configured(&Default::default(), 1.0, &settings, |_| {}).await;
    assert_eq!(app.get("/api/v1/mode").await.0, 401);
    let page = app.request(Method::GET, "/api-docs/").send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
    let page = page.text().await.unwrap();
    assert!(!page.contains("<style") && !page.contains("style=") && !page.contains("<script>"), "{page}");
    let files: Vec<_> = page.split('"').filter(|text| text.starts_with('/')).collect();
    assert!(files.len() >= 3, "{page}");
    for file in files {
        let answer = app.request(Method::GET, file).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{file}");
        assert_ne!(answer.bytes().await.unwrap().len(), 0, "{file}");
    }
    assert_eq!(app.get("/api-docs/index.js").await.0, 404);
    app.stop().await;
}
