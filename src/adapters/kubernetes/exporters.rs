//! The DCGM exporters of the cluster, found among its pods.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::pods::{Kept, Pods};
use super::selector::PodSelector;
use super::watched::Watched;
use crate::domain::observation::PodPhase;
use crate::ports::{Exporter, ExporterDirectory};

/// How to tell an exporter from other pods, and where its metrics are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExporterDiscovery {
    /// The namespace of the exporters.
    pub namespace: String,
    /// An exporter is what one of these selects.
    pub selectors: Vec<PodSelector>,
    /// The name of the container port that has the metrics.
    pub port_name: String,
    /// The port of a pod that declares none of that name.
    pub default_port: u16,
    /// The path of the metrics, with its leading slash.
    pub path: String,
}

/// Looks the exporters up in the pods' table.
pub(super) struct Exporters {
    pods: Arc<Watched<Pods>>,
    discovery: ExporterDiscovery,
}

/// The pods that are selected.
#[derive(Default)]
struct Found {
    exporters: Vec<Exporter>,
    /// How many pods cannot be asked, as they do not run.
    idle: usize,
}

impl Exporters {
    pub(super) fn new(pods: Arc<Watched<Pods>>, discovery: ExporterDiscovery) -> Self {
        Self { pods, discovery }
    }

    fn find(&self, pods: &Pods) -> Found {
        let ExporterDiscovery { namespace, selectors, .. } = &self.discovery;
        // Several selectors may find one pod. The map puts the exporters in the order of their names, too.
        let selected = selectors.iter().flat_map(|selector| pods.selected(namespace, selector.selector()));
        let selected: BTreeMap<&str, &Kept> = selected.map(|kept| (kept.pod.name.as_str(), kept)).collect();
        let mut found = Found::default();
        for kept in selected.into_values() {
            match self.exporter(kept) {
                Some(exporter) => found.exporters.push(exporter),
                None => found.idle += 1,
            }
        }
        found
    }

    /// The exporter in a pod, if the pod runs.
    fn exporter(&self, kept: &Kept) -> Option<Exporter> {
        let ExporterDiscovery { namespace, port_name, default_port, path, .. } = &self.discovery;
        let Kept { pod, ip, shape } = kept;
        let runs = pod.phase == PodPhase::Running && !pod.terminating;
        let ip = ip.filter(|_| runs)?;
        let address = SocketAddr::new(ip, shape.port(port_name).unwrap_or(*default_port));
        Some(Exporter {
            name: format!("{namespace}/{}", pod.name),
            node: pod.node.clone(),
            url: format!("http://{address}{path}"),
        })
    }

    fn why_none(&self, idle: usize) -> String {
        let ExporterDiscovery { namespace, selectors, .. } = &self.discovery;
        let selectors: Vec<String> = selectors.iter().map(PodSelector::to_string).collect();
        let none = format!(
            "no DCGM exporter found: no running pod in namespace \"{namespace}\" matches {} (settings gpu.namespace, gpu.selectors)",
            selectors.join(" or ")
        );
        match idle {
            0 => none,
            1 => format!("{none}; 1 pod matches, but does not run"),
            idle => format!("{none}; {idle} pods match, but do not run"),
        }
    }
}

impl ExporterDirectory for Exporters {
    fn exporters(&self) -> Result<Vec<Exporter>, String> {
        let found = self.pods.read(|pods| self.find(pods))?;
        if found.exporters.is_empty() { Err(self.why_none(found.idle)) } else { Ok(found.exporters) }
    }
}
