//! How the service is reached: its URL, the caller's token, and certificates.

use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use http::header::HeaderValue;
use reqwest::{Certificate, Client, Identity, Url};
use secrecy::{ExposeSecret, SecretString};

use super::failure::Failure;
use super::terminal::plain;

/// Where the service is, and what it wants.
#[derive(Args, Clone, Debug)]
pub struct Connection {
    /// The service's URL
    #[arg(
        long,
        value_name = "URL",
        env = "ORCHESTRATOR_SERVER",
        hide_env_values = true,
        default_value = "http://127.0.0.1:8080"
    )]
    pub server: String,
    /// A file with your token, read for each request; else the environment variable ORCHESTRATOR_TOKEN
    #[arg(long, value_name = "FILE", env = "ORCHESTRATOR_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// Trust the certificate authorities of this file (PEM), and not those of the system
    #[arg(long, value_name = "FILE", env = "ORCHESTRATOR_CA_FILE")]
    pub ca_file: Option<PathBuf>,
    /// Your certificate (PEM), for a service that wants one
    #[arg(long, value_name = "FILE", env = "ORCHESTRATOR_CLIENT_CERT", requires = "client_key")]
    pub client_cert: Option<PathBuf>,
    /// The private key of your certificate (PEM)
    #[arg(long, value_name = "FILE", env = "ORCHESTRATOR_CLIENT_KEY", requires = "client_cert")]
    pub client_key: Option<PathBuf>,
    /// Send the token over plain HTTP to another machine, although whoever is on the way can read it
    #[arg(long)]
    pub insecure_http: bool,
}

impl Connection {
    /// The way to a service at this URL that wants nothing.
    #[cfg(any(test, fuzzing))]
    pub fn to(server: &str) -> Self {
        Self {
            server: server.to_owned(),
            token_file: None,
            ca_file: None,
            client_cert: None,
            client_key: None,
            insecure_http: false,
        }
    }

    /// The service's URL, which ends with a slash.
    pub fn base(&self) -> Result<Url, Failure> {
        // What is before an @ may be a password.
        let shown = if self.server.contains('@') { "URL".into() } else { plain(&self.server) };
        let wrong = |why: String| Failure::Usage(format!("--server {shown}: {why}"));
        let mut base = Url::parse(&self.server)
            .map_err(|error| wrong(format!("{error}; it must be a URL as http://127.0.0.1:8080")))?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(wrong("it must begin with http:// or https://".to_owned()));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(wrong("it must have no user name or password; the service takes a token".to_owned()));
        }
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        Ok(base)
    }

    /// The token, which may go to `base`; `variable` is that of the environment.
    pub fn token(&self, base: &Url, variable: Option<SecretString>) -> Result<Token, Failure> {
        let token = match (&self.token_file, variable) {
            (Some(path), _) => Token::OfFile(path.clone()),
            (None, Some(token)) => Token::OfEnvironment(authorization(&token)?),
            (None, None) => return Ok(Token::None),
        };
        if base.scheme() == "http" && !is_loopback(base) && !self.insecure_http {
            return Err(Failure::Usage(format!(
                "--server {base}: a token is not sent over plain HTTP to another machine, where whoever is on the way can \
                 read it. Use https://, or \"kubectl port-forward\" and http://127.0.0.1; --insecure-http sends it all the same"
            )));
        }
        // A file that cannot be read is said before anything is done.
        token.header()?;
        Ok(token)
    }

    /// What speaks HTTP to `base`.
    pub fn client(&self, base: &Url) -> Result<Client, Failure> {
        let mut client = Client::builder()
            .connect_timeout(Duration::from_secs(5))
            // A token must not follow to another place.
            .redirect(reqwest::redirect::Policy::none());
        if is_loopback(base) {
            // Nor to a proxy that is meant for other machines.
            client = client.no_proxy();
        }
        if let Some(path) = &self.ca_file {
            let trusted = Certificate::from_pem_bundle(&read(path, "certificates")?)
                .ok()
                .filter(|certificates| !certificates.is_empty())
                .ok_or_else(|| Failure::Usage(format!("{} has no certificate in PEM", path.display())))?;
            client = client.tls_certs_only(trusted);
        }
        if let (Some(certificate), Some(key)) = (&self.client_cert, &self.client_key) {
            let mut pem = read(certificate, "the client's certificate")?;
            pem.push(b'\n');
            pem.append(&mut read(key, "the client's key")?);
            // The error could quote the key.
            let identity = Identity::from_pem(&pem).map_err(|_| {
                Failure::Usage(format!(
                    "{} and {} are no certificate and private key in PEM",
                    certificate.display(),
                    key.display()
                ))
            })?;
            client = client.identity(identity);
        }
        client.build().map_err(|error| {
            let error = anyhow::Error::new(error);
            Failure::Usage(format!("cannot set up HTTP, or TLS with these certificates: {error:#}"))
        })
    }
}

/// Where a token comes from. It is on no command line, which everybody on the machine can see.
pub enum Token {
    /// There is none.
    None,
    /// The header with that of the environment.
    OfEnvironment(HeaderValue),
    /// A file, which may have another one after a while.
    OfFile(PathBuf),
}

/// The largest file that is read, in bytes.
const LARGEST_FILE: u64 = 1 << 20;

impl Token {
    /// Whether there is one.
    pub fn is_there(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// The header that carries it, at present.
    pub fn header(&self) -> Result<Option<HeaderValue>, Failure> {
        match self {
            Self::None => Ok(None),
            Self::OfEnvironment(header) => Ok(Some(header.clone())),
            Self::OfFile(path) => {
                let text = String::from_utf8(read(path, "the token file")?)
                    .map_err(|_| Failure::Usage(format!("the token file {} is not text", path.display())))?;
                let token = SecretString::from(text);
                if token.expose_secret().trim().is_empty() {
                    return Err(Failure::Usage(format!("the token file {} is empty", path.display())));
                }
                authorization(&token).map(Some)
            }
        }
    }
}

fn authorization(token: &SecretString) -> Result<HeaderValue, Failure> {
    // A file often ends with a newline, which no header can carry.
    let token = token.expose_secret().trim();
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Failure::Usage(
            "the token has characters that no header can carry; it must be one word".to_owned(),
        ));
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| Failure::Usage("the token has characters that no header can carry".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn read(path: &Path, what: &str) -> Result<Vec<u8>, Failure> {
    let mut content = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut content))
        .map_err(|error| Failure::Usage(format!("cannot read {what} {}: {error}", path.display())))?;
    if content.len() as u64 > LARGEST_FILE {
        return Err(Failure::Usage(format!("{what} {} is larger than {} KiB", path.display(), LARGEST_FILE >> 10)));
    }
    Ok(content)
}

/// Whether what is sent there does not leave this machine.
fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let address = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn with_token(connection: &Connection) -> Result<Token, Failure> {
        connection.token(&connection.base()?, Some("sesame".into()))
    }

    #[rstest]
    #[case("http://127.0.0.1:8080", true)]
    #[case("http://localhost:8080/proxy", true)]
    #[case("http://LOCALHOST", true)]
    #[case("http://[::1]:8080", true)]
    #[case("http://127.8.9.1", true)]
    #[case("http://0x7f.1", true)]
    #[case("https://orchestrator.example", true)]
    #[case("http://orchestrator.example", false)]
    #[case("http://localhost.example", false)]
    #[case("http://127.0.0.1.example", false)]
    #[case("http://10.0.0.1", false)]
    #[case("http://0.0.0.0", false)]
    #[case("http://[::ffff:10.0.0.1]", false)]
    fn a_token_goes_over_plain_http_only_within_this_machine(#[case] server: &str, #[case] goes: bool) {
        let connection = Connection::to(server);
        assert_eq!(with_token(&connection).is_ok(), goes);
        assert!(with_token(&Connection { insecure_http: true, ..connection.clone() }).is_ok());
        let without = connection.token(&connection.base().unwrap(), None).unwrap();
        assert!(!without.is_there(), "who sends none sends it to nobody");
    }

    #[test]
    fn no_refusal_says_a_secret() {
        for server in ["https://user:secret@host", "https://secret@host", "secret@host", "ftp://secret@host"] {
            let refusal = Connection::to(server).base().unwrap_err().to_string();
            assert!(!refusal.contains("secret"), "{refusal}");
        }
        for token in ["two words-secret", "secret\u{e4}", "secret\nX-Header: 1", "secret\u{1b}[2J"] {
            let connection = Connection::to("http://127.0.0.1");
            let refusal = connection.token(&connection.base().unwrap(), Some(token.into())).err().unwrap().to_string();
            assert!(!refusal.contains("secret"), "{refusal}");
        }
    }

    #[test]
    fn a_token_file_is_read_anew_each_time() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let connection =
            Connection { token_file: Some(file.path().to_owned()), ..Connection::to("https://orchestrator.example") };
        let token = || connection.token(&connection.base().unwrap(), Some("of the environment".into()));
        assert_eq!(token().err().unwrap().exit_code(), 2, "an empty one is none");
        std::fs::write(file.path(), "first\r\n").unwrap();
        let token = token().unwrap();
        assert_eq!(token.header().unwrap().unwrap(), "Bearer first");
        std::fs::write(file.path(), "second\n").unwrap();
        let header = token.header().unwrap().unwrap();
        assert_eq!(header, "Bearer second");
        assert!(!format!("{header:?}").contains("second"), "it is in no log");
        std::fs::write(file.path(), vec![b'a'; 2 << 20]).unwrap();
        assert_eq!(token.header().unwrap_err().exit_code(), 2);
    }
}
