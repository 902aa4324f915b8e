//! A real Prometheus, as long as a test needs it.

use std::fs::File;
use std::net::TcpListener;
use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::files::tool;

/// How long is waited for something that should happen soon.
const SOON: Duration = Duration::from_secs(60);

/// The server, which ends when this is dropped.
pub struct Prometheus {
    process: Child,
    folder: TempDir,
    base: String,
    http: reqwest::Client,
}

impl Prometheus {
    /// A server with this configuration, and with the files beside it that it names.
    pub async fn start(configuration: &str, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, configuration).unwrap();
        // Prometheus cannot choose a port itself.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let process = tool("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let server = Self { process, folder, base: format!("http://{address}"), http: reqwest::Client::new() };
        server.eventually("it is ready", async || server.fetch("/-/ready").await.map(drop)).await;
        server
    }

    async fn fetch(&self, path: &str) -> Option<String> {
        let answer = self.http.get(format!("{}{path}", self.base)).send().await.ok()?;
        answer.status().is_success().then_some(answer)?.text().await.ok()
    }

    /// What the API says.
    pub async fn api(&self, path: &str) -> Value {
        let text = self.fetch(&format!("/api/v1/{path}")).await;
        serde_json::from_str::<Value>(&text.unwrap_or_default()).unwrap_or_default()["data"].take()
    }

    /// What an expression comes to, or Prometheus' error.
    pub async fn query(&self, expression: &str) -> Result<Vec<Value>, String> {
        let mut url = reqwest::Url::parse(&format!("{}/api/v1/query", self.base)).unwrap();
        url.query_pairs_mut().append_pair("query", expression);
        let mut answer: Value = self.http.get(url).send().await.unwrap().json().await.unwrap();
        match answer["status"].as_str() {
            Some("success") => Ok(answer["data"]["result"].as_array_mut().map(std::mem::take).unwrap_or_default()),
            _ => Err(answer["error"].to_string()),
        }
    }

    /// Looks until `look` sees something.
    pub async fn eventually<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let deadline = Instant::now() + SOON;
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            if Instant::now() > deadline {
                let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                panic!("not within {SOON:?}: {what}; Prometheus says\n{log}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // Its folder goes with it, so it has nothing to save.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
