//! The description as it is kept, printed and served.

use std::process::Command;

use serde_json::Value;

use crate::app::TestApp;

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");

fn printed() -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_ai-storage-orchestrator")).arg("openapi").output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_kept_description_is_that_of_the_code() {
    let kept = std::fs::read_to_string(KEPT).unwrap_or_default();
    assert!(
        kept == printed(),
        "docs/openapi.json is out of date; renew it with: cargo run -- openapi > docs/openapi.json"
    );
}

#[actix_web::test]
async fn the_served_description_is_the_printed_one() {
    let app = TestApp::start().await;
    let (status, served) = app.get("/openapi.json").await;
    assert_eq!(status, 200);
    assert_eq!(served, serde_json::from_str::<Value>(&printed()).unwrap());
    app.stop().await;
}
