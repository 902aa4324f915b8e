//! A client of the service's API.

use std::time::{Duration, Instant};

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::Value;

/// Talks to one service.
pub struct Api {
    base: String,
    http: reqwest::Client,
}

/// How often a state is looked at that is waited for.
const POLL: Duration = Duration::from_millis(250);

impl Api {
    pub fn new(address: &str) -> Self {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
        Self { base: format!("http://{address}"), http }
    }

    /// The same for a caller who sends this token.
    pub fn with_token(address: &str, token: &str) -> Self {
        let mut authorization = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
        authorization.set_sensitive(true);
        let headers = HeaderMap::from_iter([(AUTHORIZATION, authorization)]);
        let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).default_headers(headers);
        Self { base: format!("http://{address}"), http: http.build().unwrap() }
    }

    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        answer(self.http.get(format!("{}{path}", self.base))).await
    }

    /// `POST /autoscaling`
    pub async fn create(&self, body: &Value) -> (StatusCode, Value) {
        self.ask(Method::POST, "/autoscaling", Some(body)).await
    }

    /// Creates an autoscaler, which must succeed; returns its id.
    pub async fn created(&self, body: &Value) -> String {
        let (status, answer) = self.create(body).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        answer["autoscaling_id"].as_str().unwrap().to_owned()
    }

    /// `PATCH /autoscaling/:id`
    pub async fn patch(&self, id: &str, body: &Value) -> (StatusCode, Value) {
        self.ask(Method::PATCH, &format!("/autoscaling/{id}"), Some(body)).await
    }

    pub async fn delete(&self, id: &str) -> (StatusCode, Value) {
        self.ask(Method::DELETE, &format!("/autoscaling/{id}"), None).await
    }

    /// Any request below `/api/v1`.
    pub async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> (StatusCode, Value) {
        let request = self.http.request(method, format!("{}/api/v1{path}", self.base));
        answer(if let Some(body) = body { request.json(body) } else { request }).await
    }

    /// One autoscaler, which must exist.
    pub async fn autoscaler(&self, id: &str) -> Value {
        let (status, body) = self.get(&format!("/api/v1/autoscaling/{id}")).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    /// Waits until the autoscaler is as wanted.
    pub async fn wait_for(&self, id: &str, what: &str, limit: Duration, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + limit;
        loop {
            let autoscaler = self.autoscaler(id).await;
            if wanted(&autoscaler) {
                return autoscaler;
            }
            assert!(Instant::now() < deadline, "not within {limit:?}: {what}; the autoscaler is {autoscaler:#}");
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until `/readyz` answers with this status.
    pub async fn wait_until_readyz(&self, wanted: StatusCode, limit: Duration) {
        let deadline = Instant::now() + limit;
        loop {
            let (status, body) = self.get("/readyz").await;
            if status == wanted {
                return;
            }
            assert!(Instant::now() < deadline, "/readyz answers {status} {body} and not {wanted}");
            tokio::time::sleep(POLL).await;
        }
    }
}

async fn answer(request: reqwest::RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    let status = response.status();
    (status, response.json().await.unwrap())
}

/// The condition of a type, in an autoscaler's details.
pub fn condition<'a>(autoscaler: &'a Value, kind: &str) -> &'a Value {
    let conditions = autoscaler["details"]["conditions"].as_array();
    conditions.and_then(|all| all.iter().find(|condition| condition["type"] == kind)).unwrap_or(&Value::Null)
}
