//! A client of the service's API.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::failure::Failure;
use super::progress::patiently;
use super::terminal::plain;
use crate::plain_text::shortened;

/// How long an answer may take. The service itself gives up earlier.
const LIMIT: Duration = Duration::from_secs(30);

/// The largest answer that is read, in bytes: many times that of ten thousand autoscalers.
const LARGEST: usize = 64 << 20;

/// How much of a refusal is shown, in characters. The service's own are shorter.
const LONGEST: usize = 2_000;

/// Where the service is, and what it wants.
#[derive(Args, Clone, Debug)]
pub struct Connection {
    /// The service's URL
    #[arg(
        long,
        value_name = "URL",
        env = "ORCHESTRATOR_SERVER",
        hide_env_values = true,
        default_value = "http://127.0.0.1:8080"
    )]
    pub server: String,
    /// A file with the service's token; else the environment variable ORCHESTRATOR_TOKEN
    #[arg(long, value_name = "FILE", env = "ORCHESTRATOR_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
}

impl Connection {
    /// The token, if there is one; `variable` is that of the environment.
    fn token(&self, variable: Option<SecretString>) -> Result<Option<SecretString>, Failure> {
        let Some(path) = &self.token_file else { return Ok(variable) };
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::Usage(format!("cannot read the token file {}: {error}", path.display())))?;
        // A file often ends with a newline, which no header can carry.
        let token = text.trim();
        if token.is_empty() {
            return Err(Failure::Usage(format!("the token file {} is empty", path.display())));
        }
        Ok(Some(token.into()))
    }
}

/// The way to one service.
pub struct Api {
    base: Url,
    authorization: Option<HeaderValue>,
    http: reqwest::Client,
}

impl Api {
    /// A client; the service is not asked yet. `token` is that of the environment.
    pub fn new(connection: &Connection, token: Option<SecretString>) -> Result<Self, Failure> {
        // What is before an @ may be a password.
        let shown = if connection.server.contains('@') { "URL".into() } else { plain(&connection.server) };
        let wrong = |why: String| Failure::Usage(format!("--server {shown}: {why}"));
        let mut base = Url::parse(&connection.server)
            .map_err(|error| wrong(format!("{error}; it must be a URL as http://127.0.0.1:8080")))?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(wrong("it must begin with http:// or https://".to_owned()));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(wrong("it must have no user name or password; the service takes a token".to_owned()));
        }
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let authorization = connection.token(token)?.map(|token| {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
                .map_err(|_| Failure::Usage("the token has characters that no header can carry".to_owned()))?;
            value.set_sensitive(true);
            Ok::<_, Failure>(value)
        });
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            // A token must not follow to another place.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Failure::Failed(format!("cannot set up HTTP: {error}")))?;
        Ok(Self { base, authorization: authorization.transpose()?, http })
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
        Ok(match &self.authorization {
            Some(authorization) => request.header(http::header::AUTHORIZATION, authorization.clone()),
            None => request,
        })
    }

    async fn json(&self, request: RequestBuilder) -> Result<Value, Failure> {
        self.answer(request).await.map(|(_, answer)| answer)
    }

    async fn answer(&self, request: RequestBuilder) -> Result<(StatusCode, Value), Failure> {
        let answering = async {
            let response = request.send().await.map_err(|error| self.unreachable(&error))?;
            let status = response.status();
            if !status.is_success() {
                return Err(self.refusal(response).await);
            }
            let text = self.body(response).await?;
            let value = serde_json::from_slice(&text).ok().filter(Value::is_object);
            Ok((status, value.ok_or_else(|| self.stranger(status))?))
        };
        patiently(&format!("waiting for {}", self.server()), answering).await
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

    fn stranger(&self, status: StatusCode) -> Failure {
        Failure::Failed(format!(
            "what answers at {} (HTTP {}) is not this service, or not of this version; name the service with --server URL",
            self.server(),
            status.as_u16()
        ))
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let mut why = error as &dyn std::error::Error;
        // The innermost says it; the others only say where.
        while let Some(source) = why.source() {
            why = source;
        }
        let why = if error.is_timeout() { "no answer in time".to_owned() } else { why.to_string() };
        Failure::Unreachable(format!(
            "cannot reach the service at {}: {}; start it with \"ai-storage-orchestrator serve\", or say where it is with \
             --server URL (or ORCHESTRATOR_SERVER)",
            self.server(),
            plain(&why)
        ))
    }

    /// Says why the service does not do it.
    async fn refusal(&self, response: Response) -> Failure {
        let status = response.status();
        let body: Option<Value> = self.body(response).await.ok().and_then(|text| serde_json::from_slice(&text).ok());
        let text = |field: &str| body.as_ref()?[field].as_str().map(|text| plain(&shortened(text.to_owned(), LONGEST)));
        match (status, text("error"), text("details")) {
            (StatusCode::UNAUTHORIZED, ..) if self.authorization.is_some() => Failure::Failed(format!(
                "the service at {} does not accept the token; it must be that of its setting http.token",
                self.server()
            )),
            (StatusCode::UNAUTHORIZED, ..) => Failure::Failed(format!(
                "the service at {} wants a token: put it into the environment variable ORCHESTRATOR_TOKEN, or name a \
                 file that has it with --token-file FILE",
                self.server()
            )),
            (StatusCode::NOT_FOUND, Some(_), Some(details)) => Failure::NotFound(details),
            (_, Some(error), Some(details)) => Failure::Failed(format!("{error}: {details}")),
            _ => self.stranger(status),
        }
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
        let api = Api::new(&Connection { server, token_file: None }, None).unwrap();
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
        assert!(failure.starts_with("no\\u{202e}: \\u{1b}[2J") && failure.len() < 8 * LONGEST, "{failure}");
        assert!(!failure.chars().any(crate::plain_text::is_obeyed));
    }
}
