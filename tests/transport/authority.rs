//! Certificates for a test, as a Secret has them in a pod.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;

/// Somebody who makes certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
pub struct Identity {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn certificate(&self) -> String {
        self.0.pem()
    }

    /// An identity for a service at `localhost` and `127.0.0.1`.
    pub fn service(&self) -> Identity {
        self.identity(&["localhost", "127.0.0.1"], ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// An identity for a client.
    pub fn client(&self) -> Identity {
        self.identity(&["client.test"], ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn identity(&self, names: &[&str], purpose: ExtendedKeyUsagePurpose) -> Identity {
        let mut params =
            CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

impl Identity {
    pub fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()
    }

    pub fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap()
    }
}

/// A Secret as a kubelet shows it: the files are links to files in a folder, whose name is a link, which is all that changes.
pub struct Secret {
    folder: TempDir,
    versions: usize,
}

impl Secret {
    pub fn new(identity: &Identity) -> Self {
        let mut secret = Self { folder: TempDir::new().unwrap(), versions: 0 };
        for name in ["tls.crt", "tls.key"] {
            std::os::unix::fs::symlink(PathBuf::from("..data").join(name), secret.file(name)).unwrap();
        }
        secret.change(identity);
        secret
    }

    /// Puts another identity in the place of the former one, in one step.
    pub fn change(&mut self, identity: &Identity) {
        self.versions += 1;
        let version = self.file(&format!("..version-{}", self.versions));
        std::fs::create_dir(&version).unwrap();
        std::fs::write(version.join("tls.crt"), &identity.certificate).unwrap();
        std::fs::write(version.join("tls.key"), &identity.key).unwrap();
        let link = self.file("..data_tmp");
        std::os::unix::fs::symlink(version, &link).unwrap();
        std::fs::rename(link, self.file("..data")).unwrap();
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The settings that name it.
    pub fn settings(&self) -> String {
        format!("[http.tls]\ncert_file = {:?}\nkey_file = {:?}\n", self.file("tls.crt"), self.file("tls.key"))
    }

    /// The same, with an authority for clients.
    pub fn settings_with_clients_of(&self, authority: &Authority) -> String {
        let file = self.file("ca.crt");
        std::fs::write(&file, authority.certificate()).unwrap();
        format!("{}client_ca_file = {file:?}\n", self.settings())
    }
}
