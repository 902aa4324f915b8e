//! Which methods each path knows.

use reqwest::Method;
use serde_json::Value;

use crate::app::TestApp;
use crate::contract::Contract;

const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

#[actix_web::test]
async fn a_path_knows_the_described_methods_and_names_them_to_others() {
    let app = TestApp::start().await;
    let contract = Contract::new();
    for (path, item) in contract.document()["paths"].as_object().unwrap() {
        let allowed = &item.as_object().unwrap().values().next().unwrap()["responses"]["405"]["headers"]["Allow"];
        let allowed = allowed["schema"]["enum"][0].as_str().unwrap();
        for method in METHODS {
            let response = app.request(method.clone(), &path.replace("{id}", "autoscaler-0")).send().await.unwrap();
            let status = response.status().as_u16();
            if allowed.split(", ").any(|known| known == method.as_str()) {
                assert_ne!(status, 405, "{method} {path}");
                continue;
            }
            assert_eq!(status, 405, "{method} {path}");
            assert_eq!(response.headers()["allow"], *allowed, "{method} {path}");
            if method == Method::HEAD {
                continue;
            }
            let described = item.as_object().unwrap().keys().next().unwrap();
            contract.check(described, path, 405, &response.json::<Value>().await.unwrap());
        }
    }
    app.stop().await;
}
