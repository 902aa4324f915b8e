//! Exporters whose addresses the settings name.

use std::collections::BTreeSet;

use crate::adapters::outgoing::{UrlError, checked_url};
use crate::ports::{Exporter, ExporterDirectory};

/// Why a URL cannot be an exporter's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExporterUrlError {
    /// Nothing can be sent to it.
    #[error(transparent)]
    Url(#[from] UrlError),
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
        let urls = urls.into_iter().map(|url| checked_url(url.as_ref())).collect::<Result<BTreeSet<_>, _>>()?;
        if urls.is_empty() {
            return Err(ExporterUrlError::None);
        }
        let exporter = |url: reqwest::Url| Exporter { name: url.to_string(), node: None, url: url.into() };
        Ok(Self(urls.into_iter().map(exporter).collect()))
    }
}

impl ExporterDirectory for FixedExporters {
    fn exporters(&self) -> Result<Vec<Exporter>, String> {
        Ok(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_url_is_an_exporter_of_its_own() {
        let listed = ["http://10.0.0.2:9400/metrics", "https://gpu.example/dcgm?all=1", "http://10.0.0.2:9400/metrics"];
        let exporters = FixedExporters::new(listed).unwrap().exporters().unwrap();
        let urls: Vec<_> = exporters.iter().map(|exporter| exporter.url.as_str()).collect();
        assert_eq!(urls, ["http://10.0.0.2:9400/metrics", "https://gpu.example/dcgm?all=1"]);
        assert!(exporters.iter().all(|exporter| exporter.name == exporter.url && exporter.node.is_none()));
    }

    #[test]
    fn a_url_that_cannot_be_an_exporters_is_refused() {
        let listed = ["http://10.0.0.2:9400/metrics", "http://me:secret@gpu-1/"];
        assert_eq!(FixedExporters::new(listed), Err(ExporterUrlError::Url(UrlError::Credentials)));
    }

    #[test]
    fn no_url_at_all_is_refused() {
        assert_eq!(FixedExporters::new(Vec::<String>::new()), Err(ExporterUrlError::None));
    }
}
