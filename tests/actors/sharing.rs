//! However many autoscalers ask, the API server is asked once.

use std::time::Duration;

use ai_storage_orchestrator::domain::autoscaler::WorkloadRef;
use ai_storage_orchestrator::domain::namespaces::NamespaceScope;
use ai_storage_orchestrator::ports::ClusterError;

use super::cluster::{Answer, Gate, NAMESPACE, Op, deployment};
use super::stage::{CLUSTER_SCOPE_FROM, FRESHNESS, Stage, play, rules};

async fn create_in(stage: &Stage, namespaces: usize, autoscalers: usize) {
    for number in 0..autoscalers {
        let namespace = match number % namespaces {
            0 => NAMESPACE.to_owned(),
            other => format!("team-{other}"),
        };
        let workload = WorkloadRef { namespace, ..deployment(&format!("web-{number}")) };
        stage.cluster.add_workload(&workload, 2, 70);
        stage.create_for(&workload, rules(1, 10)).await;
    }
}

fn list_times(stage: &Stage, subject: &str) -> Vec<f64> {
    stage.cluster.calls_about(Op::List, subject).iter().map(|call| stage.seconds(call.at)).collect()
}

/// Whether no request follows another before its answer has lost its freshness.
fn is_spared(times: &[f64]) -> bool {
    times.windows(2).all(|pair| pair[1] - pair[0] > FRESHNESS.as_secs_f64() - 0.0005)
}

#[test]
fn two_hundred_autoscalers_of_a_namespace_cause_one_request_per_freshness() {
    play(async |stage| {
        create_in(stage, 1, 200).await;
        stage.pass(300.0).await;
        assert!(stage.cluster.calls(Op::View).len() >= 200 * 19);
        let times = list_times(stage, NAMESPACE);
        assert!(is_spared(&times), "{times:?}");
        assert!((55..=61).contains(&times.len()), "{}", times.len());
        assert_eq!(stage.cluster.calls(Op::List).len(), times.len());
        assert_eq!(stage.cluster.scaler_calls(), 0);
    });
}

#[test]
fn autoscalers_that_ask_at_the_same_time_share_the_request_under_way() {
    play(async |stage| {
        let gate = Gate::new();
        stage.cluster.next(Op::List, NAMESPACE, [Answer::Waits(gate.clone())]);
        create_in(stage, 1, 200).await;
        gate.reached().await;
        stage.pass(5.0).await;
        assert_eq!(stage.cluster.calls(Op::List).len(), 1);
        gate.open();
        stage.settle().await;
        assert_eq!(stage.cluster.calls(Op::List).len(), 1);
        let aggregate = stage.registry.aggregate(&NamespaceScope::All).unwrap();
        assert_eq!(aggregate.average_cpu_percent, Some(70.0), "everyone got the answer");
    });
}

#[test]
fn a_few_namespaces_are_read_one_by_one() {
    play(async |stage| {
        create_in(stage, CLUSTER_SCOPE_FROM - 1, 80).await;
        stage.pass(300.0).await;
        assert!(list_times(stage, "*").is_empty());
        for namespace in ["default", "team-1", "team-2", "team-3"] {
            let times = list_times(stage, namespace);
            assert!(is_spared(&times) && times.len() >= 35, "{namespace} {times:?}");
        }
    });
}

#[test]
fn many_namespaces_are_read_with_one_request_for_the_cluster() {
    play(async |stage| {
        create_in(stage, 20, 200).await;
        stage.settle().await;
        stage.cluster.forget_calls();
        stage.pass(300.0).await;
        let times = list_times(stage, "*");
        assert!(is_spared(&times) && times.len() <= 61, "{times:?}");
        assert_eq!(stage.cluster.calls(Op::List).len(), times.len());
        assert_eq!(stage.registry.aggregate(&NamespaceScope::All).unwrap().average_cpu_percent, Some(70.0));
    });
}

#[test]
fn a_source_that_fails_is_not_asked_more_often() {
    play(async |stage| {
        stage.cluster.always(Op::List, NAMESPACE, Answer::Fails(ClusterError::Unavailable("away".into())));
        create_in(stage, 1, 200).await;
        stage.pass(300.0).await;
        let times = list_times(stage, NAMESPACE);
        assert!(is_spared(&times) && times.len() <= 61, "{times:?}");
    });
}

#[test]
fn an_overloaded_api_server_is_left_alone_as_long_as_it_asks_for() {
    play(async |stage| {
        let retry_after = Some(Duration::from_secs(40));
        let error = ClusterError::Overloaded { message: "too many requests".into(), retry_after };
        stage.cluster.next(Op::List, NAMESPACE, [Answer::Fails(error)]);
        create_in(stage, 1, 50).await;
        stage.pass(100.0).await;
        let times = list_times(stage, NAMESPACE);
        assert!(times[1] - times[0] >= 40.0 && times[1] - times[0] < 45.0, "{times:?}");
    });
}
