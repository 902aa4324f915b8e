use std::time::Duration;

use serde_json::{Value, json};

use super::super::calls::Calls;
use super::super::resolve::Resolver;
use super::objects::{owned_by, scalable, workload};
use super::scripted::{Answer, Asked, Log, client};
use crate::domain::autoscaler::RequestedKind::{self, Auto, Exactly};
use crate::domain::autoscaler::WorkloadKind::{Deployment, ReplicaSet, StatefulSet};
use crate::ports::{ClusterError, ResolveError, ResolvedWorkload, WorkloadResolver};

const APPS: &str = "/apis/apps/v1/namespaces/default";
const HPAS: &str = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers";
const SCALED_OBJECTS: &str = "/apis/keda.sh/v1alpha1/namespaces/default/scaledobjects";

/// Resolves `web` in `default`. `objects` are what is there, by path; the namespace is, and KEDA is not.
async fn resolve(kind: RequestedKind, objects: Vec<(String, Value)>) -> (Result<ResolvedWorkload, ResolveError>, Log) {
    resolve_by(kind, move |asked| match objects.iter().find(|(path, _)| *path == asked.path) {
        Some((_, object)) => Answer::ok(object.clone()),
        None => default_answer(asked),
    })
    .await
}

fn default_answer(asked: &Asked) -> Answer {
    match asked.path.as_str() {
        HPAS => Answer::ok(list(&[])),
        "/api/v1/namespaces/default" => Answer::ok(json!({"metadata": {"name": "default"}})),
        // An API group that does not exist is no Kubernetes status either.
        SCALED_OBJECTS => Answer::Text(404, "404 page not found\n", None),
        path => Answer::not_found(path),
    }
}

async fn resolve_by(
    kind: RequestedKind,
    script: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
) -> (Result<ResolvedWorkload, ResolveError>, Log) {
    let (client, log) = client(script);
    let resolver = Resolver::new(Calls::new(client, Duration::from_secs(5)));
    (resolver.resolve("default".to_owned(), "web".to_owned(), kind).await, log)
}

fn list(items: &[Value]) -> Value {
    json!({"metadata": {"resourceVersion": "1"}, "items": items})
}

fn web(plural: &str, replicas: u32) -> (String, Value) {
    (format!("{APPS}/{plural}/web"), scalable("web", "u", replicas))
}

fn hpa(name: &str, target: Value) -> Value {
    json!({"metadata": {"name": name, "namespace": "default"}, "spec": {"maxReplicas": 3, "scaleTargetRef": target}})
}

#[tokio::test]
async fn a_workload_is_found_by_its_kind() {
    for (kind, plural) in [(Deployment, "deployments"), (StatefulSet, "statefulsets"), (ReplicaSet, "replicasets")] {
        let expected = ResolvedWorkload { workload: workload(kind, "web"), replicas: 4, scaled_by: None };
        assert_eq!(resolve(Exactly(kind), vec![web(plural, 4)]).await.0, Ok(expected.clone()));
        assert_eq!(resolve(Auto, vec![web(plural, 4)]).await.0, Ok(expected));
    }
}

#[tokio::test]
async fn a_workload_without_replicas_wants_one() {
    let (path, mut object) = web("deployments", 0);
    object["spec"].as_object_mut().unwrap().remove("replicas");
    assert_eq!(resolve(Auto, vec![(path, object)]).await.0.unwrap().replicas, 1);
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let (result, _) = resolve(Exactly(Deployment), vec![web("statefulsets", 1)]).await;
    assert_eq!(result.unwrap_err().to_string(), "deployment \"web\" not found");
    let (result, _) = resolve(Auto, vec![]).await;
    assert_eq!(result.unwrap_err().to_string(), "workload \"web\" not found");
    let (result, _) = resolve_by(Exactly(StatefulSet), |asked| Answer::not_found(&asked.path)).await;
    let message = "statefulset \"web\" not found (namespace \"default\" does not exist)";
    assert_eq!(result.unwrap_err().to_string(), message);
    let (result, _) = resolve_by(Auto, |asked| match asked.path.as_str() {
        "/api/v1/namespaces/default" => Answer::status(403, "Forbidden", "no"),
        path => Answer::not_found(path),
    })
    .await;
    assert_eq!(result.unwrap_err().to_string(), "workload \"web\" not found");
}

#[tokio::test]
async fn several_of_a_name_are_ambiguous() {
    let (result, _) = resolve(Auto, vec![web("deployments", 1), web("statefulsets", 1)]).await;
    let error = ResolveError::Ambiguous { name: "web".to_owned(), kinds: vec![Deployment, StatefulSet] };
    assert_eq!(result, Err(error));
}

#[tokio::test]
async fn a_deployments_replica_set_is_not_taken() {
    let (path, set) = web("replicasets", 1);
    let (result, _) = resolve(Auto, vec![(path, owned_by(set, "Deployment", "shop", "d"))]).await;
    let error = ResolveError::Owned { name: "web".to_owned(), owner: "Deployment shop".to_owned() };
    assert_eq!(result, Err(error));
    // A StatefulSet that an operator made is a workload all the same.
    let (path, set) = web("statefulsets", 1);
    let (result, _) = resolve(Auto, vec![(path, owned_by(set, "Database", "shop", "d"))]).await;
    assert!(result.is_ok());
}

#[tokio::test]
async fn another_scaler_of_the_workload_is_named() {
    let scaled_by = async |others: Vec<(&str, Value)>| {
        let mut objects = vec![web("deployments", 1)];
        objects.extend(others.into_iter().map(|(path, items)| (path.to_owned(), items)));
        resolve(Auto, objects).await.0.unwrap().scaled_by
    };
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"});
    let other = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"});
    let other_kind = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web"});
    let other_group = json!({"apiVersion": "example.com/v1", "kind": "Deployment", "name": "web"});

    let hpas = list(&[hpa("a", other), hpa("b", other_kind), hpa("c", other_group)]);
    assert_eq!(scaled_by(vec![(HPAS, hpas)]).await, None);
    let hpas = list(&[hpa("a", json!({"kind": "Deployment", "name": "web"}))]);
    assert_eq!(scaled_by(vec![(HPAS, hpas)]).await.as_deref(), Some("HorizontalPodAutoscaler default/a"));

    // KEDA makes an HPA for its ScaledObject, which may not be readable.
    let made = list(&[owned_by(hpa("keda-hpa-b", target), "ScaledObject", "b", "s")]);
    assert_eq!(scaled_by(vec![(HPAS, made.clone())]).await.as_deref(), Some("ScaledObject default/b"));
    let keda = list(&[json!({"metadata": {"name": "b"}, "spec": {"scaleTargetRef": {"name": "web"}}})]);
    assert_eq!(scaled_by(vec![(SCALED_OBJECTS, keda.clone())]).await.as_deref(), Some("ScaledObject default/b"));
    assert_eq!(scaled_by(vec![(HPAS, made), (SCALED_OBJECTS, keda)]).await.as_deref(), Some("ScaledObject default/b"));
    let keda = list(&[json!({"metadata": {"name": "b"}, "spec": {"scaleTargetRef": {"name": "web", "kind": "Job"}}})]);
    assert_eq!(scaled_by(vec![(SCALED_OBJECTS, keda)]).await, None);
}

#[tokio::test]
async fn what_cannot_be_seen_of_keda_is_passed_over_but_hpas_must_be_seen() {
    let refused = async |refused: &'static str| {
        let (_, deployment) = web("deployments", 1);
        let script = move |asked: &Asked| match asked.path.as_str() {
            path if path == refused => Answer::status(403, "Forbidden", "cannot list"),
            path if path.ends_with("/deployments/web") => Answer::ok(deployment.clone()),
            _ => default_answer(asked),
        };
        resolve_by(Exactly(Deployment), script).await.0
    };
    assert!(refused(SCALED_OBJECTS).await.is_ok());
    assert_eq!(refused(HPAS).await, Err(ClusterError::Forbidden("cannot list".to_owned()).into()));
}

#[tokio::test]
async fn a_cluster_that_does_not_answer_is_no_missing_workload() {
    let (result, _) = resolve_by(Auto, |_| Answer::Broken).await;
    assert!(matches!(result, Err(ResolveError::Cluster(ClusterError::Unavailable(_)))), "{result:?}");
}
