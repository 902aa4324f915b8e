//! Requests to those whom the settings or the cluster name (the API server excepted, which is kube's): they go where they
//! may, and nobody who is asked can send them elsewhere.

use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::AGENT;
use super::causes::with_sources;
use super::destinations::{Destinations, Refused};

/// Why nothing can be sent at all.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The process has no TLS provider.
    #[error("cannot set up outgoing connections: no TLS provider is installed")]
    NoTlsProvider,
    /// The client cannot be made.
    #[error("cannot set up outgoing connections: {}", with_sources(.0))]
    Client(reqwest::Error),
}

/// Why nothing can be sent to a URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It is no URL.
    #[error("{url} is no URL: {why}")]
    Malformed {
        /// As it was given, in quotes; or what may be said of it.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// Its scheme is another.
    #[error("{0} does not begin with http:// or https://")]
    Scheme(String),
    /// It contains credentials. URLs are shown to everybody, so the error does not repeat it.
    #[error("a URL contains a user name or password; URLs are shown to everybody")]
    Credentials,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Nothing can be sent to such a URL.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// Nothing may be sent there.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// It cannot be reached, or gave no answer. The text does not have the URL.
    #[error("{}", with_sources(.0))]
    Failed(reqwest::Error),
}

/// The URL that a text is, if something can be sent there. (The crate `url` gives http and https always a host.)
pub fn checked_url(text: &str) -> Result<Url, UrlError> {
    // What is before an @ may be a password, also where nobody can tell the parts.
    let shown = || if text.contains('@') { "a URL with an @ in it".to_owned() } else { format!("{text:?}") };
    let url = Url::parse(text).map_err(|why| UrlError::Malformed { url: shown(), why: why.to_string() })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(UrlError::Scheme(shown()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlError::Credentials);
    }
    Ok(url)
}

/// Sends requests. It keeps connections for the next time.
#[derive(Clone)]
pub struct Outgoing {
    http: reqwest::Client,
    destinations: Arc<Destinations>,
}

impl Outgoing {
    /// Sends to `destinations` only. The process's TLS provider must be installed.
    pub fn new(destinations: Destinations) -> Result<Self, SetupError> {
        Self::with_names(destinations, SystemNames)
    }

    fn with_names(destinations: Destinations, names: impl Resolve + 'static) -> Result<Self, SetupError> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(SetupError::NoTlsProvider);
        }
        let destinations = Arc::new(destinations);
        let names = Arc::new(PermittedNames { names, destinations: destinations.clone() });
        // A proxy would connect in our place, and a redirect would lead elsewhere: both past what is checked.
        let builder = || {
            reqwest::Client::builder()
                .user_agent(AGENT)
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .dns_resolver(names.clone())
        };
        // Only https needs the system's certificate authorities; a system may have none.
        let http = builder().build().or_else(|_| builder().tls_certs_only([]).build()).map_err(SetupError::Client)?;
        Ok(Self { http, destinations })
    }

    /// The answer to `request`, whatever its status, as soon as its head is there. How long that and the rest may take,
    /// and how long the answer may be, is the caller's to limit. A redirect is not followed.
    pub async fn send(&self, request: http::Request<Bytes>) -> Result<reqwest::Response, SendError> {
        let failed = |error: reqwest::Error| SendError::Failed(error.without_url());
        let request = reqwest::Request::try_from(request).map_err(failed)?;
        let url = checked_url(request.url().as_str())?;
        // An address is connected to without asking the resolver.
        if let Some(address) = literal(&url) {
            self.destinations.check(address)?;
        }
        self.http.execute(request).await.map_err(|error| match refusal(&error) {
            Some(refused) => refused.into(),
            None => failed(error),
        })
    }
}

/// The address that a URL has in the place of a name.
fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).parse().ok()
}

/// The refusal that caused an error.
fn refusal(error: &reqwest::Error) -> Option<Refused> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref::<Refused>() {
            return Some(refused.clone());
        }
        cause = error.source();
    }
    None
}

/// Gives only those addresses of a name that requests may go to. Since these are the ones that are connected to, a name
/// cannot mean another address between the check and the connection.
struct PermittedNames<N> {
    names: N,
    destinations: Arc<Destinations>,
}

impl<N: Resolve> Resolve for PermittedNames<N> {
    fn resolve(&self, name: Name) -> Resolving {
        let (found, destinations) = (self.names.resolve(name), self.destinations.clone());
        Box::pin(async move {
            let permitted = destinations.permitted(found.await?)?;
            Ok(Box::new(permitted.into_iter()) as Addrs)
        })
    }
}

/// The system's name resolution.
struct SystemNames;

impl Resolve for SystemNames {
    fn resolve(&self, name: Name) -> Resolving {
        // Port 0 stands for that of the URL.
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests;
