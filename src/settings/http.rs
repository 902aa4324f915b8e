//! The HTTP server: where it listens, with which certificate, to which names it answers, and how much it takes.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::Deserialize;

use super::SettingsError;
use crate::http::{AllowedHost, Rate, TlsFiles};

/// `[http]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    bind: String,
    /// The port to listen on.
    pub port: u16,
    /// Threads that serve requests; 0 is one for each core.
    pub workers: usize,
    tls: Tls,
    allowed_hosts: Vec<String>,
    /// How many connections there can be at once.
    pub max_connections: usize,
    /// How many of them can be from one address; 0 is as many as there can be.
    pub max_connections_per_address: usize,
    requests_per_second: u32,
    burst: u32,
    /// How many streams of events one caller can follow at once; 0 is as many as there can be.
    pub followers_per_caller: usize,
}

/// `[http.tls]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tls {
    cert_file: String,
    key_file: String,
    client_ca_file: String,
}

impl Http {
    /// The address to listen on.
    pub fn bind_address(&self, in_pod: bool) -> Result<IpAddr, SettingsError> {
        match self.bind.as_str() {
            "auto" if in_pod => Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            "auto" | "localhost" => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            text => text.parse().map_err(|_| SettingsError::Bind(text.to_owned())),
        }
    }

    /// Where certificate and key are; `None` is HTTP without TLS.
    pub fn tls(&self) -> Option<TlsFiles> {
        let path = |text: &str| (!text.is_empty()).then(|| PathBuf::from(text));
        let (certificate, key) = (path(&self.tls.cert_file)?, path(&self.tls.key_file)?);
        Some(TlsFiles { certificate, key, client_ca: path(&self.tls.client_ca_file) })
    }

    /// The names that the service answers to, and whose pages may ask it, beside its own.
    pub fn allowed_hosts(&self) -> Result<Vec<AllowedHost>, SettingsError> {
        let parse = |text: &String| text.parse().map_err(|_| SettingsError::AllowedHost(text.clone()));
        self.allowed_hosts.iter().map(parse).collect()
    }

    /// How fast one caller may ask; `None` is as fast as it can.
    pub fn rate(&self) -> Option<Rate> {
        let per_second = NonZeroU32::new(self.requests_per_second)?;
        Some(Rate { per_second, burst: NonZeroU32::new(self.burst).unwrap_or(per_second) })
    }

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let range = |holds: bool, rule| if holds { Ok(()) } else { Err(SettingsError::Range(rule)) };
        range(self.workers <= 512, "http.workers must be at most 512")?;
        let Tls { cert_file, key_file, client_ca_file } = &self.tls;
        range(
            cert_file.is_empty() || !key_file.is_empty(),
            "http.tls.cert_file has no key; set http.tls.key_file to the certificate's private key",
        )?;
        range(
            key_file.is_empty() || !cert_file.is_empty(),
            "http.tls.key_file has no certificate; set http.tls.cert_file to the key's certificate",
        )?;
        range(
            client_ca_file.is_empty() || !cert_file.is_empty(),
            "http.tls.client_ca_file needs TLS; set http.tls.cert_file and http.tls.key_file, too",
        )?;
        range((1..=100_000).contains(&self.max_connections), "http.max_connections must be between 1 and 100000")?;
        range(self.requests_per_second <= 1_000_000, "http.requests_per_second must be at most 1000000")?;
        range(
            self.requests_per_second == 0 || (1..=1_000_000).contains(&self.burst),
            "http.burst must be between 1 and 1000000",
        )?;
        self.allowed_hosts().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Flags, Settings};

    fn http(text: &str) -> Http {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, text).unwrap();
        Settings::load(&Flags { config: Some(file.path().to_owned()), ..Flags::default() }).unwrap().http
    }

    #[test]
    fn without_files_there_is_no_tls_and_with_two_there_is() {
        assert_eq!(http("").tls(), None);
        let tls = http("[http.tls]\ncert_file = \"/tls.crt\"\nkey_file = \"/tls.key\"\n").tls().unwrap();
        assert_eq!((tls.certificate, tls.key, tls.client_ca), ("/tls.crt".into(), "/tls.key".into(), None));
    }

    #[test]
    fn no_rate_is_no_limit() {
        assert_eq!(http("[http]\nrequests_per_second = 0\nburst = 0\n").rate(), None);
        let rate = http("[http]\nrequests_per_second = 2\nburst = 3\n").rate().unwrap();
        assert_eq!((rate.per_second.get(), rate.burst.get()), (2, 3));
        assert!(http("").rate().is_some());
    }

    #[test]
    fn allowed_hosts_are_names_with_or_without_a_port() {
        let hosts = http("[http]\nallowed_hosts = [\"a.test\", \"b.test:8443\"]\n").allowed_hosts().unwrap();
        assert_eq!(hosts, ["a.test".parse().unwrap(), "b.test:8443".parse().unwrap()]);
    }
}
