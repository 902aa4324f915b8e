//! Certificates that change while the service runs.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use super::app::TestApp;
use super::authority::{Authority, Identity, Secret};
use super::client::{Client, shown};
use super::wire::{Wire, address};

#[actix_web::test]
async fn a_new_certificate_is_used_and_connections_that_there_are_stay() {
    let authority = Authority::new("ours");
    let (first, second) = (authority.service(), authority.service());
    let mut secret = Secret::new(&first);
    let app = TestApp::start_configured(&Default::default(), 20.0, &secret.settings(), |_| {}).await;
    let client = Client::of(&authority);
    let stream = client.connect(address(&app)).await.unwrap();
    assert_eq!(shown(&stream), first.der());
    let mut old = Wire::over(stream);
    assert_eq!(old.ask("/healthz").await.status, 200);

    secret.change(&second);
    app.eventually("the new certificate is used", async || {
        let stream = client.connect(address(&app)).await.unwrap();
        (shown(&stream) == second.der()).then_some(())
    })
    .await;
    assert_eq!(old.ask("/healthz").await.status, 200);
    app.stop().await;
}

/// The service as a process, with what it says.
struct Process {
    process: Child,
    lines: Receiver<String>,
    /// What it said when it had started, or could not.
    started: String,
}

impl Process {
    fn start(settings: &str) -> Self {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(settings.as_bytes()).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_ai-storage-orchestrator"))
            .env_clear()
            .args(["--simulated", "--port", "0", "--speed", "60", "--config"])
            .arg(file.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, lines) = mpsc::channel();
        let output = BufReader::new(process.stderr.take().unwrap()).lines();
        std::thread::spawn(move || output.map_while(Result::ok).all(|line| tell.send(line).is_ok()));
        let mut service = Self { process, lines, started: String::new() };
        // So long the file is needed.
        let said = service.until(|line| line.contains("; open ") || line.starts_with("ai-storage-orchestrator:"));
        service.started = said.concat();
        service
    }

    /// All that it says up to a line that is wanted.
    fn until(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let mut said = Vec::new();
        while !said.last().is_some_and(|line: &String| is_wanted(line)) {
            said.push(self.lines.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|_| panic!("{said:#?}")));
        }
        said
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const REFUSED: &str = "the TLS files have changed and cannot be used, so the former certificate stays until they can";

#[actix_web::test]
async fn files_that_cannot_be_used_are_told_once_and_the_former_certificate_stays() {
    let authority = Authority::new("ours");
    let (first, second) = (authority.service(), authority.service());
    let mut secret = Secret::new(&first);
    let service = Process::start(&secret.settings());
    let address = service.started.split_once("; open https://").unwrap().1.trim_end_matches('/').to_owned();
    let client = Client::of(&authority);
    let present = async || shown(&client.connect(&address).await.unwrap());

    let nonsense = Identity { certificate: "nonsense".to_owned(), key: first.key.clone() };
    let anothers = Identity { certificate: second.certificate.clone(), key: first.key.clone() };
    for (broken, fault) in [(nonsense, "has no certificate in PEM form"), (anothers, "cannot be used: ")] {
        secret.change(&broken);
        let said = service.until(|line| line.contains(REFUSED));
        assert!(said.last().unwrap().contains("ERROR") && said.last().unwrap().contains(fault), "{said:#?}");
        // In this time the files are looked at many times.
        for _ in 0..100 {
            assert_eq!(present().await, first.der());
        }
    }
    secret.change(&second);
    let said = service.until(|line| line.contains("new TLS files are used from now on: valid until "));
    assert_eq!(present().await, second.der());
    assert!(!said.iter().any(|line| line.contains(REFUSED)), "it is told once for each change: {said:#?}");
}

#[test]
fn a_service_whose_files_cannot_be_used_does_not_start_and_says_why() {
    let authority = Authority::new("ours");
    let (first, second) = (authority.service(), authority.service());
    let good = Secret::new(&first);
    let mismatched = Secret::new(&Identity { certificate: first.certificate.clone(), key: second.key });
    for (settings, fault) in [
        (good.settings().replace("tls.key", "missing.key"), "cannot read http.tls.key_file "),
        (good.settings().replace("tls.key", "tls.crt"), "has no private key in PEM form"),
        (mismatched.settings(), "and the key in"),
        ("[http.tls]\ncert_file = \"/tls.crt\"\n".to_owned(), "set http.tls.key_file to the certificate's private key"),
        ("[http.tls]\nkey_file = \"/tls.key\"\n".to_owned(), "set http.tls.cert_file to the key's certificate"),
        ("[http.tls]\nclient_ca_file = \"/ca.crt\"\n".to_owned(), "http.tls.client_ca_file needs TLS"),
    ] {
        let mut service = Process::start(&settings);
        assert!(service.started.contains(fault), "{fault}: {}", service.started);
        assert_eq!(service.process.wait().unwrap().code(), Some(1));
    }
}
