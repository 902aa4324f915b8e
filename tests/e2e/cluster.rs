//! The control plane that the whole run shares, and others for tests that break theirs.

use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::PostParams;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use kube::{Api, Client};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;

/// The running control plane.
pub struct Cluster {
    pub kubeconfig: PathBuf,
    pub server: String,
    pub audit_log: PathBuf,
    /// The folder that the test bed's README describes.
    pub run: PathBuf,
    binary: PathBuf,
    pub folder: tempfile::TempDir,
    /// When this process ends, however it ends, its end of the pipe closes, and the control plane stops.
    _stdin: ChildStdin,
}

#[derive(Deserialize)]
struct Ready {
    kubeconfig: PathBuf,
    server: String,
    audit_log: PathBuf,
}

/// The service account that `deploy/` gives the service.
pub const SERVICE_ACCOUNT: &str = "ai-storage-orchestrator";

/// Starts the control plane at the first call.
pub fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        // The real HPA decides as often as this service does beside it, and warms pods up as long as by default.
        Cluster::start(&[
            "--hpa-sync",
            "5s",
            "--component-flag",
            "kube-controller-manager:--horizontal-pod-autoscaler-cpu-initialization-period=5m",
            "--component-flag",
            "kube-controller-manager:--horizontal-pod-autoscaler-initial-readiness-delay=30s",
        ])
    })
}

/// The manifests that the project ships.
pub fn deploy_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

impl Cluster {
    /// Starts a control plane with these flags, and applies `deploy/`.
    pub fn start(flags: &[&str]) -> Self {
        // An error says that there is one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let binary = binary();
        let folder = tempfile::Builder::new().prefix("aso-e2e-").tempdir().unwrap();
        let run = folder.path().join("cluster");
        let log = std::fs::File::create(folder.path().join("supervisor.log")).unwrap();
        let mut child = Command::new(&binary)
            .arg("cluster")
            .arg(&run)
            .arg("--stop-on-stdin-eof")
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("the control plane can be started");
        let stdin = child.stdin.take().unwrap();
        let ready = wait_until_ready(&mut child, &run.join("ready"), folder.path());
        let cluster = Self {
            kubeconfig: ready.kubeconfig,
            server: ready.server,
            audit_log: ready.audit_log,
            run,
            binary,
            folder,
            _stdin: stdin,
        };
        cluster.kubectl(&["apply", "-k", deploy_folder().to_str().unwrap()]);
        cluster
    }

    /// Applies these objects as administrator.
    pub fn apply(&self, objects: &[Value]) {
        let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": objects});
        let mut file = tempfile::NamedTempFile::new_in(self.folder.path()).unwrap();
        serde_json::to_writer(&mut file, &list).unwrap();
        self.kubectl(&["apply", "--filename", file.path().to_str().unwrap()]);
    }

    /// Runs kubectl as administrator, in parallel to the test; whether it succeeded, and what it said.
    pub async fn try_kubectl(&'static self, arguments: &[&str]) -> Result<String, String> {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let running = tokio::task::spawn_blocking(move || {
            let mut command = Command::new(&self.binary);
            command.arg("kubectl").arg("--kubeconfig").arg(&self.kubeconfig).args(arguments).output().unwrap()
        });
        let output = running.await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }

    /// Runs kubectl as administrator; it must succeed.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        let output = Command::new(&self.binary)
            .arg("kubectl")
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .args(arguments)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {arguments:?} failed: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// A client for the administrator, on the runtime of the calling test.
    pub async fn client(&self) -> Client {
        let kubeconfig = Kubeconfig::read_from(&self.kubeconfig).unwrap();
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        Client::try_from(config).unwrap()
    }

    /// A client for whoever has this token, on the runtime of the calling test.
    pub async fn client_of(&self, token: &str) -> Client {
        let kubeconfig = Kubeconfig::read_from(&self.kubeconfig).unwrap();
        let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        config.auth_info = AuthInfo { token: Some(token.into()), ..AuthInfo::default() };
        Client::try_from(config).unwrap()
    }

    /// The administrator's token.
    pub fn administrators_token(&self) -> String {
        let kubeconfig = Kubeconfig::read_from(&self.kubeconfig).unwrap();
        let user = kubeconfig.auth_infos.into_iter().find_map(|user| user.auth_info).unwrap();
        user.token.unwrap().expose_secret().to_owned()
    }

    /// A token of a service account, for the API server or for somebody else.
    pub async fn account_token(&self, namespace: &str, account: &str, audience: Option<&str>) -> String {
        let accounts = Api::<ServiceAccount>::namespaced(self.client().await, namespace);
        let audiences = audience.into_iter().map(str::to_owned).collect();
        let spec = TokenRequestSpec { audiences, expiration_seconds: Some(3 * 3600), ..TokenRequestSpec::default() };
        let request = TokenRequest { spec, ..TokenRequest::default() };
        let answer = accounts.create_token_request(account, &PostParams::default(), &request).await.unwrap();
        answer.status.unwrap().token
    }

    /// A token of a person, whom the API server knows as `oidc:NAME` in the groups `oidc:GROUP`; with negative seconds it
    /// has expired.
    pub fn persons_token(&self, name: &str, groups: &[&str], seconds: i32) -> String {
        let mut command = Command::new(&self.binary);
        command.arg("token").arg(&self.run).args(["--user", name, "--groups", &groups.join(",")]);
        let output = command.arg(format!("--seconds={seconds}")).output().unwrap();
        assert!(output.status.success(), "testbed token failed: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Writes a kubeconfig for a service account, which reaches the API server at `server`.
    pub fn kubeconfig_for(&self, account: &str, namespace: &str, server: &str) -> PathBuf {
        let token = self.kubectl(&["create", "token", account, "--namespace", namespace, "--duration", "3h"]);
        let administrator: Value = serde_json::to_value(Kubeconfig::read_from(&self.kubeconfig).unwrap()).unwrap();
        let mut connection = administrator["clusters"][0]["cluster"].clone();
        connection["server"] = server.into();
        let kubeconfig = serde_json::json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "testbed", "cluster": connection}],
            "users": [{"name": account, "user": {"token": token.trim()}}],
            "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": account}}],
            "current-context": "testbed",
        });
        let file =
            tempfile::Builder::new().prefix(account).suffix(".kubeconfig").tempfile_in(self.folder.path()).unwrap();
        // JSON is YAML.
        serde_json::to_writer(&file, &kubeconfig).unwrap();
        file.keep().unwrap().1
    }
}

/// The test bed's binary.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("TESTBED") {
        return path.into();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("testbed/build.sh");
    let output = Command::new(script).stderr(Stdio::inherit()).output().expect("testbed/build.sh can be run");
    assert!(output.status.success(), "testbed/build.sh failed");
    String::from_utf8(output.stdout).unwrap().trim().into()
}

fn wait_until_ready(child: &mut Child, file: &Path, folder: &Path) -> Ready {
    let deadline = Instant::now() + Duration::from_secs(180);
    loop {
        if let Ok(text) = std::fs::read(file)
            && let Ok(ready) = serde_json::from_slice(&text)
        {
            return ready;
        }
        let ended = child.try_wait().unwrap();
        if ended.is_some() || Instant::now() > deadline {
            let log = std::fs::read_to_string(folder.join("supervisor.log")).unwrap_or_default();
            panic!("the control plane did not start ({ended:?}):\n{log}");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
