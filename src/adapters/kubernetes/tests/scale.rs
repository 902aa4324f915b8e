use std::time::Duration;

use http::Method;
use rstest::rstest;
use serde_json::{Value, json};

use super::super::calls::Calls;
use super::super::scale::Scaler;
use super::objects::workload;
use super::scripted::{Answer, Asked, Log, client};
use crate::domain::autoscaler::WorkloadKind::{self, Deployment, ReplicaSet, StatefulSet};
use crate::ports::{ClusterError, Scale, WorkloadScaler};

fn scaler(script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> (Scaler, Log) {
    let (client, log) = client(script);
    (Scaler::new(Calls::new(client, Duration::from_secs(5))), log)
}

fn scale(replicas: Option<u32>) -> Value {
    let mut scale = json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {"name": "web", "namespace": "default", "uid": "web-uid", "resourceVersion": "42"},
        "spec": {}, "status": {"replicas": 9, "selector": "app=web"},
    });
    if let Some(replicas) = replicas {
        scale["spec"]["replicas"] = json!(replicas);
    }
    scale
}

#[rstest]
#[case(Deployment, "/apis/apps/v1/namespaces/default/deployments/web/scale")]
#[case(StatefulSet, "/apis/apps/v1/namespaces/default/statefulsets/web/scale")]
#[case(ReplicaSet, "/apis/apps/v1/namespaces/default/replicasets/web/scale")]
#[tokio::test]
async fn a_scale_is_read_from_the_subresource(#[case] kind: WorkloadKind, #[case] path: &str) {
    let (scaler, log) = scaler(|_| Answer::ok(scale(Some(3))));
    let read = scaler.read(&workload(kind, "web")).await;
    assert_eq!(read, Ok(Scale { uid: "web-uid".into(), replicas: 3, resource_version: "42".to_owned() }));
    assert_eq!(log.lines(), [format!("GET {path}")]);
}

#[tokio::test]
async fn an_absent_number_is_zero() {
    let (scaler, _) = scaler(|_| Answer::ok(scale(None)));
    assert_eq!(scaler.read(&workload(Deployment, "web")).await.unwrap().replicas, 0);
}

#[tokio::test]
async fn a_change_names_the_version_that_it_is_based_on() {
    let (scaler, log) = scaler(|_| Answer::ok(scale(Some(5))));
    assert_eq!(scaler.set(&workload(Deployment, "web"), 5, "42".to_owned()).await, Ok(()));
    let [asked] = &log.all()[..] else { panic!("{:?}", log.lines()) };
    assert_eq!((&asked.method, asked.path.rsplit('/').next()), (&Method::PATCH, Some("scale")));
    assert_eq!(asked.content_type, "application/merge-patch+json");
    assert_eq!(asked.query, "fieldManager=ai-storage-orchestrator");
    assert_eq!(asked.body, json!({"metadata": {"resourceVersion": "42"}, "spec": {"replicas": 5}}));
}

#[tokio::test]
async fn a_probe_changes_nothing() {
    let (scaler, log) = scaler(|_| Answer::ok(scale(Some(3))));
    assert_eq!(scaler.probe(&workload(Deployment, "web")).await, Ok(()));
    let [read, patch] = &log.all()[..] else { panic!("{:?}", log.lines()) };
    assert_eq!((&read.method, &patch.method), (&Method::GET, &Method::PATCH));
    assert_eq!(patch.query, "dryRun=All&fieldManager=ai-storage-orchestrator");
    assert_eq!(patch.body, json!({"spec": {"replicas": 3}}));
}

#[tokio::test]
async fn refusals_are_told_apart_and_keep_their_message() {
    let set = async |answer: fn() -> Answer| {
        let (scaler, log) = scaler(move |_| answer());
        let error = scaler.set(&workload(Deployment, "web"), 5, "42".to_owned()).await.unwrap_err();
        assert_eq!(log.all().len(), 1, "nothing is repeated");
        error
    };
    const CONFLICT: &str = "Operation cannot be fulfilled on deployments.apps \"web\": the object has been modified";
    assert_eq!(set(|| Answer::status(409, "Conflict", CONFLICT)).await, ClusterError::Conflict(CONFLICT.to_owned()));
    const FORBIDDEN: &str = "deployments.apps \"web\" is forbidden: User \"system:serviceaccount:kube-system:x\" cannot \
                             patch resource \"deployments/scale\" in API group \"apps\" in the namespace \"default\"";
    assert_eq!(
        set(|| Answer::status(403, "Forbidden", FORBIDDEN)).await,
        ClusterError::Forbidden(FORBIDDEN.to_owned())
    );
    assert_eq!(
        set(|| Answer::not_found("deployments.apps \"web\"")).await,
        ClusterError::NotFound("deployments.apps \"web\" not found".to_owned())
    );
    assert_eq!(
        set(|| Answer::status(500, "InternalError", "etcdserver: request timed out")).await,
        ClusterError::Unavailable("the API server answers 500: etcdserver: request timed out".to_owned())
    );
    assert_eq!(
        set(|| Answer::Broken).await,
        ClusterError::Unavailable("the API server cannot be reached: connection reset".to_owned())
    );
    assert_eq!(
        set(|| Answer::Text(200, "<html>Welcome</html>", None)).await,
        ClusterError::Unavailable(
            "the API server's answer makes no sense: expected value at line 1 column 1".to_owned()
        )
    );
}

#[tokio::test]
async fn an_overloaded_server_is_heard_in_each_of_its_ways() {
    let error = async |answer: fn() -> Answer| {
        scaler(move |_| answer()).0.read(&workload(Deployment, "web")).await.unwrap_err()
    };
    let overloaded = |message: &str, seconds: Option<u64>| ClusterError::Overloaded {
        message: message.to_owned(),
        retry_after: seconds.map(Duration::from_secs),
    };
    // The flow control's answer, which is no Kubernetes status.
    let plain = error(|| Answer::Text(429, "Too many requests, please try again later.\n", Some(3))).await;
    assert_eq!(plain, overloaded("Too many requests, please try again later.", Some(3)));
    let plain = error(|| Answer::Text(429, "Too many requests", None)).await;
    assert_eq!(plain, overloaded("Too many requests", None));
    // The storage's answer.
    let status = error(|| {
        Answer::Json(
            429,
            json!({"kind": "Status", "status": "Failure", "code": 429, "reason": "TooManyRequests",
                   "message": "storage is (re)initializing", "details": {"retryAfterSeconds": 1}}),
        )
    })
    .await;
    assert_eq!(status, overloaded("storage is (re)initializing", Some(1)));
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_not_waited_for() {
    let (scaler, log) = scaler(|_| Answer::Silence);
    let limit = Duration::from_secs(5);
    let error = tokio::time::timeout(limit * 2, scaler.set(&workload(Deployment, "web"), 5, "42".to_owned())).await;
    assert_eq!(error, Ok(Err(ClusterError::Timeout(limit))));
    assert_eq!(log.all().len(), 1);
}

#[tokio::test]
async fn an_impossible_scale_is_an_error() {
    for (field, value) in [("/spec/replicas", json!(-1)), ("/metadata/resourceVersion", json!(""))] {
        let (scaler, _) = scaler(move |_| {
            let mut answer = scale(Some(1));
            *answer.pointer_mut(field).unwrap() = value.clone();
            Answer::ok(answer)
        });
        let error = scaler.read(&workload(Deployment, "web")).await.unwrap_err();
        assert!(error.to_string().contains("makes no sense"), "{error}");
    }
}
