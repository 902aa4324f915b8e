//! Who is let in.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::SettingsError;
use crate::access::Access;

/// `[auth]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    mode: AuthMode,
    token_file: String,
    audiences: Vec<String>,
    cache_seconds: u64,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
enum AuthMode {
    Auto,
    Kubernetes,
    Token,
    None,
}

impl TryFrom<String> for AuthMode {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "auto" => Ok(Self::Auto),
            "kubernetes" => Ok(Self::Kubernetes),
            "token" => Ok(Self::Token),
            "none" => Ok(Self::None),
            _ => Err("it must be one of auto, kubernetes, token or none"),
        }
    }
}

/// How callers have to say who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// By a token that the cluster knows.
    Kubernetes {
        /// For how long the cluster's answers are remembered.
        cache: Duration,
    },
    /// By a token of this file.
    Token(PathBuf),
    /// Not at all.
    None,
}

impl Auth {
    /// How callers have to say who they are to a service that listens on `address`. A service that everybody could reach is
    /// never open by accident.
    pub fn choice(&self, in_cluster: bool, address: IpAddr) -> Result<Authentication, SettingsError> {
        let kubernetes = || Authentication::Kubernetes { cache: Duration::from_secs(self.cache_seconds) };
        let token = || Authentication::Token(PathBuf::from(&self.token_file));
        match self.mode {
            AuthMode::Kubernetes => Ok(kubernetes()),
            AuthMode::Token => Ok(token()),
            AuthMode::None => Ok(Authentication::None),
            AuthMode::Auto if !self.token_file.is_empty() => Ok(token()),
            AuthMode::Auto if in_cluster => Ok(kubernetes()),
            AuthMode::Auto if address.is_loopback() => Ok(Authentication::None),
            AuthMode::Auto => Err(SettingsError::OpenToEverybody(address)),
        }
    }

    /// Whom the cluster's tokens must be meant for; the API server's own audience when empty.
    pub fn audiences(&self) -> &[String] {
        &self.audiences
    }

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let range = |holds: bool, rule| if holds { Ok(()) } else { Err(SettingsError::Range(rule)) };
        let longest = Access::LONGEST.as_secs();
        range((1..=longest).contains(&self.cache_seconds), "auth.cache_seconds must be between 1 and 60")?;
        let has_file = !self.token_file.is_empty();
        range(
            has_file || self.mode != AuthMode::Token,
            "auth.mode = \"token\" needs auth.token_file, the path of a file whose lines are TOKEN or NAME TOKEN",
        )?;
        range(
            !has_file || matches!(self.mode, AuthMode::Token | AuthMode::Auto),
            "auth.token_file is set, but auth.mode is neither \"token\" nor \"auto\", so it would not be used",
        )?;
        range(!self.audiences.iter().any(String::is_empty), "auth.audiences must not have an empty name in it")
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const EVERYWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

    fn auth(mode: &str, token_file: &str) -> Auth {
        Auth {
            mode: mode.to_owned().try_into().unwrap(),
            token_file: token_file.to_owned(),
            audiences: Vec::new(),
            cache_seconds: 60,
        }
    }

    #[test]
    fn nobody_opens_the_service_by_accident() {
        let choice = |mode: &str, file: &str, in_cluster, address| auth(mode, file).choice(in_cluster, address);
        assert_eq!(choice("auto", "", false, HERE).unwrap(), Authentication::None);
        assert!(matches!(choice("auto", "", false, EVERYWHERE), Err(SettingsError::OpenToEverybody(_))));
        assert!(matches!(choice("auto", "", true, EVERYWHERE), Ok(Authentication::Kubernetes { .. })));
        assert!(
            matches!(choice("auto", "", true, HERE), Ok(Authentication::Kubernetes { .. })),
            "a sidecar is no friend"
        );
        assert_eq!(choice("auto", "/tokens", true, EVERYWHERE).unwrap(), Authentication::Token("/tokens".into()));
        assert_eq!(choice("none", "", true, EVERYWHERE).unwrap(), Authentication::None, "somebody wanted that");
        assert!(matches!(choice("kubernetes", "", false, HERE), Ok(Authentication::Kubernetes { .. })));
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        assert!(auth("token", "").check().is_err());
        assert!(auth("none", "/tokens").check().is_err());
        assert!(auth("kubernetes", "/tokens").check().is_err());
        for good in [auth("token", "/tokens"), auth("auto", "/tokens"), auth("auto", ""), auth("none", "")] {
            assert!(good.check().is_ok());
        }
        assert!(Auth { cache_seconds: 61, ..auth("auto", "") }.check().is_err());
        assert!(Auth { cache_seconds: 0, ..auth("auto", "") }.check().is_err());
        assert!(Auth { audiences: vec![String::new()], ..auth("auto", "") }.check().is_err());
    }
}
