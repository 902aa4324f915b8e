//! A running service, as a process of its own with its own account.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use super::api::Api;
use super::cluster::{SERVICE_ACCOUNT, cluster};

/// The process; killed when dropped, and by its watcher when this process ends without that.
pub struct Service {
    process: Child,
    watcher: Child,
    address: String,
    log: Arc<Mutex<Vec<String>>>,
}

/// Namespaces whose objects a test writes itself, or a service of its own looks after.
const NOT_ITS_OWN: &str = "kube-system,objects-kept,objects-same-name,objects-changed,objects-owned,objects-refused,\
                           definitions-change,definitions-columns,role-walk,access-shop,access-bank";

/// The service that most tests share. It runs under the account and the role of `deploy/`, and under no other.
pub fn shared_service() -> &'static Service {
    static SERVICE: OnceLock<Service> = OnceLock::new();
    SERVICE.get_or_init(|| {
        let kubeconfig = cluster().kubeconfig_for(SERVICE_ACCOUNT, "kube-system", &cluster().server);
        // Its role lets it hold the Lease there and nowhere else.
        let settings = [
            ("ORCHESTRATOR__STORE__KIND", "kubernetes"),
            ("ORCHESTRATOR__LEADER_ELECTION__NAMESPACE", "kube-system"),
            ("ORCHESTRATOR__NAMESPACES__DENY", NOT_ITS_OWN),
        ];
        let service = Service::start_with(&kubeconfig, &settings);
        service.wait_until_logged("autoscalers are known", Duration::from_secs(30));
        service
    })
}

impl Service {
    /// Starts a service on the cluster of `kubeconfig`, and waits until it listens.
    pub fn start(kubeconfig: &Path) -> Self {
        Self::start_with(kubeconfig, &[])
    }

    /// The same with settings in the environment. Unless they say otherwise, its autoscalers are its own: those that are
    /// objects belong to the service that the tests share.
    pub fn start_with(kubeconfig: &Path, settings: &[(&str, &str)]) -> Self {
        Self::run(Command::new(binary()), kubeconfig, settings)
    }

    /// The same with a command that ends in the service's own.
    pub fn run(mut command: Command, kubeconfig: &Path, settings: &[(&str, &str)]) -> Self {
        command.arg("--kubeconfig").arg(kubeconfig).args(["--port", "0"]);
        command.env("ORCHESTRATOR__STORE__KIND", "memory").envs(settings.iter().copied());
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (listening, listens) = std::sync::mpsc::channel();
        let kept = log.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some((_, address)) = line.split_once("; open http://") {
                    let _ = listening.send(address.trim_end_matches('/').to_owned());
                }
                kept.lock().unwrap().push(line);
            }
        });
        let address = listens.recv_timeout(Duration::from_secs(30)).unwrap_or_else(|_| {
            let _ = process.kill();
            panic!("the service does not listen:\n{}", log.lock().unwrap().join("\n"))
        });
        Self { watcher: watch(&process), process, address, log }
    }

    /// A client of its API, on the runtime of the calling test.
    pub fn api(&self) -> Api {
        Api::new(&self.address)
    }

    /// The same for a caller who sends this token.
    pub fn api_of(&self, token: &str) -> Api {
        Api::with_token(&self.address, token)
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The lines of its log that contain `text`.
    pub fn logged(&self, text: &str) -> Vec<String> {
        self.log.lock().unwrap().iter().filter(|line| line.contains(text)).cloned().collect()
    }

    /// Sends it a signal: `KILL`, `STOP`, ...
    pub fn signal(&self, name: &str) {
        signal(self.process.id(), name);
    }

    /// `kill -9`, and waits for its end.
    pub fn kill(self) {
        drop(self);
    }

    /// Waits for a line of its log.
    pub fn wait_until_logged(&self, text: &str, limit: Duration) {
        let deadline = Instant::now() + limit;
        while self.logged(text).is_empty() {
            assert!(Instant::now() < deadline, "{text:?} is not logged:\n{}", self.log.lock().unwrap().join("\n"));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends SIGTERM, and returns the exit status and the time it took.
    pub fn terminate(mut self) -> (ExitStatus, Duration) {
        let asked = Instant::now();
        self.signal("TERM");
        (self.process.wait().unwrap(), asked.elapsed())
    }
}

/// Sends a signal to a process of this test's.
pub fn signal(pid: u32, name: &str) {
    // The shell's own: the program of that name is not on every machine.
    let sent = Command::new("sh").args(["-c", "kill -\"$0\" \"$1\"", name, &pid.to_string()]).status().unwrap();
    assert!(sent.success(), "SIG{name} cannot be sent to process {pid}");
}

/// Ends the service when this process is gone: its end of the watcher's standard input closes then, however it ended.
/// (What tests share is never dropped.)
fn watch(service: &Child) -> Child {
    let service = service.id().to_string();
    Command::new("sh").args(["-c", "read -r _; kill -KILL \"$0\"", &service]).stdin(Stdio::piped()).spawn().unwrap()
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.watcher.kill();
        let _ = self.watcher.wait();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub fn binary() -> PathBuf {
    env!("CARGO_BIN_EXE_ai-storage-orchestrator").into()
}
