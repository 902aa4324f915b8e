//! The DCGM exporters: a pod on each machine with GPUs, which answers over HTTP.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{Response, StatusCode, Uri, header};

use super::machine::GpuMachine;
use super::text;
use crate::simulation::controllers::pod_ip;
use crate::simulation::manifests;
use crate::simulation::random;
use crate::simulation::resource::Resource;
use crate::simulation::settings::NodeSettings;
use crate::simulation::store::ObjectKey;
use crate::simulation::world::World;

/// Where the exporters' pods are, what made them, and the port on which they answer.
pub(in crate::simulation) const NAMESPACE: &str = "gpu-monitoring";
pub(in crate::simulation) const DAEMON_SET: &str = "dcgm-exporter";
pub(in crate::simulation) const PORT: u16 = 9400;

/// What is wrong with an exporter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExporterFault {
    /// It refuses connections.
    Down,
    /// It never answers.
    Hanging,
    /// It answers with this HTTP status.
    Status(u16),
    /// It answers with these bytes instead of its metrics.
    Garbage(Bytes),
    /// It answers with a text of so many bytes.
    Huge(usize),
    /// It does not know which pod has which device.
    NoPodLabels,
}

/// The pod of an exporter.
#[derive(Clone, Debug)]
pub(in crate::simulation) struct Exporter {
    pub key: ObjectKey,
    pub uid: String,
    pub ip: String,
    pub created: DateTime<Utc>,
}

/// What comes of a request to an address of the pods' network.
#[derive(Debug)]
pub(super) enum Answer {
    Response(Response<Bytes>),
    /// Nobody listens there.
    Refused,
    /// Somebody listens, but does not answer.
    Never,
}

impl World {
    /// Puts an exporter on a new machine, if it has GPUs and the cluster has exporters.
    pub(in crate::simulation) fn add_gpu_machine(
        &mut self,
        node: usize,
        settings: &NodeSettings,
        created: DateTime<Utc>,
    ) {
        let Some(machine) = self.scheduler.node(node).filter(|_| self.gpus.exported && settings.gpus > 0) else {
            return;
        };
        let machine = GpuMachine::new(node, &machine.name, settings, &machine.devices, self.seed);
        self.gpus.machines.push(machine);
        self.add_exporter(node, created);
    }

    /// Makes the pod of a machine's exporter, if there is none and a place for it. Tells whether there is one now.
    pub(in crate::simulation) fn add_exporter(&mut self, node: usize, created: DateTime<Utc>) -> bool {
        let Some(machine) = self.gpus.machines.iter().position(|machine| machine.node == node) else { return false };
        if self.gpus.machines.get(machine).is_some_and(|machine| machine.exporter.is_some()) {
            return true;
        }
        if !self.scheduler.reserve_pod(node) {
            return false;
        }
        self.ensure_namespace(NAMESPACE, created);
        let exporter = self.new_exporter(created);
        if let Some(host) = self.scheduler.node(node) {
            let daemon_set = self.seed.uid(&["DaemonSet", NAMESPACE, DAEMON_SET], 0);
            let value = manifests::exporter_pod(&exporter, &host.name, &host.address, &daemon_set);
            self.store.put(Resource::Pod, exporter.key.clone(), value, self.now);
        }
        if let Some(machine) = self.gpus.machines.get_mut(machine) {
            machine.exporter = Some(exporter);
        }
        true
    }

    /// Removes the pod of a machine's exporter. Tells whether there was one.
    pub(in crate::simulation) fn remove_exporter(&mut self, node: usize) -> bool {
        let mut machines = self.gpus.machines.iter_mut();
        let machine = machines.find(|machine| machine.node == node);
        let Some(exporter) = machine.and_then(|machine| machine.exporter.take()) else { return false };
        self.store.delete(Resource::Pod, &exporter.key, self.now);
        self.scheduler.release_pod(node);
        if self.scheduler.anyone_waiting() {
            self.plan_scheduling();
        }
        true
    }

    fn new_exporter(&mut self, created: DateTime<Utc>) -> Exporter {
        let number = self.next_pod_number();
        let suffix = random::name_suffix(&mut self.seed.stream(&[DAEMON_SET, "pod name"], number), 5);
        let key = ObjectKey::new(NAMESPACE, format!("{DAEMON_SET}-{suffix}"));
        Exporter { uid: self.seed.uid(&[DAEMON_SET, "pod"], number), ip: pod_ip(number), key, created }
    }
}

/// Answers a request to an address of the pods' network, at the world's present time.
pub(super) fn answer(world: &World, address: &Uri) -> Answer {
    let listens = |machine: &&GpuMachine| {
        let ip = machine.exporter.as_ref().map(|exporter| exporter.ip.as_str());
        ip.is_some() && ip == address.host() && address.port_u16() == Some(PORT)
    };
    let Some(machine) = world.gpus.machines.iter().find(listens) else { return Answer::Refused };
    match &machine.fault {
        Some(ExporterFault::Down) => Answer::Refused,
        Some(ExporterFault::Hanging) => Answer::Never,
        Some(ExporterFault::Status(code)) => {
            let status = StatusCode::from_u16(*code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            respond(status, Bytes::from_static(b"an error that was asked for\n"))
        }
        Some(ExporterFault::Garbage(bytes)) => respond(StatusCode::OK, bytes.clone()),
        Some(ExporterFault::Huge(size)) => respond(StatusCode::OK, filler(*size)),
        Some(ExporterFault::NoPodLabels) => metrics(world, machine, address, false),
        None => metrics(world, machine, address, true),
    }
}

fn metrics(world: &World, machine: &GpuMachine, address: &Uri, with_pods: bool) -> Answer {
    if address.path() != "/metrics" {
        return respond(StatusCode::NOT_FOUND, Bytes::from_static(b"404 page not found\n"));
    }
    // Who has a device is asked anew for each answer, so that labels are younger than values.
    let is_running = |pod: &ObjectKey| with_pods && world.pods.get(pod).is_some_and(|pod| pod.started.is_some());
    let devices = world.scheduler.node(machine.node).map_or(&[][..], |node| node.devices.all());
    respond(StatusCode::OK, text::exposition(machine, devices, is_running).into())
}

fn respond(status: StatusCode, body: Bytes) -> Answer {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let media_type = header::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    Answer::Response(response)
}

/// A text of so many bytes that says nothing.
fn filler(size: usize) -> Bytes {
    b"# A comment, which says nothing.\n".iter().copied().cycle().take(size).collect()
}
