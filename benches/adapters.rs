//! What it costs to read what others say, and to find a workload in it: the metrics API's answer, a DCGM exporter's, and
//! the index of pods. From memory: what a network and an API server cost comes on top.
//!
//! `cargo bench --bench adapters`
#![allow(missing_docs, clippy::unwrap_used, clippy::disallowed_methods)]

use std::convert::Infallible;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use ai_storage_orchestrator::adapters::dcgm::scraper::{ScrapeLimits, Scraper};
use ai_storage_orchestrator::adapters::kubernetes::client::Clients;
use ai_storage_orchestrator::adapters::kubernetes::{KubernetesCluster, Limits};
use ai_storage_orchestrator::clock::Clock;
use ai_storage_orchestrator::domain::autoscaler::{WorkloadKind, WorkloadRef};
use ai_storage_orchestrator::domain::gpu::Preference;
use ai_storage_orchestrator::ports::{Exporter, GpuMetrics, PodSelection, Scope, WorkloadView};
use ai_storage_orchestrator::simulation::{
    Cpu, LoadCurve, Memory, NodeSettings, SimulatedCluster, SimulationSettings, WorkloadKind as SimulatedKind,
    WorkloadSettings,
};
use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use http::{Request, Response};
use http_body_util::Full;
use tokio::runtime::Runtime;

const WORKLOADS: usize = 10_000;
const PODS_EACH: u32 = 2;

/// Ten thousand Deployments of two pods each, in a hundred namespaces.
fn cluster() -> SimulatedCluster {
    let cluster = SimulatedCluster::start(&settings(), Clock::wall());
    let workloads = (0..WORKLOADS).map(|number| {
        let (namespace, name) = place(number);
        let mut workload = WorkloadSettings::new(SimulatedKind::Deployment, namespace, name);
        workload.replicas = PODS_EACH;
        workload.load = LoadCurve::constant(0.7);
        workload.noise = 0.05;
        workload
    });
    cluster.add_running_workloads(workloads).unwrap();
    cluster
}

fn settings() -> SimulationSettings {
    let mut nodes = NodeSettings::new("node", Cpu::millis(10_000_000), Memory::mebibytes(1 << 30));
    nodes.count = 100;
    nodes.pods = 10_000;
    SimulationSettings { nodes: vec![nodes], ..SimulationSettings::empty() }
}

fn place(number: usize) -> (String, String) {
    (format!("team-{}", number / 100), format!("web-{number}"))
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// A client for which the metrics API always says `answer`.
fn saying(answer: Bytes) -> kube::Client {
    let service = tower::service_fn(move |request: Request<kube::client::Body>| {
        let group = r#"{"kind":"APIGroup","apiVersion":"v1","name":"metrics.k8s.io","versions":[
            {"groupVersion":"metrics.k8s.io/v1beta1","version":"v1beta1"}]}"#;
        let is_list = request.uri().path().ends_with("/pods");
        let body = if is_list { answer.clone() } else { Bytes::from_static(group.as_bytes()) };
        async move { Ok::<_, Infallible>(Response::new(Full::new(body))) }
    });
    kube::Client::new(service, "default")
}

fn reading_the_metrics_api(criterion: &mut Criterion) {
    let runtime = runtime();
    let _entered = runtime.enter();
    let request = Request::get("/apis/metrics.k8s.io/v1beta1/pods").body(Vec::new()).unwrap();
    let answer = runtime.block_on(cluster().client().request_text(request)).unwrap();
    let name = format!("the metrics API's answer about {} pods, {} KiB", 2 * WORKLOADS, answer.len() / 1024);
    let clients = Clients::shared(saying(answer.into()));
    let kubernetes = KubernetesCluster::start(clients, Clock::wall(), Limits::default(), Arc::default());
    let metrics = kubernetes.cluster().metrics;
    criterion.bench_function(&name, |bencher| {
        bencher.iter(|| {
            let table = runtime.block_on(metrics.list(Scope::Cluster, None)).unwrap();
            assert_eq!(table.namespaces.values().map(|pods| pods.len()).sum::<usize>(), 2 * WORKLOADS);
            table
        });
    });
}

fn finding_a_workload(criterion: &mut Criterion) {
    let runtime = runtime();
    let _entered = runtime.enter();
    let clients = Clients::shared(cluster().client());
    let kubernetes = KubernetesCluster::start(clients, Clock::wall(), Limits::default(), Arc::default());
    let index = kubernetes.cluster().index;
    runtime.block_on(async {
        while index.fault().is_some() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let (namespace, name) = place(WORKLOADS / 2);
    let workload = WorkloadRef { kind: WorkloadKind::Deployment, namespace, name };
    for (selection, how) in [(PodSelection::Owned, "by owner"), (PodSelection::Selected, "by selector, as the HPA")] {
        criterion.bench_function(&format!("a workload's two pods of {}, {how}", 2 * WORKLOADS), |bencher| {
            bencher.iter(|| {
                let view = index.view(black_box(&workload), selection);
                assert!(matches!(&view, WorkloadView::Present { pods, .. } if pods.len() == 2));
                view
            });
        });
    }
}

fn reading_an_exporter(criterion: &mut Criterion) {
    const ANSWER: &[u8] = include_bytes!("../tests/fixtures/dcgm/h100_x8_one_attributed_pod.prom");
    let runtime = runtime();
    let service =
        tower::service_fn(|_: Request<Bytes>| async { Ok::<_, Infallible>(Response::new(Bytes::from_static(ANSWER))) });
    let limits = ScrapeLimits { timeout: Duration::from_secs(5), max_answer: 1 << 20 };
    let scraper = Scraper::over(service, limits, Preference::GpuUtil, Clock::wall());
    let url = "http://exporter:9400/metrics".into();
    let exporter = Exporter { name: "gpu-monitoring/exporter".into(), node: Some("node-1".into()), url };
    criterion.bench_function(&format!("an exporter's answer about 8 GPUs, {} KiB", ANSWER.len() / 1024), |bencher| {
        bencher.iter(|| {
            let scrape = runtime.block_on(scraper.scrape(&exporter)).unwrap();
            assert_eq!(scrape.devices.len(), 8);
            scrape
        });
    });
}

criterion_group!(benches, reading_the_metrics_api, finding_a_workload, reading_an_exporter);
criterion_main!(benches);
