//! When a certificate ends.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};

/// With so little left it is time to see why there is no new certificate.
const SOON: TimeDelta = TimeDelta::days(7);

/// How often that is said.
const AGAIN: TimeDelta = TimeDelta::days(1);

/// When a certificate ends; `None` when that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry(Option<DateTime<Utc>>);

impl Expiry {
    /// That of `certificate`.
    pub fn of(certificate: Option<&CertificateDer<'_>>, provider: &CryptoProvider) -> Self {
        Self(certificate.and_then(|certificate| end(certificate, provider)))
    }

    /// Says so in the log when it ends soon or has ended; `said` is when that was said last.
    pub fn warn(self, now: DateTime<Utc>, said: &mut Option<DateTime<Utc>>) {
        let Some(end) = self.0.filter(|end| *end - now < SOON) else { return };
        if said.is_some_and(|said| now - said < AGAIN) {
            return;
        }
        *said = Some(now);
        if end < now {
            log::warn!(
                "the TLS certificate has ended ({self}), and clients refuse it; put a new one into http.tls.cert_file"
            );
        } else {
            let days = (end - now).num_days();
            log::warn!("the TLS certificate ends in {days} days ({self}); put a new one into http.tls.cert_file");
        }
    }
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(end) => write!(f, "valid until {}", end.format("%Y-%m-%dT%H:%M:%SZ")),
            None => f.write_str("it is not known until when it is valid"),
        }
    }
}

/// rustls does not say when a certificate ends, but when it ended: so it is asked at the end of time.
fn end(certificate: &CertificateDer<'_>, provider: &CryptoProvider) -> Option<DateTime<Utc>> {
    let end_of_time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(u64::MAX));
    let checked = verify_server_cert_signed_by_trust_anchor(
        &ParsedCertificate::try_from(certificate).ok()?,
        &RootCertStore::empty(),
        &[],
        end_of_time,
        provider.signature_verification_algorithms.all,
    );
    match checked {
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
            DateTime::from_timestamp(i64::try_from(not_after.as_secs()).ok()?, 0)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn expiry(year: i32) -> Expiry {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(year, 6, 15);
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        Expiry::of(Some(certificate.der()), &rustls::crypto::ring::default_provider())
    }

    #[test]
    fn it_is_read_from_certificates_that_have_ended_and_from_those_that_have_not() {
        for year in [2021, 2049, 2051, 9999] {
            assert_eq!(expiry(year).to_string(), format!("valid until {year}-06-15T00:00:00Z"));
        }
        let none = Expiry::of(Some(&CertificateDer::from(vec![1, 2, 3])), &rustls::crypto::ring::default_provider());
        assert_eq!(none, Expiry(None));
    }

    #[test]
    fn it_is_said_once_a_day_in_the_last_days_and_after_the_end() {
        let expiry = expiry(2030);
        let end = expiry.0.unwrap();
        let mut said = None;
        let mut says = |now: DateTime<Utc>| {
            let before = said;
            expiry.warn(now, &mut said);
            said != before
        };
        assert!(!says(end - TimeDelta::days(8)));
        assert!(says(end - TimeDelta::days(6)));
        assert!(!says(end - TimeDelta::days(6) + TimeDelta::hours(23)));
        assert!(says(end - TimeDelta::days(5)));
        assert!(says(end + TimeDelta::days(1)));
    }
}
