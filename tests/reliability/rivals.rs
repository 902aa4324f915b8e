//! An HPA that somebody makes for a workload that is under autoscaling already.

use std::time::Duration;

use serde_json::{Value, json};

use super::fleet::Fleet;
use super::judge;
use super::manifests::{autoscaler, condition, get};
use super::report::report;
use super::scene::{EVEN, HIGH, await_replicas, beside_others, workload};
use super::waiting::{LIMIT, eventually};
use super::workload::{NAME, Namespace};

/// By memory as the autoscaler, but with one replica less at the most, so that it is seen whose count it is.
fn hpa(namespace: &Namespace) -> Value {
    json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "later", "namespace": namespace.name},
        "spec": {
            "minReplicas": 2,
            "maxReplicas": 3,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME},
            "metrics": [{
                "type": "Resource",
                "resource": {"name": "memory", "target": {"type": "Utilization", "averageUtilization": 70}},
            }],
        },
    })
}

#[tokio::test]
async fn a_workload_that_an_hpa_takes_over_later_is_left_to_it_until_it_is_gone() {
    let _machine = beside_others();
    let namespace = workload("rival", EVEN).await;
    let fleet = Fleet::new(&[&namespace]);
    let [_service] = fleet.start_led(["replica"]).await;
    namespace.cluster.apply(&[autoscaler(&namespace, "ours", NAME, 2, 4)]);
    let reason = async || condition(&get(&namespace, "ours").await, "AbleToScale")["reason"].clone();
    eventually("it is at its target", LIMIT, async || reason().await == "ReadyForNewScale").await;

    namespace.cluster.apply(&[hpa(&namespace)]);
    let left =
        eventually("it leaves the workload to the HPA", LIMIT, async || reason().await == "ScaledByAnother").await;
    namespace.set_memory(HIGH);
    await_replicas(&namespace, 3).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let asked = judge::asked(&namespace);
    assert!(asked.is_empty(), "{asked:?}");

    namespace.cluster.kubectl(&["delete", "hpa", "later", "-n", &namespace.name]);
    let took = await_replicas(&namespace, 4).await;
    assert_eq!(judge::counts(&namespace), [4]);
    report(
        "an HPA is made for the workload later",
        "the workload is left to it at once, and taken back when it is gone",
        &format!(
            "left after {:.1} s; 0 scale calls beside the HPA; 3 -> 4 within {:.1} s of its end",
            left.as_secs_f64(),
            took.as_secs_f64()
        ),
    );
}
