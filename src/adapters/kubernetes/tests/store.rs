//! Autoscalers as objects: what is sent, and what is made of the answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::super::client::Clients;
use super::super::{KubernetesCluster, Limits};
use super::scripted::{Answer, Asked, Log, client};
use crate::clock::Clock;
use crate::domain::conflict::Conflicts;
use crate::domain::saved::{Memory, SavedStatus, Shown};
use crate::domain::status::Status;
use crate::ports::ClusterError;
use crate::ports::store::{AutoscalerStore, Change, NewAutoscaler, ObjectKey, ObjectRef, StoreError};

const PATH: &str = "/apis/ai-storage.io/v1alpha1/namespaces/shop/workloadautoscalers";
const OBJECT: &str = "/apis/ai-storage.io/v1alpha1/namespaces/shop/workloadautoscalers/web";

pub(super) fn object() -> Value {
    json!({
        "apiVersion": "ai-storage.io/v1alpha1", "kind": "WorkloadAutoscaler",
        "metadata": {
            "name": "web", "namespace": "shop", "uid": "u-1", "resourceVersion": "42", "generation": 3,
            "creationTimestamp": "2026-01-02T03:04:05Z", "labels": {"ai-storage.io/autoscaling-id": "autoscaler-1"},
        },
        "spec": {
            "workload_name": "web", "workload_type": "Deployment", "min_replicas": 1, "max_replicas": 5,
            "target_cpu_percent": 70, "paused": false,
        },
    })
}

fn with(change: Value) -> Value {
    let mut object = object();
    json_patch::merge(&mut object, &change);
    object
}

/// A store whose requests for objects are answered by `script`.
fn store(script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> (Arc<dyn AutoscalerStore>, Log) {
    let (client, log) = client(move |asked| {
        // The watches of the cluster are another matter.
        if asked.path.starts_with(PATH) { script(asked) } else { Answer::Silence }
    });
    let clock = Clock::scaled(chrono::DateTime::UNIX_EPOCH, 1.0);
    let cluster = KubernetesCluster::start(Clients::shared(client), clock, Limits::default(), Arc::default());
    (cluster.store().0, log)
}

fn asked(log: &Log) -> Vec<Asked> {
    log.all().into_iter().filter(|asked| asked.path.starts_with(PATH)).collect()
}

fn key() -> ObjectKey {
    ObjectKey { namespace: "shop".to_owned(), name: "web".to_owned() }
}

fn reference() -> ObjectRef {
    ObjectRef { key: key(), uid: "u-1".into() }
}

async fn new() -> NewAutoscaler {
    let stored = store(|_| Answer::ok(object())).0.get(&key()).await.unwrap();
    NewAutoscaler { key: key(), id: "autoscaler-1".to_owned(), wanted: stored.wanted.unwrap(), by: None }
}

fn paused() -> Change {
    Change { paused: Some(true), ..Change::default() }
}

fn status() -> Arc<SavedStatus> {
    let shown = Shown {
        status: Status::Failed,
        failure: Some("it is gone".to_owned()),
        current_replicas: 2,
        desired_replicas: 2,
        metrics: Vec::new(),
        conditions: Vec::new(),
        scale_up_count: 0,
        scale_down_count: 0,
        last_action: None,
        last_decision: None,
    };
    let memory = Memory { holder: "me".to_owned(), conflicts: Conflicts::default(), ..Memory::default() };
    Arc::new(SavedStatus { observed_generation: 3, shown, memory })
}

fn named(code: u16, reason: &str, message: &str) -> Answer {
    Answer::Json(
        code,
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
               "message": message, "details": {"name": "web", "kind": "workloadautoscalers"}}),
    )
}

fn gone() -> Answer {
    named(404, "NotFound", "workloadautoscalers.ai-storage.io \"web\" not found")
}

fn conflict() -> Answer {
    named(409, "Conflict", "the object has been modified")
}

#[tokio::test]
async fn a_new_object_is_sent_whole_and_read_as_it_was_made() {
    let new = new().await;
    let (store, log) = store(|asked| {
        let mut made = asked.body.clone();
        json_patch::merge(&mut made, &json!({"metadata": object()["metadata"]}));
        Answer::Json(201, made)
    });
    let stored = store.create(new.clone()).await.unwrap();
    assert_eq!((stored.object, stored.version, stored.generation), (reference(), 42, 3));
    assert_eq!((stored.wanted, stored.id.as_deref()), (Ok(new.wanted), Some("autoscaler-1")));
    let [sent] = &asked(&log)[..] else { panic!("{:?}", log.lines()) };
    assert_eq!((&sent.method, &*sent.path), (&Method::POST, PATH));
    assert_eq!(sent.query, "fieldManager=ai-storage-orchestrator");
    assert_eq!(sent.body["spec"]["interval_seconds"], 15);
}

#[tokio::test]
async fn a_name_that_is_taken_is_told_from_a_conflict() {
    let error = async |answer: fn() -> Answer| store(move |_| answer()).0.create(new().await).await.unwrap_err();
    let taken = error(|| named(409, "AlreadyExists", "workloadautoscalers.ai-storage.io \"web\" already exists"));
    assert_eq!(taken.await, StoreError::AlreadyExists);
    let quota = error(|| Answer::status(409, "Conflict", "Operation cannot be fulfilled on resourcequotas")).await;
    assert!(matches!(quota, StoreError::Cluster(ClusterError::Conflict(_))), "{quota:?}");
    let namespace = error(|| named(404, "NotFound", "namespaces \"shop\" not found")).await;
    assert_eq!(namespace, ClusterError::NotFound("namespaces \"shop\" not found".to_owned()).into());
}

#[tokio::test]
async fn a_refusal_is_told_in_the_sentences_of_the_rules() {
    let causes = json!([
        {"reason": "FieldValueRequired", "message": "Required value: max_replicas is required", "field": "spec.max_replicas"},
        {"reason": "FieldValueInvalid", "message": "Invalid value: mode must be one of active, observe", "field": "spec.mode"},
        {"reason": "FieldValueInvalid", "message": "Invalid value: \"object\": at least one of a and b", "field": "spec"},
        {"message": "Invalid value: value must be at least 1", "field": "spec.scale_up_policy.policies[1]"},
        {"message": "Too many: 17: must have at most 16 items", "field": "spec.scale_up_policy.policies"},
        {"message": "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: not on Fridays"},
    ]);
    let invalid = move |_: &Asked| {
        let message = "WorkloadAutoscaler.ai-storage.io \"web\" is invalid: [...]";
        let details = json!({"name": "web", "causes": causes});
        Answer::Json(
            422,
            json!({"kind": "Status", "status": "Failure", "code": 422, "reason": "Invalid", "message": message, "details": details}),
        )
    };
    let StoreError::Refused(sentences) = store(invalid).0.create(new().await).await.unwrap_err() else { panic!() };
    assert_eq!(
        sentences,
        "max_replicas is required; mode must be one of active, observe; at least one of a and b; \
         scale_up_policy.policies[1].value must be at least 1; \
         scale_up_policy.policies: Too many: 17: must have at most 16 items; \
         ValidatingAdmissionPolicy 'p' with binding 'b' denied request: not on Fridays"
    );
    let error = async |answer: fn() -> Answer| store(move |_| answer()).0.create(new().await).await.unwrap_err();
    let plain = error(|| Answer::status(422, "Invalid", "it is invalid")).await;
    assert_eq!(plain, StoreError::Refused("it is invalid".to_owned()));
    const WEBHOOK: &str = "admission webhook \"a.b.c\" denied the request: not on Fridays";
    for code in [400, 403] {
        let webhook =
            move |_: &Asked| Answer::status(code, if code == 403 { "Forbidden" } else { "BadRequest" }, WEBHOOK);
        let refused = store(webhook).0.create(new().await).await.unwrap_err();
        assert_eq!(refused, StoreError::Refused(WEBHOOK.to_owned()));
    }
    const QUOTA: &str = "workloadautoscalers.ai-storage.io \"web\" is forbidden: exceeded quota: q";
    assert_eq!(error(|| named(403, "Forbidden", QUOTA)).await, StoreError::Refused(QUOTA.to_owned()));
    const ROLE: &str = "workloadautoscalers.ai-storage.io is forbidden: User \"x\" cannot create resource";
    let role = error(|| Answer::status(403, "Forbidden", ROLE)).await;
    assert_eq!(role, ClusterError::Forbidden(ROLE.to_owned()).into());
}

#[tokio::test]
async fn a_cluster_without_the_custom_resource_says_what_to_do() {
    let (store, _) = store(|_| Answer::Text(404, "404 page not found\n", None));
    for error in [store.get(&key()).await.unwrap_err(), store.create(new().await).await.unwrap_err()] {
        let error = error.to_string();
        assert!(error.contains("`ai-storage-orchestrator crd | kubectl apply -f -`"), "{error}");
        assert!(error.ends_with("or set store.kind to memory"), "{error}");
    }
}

#[tokio::test]
async fn an_object_that_does_not_exist_is_gone() {
    let (store, _) = store(|_| gone());
    assert_eq!(store.get(&key()).await, Err(StoreError::Gone));
    assert_eq!(store.change(&reference(), 3, paused()).await, Err(StoreError::Gone));
    assert_eq!(store.delete(&reference()).await, Err(StoreError::Gone));
    assert_eq!(store.save(&reference(), 42, status()).await, Err(StoreError::Gone));
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_fails_is_no_answer_about_the_object() {
    let unavailable = |_: &Asked| Answer::status(500, "InternalError", "etcdserver: request timed out");
    let error = store(unavailable).0.get(&key()).await.unwrap_err();
    assert_eq!(error.to_string(), "the API server answers 500: etcdserver: request timed out");
    let (silent, log) = store(|_| Answer::Silence);
    let timeout = StoreError::Cluster(ClusterError::Timeout(Duration::from_secs(5)));
    assert_eq!(silent.change(&reference(), 3, paused()).await, Err(timeout.clone()));
    assert_eq!(silent.delete(&reference()).await, Err(timeout));
    assert_eq!(asked(&log).len(), 2, "nothing is repeated");
    let (strange, _) = store(|_| Answer::ok(with(json!({"metadata": {"resourceVersion": "abc"}}))));
    let error = strange.get(&key()).await.unwrap_err().to_string();
    assert!(error.contains("resourceVersion \"abc\" is no number"), "{error}");
}

#[tokio::test]
async fn a_change_is_a_patch_of_the_version_that_was_read() {
    let (store, log) = store(|asked| match asked.method {
        Method::GET => Answer::ok(object()),
        _ => {
            Answer::ok(with(json!({"metadata": {"resourceVersion": "43", "generation": 4}, "spec": {"paused": true}})))
        }
    });
    let stored = store.change(&reference(), 3, paused()).await.unwrap();
    assert_eq!((stored.version, stored.generation, stored.wanted.unwrap().paused), (43, 4, true));
    let [_, patch] = &asked(&log)[..] else { panic!("{:?}", log.lines()) };
    assert_eq!((&*patch.path, &*patch.content_type), (OBJECT, "application/merge-patch+json"));
    assert_eq!(patch.query, "fieldManager=ai-storage-orchestrator");
    assert_eq!(patch.body, json!({"metadata": {"uid": "u-1", "resourceVersion": "42"}, "spec": {"paused": true}}));
}

#[tokio::test]
async fn a_change_that_changes_nothing_is_not_sent() {
    let (store, log) = store(|_| Answer::ok(object()));
    let same = Change { paused: Some(false), id: Some("autoscaler-1".to_owned()), ..Change::default() };
    assert_eq!(store.change(&reference(), 3, same).await.unwrap().version, 42);
    assert_eq!(asked(&log).len(), 1);
}

#[tokio::test]
async fn a_change_does_not_mind_that_the_status_is_written_meanwhile() {
    let patches = AtomicUsize::new(0);
    let (store, log) = store(move |asked| {
        let now = with(json!({"metadata": {"resourceVersion": (42 + patches.load(Relaxed)).to_string()}}));
        match asked.method {
            Method::GET => Answer::ok(now),
            _ if patches.fetch_add(1, Relaxed) < 2 => conflict(),
            _ => Answer::ok(now),
        }
    });
    assert!(store.change(&reference(), 3, paused()).await.is_ok());
    let versions: Vec<_> = asked(&log).into_iter().filter(|asked| asked.method == Method::PATCH).collect();
    let versions: Vec<_> = versions.iter().map(|patch| patch.body["metadata"]["resourceVersion"].clone()).collect();
    assert_eq!(versions, ["42", "43", "44"]);
}

#[tokio::test]
async fn a_change_of_what_was_not_seen_is_refused() {
    let (other_spec, log) = store(|_| Answer::ok(with(json!({"metadata": {"generation": 4}}))));
    assert_eq!(other_spec.change(&reference(), 3, paused()).await, Err(StoreError::Changed));
    let (other_object, other_log) = store(|_| Answer::ok(with(json!({"metadata": {"uid": "u-2"}}))));
    assert_eq!(other_object.change(&reference(), 3, paused()).await, Err(StoreError::Gone));
    assert_eq!((asked(&log).len(), asked(&other_log).len()), (1, 1));
    let (always, log) = store(|asked| if asked.method == Method::GET { Answer::ok(object()) } else { conflict() });
    assert_eq!(always.change(&reference(), 3, paused()).await, Err(StoreError::Changed));
    assert_eq!(asked(&log).len(), 10, "it is not tried for ever");
}

#[tokio::test]
async fn only_the_object_that_was_seen_is_deleted() {
    let (store_, log) = store(|_| Answer::ok(json!({"kind": "Status", "apiVersion": "v1", "status": "Success"})));
    assert_eq!(store_.delete(&reference()).await, Ok(()));
    let [delete] = &asked(&log)[..] else { panic!("{:?}", log.lines()) };
    assert_eq!((&delete.method, &*delete.path), (&Method::DELETE, OBJECT));
    assert_eq!(delete.body["preconditions"], json!({"uid": "u-1"}));
    // It is deleted, but somebody's finalizer keeps it for a while.
    let (kept, _) = store(|_| Answer::ok(object()));
    assert_eq!(kept.delete(&reference()).await, Ok(()));
    assert_eq!(store(|_| conflict()).0.delete(&reference()).await, Err(StoreError::Gone));
}

#[tokio::test]
async fn a_status_is_written_over_the_one_that_was_seen() {
    let (store_, log) = store(|_| Answer::ok(with(json!({"metadata": {"resourceVersion": "43"}}))));
    assert_eq!(store_.save(&reference(), 42, status()).await, Ok(43));
    let [patch] = &asked(&log)[..] else { panic!("{:?}", log.lines()) };
    assert_eq!(patch.path, format!("{OBJECT}/status"));
    assert_eq!(patch.body["metadata"], json!({"uid": "u-1", "resourceVersion": "42"}));
    let status_ = &patch.body["status"];
    assert_eq!((&status_["status"], &status_["failure"]), (&json!("failed"), &json!("it is gone")));
    assert_eq!((status_.get("cpu"), status_.get("lastScale")), (Some(&Value::Null), Some(&Value::Null)));
    assert!(store_.keeps_status());
    let refused = store(|_| named(422, "Invalid", "it is too large")).0.save(&reference(), 42, status()).await;
    assert_eq!(refused, Err(StoreError::Refused("it is too large".to_owned())));
    let (stale, log) = store(|_| conflict());
    assert_eq!(stale.save(&reference(), 42, status()).await, Err(StoreError::Changed));
    assert_eq!(asked(&log).len(), 1);
}
