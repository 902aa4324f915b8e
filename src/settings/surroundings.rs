//! What the environment of the process says.
#![allow(clippy::disallowed_methods)] // With its parent, the place that reads the environment.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

/// What the environment says about clusters.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Whether this process runs in a pod, with a service account's token.
    pub in_pod: bool,
    /// Whether it seems to run in a pod, but without such a token.
    pub in_pod_without_token: bool,
    /// The variable `KUBECONFIG`.
    pub kubeconfig: Option<String>,
    /// The home folder.
    pub home: Option<PathBuf>,
    /// The machine's name, which is the pod's in a pod.
    pub host: Option<String>,
}

impl Surroundings {
    /// Reads the environment.
    pub fn detect() -> Self {
        let is_pod = std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
        let has_token = Path::new("/var/run/secrets/kubernetes.io/serviceaccount/token").exists();
        Self {
            in_pod: is_pod && has_token,
            in_pod_without_token: is_pod && !has_token,
            kubeconfig: std::env::var("KUBECONFIG").ok().filter(|path| !path.is_empty()),
            home: std::env::home_dir(),
            host: host_name(),
        }
    }
}

fn host_name() -> Option<String> {
    let name = std::env::var("HOSTNAME").or_else(|_| std::fs::read_to_string("/etc/hostname")).ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// What the environment says to the commands that talk to the service. (Where that is, is a flag's variable.)
#[derive(Clone, Debug, Default)]
pub struct ClientEnvironment {
    /// The service's token, of the variable `ORCHESTRATOR_TOKEN`: not a flag, because all can see those.
    pub token: Option<SecretString>,
    /// Whether `NO_COLOR` is set.
    pub no_color: bool,
    /// Where the user's clusters are.
    pub surroundings: Surroundings,
}

impl ClientEnvironment {
    /// Reads the environment.
    pub fn detect() -> Self {
        let token = std::env::var("ORCHESTRATOR_TOKEN").ok();
        let token = token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty());
        Self {
            token: token.map(SecretString::from),
            no_color: std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
            surroundings: Surroundings::detect(),
        }
    }
}

impl Surroundings {
    /// The kubeconfig that kubectl would take.
    pub fn usual_kubeconfig(&self) -> PathBuf {
        match &self.kubeconfig {
            Some(path) => path.into(),
            None => self.home.clone().unwrap_or_default().join(".kube/config"),
        }
    }
}
