//! TLS: certificate and key from files, which are read anew when they change, and optionally the certificates of clients.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use ring::digest::{Context, SHA256};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use self::expiry::Expiry;
use super::connection::{Certificate, Protection, Protocol};
use crate::clock::Clock;

mod expiry;

/// How often it is looked whether the files have changed. What has changed counts once it was seen twice, because files that
/// belong together may be written one after the other.
const LOOK: Duration = Duration::from_secs(5);

/// HTTP/2, by the name that TLS knows it by (ALPN).
const HTTP2: &[u8] = b"h2";

/// Where certificates and keys are, as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The service's certificate, and those that lead from it to one that clients know.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authorities whose certificates clients must have; `None` asks clients for none.
    pub client_ca: Option<PathBuf>,
}

/// Why there can be no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {setting} {}: {error}", path.display())]
    Unreadable {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// A file has something else.
    #[error("{setting} {} has no {wanted}{}", path.display(), detail(error))]
    Malformed {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What it should have.
        wanted: &'static str,
        /// What is wrong with it, if something of the kind is there.
        error: Option<String>,
    },
    /// Certificate and key cannot be used together.
    #[error("the certificate in {} and the key in {} cannot be used: {error}", certificate.display(), key.display())]
    Unusable {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why not.
        error: rustls::Error,
    },
    /// TLS itself cannot be set up.
    #[error("cannot set up TLS: {0}")]
    SetUp(#[source] rustls::Error),
}

fn detail(error: &Option<String>) -> String {
    error.as_ref().map(|error| format!(" ({error})")).unwrap_or_default()
}

const CERT_FILE: &str = "http.tls.cert_file";
const KEY_FILE: &str = "http.tls.key_file";
const CLIENT_CA_FILE: &str = "http.tls.client_ca_file";

/// What is in the files.
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

/// What tells contents apart; of files that cannot be read, why not.
type Fingerprint = Result<Vec<u8>, String>;

impl TlsFiles {
    fn read(&self) -> Result<Contents, TlsError> {
        let read = |setting, path: &Path| {
            std::fs::read(path).map_err(|error| TlsError::Unreadable { setting, path: path.to_owned(), error })
        };
        Ok(Contents {
            certificate: read(CERT_FILE, &self.certificate)?,
            key: read(KEY_FILE, &self.key)?,
            client_ca: self.client_ca.as_deref().map(|path| read(CLIENT_CA_FILE, path)).transpose()?,
        })
    }

    fn config(&self, contents: &Contents, provider: Arc<CryptoProvider>) -> Result<(ServerConfig, Expiry), TlsError> {
        let chain = certificates(CERT_FILE, &self.certificate, &contents.certificate)?;
        let expiry = Expiry::of(chain.first(), &provider);
        let key = PrivateKeyDer::from_pem_slice(&contents.key).map_err(|error| TlsError::Malformed {
            setting: KEY_FILE,
            path: self.key.clone(),
            wanted: "private key in PEM form (BEGIN PRIVATE KEY) that is not encrypted",
            error: cause(error),
        })?;
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(TlsError::SetUp)?;
        let builder = match (&self.client_ca, &contents.client_ca) {
            (Some(path), Some(authorities)) => {
                let malformed = |error: String| TlsError::Malformed {
                    setting: CLIENT_CA_FILE,
                    path: path.clone(),
                    wanted: "certificate that clients' certificates could be checked with",
                    error: Some(error),
                };
                let mut roots = RootCertStore::empty();
                for authority in certificates(CLIENT_CA_FILE, path, authorities)? {
                    roots.add(authority).map_err(|error| malformed(error.to_string()))?;
                }
                // A kubelet's probe has no certificate, so who has none is refused later.
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
                    .allow_unauthenticated()
                    .build()
                    .map_err(|error| malformed(error.to_string()))?;
                builder.with_client_cert_verifier(verifier)
            }
            _ => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| TlsError::Unusable {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            error,
        })?;
        config.alpn_protocols = vec![HTTP2.to_vec(), b"http/1.1".to_vec()];
        Ok((config, expiry))
    }
}

/// The certificates in a file, one at least.
fn certificates(setting: &'static str, path: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let malformed = |error| TlsError::Malformed {
        setting,
        path: path.to_owned(),
        wanted: "certificate in PEM form (BEGIN CERTIFICATE)",
        error,
    };
    let certificates: Vec<_> =
        CertificateDer::pem_slice_iter(text).collect::<Result<_, _>>().map_err(|error| malformed(cause(error)))?;
    if certificates.is_empty() { Err(malformed(None)) } else { Ok(certificates) }
}

/// What is wrong with a text in PEM form, without any of what is in it.
fn cause(error: pem::Error) -> Option<String> {
    match error {
        pem::Error::NoItemsFound => None,
        pem::Error::MissingSectionEnd { .. } => Some("its end is missing".to_owned()),
        pem::Error::IllegalSectionStart { .. } => Some("its first line is malformed".to_owned()),
        pem::Error::Base64Decode(_) => Some("it is no base64".to_owned()),
        _ => Some("it cannot be read".to_owned()),
    }
}

impl Contents {
    fn fingerprint(&self) -> Vec<u8> {
        let mut context = Context::new(&SHA256);
        let none = Vec::new();
        for part in [&self.certificate, &self.key, self.client_ca.as_ref().unwrap_or(&none)] {
            context.update(&part.len().to_be_bytes());
            context.update(part);
        }
        context.finish().as_ref().to_vec()
    }
}

/// The service's end of TLS.
pub struct Tls {
    files: TlsFiles,
    provider: Arc<CryptoProvider>,
    current: ArcSwap<Usable>,
    /// What the files were at the start.
    first: Vec<u8>,
}

/// What connections are made with.
struct Usable {
    config: Arc<ServerConfig>,
    expiry: Expiry,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the files, which must be usable.
    pub fn load(files: TlsFiles) -> Result<Arc<Self>, TlsError> {
        // kube's provider; a second one in the process would make rustls panic where it is to choose.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let contents = files.read()?;
        let (config, expiry) = files.config(&contents, provider.clone())?;
        let current = ArcSwap::from_pointee(Usable { config: Arc::new(config), expiry });
        Ok(Arc::new(Self { files, provider, current, first: contents.fingerprint() }))
    }

    /// Takes a client's connection, with the certificate that is the present one. A client whose own certificate is not
    /// valid gets none.
    pub async fn accept(&self, connection: TcpStream) -> std::io::Result<Accepted> {
        let config = self.current.load().config.clone();
        let stream = TlsAcceptor::from(config).accept(connection).await?;
        let session = stream.get_ref().1;
        let protocol = if session.alpn_protocol() == Some(HTTP2) { Protocol::Http2 } else { Protocol::Http1 };
        let certificate = match (&self.files.client_ca, session.peer_certificates()) {
            (None, _) => Certificate::NotWanted,
            (Some(_), None | Some([])) => Certificate::Missing,
            (Some(_), Some(_)) => Certificate::Valid,
        };
        Ok(Accepted { stream, protocol, protection: Protection::Tls { certificate } })
    }

    /// Takes what is new in the files until the service stops. Connections that there are stay as they are.
    pub async fn follow(self: Arc<Self>, clock: Clock, stopping: CancellationToken) {
        let mut used: Fingerprint = Ok(self.first.clone());
        let mut seen = used.clone();
        let mut warned = None;
        loop {
            self.current.load().expiry.warn(Clock::wall().now(), &mut warned);
            tokio::select! {
                () = stopping.cancelled() => return,
                () = clock.sleep(LOOK) => {}
            }
            let files = self.files.clone();
            // A task that cannot be run is one of a service that ends.
            let Ok(contents) = tokio::task::spawn_blocking(move || files.read()).await else { return };
            let fingerprint = contents.as_ref().map(Contents::fingerprint).map_err(TlsError::to_string);
            let is_steady = fingerprint == seen;
            seen = fingerprint;
            if !is_steady || seen == used {
                continue;
            }
            used = seen.clone();
            match contents.and_then(|contents| self.files.config(&contents, self.provider.clone())) {
                Ok((config, expiry)) => {
                    self.current.store(Arc::new(Usable { config: Arc::new(config), expiry }));
                    log::info!("new TLS files are used from now on: {expiry}");
                    warned = None;
                }
                Err(error) => log::error!(
                    "the TLS files have changed and cannot be used, so the former certificate stays until they can: {error}"
                ),
            }
        }
    }
}

/// A connection over TLS.
pub struct Accepted {
    /// What goes over it.
    pub stream: TlsStream<TcpStream>,
    /// What was agreed on.
    pub protocol: Protocol,
    /// How it is protected.
    pub protection: Protection,
}

#[cfg(test)]
mod tests;
