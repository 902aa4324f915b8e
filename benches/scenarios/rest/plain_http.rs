//! HTTP/1.1 over a connection that is kept, as little of it as a load generator needs: what it takes itself would be
//! measured, too.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

/// A connection.
pub struct Connection {
    stream: TcpStream,
    host: String,
    buffer: Vec<u8>,
    /// Where bodies are put. It stays as long as the longest: to get as much memory anew for each takes longer than to read
    /// it.
    body: Vec<u8>,
}

/// An answer.
pub struct Answer<'a> {
    pub status: u16,
    pub body: &'a [u8],
}

impl Connection {
    /// To a host and port.
    pub fn open(host: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(host).with_context(|| format!("{host} cannot be connected to"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self { stream, host: host.to_owned(), buffer: vec![0; 256 * 1024], body: Vec::new() })
    }

    /// Sends a GET, and reads the answer, which must be 200.
    pub fn get(&mut self, path: &str) -> anyhow::Result<Answer<'_>> {
        let answer = self.exchange(format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host).as_bytes())?;
        if answer.status != 200 {
            bail!("{path} is answered by {}: {}", answer.status, String::from_utf8_lossy(answer.body));
        }
        Ok(answer)
    }

    /// Sends a POST with JSON, and reads the answer.
    pub fn post(&mut self, path: &str, body: &Value) -> anyhow::Result<Answer<'_>> {
        let body = body.to_string();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        );
        self.exchange(request.as_bytes())
    }

    fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.stream.write_all(request).context("the request cannot be sent")?;
        let mut read = 0;
        let head = loop {
            let free = self.buffer.get_mut(read..).unwrap_or_default();
            let more = self.stream.read(free).context("the answer cannot be read")?;
            if more == 0 {
                bail!("the connection ended within the head of an answer");
            }
            read += more;
            let text = self.buffer.get(..read).unwrap_or_default();
            if let Some(end) = text.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let text = String::from_utf8_lossy(self.buffer.get(..head).unwrap_or_default()).to_ascii_lowercase();
        let status = text.get(9..12).and_then(|status| status.parse().ok()).context("the answer has no status")?;
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
        let length: usize = length.context("the answer has no length")?;
        let begun = self.buffer.get(head..read).unwrap_or_default();
        if self.body.len() < length {
            self.body.resize(length, 0);
        }
        let body = self.body.get_mut(..length).unwrap_or_default();
        let (there, missing) = body.split_at_mut_checked(begun.len()).context("the answer is longer than it says")?;
        there.copy_from_slice(begun);
        self.stream.read_exact(missing).context("the answer ended early")?;
        Ok(Answer { status, body })
    }
}
