//! What a test or an operator can do to a simulated cluster from outside its API.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::controllers::{Birth, WorkloadRef};
use super::faults::{Fault, FaultId};
use super::load::LoadCurve;
use super::metrics::{MetricsApi, MetricsVersion};
use super::requests::RecordedRequest;
use super::resource::Resource;
use super::settings::{WorkloadKind, WorkloadSettings};
use super::store::ObjectKey;
use super::world::{World, span};
use super::{SimulatedCluster, manifests};

/// Why a lever had no effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SimulationError {
    /// There is such an object already.
    #[error("there is a {0} {1}/{2} already")]
    AlreadyThere(String, String, String),
    /// There is no such workload.
    #[error("there is no {0} {1}/{2}")]
    NoSuchWorkload(WorkloadKind, String, String),
    /// No exporter runs on this machine, or none can.
    #[error("there is no GPU exporter on a node {0}")]
    NoExporter(String),
}

impl SimulatedCluster {
    /// Creates a workload, as `kubectl apply` would: its pods are then made, placed, started and become ready.
    pub fn add_workload(&self, settings: WorkloadSettings) -> Result<(), SimulationError> {
        self.add([settings], |_| Birth::Now)
    }

    /// Puts workloads there that have been running for as long as the cluster's own: all pods ready, past their warm-up
    /// and in the next reading of the metrics.
    pub fn add_running_workloads(
        &self,
        workloads: impl IntoIterator<Item = WorkloadSettings>,
    ) -> Result<(), SimulationError> {
        let age = span(self.age());
        self.add(workloads, |world| Birth::Past(world.now - age))
    }

    fn add(
        &self,
        workloads: impl IntoIterator<Item = WorkloadSettings>,
        birth: impl Fn(&World) -> Birth,
    ) -> Result<(), SimulationError> {
        self.change(|world| {
            for settings in workloads {
                let (kind, namespace, name) = (settings.kind, settings.namespace.clone(), settings.name.clone());
                let birth = birth(world);
                if !world.add_workload(settings, birth) {
                    return Err(SimulationError::AlreadyThere(kind.to_string(), namespace, name));
                }
            }
            Ok(())
        })
    }

    /// Deletes a workload with its pods, as `kubectl delete` would.
    pub fn remove_workload(&self, kind: WorkloadKind, namespace: &str, name: &str) -> Result<(), SimulationError> {
        self.change_workload(kind, namespace, name, World::remove_workload)
    }

    /// Changes what a workload's clients ask of it. The curve's second 0 is now.
    pub fn set_load(
        &self,
        kind: WorkloadKind,
        namespace: &str,
        name: &str,
        load: LoadCurve,
    ) -> Result<(), SimulationError> {
        self.change_workload(kind, namespace, name, |world, workload| world.set_load(workload, load))
    }

    /// Changes what the clients of all workloads ask of them, at the same moment, which is each curve's second 0. Workloads
    /// for which `load` has nothing go on as they do.
    pub fn set_loads(&self, load: impl Fn(&WorkloadSettings) -> Option<LoadCurve>) {
        self.change(|world| world.set_loads(load));
    }

    /// When the metrics server makes its next reading.
    pub fn next_reading(&self) -> DateTime<Utc> {
        self.change(|world| world.next_scrape())
    }

    /// Changes what a workload's clients ask of its GPUs, in percent of one GPU. The curve's second 0 is now.
    pub fn set_gpu_load(
        &self,
        kind: WorkloadKind,
        namespace: &str,
        name: &str,
        load: LoadCurve,
    ) -> Result<(), SimulationError> {
        self.change_workload(kind, namespace, name, |world, workload| world.set_gpu_load(workload, load))
    }

    /// Changes a workload's `spec.replicas`, as somebody else's `kubectl scale` would.
    pub fn set_replicas(
        &self,
        kind: WorkloadKind,
        namespace: &str,
        name: &str,
        replicas: u32,
    ) -> Result<(), SimulationError> {
        self.change_workload(kind, namespace, name, |world, workload| {
            world.change_spec(workload, |spec| spec["replicas"] = replicas.into())
        })
    }

    /// Gives a workload a new pod template, as `kubectl rollout restart` would: its pods are replaced step by step.
    pub fn roll_out(&self, kind: WorkloadKind, namespace: &str, name: &str) -> Result<(), SimulationError> {
        self.change_workload(kind, namespace, name, |world, workload| {
            let at = world.now.to_rfc3339();
            world.change_spec(workload, |spec| {
                spec["template"]["metadata"]["annotations"] = json!({ "kubectl.kubernetes.io/restartedAt": at });
            })
        })
    }

    /// Makes the cluster know the custom resource WorkloadAutoscaler, as `kubectl apply` of its definition would, so that
    /// clients can make objects of it. None is checked by the definition's rules, and no default is filled in.
    pub fn install_autoscalers(&self) {
        self.change(|world| world.install(Resource::WorkloadAutoscaler));
    }

    /// Creates a horizontal pod autoscaler for a workload. It does nothing: it is there to be found.
    pub fn add_horizontal_pod_autoscaler(
        &self,
        namespace: &str,
        name: &str,
        target_kind: WorkloadKind,
        target_name: &str,
    ) -> Result<(), SimulationError> {
        self.add_scaler(
            Resource::HorizontalPodAutoscaler,
            namespace,
            name,
            (target_kind, target_name),
            manifests::horizontal_pod_autoscaler,
        )
    }

    /// Creates a KEDA ScaledObject for a workload, and with the first one the `keda.sh` API. It does nothing: it is
    /// there to be found.
    pub fn add_scaled_object(
        &self,
        namespace: &str,
        name: &str,
        target_kind: WorkloadKind,
        target_name: &str,
    ) -> Result<(), SimulationError> {
        let target = (target_kind, target_name);
        self.add_scaler(Resource::ScaledObject, namespace, name, target, manifests::scaled_object)
    }

    fn add_scaler(
        &self,
        resource: Resource,
        namespace: &str,
        name: &str,
        (target_kind, target_name): (WorkloadKind, &str),
        manifest: manifests::ScalerManifest,
    ) -> Result<(), SimulationError> {
        self.change(|world| {
            let key = ObjectKey::new(namespace, name);
            let kind = resource.definition().kind;
            if world.store.get(resource, &key).is_some() {
                return Err(SimulationError::AlreadyThere(kind.to_owned(), namespace.to_owned(), name.to_owned()));
            }
            let now = world.now;
            world.ensure_namespace(namespace, now);
            let value = manifest(&key, target_kind.as_str(), target_name, &world.new_uid(kind, &key), now);
            world.store.put(resource, key, value, now);
            Ok(())
        })
    }

    /// Whether and how `metrics.k8s.io` answers from now on.
    pub fn set_metrics_api(&self, api: MetricsApi) {
        self.change(|world| world.metrics.api = api);
    }

    /// With `false`, the cluster is one without a metrics server.
    pub fn set_metrics_available(&self, available: bool) {
        self.set_metrics_api(if available { MetricsApi::Serving } else { MetricsApi::Absent });
    }

    /// In which versions `metrics.k8s.io` is served from now on, the preferred one first.
    pub fn set_metrics_versions(&self, versions: &[MetricsVersion]) {
        self.change(|world| world.metrics.versions = versions.to_vec());
    }

    /// With `true`, the metrics server goes on showing its last readings, which grow old.
    pub fn freeze_metrics(&self, frozen: bool) {
        self.change(|world| world.metrics.frozen = frozen);
    }

    /// The latest ten thousand requests.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.lock().requests.latest()
    }

    /// How many requests there have been.
    pub fn request_count(&self) -> u64 {
        self.shared.lock().requests.total()
    }

    /// Forgets the requests so far, but not how many there have been.
    pub fn forget_requests(&self) {
        self.shared.lock().requests.forget();
    }

    /// Makes requests fail.
    pub fn inject(&self, fault: Fault) -> FaultId {
        self.shared.lock().faults.inject(fault)
    }

    /// Ends one fault.
    pub fn clear_fault(&self, fault: FaultId) {
        self.shared.lock().faults.clear(fault);
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.shared.lock().faults.clear_all();
    }

    /// Breaks the connections of all watches, as the restart of an API server does.
    pub fn cut_watches(&self) {
        let mut state = self.shared.lock();
        state.cuts += 1;
        state.world.store.wake_watches();
    }

    /// Forgets the history: a watch that begins from a version seen before, as one does that was just cut, is answered
    /// with 410 Gone. Watches under way go on.
    pub fn expire_versions(&self) {
        self.change(|world| world.store.compact());
    }

    fn change_workload(
        &self,
        kind: WorkloadKind,
        namespace: &str,
        name: &str,
        change: impl FnOnce(&mut World, &WorkloadRef) -> bool,
    ) -> Result<(), SimulationError> {
        let workload = WorkloadRef::new(kind, ObjectKey::new(namespace, name));
        if self.change(|world| change(world, &workload)) {
            Ok(())
        } else {
            Err(SimulationError::NoSuchWorkload(kind, namespace.to_owned(), name.to_owned()))
        }
    }

    /// Does something to the cluster at its present time.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let result = {
            let mut state = self.shared.lock();
            state.world.advance(self.shared.clock.now());
            change(&mut state.world)
        };
        self.shared.wake();
        result
    }
}
