//! Processes on cores of their own, which end with this one.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// A process whose standard error is kept. Killed when dropped, and by its watcher when this process ends without that.
pub struct Process {
    child: Child,
    watcher: Child,
    name: String,
    log: Arc<Mutex<Vec<String>>>,
    lines: Receiver<String>,
}

/// The command for `program` on one core, or on all of them.
pub fn on_core(core: Option<usize>, program: impl AsRef<Path>) -> Command {
    let Some(core) = core else { return Command::new(program.as_ref()) };
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &core.to_string()]).arg(program.as_ref());
    command
}

impl Process {
    /// Starts what `command` says.
    pub fn start(name: &str, command: &mut Command) -> anyhow::Result<Self> {
        let started = command.stderr(Stdio::piped()).spawn();
        let mut child = started.with_context(|| format!("{name} cannot be started by {command:?}"))?;
        // Reads until this process is gone, however it ends, and then ends the other.
        let watcher = Command::new("sh")
            .args(["-c", "read -r _; kill -KILL \"$0\"", &child.id().to_string()])
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("a shell cannot be started")?;
        let stderr = child.stderr.take().context("there is no standard error")?;
        let log = Arc::new(Mutex::new(Vec::new()));
        let (told, lines) = channel();
        let kept = log.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(line.clone());
                let _ = told.send(line);
            }
        });
        Ok(Self { child, watcher, name: name.to_owned(), log, lines })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The lines of its standard error that contain `text`.
    pub fn logged(&self, text: &str) -> Vec<String> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.iter().filter(|line| line.contains(text)).cloned().collect()
    }

    /// Waits for a line of its standard error that `wanted` makes something of.
    pub fn wait_for<T>(&self, limit: Duration, wanted: impl Fn(&str) -> Option<T>) -> anyhow::Result<T> {
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                bail!("{} does not say what is waited for:\n{}", self.name, self.logged("").join("\n"));
            };
            if let Some(found) = wanted(&line) {
                return Ok(found);
            }
        }
    }

    /// Sends it SIGTERM, and waits until it has ended.
    pub fn terminate(&mut self) -> anyhow::Result<ExitStatus> {
        let pid = self.pid().to_string();
        Command::new("sh").args(["-c", "kill -TERM \"$0\"", &pid]).status().context("it cannot be sent SIGTERM")?;
        self.child.wait().context("its end cannot be waited for")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.watcher.kill();
        let _ = self.watcher.wait();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
