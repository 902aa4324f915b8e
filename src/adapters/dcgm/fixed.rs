//! Exporters whose addresses the settings name.

use std::collections::BTreeSet;

use reqwest::Url;

use crate::ports::{Exporter, ExporterDirectory};

/// Why a URL cannot be an exporter's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExporterUrlError {
    /// It is no URL.
    #[error("\"{url}\" is no URL: {why}")]
    Malformed {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// Its scheme is another.
    #[error("\"{0}\" does not begin with http:// or https://")]
    Scheme(String),
    /// It contains credentials. URLs are shown to everybody, so the error does not repeat it.
    #[error("a URL contains a user name or password; URLs are shown to everybody")]
    Credentials,
    /// There is none.
    #[error("there is no URL")]
    None,
}

/// The exporters of a list that does not change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedExporters(Vec<Exporter>);

impl FixedExporters {
    /// The exporters at `urls`. One that is listed twice counts once.
    pub fn new<T: AsRef<str>>(urls: impl IntoIterator<Item = T>) -> Result<Self, ExporterUrlError> {
        let urls = urls.into_iter().map(|url| exporter_url(url.as_ref())).collect::<Result<BTreeSet<_>, _>>()?;
        if urls.is_empty() {
            return Err(ExporterUrlError::None);
        }
        let exporter = |url: Url| Exporter { name: url.to_string(), node: None, url: url.into() };
        Ok(Self(urls.into_iter().map(exporter).collect()))
    }
}

impl ExporterDirectory for FixedExporters {
    fn exporters(&self) -> Result<Vec<Exporter>, String> {
        Ok(self.0.clone())
    }
}

/// The URL of an exporter. (The crate `url` gives http and https always a host.)
fn exporter_url(text: &str) -> Result<Url, ExporterUrlError> {
    let malformed =
        |why: &dyn std::fmt::Display| ExporterUrlError::Malformed { url: text.to_owned(), why: why.to_string() };
    let url = Url::parse(text).map_err(|why| malformed(&why))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(ExporterUrlError::Scheme(text.to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ExporterUrlError::Credentials);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn each_url_is_an_exporter_of_its_own() {
        let listed = ["http://10.0.0.2:9400/metrics", "https://gpu.example/dcgm?all=1", "http://10.0.0.2:9400/metrics"];
        let exporters = FixedExporters::new(listed).unwrap().exporters().unwrap();
        let urls: Vec<_> = exporters.iter().map(|exporter| exporter.url.as_str()).collect();
        assert_eq!(urls, ["http://10.0.0.2:9400/metrics", "https://gpu.example/dcgm?all=1"]);
        assert!(exporters.iter().all(|exporter| exporter.name == exporter.url && exporter.node.is_none()));
    }

    #[rstest]
    #[case("10.0.0.2:9400/metrics", "\"10.0.0.2:9400/metrics\" is no URL: relative URL without a base")]
    #[case("gpu-1:9400", "\"gpu-1:9400\" does not begin with http:// or https://")]
    #[case("/metrics", "\"/metrics\" is no URL: relative URL without a base")]
    #[case("http://", "\"http://\" is no URL: empty host")]
    #[case("http://:9400/metrics", "\"http://:9400/metrics\" is no URL: empty host")]
    #[case("http://gpu-1:94000/metrics", "\"http://gpu-1:94000/metrics\" is no URL: invalid port number")]
    #[case("ftp://gpu-1/metrics", "\"ftp://gpu-1/metrics\" does not begin with http:// or https://")]
    #[case("file:///metrics", "\"file:///metrics\" does not begin with http:// or https://")]
    #[case("", "\"\" is no URL: relative URL without a base")]
    #[case("http://me:secret@gpu-1/", "a URL contains a user name or password; URLs are shown to everybody")]
    #[case("http://me@gpu-1/", "a URL contains a user name or password; URLs are shown to everybody")]
    fn a_url_that_cannot_be_an_exporters_is_refused(#[case] url: &str, #[case] why: &str) {
        let listed = ["http://10.0.0.2:9400/metrics", url];
        assert_eq!(FixedExporters::new(listed).unwrap_err().to_string(), why);
    }

    #[test]
    fn no_url_at_all_is_refused() {
        assert_eq!(FixedExporters::new(Vec::<String>::new()), Err(ExporterUrlError::None));
    }
}
