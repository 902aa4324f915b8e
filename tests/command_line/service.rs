//! A service on the simulated cluster, and commands that talk to it.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// How many times as fast as real time the cluster runs.
const SPEED: &str = "20";

/// How long is waited for something that should happen soon.
pub const SOON: Duration = Duration::from_secs(40);

/// The process; killed when dropped.
pub struct Service {
    process: Child,
    pub url: String,
    /// Variables of the commands that talk to it.
    environment: Vec<(&'static str, PathBuf)>,
    /// Its files, as long as it runs.
    _folder: TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub output: String,
    pub errors: String,
}

pub fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ai-storage-orchestrator"));
    command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Service {
    /// Starts a service, with a token if one is given.
    pub fn start(token: Option<&str>) -> Self {
        let folder = TempDir::new().unwrap();
        let Some(token) = token else { return Self::start_in(folder, "", &[]) };
        let tokens = folder.path().join("tokens");
        std::fs::write(&tokens, format!("of-this-test {token}\n")).unwrap();
        let settings = format!("[auth]\ntoken_file = {tokens:?}\n");
        // What asks whether it is there needs the token as well.
        let mine = folder.path().join("token");
        std::fs::write(&mine, token).unwrap();
        let mut service = Self::start_in(folder, &settings, &[("ORCHESTRATOR_TOKEN_FILE", mine)]);
        service.environment.clear();
        service
    }

    /// Starts a service with these settings, whose commands have these variables.
    pub fn start_configured(settings: &str, environment: &[(&'static str, PathBuf)]) -> Self {
        Self::start_in(TempDir::new().unwrap(), settings, environment)
    }

    fn start_in(folder: TempDir, settings: &str, environment: &[(&'static str, PathBuf)]) -> Self {
        // Nothing is under autoscaling but what a test puts there.
        let file = folder.path().join("settings.toml");
        std::fs::write(&file, format!("[simulation]\nautoscalers = []\n{settings}")).unwrap();
        let mut command = binary();
        command.args(["--simulated", "--port", "0", "--speed", SPEED, "--config"]).arg(file);
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let (listening, listens) = mpsc::channel();
        std::thread::spawn(move || {
            // To the end, so that the pipe does not fill up.
            for line in lines.map_while(Result::ok) {
                if let Some((_, url)) = line.split_once("; open ") {
                    let _ = listening.send(url.trim_end_matches('/').to_owned());
                }
            }
        });
        let url = listens.recv_timeout(SOON).unwrap();
        let service = Self { process, url, environment: environment.to_vec(), _folder: folder };
        service.until("it knows its cluster", || {
            let created =
                service.run(&["create", "ai-inference", "-n", "ml", "--min", "1", "--max", "4", "--gpu", "75"]);
            (created.code == 0).then_some(())
        });
        service
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = binary();
        command.args(arguments).env("ORCHESTRATOR_SERVER", &self.url).envs(self.environment.iter().cloned());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        ended(&mut self.command(arguments), "")
    }

    /// The same with something on its standard input.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Ended {
        ended(&mut self.command(arguments), input)
    }

    /// Runs a command that must end well, and reads its output as JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let ended = self.run(&[arguments, &["-o", "json"]].concat());
        assert_eq!(ended.code, 0, "{ended:?}");
        serde_json::from_str(&ended.output).unwrap()
    }

    /// Waits until something is so.
    pub fn until<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + SOON;
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(Instant::now() < deadline, "not within {SOON:?}: {what}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs a command to its end, with `input` on its standard input.
pub fn ended(command: &mut Command, input: &str) -> Ended {
    let mut child = command.spawn().unwrap();
    // It may end before it has read all of this.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code().unwrap(), output: text(output.stdout), errors: text(output.stderr) }
}
