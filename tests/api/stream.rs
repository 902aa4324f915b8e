//! A stream of server-sent events, as a client reads it.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;

use crate::app::TestApp;

/// How long an event may take, far beyond what it takes.
const SOON: Duration = Duration::from_secs(40);

/// A stream of events, read block by block.
pub struct Stream {
    response: reqwest::Response,
    text: String,
}

#[derive(Debug)]
pub struct Event {
    pub name: String,
    pub id: Option<String>,
    pub data: Value,
}

impl Stream {
    pub async fn open(app: &TestApp, path: &str, last: Option<&str>) -> Self {
        Self::of(app.request(Method::GET, path), last).await
    }

    /// The answer to a request.
    pub async fn of(mut request: RequestBuilder, last: Option<&str>) -> Self {
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new() }
    }

    /// The next event; `None` when the stream has ended.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                if let Some(name) = field("event: ") {
                    let data = serde_json::from_str(&field("data: ").unwrap()).unwrap();
                    return Some(Event { name, id: field("id: "), data });
                }
                continue;
            }
            let chunk = tokio::time::timeout(SOON, self.response.chunk()).await.expect("no event").unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next event of that name that is as wanted.
    pub async fn find(&mut self, name: &str, wanted: impl Fn(&Value) -> bool) -> Event {
        loop {
            let event = self.next().await.expect("the stream has ended");
            if event.name == name && wanted(&event.data) {
                return event;
            }
        }
    }
}
