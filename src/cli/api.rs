//! A client of the service's API.

use std::time::Duration;

use http::StatusCode;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder, Response, Url};
use secrecy::SecretString;
use serde_json::Value;

use super::connection::{Connection, Token};
use super::failure::Failure;
use super::progress::patiently;
use super::refusal::{Refusal, retry_after, stranger};
use super::terminal::plain;
use crate::clock::Clock;

/// How long an answer may take. The service itself gives up earlier.
const LIMIT: Duration = Duration::from_secs(30);

/// The largest answer that is read, in bytes: many times that of ten thousand autoscalers.
const LARGEST: usize = 64 << 20;

/// How often is tried what the service does not want to be asked yet, and how long it may want to be left alone.
const TRIES: u32 = 5;
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The way to one service.
pub struct Api {
    base: Url,
    token: Token,
    http: reqwest::Client,
}

impl Api {
    /// A client; the service is not asked yet. `token` is that of the environment.
    pub fn new(connection: &Connection, token: Option<SecretString>) -> Result<Self, Failure> {
        let base = connection.base()?;
        let token = connection.token(&base, token)?;
        let http = connection.client(&base)?;
        Ok(Self { base, token, http })
    }

    /// The service's URL.
    pub fn server(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// `GET`
    pub async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Value, Failure> {
        self.json(self.request(Method::GET, path, query)?.timeout(LIMIT)).await
    }

    /// `POST` or `PATCH`, with a body if there is one.
    pub async fn send(&self, method: Method, path: &[&str], body: Option<&Value>) -> Result<Value, Failure> {
        self.sent(method, path, body).await.map(|(_, answer)| answer)
    }

    /// The same with the answer's status.
    pub async fn sent(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&Value>,
    ) -> Result<(StatusCode, Value), Failure> {
        let mut request = self.request(method, path, &[])?.timeout(LIMIT);
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        self.answer(request).await
    }

    /// `GET` of something that does not end; `last_event_id` is the last one that was seen.
    pub async fn stream(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        last_event_id: Option<&str>,
    ) -> Result<Response, Failure> {
        let mut request = self.request(Method::GET, path, query)?;
        if let Some(id) = last_event_id {
            request = request.header("Last-Event-ID", id);
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() { Ok(response) } else { Err(self.refusal(response).await) }
    }

    fn request(&self, method: Method, path: &[&str], query: &[(&str, &str)]) -> Result<RequestBuilder, Failure> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| Failure::Usage(format!("--server {}: it has no path", self.base)))?
            .pop_if_empty()
            .extend(["api", "v1"])
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.http.request(method, url);
        Ok(match self.token.header()? {
            Some(header) => request.header(AUTHORIZATION, header),
            None => request,
        })
    }

    async fn json(&self, request: RequestBuilder) -> Result<Value, Failure> {
        self.answer(request).await.map(|(_, answer)| answer)
    }

    async fn answer(&self, request: RequestBuilder) -> Result<(StatusCode, Value), Failure> {
        let answering = async {
            let response = self.patiently_sent(request).await?;
            let status = response.status();
            if !status.is_success() {
                return Err(self.refusal(response).await);
            }
            let text = self.body(response).await?;
            let value = serde_json::from_slice(&text).ok().filter(Value::is_object);
            Ok((status, value.ok_or_else(|| stranger(self.server(), status))?))
        };
        patiently(&format!("waiting for {}", self.server()), answering).await
    }

    /// Sends it, and again after a while when the service says that it was asked too much; it has done nothing then.
    async fn patiently_sent(&self, request: RequestBuilder) -> Result<Response, Failure> {
        for _ in 1..TRIES {
            let Some(request) = request.try_clone() else { break };
            let response = request.send().await.map_err(|error| self.unreachable(&error))?;
            match retry_after(response.headers()).filter(|wait| *wait <= LONGEST_WAIT) {
                Some(wait) if response.status() == StatusCode::TOO_MANY_REQUESTS => Clock::wall().sleep(wait).await,
                _ => return Ok(response),
            }
        }
        request.send().await.map_err(|error| self.unreachable(&error))
    }

    /// The whole answer, provided that it is one that a service can give.
    async fn body(&self, mut response: Response) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            if body.len() + piece.len() > LARGEST {
                return Err(Failure::Failed(format!(
                    "the answer of the service at {} is larger than {} MiB",
                    self.server(),
                    LARGEST >> 20
                )));
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let mut why = error as &dyn std::error::Error;
        // The innermost says it; the others only say where.
        while let Some(source) = why.source() {
            why = source;
        }
        let why = if error.is_timeout() { "no answer in time".to_owned() } else { why.to_string() };
        let server = self.server();
        let why = plain(&why);
        Failure::Unreachable(if why.to_ascii_lowercase().contains("certificate") {
            format!(
                "cannot trust the service at {server}, or it does not trust this client: {why}; the certificate of a private \
                 authority is named with --ca-file FILE, that of a client with --client-cert FILE and --client-key FILE"
            )
        } else {
            format!(
                "cannot reach the service at {server}: {why}; start it with \"ai-storage-orchestrator serve\", or say where \
                 it is with --server URL (or ORCHESTRATOR_SERVER)"
            )
        })
    }

    /// Says why the service does not do it.
    async fn refusal(&self, response: Response) -> Failure {
        let (status, headers) = (response.status(), response.headers().clone());
        let body = self.body(response).await.ok().and_then(|text| serde_json::from_slice(&text).ok());
        let had_token = self.token.is_there();
        Refusal { server: self.server(), had_token, status, headers: &headers, body }.failure()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// What is made of such an answer, which whoever is in the service's place gives.
    async fn answered(status: &str, body: Vec<u8>) -> Result<Value, Failure> {
        // Fails when another test has installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        let answering = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            stream.write_all(head.as_bytes()).await.unwrap();
            // Whoever does not want the rest hangs up.
            let _ = stream.write_all(&body).await;
        };
        let api = Api::new(&Connection::to(&server), None).unwrap();
        tokio::join!(api.get(&["autoscaling"], &[]), answering).0
    }

    #[tokio::test]
    async fn what_is_no_object_is_no_answer_of_the_service() {
        for body in ["[]", "7", "\"autoscalers\"", "null", "<html>"] {
            let failure = answered("200 OK", body.into()).await.unwrap_err();
            assert!(failure.to_string().contains("is not this service"), "{body}: {failure}");
        }
        assert_eq!(answered("200 OK", b"{}".to_vec()).await.unwrap(), serde_json::json!({}));
    }

    #[tokio::test]
    async fn an_answer_that_never_ends_is_not_read_to_the_end() {
        let failure = answered("200 OK", vec![b' '; LARGEST + 1]).await.unwrap_err();
        assert!(failure.to_string().ends_with("is larger than 64 MiB"), "{failure}");
    }

    #[tokio::test]
    async fn a_refusal_is_shown_in_few_words_that_nothing_obeys() {
        let details = "\u{1b}[2J".repeat(1 << 16);
        let body = serde_json::json!({"error": "no\u{202e}", "details": details}).to_string();
        let failure = answered("409 Conflict", body.into()).await.unwrap_err().to_string();
        assert!(
            failure.starts_with("no\\u{202e}: \\u{1b}[2J") && failure.len() < 8 * super::super::refusal::LONGEST,
            "{failure}"
        );
        assert!(!failure.chars().any(crate::plain_text::is_obeyed));
    }
}
