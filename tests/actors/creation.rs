//! Putting a workload under autoscaling.

use std::collections::HashSet;

use ai_storage_orchestrator::actors::listing::List;
use ai_storage_orchestrator::actors::messages::{CreateError, Created};
use ai_storage_orchestrator::actors::snapshot::Status;
use ai_storage_orchestrator::domain::autoscaler::{RequestedKind, WorkloadKind, WorkloadRef};
use ai_storage_orchestrator::domain::namespaces::NamespaceScope;
use ai_storage_orchestrator::ports::{ClusterError, ResolveError};

use super::cluster::{Answer, Gate, Op, deployment};
use super::stage::{play, request, rules};

#[test]
fn a_new_autoscaler_is_active_and_shows_the_workloads_real_count() {
    play(async |stage| {
        stage.cluster.add("web", 4, 70);
        let record = stage.create_for(&deployment("web"), rules(1, 10)).await;
        assert!(record.id.strip_prefix("autoscaler-").is_some_and(|hex| hex.len() == 8), "{}", record.id);
        assert!(record.hpa_name.starts_with("hpa-web-"), "{}", record.hpa_name);
        assert_eq!(stage.seconds(record.created_at), 0.0);
        let found = stage.registry.get(&record.id).unwrap().unwrap();
        assert_eq!(found.snapshot().current_replicas, 4);
        assert_eq!((found.snapshot().status, found.snapshot().last_scale_time()), (Status::Active, None));
    });
}

#[test]
fn the_same_request_again_finds_the_existing_autoscaler() {
    play(async |stage| {
        stage.cluster.add("web", 2, 70);
        let first = stage.create("web", rules(1, 10)).await;
        let again = stage.try_create(&deployment("web"), rules(1, 10)).await.unwrap();
        assert!(matches!(again, Created::Existing(record) if record.id == first.id));
        let mut auto = request(&deployment("web"), rules(1, 10));
        auto.kind = RequestedKind::Auto;
        let again = stage.registry.create(auto, None).await.unwrap().unwrap();
        assert!(matches!(again, Created::Existing(record) if record.id == first.id), "auto is compared as resolved");
        assert_eq!(stage.actors(), 1);
        assert_eq!(stage.registry.aggregate(&NamespaceScope::All).unwrap().total, 1);
    });
}

#[test]
fn another_definition_for_the_same_workload_is_refused_and_names_the_existing_autoscaler() {
    play(async |stage| {
        stage.cluster.add("web", 2, 70);
        let first = stage.create("web", rules(1, 10)).await;
        for kind in [RequestedKind::Exactly(WorkloadKind::Deployment), RequestedKind::Auto] {
            let mut other = request(&deployment("web"), rules(1, 11));
            other.kind = kind;
            let error = stage.registry.create(other, None).await.unwrap().unwrap_err();
            assert!(matches!(&error, CreateError::Exists { id, .. } if *id == first.id), "{error:?}");
            assert!(error.to_string().contains(&first.id) && error.to_string().contains("Deployment default/web"));
        }
        assert_eq!(stage.actors(), 1);
    });
}

#[test]
fn workloads_that_differ_in_kind_or_namespace_only_are_different() {
    play(async |stage| {
        let elsewhere = WorkloadRef { namespace: "other".into(), ..deployment("web") };
        let set = WorkloadRef { kind: WorkloadKind::StatefulSet, namespace: "third".into(), name: "web".into() };
        let mut names = HashSet::new();
        for workload in [deployment("web"), elsewhere, set] {
            stage.cluster.add_workload(&workload, 2, 70);
            names.insert(stage.create_for(&workload, rules(1, 10)).await.hpa_name.clone());
        }
        assert_eq!(names.len(), 3);
    });
}

#[test]
fn of_two_requests_at_the_same_time_one_creates_and_the_other_finds() {
    play(async |stage| {
        stage.cluster.add("web", 2, 70);
        let gate = Gate::new();
        stage.cluster.always(Op::Resolve, "web", Answer::Waits(gate.clone()));
        let first = stage.start_creating(&deployment("web"), rules(1, 10));
        let same = stage.start_creating(&deployment("web"), rules(1, 10));
        let different = stage.start_creating(&deployment("web"), rules(1, 11));
        for _ in 0..3 {
            gate.reached().await;
        }
        assert_eq!(stage.registry.aggregate(&NamespaceScope::All).unwrap().total, 0, "the registry answers meanwhile");
        gate.open();
        let Created::New(record) = first.await.unwrap().unwrap() else { panic!("the first creates") };
        assert!(matches!(same.await.unwrap(), Ok(Created::Existing(found)) if found.id == record.id));
        assert!(matches!(different.await.unwrap(), Err(CreateError::Exists { id, .. }) if id == record.id));
        stage.settle().await;
        assert_eq!(stage.actors(), 1);
        assert_eq!(stage.registry.list(&List::default()).unwrap().autoscalers.len(), 1);
    });
}

#[test]
fn a_denied_namespace_is_refused_before_the_cluster_is_asked() {
    play(async |stage| {
        let dns = WorkloadRef { namespace: "kube-system".into(), ..deployment("coredns") };
        stage.cluster.add_workload(&dns, 2, 70);
        let error = stage.try_create(&dns, rules(1, 10)).await.unwrap_err();
        assert!(matches!(&error, CreateError::NamespaceDenied(namespace) if namespace == "kube-system"));
        assert!(stage.cluster.calls(Op::Resolve).is_empty());
    });
}

#[test]
fn what_the_lookup_says_is_passed_on() {
    play(async |stage| {
        let missing = stage.try_create(&deployment("web"), rules(1, 10)).await.unwrap_err();
        assert!(matches!(missing, CreateError::Workload(ResolveError::NotFound { .. })));
        assert_eq!(missing.to_string(), "deployment \"web\" not found");
        let error = ClusterError::Forbidden("deployments.apps \"web\" is forbidden".into());
        stage.cluster.next(Op::Resolve, "web", [Answer::Fails(error.clone())]);
        let forbidden = stage.try_create(&deployment("web"), rules(1, 10)).await.unwrap_err();
        assert!(matches!(forbidden, CreateError::Workload(ResolveError::Cluster(passed)) if passed == error));
        assert_eq!(stage.actors(), 0);
        assert_eq!(stage.registry.aggregate(&NamespaceScope::All).unwrap().total, 0);
    });
}

#[test]
fn a_lookup_without_an_end_is_given_up_and_creates_nothing_later() {
    play(async |stage| {
        stage.cluster.add("web", 2, 70);
        let gate = Gate::new();
        stage.cluster.next(Op::Resolve, "web", [Answer::Waits(gate.clone())]);
        let error = stage.try_create(&deployment("web"), rules(1, 10)).await.unwrap_err();
        assert!(matches!(error, CreateError::Workload(ResolveError::Cluster(ClusterError::Timeout(_)))), "{error:?}");
        assert!((9.0..31.0).contains(&stage.now()), "{}", stage.now());
        gate.open();
        stage.pass(30.0).await;
        assert_eq!(stage.actors(), 0);
        assert!(stage.try_create(&deployment("web"), rules(1, 10)).await.is_ok());
    });
}

#[test]
fn ids_are_unique() {
    play(async |stage| {
        let mut ids = HashSet::new();
        for number in 0..500 {
            let name = format!("web-{number}");
            stage.cluster.add(&name, 1, 70);
            ids.insert(stage.create_for(&deployment(&name), rules(1, 10)).await.id.clone());
        }
        assert_eq!(ids.len(), 500);
    });
}
