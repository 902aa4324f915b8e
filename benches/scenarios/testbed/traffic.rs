//! How much a process sent to the API server and got from it, TLS included, as the kernel counts it for each connection.

use std::collections::HashMap;
use std::process::Command;

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};

/// The bytes of each connection so far, by its own port.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    connections: HashMap<String, Bytes>,
}

/// Bytes of a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bytes {
    pub sent: u64,
    pub received: u64,
}

impl Traffic {
    /// What the process's connections to the server at `address` have carried.
    pub fn of(pid: u32, address: &str) -> anyhow::Result<Self> {
        let output = Command::new("ss").args(["--tcp", "--info", "--numeric", "--processes", "--oneline"]).output();
        let output = output.context("ss (of iproute2) cannot be run")?;
        ensure!(output.status.success(), "ss failed: {}", String::from_utf8_lossy(&output.stderr));
        Ok(Self::read(&String::from_utf8_lossy(&output.stdout), pid, address))
    }

    fn read(text: &str, pid: u32, address: &str) -> Self {
        let owner = format!("pid={pid},");
        let mut connections = HashMap::new();
        for line in text.lines().filter(|line| line.contains(&owner)) {
            let words: Vec<&str> = line.split_whitespace().collect();
            // State, two queues, own address, the other's.
            let (Some(own), true) = (words.get(3), words.get(4) == Some(&address)) else { continue };
            let number =
                |name: &str| words.iter().find_map(|word| word.strip_prefix(name)?.parse().ok()).unwrap_or_default();
            let bytes = Bytes { sent: number("bytes_sent:"), received: number("bytes_received:") };
            connections.insert((*own).to_owned(), bytes);
        }
        Self { connections }
    }

    /// What has come since. Of connections that have ended in between the last part is missing.
    pub fn since(&self, earlier: &Self) -> Bytes {
        let mut sum = Bytes::default();
        for (own, now) in &self.connections {
            let before = earlier.connections.get(own).copied().unwrap_or_default();
            sum.sent += now.sent.saturating_sub(before.sent);
            sum.received += now.received.saturating_sub(before.received);
        }
        sum
    }
}
