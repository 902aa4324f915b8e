//! Connections to an API server.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderValue;
use http::header::USER_AGENT;
use kube::config::{InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use secrecy::ExposeSecret;

use super::discretion::told;
use crate::adapters::AGENT;

/// The time to establish a connection, and to send a request.
const CONNECT_AND_WRITE: Duration = Duration::from_secs(5);

/// How long a watch may be silent. The API server ends every watch itself before that, so silence means that the
/// connection is dead although nobody closed it.
const WATCH_SILENCE: Duration = Duration::from_secs(super::watch::WATCH_SECONDS as u64 + 15);

/// How to reach a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterAccess {
    /// As the service account of the pod in which this process runs.
    InCluster,
    /// As a kubeconfig says.
    Kubeconfig {
        /// The file, or several in the form of the variable `KUBECONFIG`.
        path: PathBuf,
        /// The context; the file's current one if none is named.
        context: Option<String>,
    },
}

/// Why the way to a cluster is not known. That a cluster does not answer is no such error.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The process does not run in a pod with a service account.
    #[error("cannot use the service account of this pod: {}", told(.0))]
    InCluster(InClusterError),
    /// The kubeconfig cannot be used.
    #[error("cannot use the kubeconfig {}: {}", .path.display(), told(.error))]
    Kubeconfig {
        /// The file, as it was given.
        path: PathBuf,
        /// What is wrong with it.
        error: KubeconfigError,
    },
    /// The API server's URL contains credentials, which would be shown with it wherever it is named.
    #[error("the kubeconfig's server has a user name or password in its URL; put them into a user of the kubeconfig")]
    Credentials,
    /// The token can be none. It is not shown.
    #[error("the kubeconfig's token has characters that no header can carry, such as a line feed")]
    Token,
    /// The configuration cannot be made into a client.
    #[error("cannot set up the connection to the API server: {}", told(&**.0))]
    Setup(Box<kube::Error>),
}

impl ClusterAccess {
    /// Reads the configuration. The API server is not asked yet.
    pub async fn config(&self) -> Result<Config, AccessError> {
        let config = match self {
            Self::InCluster => Config::incluster().map_err(AccessError::InCluster)?,
            Self::Kubeconfig { path, context } => {
                let wrong = |error| AccessError::Kubeconfig { path: path.clone(), error };
                let mut merged = Kubeconfig::default();
                for file in std::env::split_paths(path) {
                    merged = Kubeconfig::read_from(file).and_then(|next| merged.merge(next)).map_err(wrong)?;
                }
                let options = KubeConfigOptions { context: context.clone(), ..KubeConfigOptions::default() };
                Config::from_custom_kubeconfig(merged, &options).await.map_err(wrong)?
            }
        };
        if config.cluster_url.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(AccessError::Credentials);
        }
        // kube panics at such a token.
        let token = config.auth_info.token.as_ref();
        if token.is_some_and(|token| HeaderValue::from_str(token.expose_secret()).is_err()) {
            return Err(AccessError::Token);
        }
        Ok(config)
    }
}

/// The two ways in which an API server is used: short calls, and watches that stay open.
#[derive(Clone)]
pub struct Clients {
    /// For calls that are answered at once.
    pub calls: Client,
    /// For watches.
    pub watches: Client,
}

impl Clients {
    /// Makes the clients for a configuration. The API server is not asked yet.
    ///
    /// None of them repeats a request by itself: `kube` would do so for minutes without a word, and a scaling that was
    /// decided on would arrive when the load is another.
    pub fn new(mut config: Config) -> Result<Self, AccessError> {
        config.default_retry = false;
        config.connect_timeout = Some(CONNECT_AND_WRITE);
        config.write_timeout = Some(CONNECT_AND_WRITE);
        config.headers.push((USER_AGENT, HeaderValue::from_static(AGENT)));

        let mut watching = config.clone();
        watching.read_timeout = Some(WATCH_SILENCE);
        watching.reset_reader_on_write = true;
        // Calls have no read timeout of their own, which would close an idle connection after a few seconds and so
        // cost a TLS handshake for every call; each call has a time limit as a whole.
        config.read_timeout = None;
        let client = |config| Client::try_from(config).map_err(|error| AccessError::Setup(Box::new(error)));
        Ok(Self { calls: client(config)?, watches: client(watching)? })
    }

    /// Uses one client for both, for instance that of a simulated cluster.
    pub fn shared(client: Client) -> Self {
        Self { calls: client.clone(), watches: client }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// A kubeconfig with one context.
    fn kubeconfig(folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(name);
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: {name}\n\
             contexts: [{{name: {name}, context: {{cluster: {name}, user: me}}}}]\n\
             clusters: [{{name: {name}, cluster: {{server: 'http://{name}.example:6443'}}}}]\n\
             users: [{{name: me, user: {{}}}}]\n"
        );
        std::fs::write(&path, text).unwrap();
        path
    }

    fn folder() -> PathBuf {
        let folder = std::env::temp_dir().join(format!("kubeconfig-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[tokio::test]
    async fn several_kubeconfigs_are_merged_and_a_context_is_chosen() {
        let folder = folder();
        let path = std::env::join_paths([kubeconfig(&folder, "one"), kubeconfig(&folder, "two")]).unwrap();
        let server = async |context: Option<&str>| {
            let access =
                ClusterAccess::Kubeconfig { path: path.clone().into(), context: context.map(ToOwned::to_owned) };
            access.config().await.map(|config| config.cluster_url.to_string()).map_err(|error| error.to_string())
        };
        assert_eq!(server(None).await.unwrap(), "http://one.example:6443/");
        assert_eq!(server(Some("two")).await.unwrap(), "http://two.example:6443/");
        let error = server(Some("three")).await.unwrap_err();
        assert!(error.starts_with("cannot use the kubeconfig ") && error.contains("three"), "{error}");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn a_missing_kubeconfig_is_named() {
        let access = ClusterAccess::Kubeconfig { path: "/does/not/exist".into(), context: None };
        let error = access.config().await.unwrap_err().to_string();
        assert!(error.contains("/does/not/exist") && error.contains("No such file"), "{error}");
    }
}
