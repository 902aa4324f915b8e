//! Fifty autoscalers whose workloads are exactly at their target: nothing is scaled, and next to nothing is asked.

use std::time::{Duration, Instant};

use serde_json::json;

use super::audit;
use super::cluster::{SERVICE_ACCOUNT, cluster};
use super::service::Service;
use super::workload::Namespace;

const AUTOSCALERS: usize = 50;
const PODS: u32 = 4;
const LIMIT: Duration = Duration::from_secs(180);

/// Takes more than five minutes, so it runs only with the test command's `--full`.
#[tokio::test]
async fn fifty_autoscalers_at_their_target_do_nothing_for_five_minutes() {
    if std::env::var_os("E2E_FULL").is_none() {
        eprintln!("left out: this run takes more than five minutes; scripts/test --full runs it");
        return;
    }
    let namespace = Namespace::new("steady-state", 70).await;
    for number in 0..AUTOSCALERS {
        namespace.create("Deployment", &format!("web-{number}"), PODS).await;
    }
    for number in 0..AUTOSCALERS {
        namespace.wait_for_ready("Deployment", &format!("web-{number}"), PODS as i32, LIMIT).await;
    }
    // An account of its own, with the shipped role: the requests of this service alone are counted.
    cluster().kubectl(&["create", "serviceaccount", "steady", "--namespace", &namespace.name]);
    let role = format!("--clusterrole={SERVICE_ACCOUNT}");
    let account = format!("--serviceaccount={}:steady", namespace.name);
    cluster().kubectl(&["create", "clusterrolebinding", "steady", &role, &account]);
    let service = Service::start(&cluster().kubeconfig_for("steady", &namespace.name, &cluster().server));
    let api = service.api();
    let mut ids = Vec::new();
    for number in 0..AUTOSCALERS {
        let request = json!({
            "workload_name": format!("web-{number}"),
            "workload_namespace": namespace.name,
            "workload_type": "Deployment",
            "min_replicas": 1,
            "max_replicas": 10,
            "target_cpu_percent": 70,
            // No window: the slightest wrong reading would show.
            "scale_down_policy": {"stabilization_window_seconds": 0},
        });
        ids.push(api.created(&request).await);
    }
    for id in &ids {
        api.wait_for(id, "CPU is measured", LIMIT, |a| a["details"]["current_cpu_percent"] == 70).await;
    }

    let pid = service.pid();
    let (from, started, cpu_before) = (chrono::Utc::now(), Instant::now(), cpu_seconds(pid));
    // This is the measurement itself.
    tokio::time::sleep(Duration::from_secs(300)).await;
    let (seconds, cpu) = (started.elapsed().as_secs_f64(), cpu_seconds(pid) - cpu_before);

    let account = format!("system:serviceaccount:{}:steady", namespace.name);
    let asked = audit::requests(|r| r.user.username == account && r.request_received_timestamp >= from);
    let ours = audit::requests(|r| r.changes_scale() && r.uri.contains("/namespaces/steady-state/"));
    println!(
        "steady state: {AUTOSCALERS} autoscalers x {PODS} pods for {seconds:.0} s: {} scale calls, {} API requests ({:.2}/s), {cpu:.2} s CPU ({:.2} % of a core), {} MiB resident",
        ours.len(),
        asked.len(),
        asked.len() as f64 / seconds,
        cpu / seconds * 100.0,
        resident_mib(pid),
    );
    assert!(ours.is_empty(), "{ours:?}");
    assert!(asked.len() as f64 / seconds <= 1.0, "{} requests in {seconds} s", asked.len());
    for number in 0..AUTOSCALERS {
        assert_eq!(namespace.replicas("Deployment", &format!("web-{number}")).await, PODS as i32);
    }
}

/// The processor time that a process has used.
fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name, in parentheses, may contain blanks.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

fn resident_mib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}
