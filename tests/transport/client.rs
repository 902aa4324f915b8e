//! A client that speaks TLS, and says what it wants of it.

use std::io;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::authority::{Authority, Identity};

/// The client.
pub struct Client<'a> {
    pub knows: &'a Authority,
    pub is: Option<&'a Identity>,
    pub speaks: &'a [&'static SupportedProtocolVersion],
    pub offers: &'a [&'a str],
}

impl<'a> Client<'a> {
    /// A client that trusts an authority.
    pub fn of(knows: &'a Authority) -> Self {
        Self { knows, is: None, speaks: rustls::ALL_VERSIONS, offers: &[] }
    }

    /// Connects to the service at `address`.
    pub async fn connect(&self, address: &str) -> io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.knows.certificate().as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(self.speaks)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match self.is {
            Some(identity) => config.with_client_auth_cert(vec![identity.der()], identity.key()).unwrap(),
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = self.offers.iter().map(|name| name.as_bytes().to_vec()).collect();
        let connection = TcpStream::connect(address).await?;
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), connection).await
    }
}

/// The certificate that the service has shown.
pub fn shown(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}
