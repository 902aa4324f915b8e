use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use super::*;

/// A folder with a certificate for `localhost` and its key.
fn files() -> (TempDir, TlsFiles) {
    let folder = TempDir::new().unwrap();
    let files =
        TlsFiles { certificate: folder.path().join("tls.crt"), key: folder.path().join("tls.key"), client_ca: None };
    let (certificate, key) = made();
    std::fs::write(&files.certificate, certificate).unwrap();
    std::fs::write(&files.key, key).unwrap();
    (folder, files)
}

fn made() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

fn refusal(files: TlsFiles) -> String {
    Tls::load(files).unwrap_err().to_string()
}

#[test]
fn each_file_that_cannot_be_used_is_named_with_what_is_wrong_with_it() {
    let (_folder, good) = files();
    assert!(Tls::load(good.clone()).is_ok());
    let missing = TlsFiles { key: "/nowhere/tls.key".into(), ..good.clone() };
    let text = refusal(missing);
    assert!(text.contains("http.tls.key_file /nowhere/tls.key") && text.contains("No such file"), "{text}");
    let swapped = TlsFiles { certificate: good.key.clone(), key: good.certificate.clone(), client_ca: None };
    assert!(refusal(swapped).contains("no certificate in PEM form"));
    let no_key = TlsFiles { key: good.certificate.clone(), ..good.clone() };
    assert!(refusal(no_key).contains("no private key in PEM form"));

    let (_other_folder, other) = files();
    let mismatched = TlsFiles { key: other.key, ..good.clone() };
    let text = refusal(mismatched);
    assert!(text.contains("tls.crt and the key in") && text.contains("cannot be used"), "{text}");

    let whole = std::fs::read_to_string(&good.certificate).unwrap();
    std::fs::write(&good.certificate, &whole[..whole.len() / 2]).unwrap();
    assert!(refusal(good.clone()).contains("its end is missing"));
    std::fs::write(&good.certificate, "").unwrap();
    assert!(refusal(good).contains("no certificate"));
}

#[test]
fn an_authority_for_clients_must_be_a_certificate() {
    let (_folder, good) = files();
    let with_ca = |path: &Path| TlsFiles { client_ca: Some(path.to_owned()), ..good.clone() };
    assert!(Tls::load(with_ca(&good.certificate)).is_ok());
    assert!(refusal(with_ca(&good.key)).contains("http.tls.client_ca_file"));
}

#[test]
fn nothing_of_a_key_is_in_an_error() {
    let (_folder, good) = files();
    let key = std::fs::read_to_string(&good.key).unwrap();
    let secret: Vec<_> = key.lines().filter(|line| !line.starts_with("-----")).collect();
    for broken in [key.replace("-----END", "----END"), key.replace("PRIVATE", "SECRET"), key.replace('M', "*")] {
        std::fs::write(&good.key, broken).unwrap();
        let error = Tls::load(good.clone()).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(secret.iter().all(|line| !text.contains(&line[1..])), "{text}");
    }
}

#[test]
fn contents_are_told_apart_wherever_they_differ() {
    let contents = |certificate: &str, key: &str, ca: Option<&str>| {
        let bytes = |text: &str| text.as_bytes().to_vec();
        Contents { certificate: bytes(certificate), key: bytes(key), client_ca: ca.map(bytes) }.fingerprint()
    };
    let all = [
        contents("a", "b", None),
        contents("ab", "", None),
        contents("", "ab", None),
        contents("a", "b", Some("c")),
        contents("a", "bc", None),
    ];
    for (number, one) in all.iter().enumerate() {
        assert!(all[number + 1..].iter().all(|other| other != one), "{number}");
    }
    assert_eq!(contents("a", "b", None), all[0]);
}
