//! A client that shows what exactly was answered.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;

/// Talks to a service as somebody.
#[derive(Clone)]
pub struct Client {
    url: String,
    token: Option<String>,
    http: reqwest::Client,
}

/// An answer, with all that a caller can tell from it.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> Option<&HeaderValue> {
        self.headers.get(name)
    }

    /// The same as anybody would have got who asked at another time.
    pub fn timeless(mut self) -> Self {
        self.headers.remove("date");
        self
    }
}

impl Client {
    /// Somebody who sends this token, or none.
    pub fn new(url: &str, token: Option<&str>) -> Self {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(60)).build().unwrap();
        Self { url: url.to_owned(), token: token.map(str::to_owned), http }
    }

    /// A request, which is not sent yet.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Any request, with any body.
    pub async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let request = self.request(method, path);
        answer(if let Some(body) = body { request.json(body) } else { request }).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None).await
    }

    /// A stream of events.
    pub async fn follow(&self, path: &str) -> Stream {
        let response = self.http.get(format!("{}{path}", self.url)).bearer_auth(self.token.as_deref().unwrap_or(""));
        Stream { response: response.send().await.unwrap(), read: String::new() }
    }
}

pub async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    Answer { status, headers, text: response.text().await.unwrap() }
}

/// A stream of server-sent events.
pub struct Stream {
    response: reqwest::Response,
    read: String,
}

/// One of them; its name is empty for a comment.
#[derive(Clone, Debug)]
pub struct Event {
    pub id: String,
    pub name: String,
    pub data: Value,
}

impl Stream {
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The next one; `None` when the stream has ended.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((frame, rest)) = self.read.split_once("\n\n") {
                let field = |name: &str| {
                    let line = frame.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                    line.unwrap_or_default().to_owned()
                };
                let data = serde_json::from_str(&field("data")).unwrap_or_default();
                let event = Event { id: field("id"), name: field("event"), data };
                self.read = rest.to_owned();
                return Some(event);
            }
            // One that is cut off has ended, too.
            let chunk = self.response.chunk().await.ok().flatten()?;
            self.read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}
