//! A connection on which a test writes what it wants, byte by byte, and reads what comes.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::app::TestApp;

/// Longer than any limit that is tested; whatever takes as long has none.
pub const FOREVER: Duration = Duration::from_secs(90);

/// The connection.
pub struct Wire<T = TcpStream> {
    stream: T,
    /// What has come and was not read yet.
    kept: Vec<u8>,
}

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// A header's value; the name is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// Where the service listens.
pub fn address(app: &TestApp) -> &str {
    app.base.trim_start_matches("http://")
}

/// A request for a path, by a right name.
pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n")
}

impl Wire {
    pub async fn to(app: &TestApp) -> Self {
        Self::over(TcpStream::connect(address(app)).await.unwrap())
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Wire<T> {
    pub fn over(stream: T) -> Self {
        Self { stream, kept: Vec::new() }
    }

    /// Writes, whether the service still listens or not.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
        let _ = self.stream.flush().await;
    }

    /// Asks for a path, and reads the answer.
    pub async fn ask(&mut self, path: &str) -> Answer {
        self.send(get(path)).await;
        self.answer().await.unwrap()
    }

    /// The next answer; `None` when the service ends the connection.
    pub async fn answer(&mut self) -> Option<Answer> {
        loop {
            let end = self.kept.windows(4).position(|bytes| bytes == b"\r\n\r\n");
            if let Some(end) = end {
                let head: Vec<_> = self.kept.drain(..end + 4).collect();
                let head = String::from_utf8(head).unwrap().to_lowercase();
                let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                if status == 100 {
                    continue;
                }
                let mut answer = Answer { status, head, body: String::new() };
                answer.body = self.body(&answer).await?;
                return Some(answer);
            }
            if !self.more().await {
                return None;
            }
        }
    }

    async fn body(&mut self, answer: &Answer) -> Option<String> {
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        assert!(!answer.head.contains("transfer-encoding"), "nothing that is read here has an unknown length");
        while self.kept.len() < length {
            if !self.more().await {
                return None;
            }
        }
        Some(String::from_utf8(self.kept.drain(..length).collect()).unwrap())
    }

    /// All answers that come until the service ends the connection.
    pub async fn answers(mut self) -> Vec<Answer> {
        let mut answers = Vec::new();
        while let Some(answer) = self.answer().await {
            answers.push(answer);
        }
        answers
    }

    /// Waits until the service ends the connection; returns what came before.
    pub async fn end(mut self) -> Vec<u8> {
        while self.more().await {}
        self.kept
    }

    /// Reads something; false when there is nothing any more.
    async fn more(&mut self) -> bool {
        let mut part = vec![0; 64 * 1024];
        let read =
            timeout(FOREVER, self.stream.read(&mut part)).await.expect("the service does not end the connection");
        // A service that has not read everything resets the connection.
        let read = read.unwrap_or(0);
        self.kept.extend_from_slice(&part[..read]);
        read > 0
    }
}

impl Wire {
    /// The answer to a request; `None` when the service does not take the connection.
    pub async fn answer_to(mut self, request: &str) -> Option<Answer> {
        self.send(request).await;
        self.answer().await
    }
}
