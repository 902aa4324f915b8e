//! What the machine is, and what a process takes of it.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

/// The core of what is measured.
pub const MEASURED: usize = 0;
/// The core of everything else: what simulates, loads and looks on.
pub const OTHERS: usize = 1;

/// Where a row was measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// The processor as it calls itself.
    pub processor: String,
    /// How many cores the system has.
    pub cores: usize,
    /// The memory in MiB.
    pub memory_mib: u64,
    /// The kernel's version.
    pub kernel: String,
}

impl Machine {
    pub fn this() -> anyhow::Result<Self> {
        let cpus = fs::read_to_string("/proc/cpuinfo").context("cannot read /proc/cpuinfo")?;
        let processor = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
        let memory = fs::read_to_string("/proc/meminfo").context("cannot read /proc/meminfo")?;
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").context("cannot read the kernel's version")?;
        Ok(Self {
            processor: processor.trim_start_matches([' ', '\t', ':']).to_owned(),
            cores: cpus.lines().filter(|line| line.starts_with("processor")).count(),
            memory_mib: kib(&memory, "MemTotal:")? / 1024,
            kernel: kernel.trim().to_owned(),
        })
    }
}

/// Keeps this process, and the threads that it starts from now on, on one core.
pub fn pin_this(core: usize) -> anyhow::Result<()> {
    let (core, pid) = (core.to_string(), std::process::id().to_string());
    let output = Command::new("taskset").args(["--all-tasks", "--cpu-list", "--pid", &core, &pid]).output();
    let output = output.context("taskset cannot be started")?;
    if output.status.success() { Ok(()) } else { bail!("taskset: {}", String::from_utf8_lossy(&output.stderr)) }
}

/// The commit that is checked out, and whether the tree differs from it.
pub fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success());
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else { return "unknown".to_owned() };
    let is_changed = git(&["status", "--porcelain", "src", "Cargo.lock"]).is_some_and(|changes| !changes.is_empty());
    if is_changed { format!("{commit} with changes") } else { commit }
}

/// How this process was called, for somebody who wants to repeat it: without where the row went.
pub fn command() -> String {
    let mut given =
        std::env::args().skip(1).filter(|argument| argument != "--bench" && !argument.starts_with("--save="));
    let mut arguments = Vec::new();
    while let Some(argument) = given.next() {
        if argument == "--save" {
            given.next();
        } else {
            arguments.push(argument);
        }
    }
    let profile = if cfg!(debug_assertions) { "--profile dev " } else { "" };
    format!("cargo bench {profile}--bench scenarios -- {}", arguments.join(" "))
}

/// What a process has taken so far.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    at: Instant,
    cpu: Duration,
}

/// What a process has at a moment.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Held {
    /// Memory that is resident, in MiB.
    pub rss_mib: f64,
    /// The most that has been, in MiB.
    pub peak_rss_mib: f64,
    pub threads: u64,
    /// Open files and connections.
    pub files: u64,
}

impl Taken {
    /// The CPU time of a process, user's and system's, of all its threads.
    pub fn by(pid: u32) -> anyhow::Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))
            .with_context(|| format!("process {pid} cannot be looked at: has it ended?"))?;
        // The name, in parentheses, may contain blanks.
        let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat has no name")?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let [user, system] = [11, 12].map(|index: usize| fields.get(index).and_then(|ticks| ticks.parse::<u64>().ok()));
        let (Some(user), Some(system)) = (user, system) else { bail!("/proc/{pid}/stat has no times") };
        // USER_HZ is 100 wherever Linux runs Rust.
        Ok(Self { at: Instant::now(), cpu: Duration::from_millis(10 * (user + system)) })
    }

    /// The share of one core since then, in percent.
    pub fn percent_since(&self, earlier: &Self) -> f64 {
        100.0 * (self.cpu - earlier.cpu).as_secs_f64() / (self.at - earlier.at).as_secs_f64()
    }

    /// The CPU time since it was started.
    pub fn cpu(&self) -> Duration {
        self.cpu
    }

    /// The CPU time since then.
    pub fn cpu_since(&self, earlier: &Self) -> Duration {
        self.cpu - earlier.cpu
    }
}

impl Held {
    pub fn by(pid: u32) -> anyhow::Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))
            .with_context(|| format!("process {pid} cannot be looked at: has it ended?"))?;
        let files = fs::read_dir(format!("/proc/{pid}/fd")).context("its open files cannot be counted")?.count();
        Ok(Self {
            rss_mib: kib(&status, "VmRSS:")? as f64 / 1024.0,
            peak_rss_mib: kib(&status, "VmHWM:")? as f64 / 1024.0,
            threads: number(&status, "Threads:")?,
            files: files as u64,
        })
    }
}

fn kib(text: &str, name: &str) -> anyhow::Result<u64> {
    number(text, name)
}

fn number(text: &str, name: &str) -> anyhow::Result<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("there is no {name}"))?;
    let digits = value.trim().trim_end_matches(" kB");
    digits.parse().with_context(|| format!("{name} is {value:?}"))
}
