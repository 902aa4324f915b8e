//! docs/metrics.md says what there is, and there is what it says.

use ai_storage_orchestrator::simulation::{
    Cpu, ExporterFault, Fault, LoadCurve, Memory, NodeSettings, SimulationSettings, WorkloadSettings,
};
use serde_json::json;

use super::app::{TestApp, deployment, request};
use super::exposition::scrape;
use super::files::{Documented, documented, names_in};
use super::text::Exposition;

/// A service to which everything happens that has a metric: GPUs that are measured, and then not any more; a broken watch.
async fn everything() -> Vec<Exposition> {
    let node = NodeSettings { gpus: 2, ..NodeSettings::new("gpu", Cpu::millis(64_000), Memory::mebibytes(512 * 1024)) };
    let simulation = SimulationSettings { nodes: vec![node], gpu_exporters: true, ..SimulationSettings::empty() };
    let app = TestApp::start_with(&simulation, 40.0, |cluster| {
        let busy = WorkloadSettings { gpus: 1, gpu_load: LoadCurve::constant(60.0), ..deployment("train", 1, 100.0) };
        cluster.add_running_workloads([busy]).unwrap();
    });
    let app = app.await.ready().await;
    let mut body = request("train");
    body["target_gpu_percent"] = 50.into();
    body["warm_up"] = json!({"cpu_initialization_seconds": 0, "readiness_delay_seconds": 0});
    app.created(&body).await;
    let when = async |what: &str, name: &str, labels: &[(&str, &str)]| {
        let look = async || {
            let exposition = scrape(&app).await;
            Some(exposition).filter(|exposition| exposition.all(name, labels).iter().any(|value| *value > 0.0))
        };
        app.eventually(what, look).await
    };
    let gpu = [("metric", "gpu")];
    let measured = when("the GPU is measured", "orchestrator_autoscaler_status_utilization_ratio", &gpu).await;
    app.cluster.set_exporter("gpu-1", ExporterFault::Status(500)).unwrap();
    let simulated =
        when("the GPU is simulated", "orchestrator_autoscaler_status_simulated_utilization_ratio", &gpu).await;
    assert_eq!(simulated.all("orchestrator_autoscaler_status_utilization_ratio", &gpu), Vec::<f64>::new());
    app.cluster.inject(Fault::status(503, "ServiceUnavailable", "down").address("/pods"));
    app.cluster.cut_watches();
    let broken = when("a watch is broken", "orchestrator_watch_failures_total", &[("resource", "pods")]).await;
    app.stop().await;
    vec![measured, simulated, broken]
}

fn exposed(expositions: &[Exposition]) -> Vec<Documented> {
    let last = expositions.last().unwrap();
    let of = |name: &String| {
        let labels = expositions.iter().filter_map(|exposition| exposition.labels().remove(name)).flatten().collect();
        let ends = |end: &str| name.strip_suffix("_total").unwrap_or(name).ends_with(end);
        let unit = ["seconds", "bytes", "ratio"].into_iter().find(|unit| ends(&format!("_{unit}")));
        let has_samples = expositions.iter().any(|exposition| exposition.labels().contains_key(name));
        assert!(has_samples, "{name} never has a value");
        Documented {
            name: name.clone(),
            kind: last.types[name].clone(),
            unit: unit.unwrap_or_default().to_owned(),
            labels,
            meaning: last.help[name].trim_end_matches('.').to_owned(),
        }
    };
    let mut exposed: Vec<_> = last.types.keys().map(of).collect();
    exposed.sort();
    exposed
}

/// The row of the table that a metric should have.
fn row(metric: &Documented) -> String {
    let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
    format!("| `{}` | {} | {} | {} | {} |", metric.name, metric.kind, metric.unit, labels.join(", "), metric.meaning)
}

#[actix_web::test]
async fn the_documentation_and_the_service_know_the_same_metrics() {
    let exposed = exposed(&everything().await);
    let mut documented = documented();
    documented.sort();
    let rows = |these: &[Documented], those: &[Documented]| {
        these.iter().filter(|metric| !those.contains(metric)).map(row).collect::<Vec<_>>().join("\n")
    };
    let (missing, wrong) = (rows(&exposed, &documented), rows(&documented, &exposed));
    assert!(missing.is_empty() && wrong.is_empty(), "missing in docs/metrics.md:\n{missing}\nwrong there:\n{wrong}");
    let names = |metric: &Documented| names_in(&metric.name, &documented).len() == 1;
    assert!(documented.iter().all(names), "a name has another prefix");
}
