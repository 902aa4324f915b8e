//! Services that speak TLS.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use tempfile::TempDir;

use super::service::{Service, binary, ended};

const AUTHORITY: &str = "ORCHESTRATOR_CA_FILE";

/// An authority of its own, and the files of what it has signed.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = Self { issuer, folder: TempDir::new().unwrap() };
        authority.write("ca.pem", &authority.issuer.pem());
        authority
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.file(name), text).unwrap();
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Signs a certificate; the files are `NAME.pem` and `NAME.key`.
    fn sign(&self, name: &str, host: &str, purpose: ExtendedKeyUsagePurpose) {
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        self.write(&format!("{name}.pem"), &params.signed_by(&key, &self.issuer).unwrap().pem());
        self.write(&format!("{name}.key"), &key.serialize_pem());
    }
}

#[test]
fn a_private_authority_is_trusted_when_it_is_named_and_a_client_shows_its_certificate() {
    let authority = Authority::new();
    authority.sign("service", "127.0.0.1", ExtendedKeyUsagePurpose::ServerAuth);
    authority.sign("client", "client.test", ExtendedKeyUsagePurpose::ClientAuth);
    let file = |name: &str| authority.file(name);
    let settings = format!(
        "[http.tls]\ncert_file = {:?}\nkey_file = {:?}\nclient_ca_file = {:?}\n",
        file("service.pem"),
        file("service.key"),
        file("ca.pem")
    );
    let ours = [
        (AUTHORITY, file("ca.pem")),
        ("ORCHESTRATOR_CLIENT_CERT", file("client.pem")),
        ("ORCHESTRATOR_CLIENT_KEY", file("client.key")),
    ];
    let service = Service::start_configured(&settings, &ours);
    assert!(service.url.starts_with("https://"), "{}", service.url);
    let with = |variables: &[(&str, PathBuf)]| {
        let mut command = binary();
        command.args(["whoami", "--server", &service.url]).envs(variables.iter().map(|(name, path)| (name, path)));
        ended(&mut command, "")
    };
    assert_eq!(with(&ours).code, 0);
    let untrusted = with(&[]);
    assert!(untrusted.code == 4 && untrusted.errors.contains("--ca-file"), "{untrusted:?}");
    let other = Authority::new();
    assert_eq!(with(&[(AUTHORITY, other.file("ca.pem"))]).code, 4, "only those of the file count");
    let nobody = with(&ours[..1]);
    assert!(nobody.code == 1 && nobody.errors.contains("--client-cert"), "{nobody:?}");
}
