//! The store on a real API server.

use std::sync::Arc;
use std::time::Duration;

use ai_storage_orchestrator::adapters::kubernetes::client::Clients;
use ai_storage_orchestrator::adapters::kubernetes::{KubernetesCluster, Limits};
use ai_storage_orchestrator::clock::Clock;
use ai_storage_orchestrator::domain::autoscaler::{
    Metric, ReplicaBounds, ScalingRules, TargetPercent, Targets, WorkloadKind, WorkloadRef,
};
use ai_storage_orchestrator::domain::condition::{Condition, ConditionKind};
use ai_storage_orchestrator::domain::reason::Reason;
use ai_storage_orchestrator::domain::saved::{Memory, SavedStatus, Shown, ShownMetric};
use ai_storage_orchestrator::domain::status::Status;
use ai_storage_orchestrator::ports::store::{
    AutoscalerStore, Change, NewAutoscaler, ObjectKey, ObjectRef, StoreError, StoreEvent, StoreEvents,
    StoredAutoscaler, Wanted,
};
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use serde_json::json;

use super::cluster::cluster;
use super::definitions::objects;
use super::workload::Namespace;

const NAME: &str = "hpa-web-0a1b2c";

struct Store {
    _cluster: KubernetesCluster,
    store: Arc<dyn AutoscalerStore>,
    events: StoreEvents,
    namespace: Namespace,
}

fn rules() -> ScalingRules {
    let targets = Targets::only(Metric::Cpu, TargetPercent::new(70).unwrap());
    ScalingRules::new(ReplicaBounds::new(2, 9).unwrap(), targets)
}

fn milliseconds(milliseconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(milliseconds).unwrap()
}

fn status(percent: Option<u32>) -> SavedStatus {
    let target = TargetPercent::new(70).unwrap();
    let condition = Condition::new(ConditionKind::AbleToScale, true, Reason::ReadyForNewScale, "it can be scaled");
    let shown = Shown {
        status: Status::Active,
        failure: percent.is_none().then(|| "it is gone".to_owned()),
        current_replicas: 2,
        desired_replicas: 3,
        metrics: vec![ShownMetric { metric: Metric::Cpu, target, percent }],
        conditions: vec![(condition, milliseconds(1_700_000_000_123))],
        scale_up_count: 1,
        scale_down_count: 0,
        last_action: None,
        last_decision: None,
    };
    SavedStatus { observed_generation: 1, shown, memory: Memory { holder: "me".to_owned(), ..Memory::default() } }
}

impl Store {
    async fn start(namespace: &str) -> Self {
        let namespace = Namespace::new(namespace, 70).await;
        let clients = Clients::shared(cluster().client().await);
        let cluster = KubernetesCluster::start(clients, Clock::wall(), Limits::default(), Arc::default());
        let (store, events) = cluster.store();
        Self { _cluster: cluster, store, events, namespace }
    }

    fn new_autoscaler(&self) -> NewAutoscaler {
        let namespace = self.namespace.name.clone();
        let workload = WorkloadRef { kind: WorkloadKind::Deployment, namespace: namespace.clone(), name: "web".into() };
        NewAutoscaler {
            key: ObjectKey { namespace, name: NAME.to_owned() },
            id: "autoscaler-1a2b3c4d".to_owned(),
            wanted: Wanted { workload, rules: rules(), paused: false },
            by: None,
        }
    }

    async fn create(&self) -> StoredAutoscaler {
        self.store.create(self.new_autoscaler()).await.unwrap()
    }

    /// The next event about this namespace.
    async fn next(&mut self) -> StoreEvent {
        let is_ours = |object: &ObjectRef| object.key.namespace == self.namespace.name;
        let next = async {
            loop {
                match self.events.next().await.expect("the store goes on") {
                    StoreEvent::Changed(stored) if is_ours(&stored.object) => return StoreEvent::Changed(stored),
                    StoreEvent::Deleted(object) if is_ours(&object) => return StoreEvent::Deleted(object),
                    _ => {}
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), next).await.expect("an event")
    }
}

#[tokio::test]
async fn what_is_kept_is_told_and_read_as_it_was_given() {
    let mut store = Store::start("objects-kept").await;
    assert!(matches!(store.events.next().await, Some(StoreEvent::Listed(_))));
    let made = store.create().await;
    let new = store.new_autoscaler();
    assert_eq!((&made.object.key, made.generation, &made.id), (&new.key, 1, &Some(new.id.clone())));
    assert_eq!(made.wanted, Ok(new.wanted.clone()));
    assert!((Utc::now() - made.created_at).num_seconds().abs() < 60, "{}", made.created_at);
    assert_eq!(store.next().await, StoreEvent::Changed(Box::new(made.clone())));
    assert_eq!(store.store.fault(), None);
    assert_eq!(store.store.create(new).await, Err(StoreError::AlreadyExists));
    assert_eq!(store.store.get(&made.object.key).await, Ok(made.clone()));

    // What a status does not have any more is removed.
    let first = Arc::new(status(None));
    let version = store.store.save(&made.object, made.version, first.clone()).await.unwrap();
    assert!(version > made.version);
    let second = Arc::new(status(Some(72)));
    assert_eq!(store.store.save(&made.object, made.version, second.clone()).await, Err(StoreError::Changed));
    store.store.save(&made.object, version, second.clone()).await.unwrap();
    let saved = store.store.get(&made.object.key).await.unwrap();
    assert_eq!((saved.saved, saved.generation), (Some(second), 1));
    let StoreEvent::Changed(told) = store.next().await else { panic!() };
    assert_eq!((told.version, told.saved), (version, Some(first)));
    store.next().await;

    assert_eq!(store.store.delete(&made.object).await, Ok(()));
    assert_eq!(store.next().await, StoreEvent::Deleted(made.object.clone()));
    assert_eq!(store.store.get(&made.object.key).await, Err(StoreError::Gone));
    assert_eq!(store.store.delete(&made.object).await, Err(StoreError::Gone));
}

#[tokio::test]
async fn another_object_of_the_same_name_is_left_alone() {
    let store = Store::start("objects-same-name").await;
    let first = store.create().await;
    store.store.delete(&first.object).await.unwrap();
    let second = store.create().await;
    let paused = Change { paused: Some(true), ..Change::default() };
    assert_eq!(store.store.change(&first.object, 1, paused).await, Err(StoreError::Gone));
    assert_eq!(store.store.delete(&first.object).await, Err(StoreError::Gone));
    let status = Arc::new(status(None));
    assert_eq!(store.store.save(&first.object, first.version, status).await, Err(StoreError::Changed));
    assert_eq!(store.store.get(&second.object.key).await, Ok(second));
}

#[tokio::test]
async fn a_change_touches_only_what_it_changes() {
    let store = Store::start("objects-changed").await;
    let made = store.create().await;
    let gpu = Targets::only(Metric::Gpu, TargetPercent::new(60).unwrap());
    let change = Change {
        rules: Some(ScalingRules { targets: gpu, ..rules() }),
        paused: Some(true),
        resumed_at: Some(milliseconds(1_700_000_000_123)),
        ..Change::default()
    };
    // That the status was written meanwhile does not matter.
    let written = store.store.save(&made.object, made.version, Arc::new(status(None))).await.unwrap();
    let changed = store.store.change(&made.object, 1, change.clone()).await.unwrap();
    assert!(changed.version > written);
    let wanted = changed.wanted.clone().unwrap();
    assert_eq!((Some(wanted.rules), wanted.paused, changed.generation), (change.rules.clone(), true, 2));
    assert_eq!((changed.resumed_at, &changed.saved), (change.resumed_at, &Some(Arc::new(status(None)))));
    assert_eq!(store.store.change(&made.object, 1, change.clone()).await, Err(StoreError::Changed));
    // The same once more is no change.
    assert_eq!(store.store.change(&made.object, 2, change).await, Ok(changed));
}

#[tokio::test]
async fn fields_of_others_stay_theirs() {
    let store = Store::start("objects-owned").await;
    let manifest = json!({
        "apiVersion": "ai-storage.io/v1alpha1", "kind": "WorkloadAutoscaler", "metadata": {"name": NAME},
        "spec": {
            "workload_name": "web", "workload_type": "Deployment", "min_replicas": 2, "max_replicas": 9,
            "target_cpu_percent": 70,
        },
    });
    let objects = objects(cluster().client().await, &store.namespace.name);
    let gitops = kube::api::PatchParams::apply("gitops");
    objects.patch(NAME, &gitops, &kube::api::Patch::Apply(&manifest)).await.unwrap();
    let key = ObjectKey { namespace: store.namespace.name.clone(), name: NAME.to_owned() };
    let found = store.store.get(&key).await.unwrap();
    assert_eq!((found.id, found.wanted.map(|wanted| wanted.rules)), (None, Ok(rules())));
    let change = Change {
        paused: Some(true),
        rules: Some(rules()),
        id: Some("autoscaler-5e6f7a8b".to_owned()),
        ..Change::default()
    };
    let changed = store.store.change(&found.object, found.generation, change).await.unwrap();
    assert_eq!(changed.id.as_deref(), Some("autoscaler-5e6f7a8b"));
    // The tool applies its manifest again, and is in nobody's way.
    objects.patch(NAME, &gitops, &kube::api::Patch::Apply(&manifest)).await.unwrap();
    let again = store.store.get(&key).await.unwrap();
    assert_eq!((again.wanted.map(|wanted| wanted.paused), again.id), (Ok(true), changed.id));
}

#[tokio::test]
async fn an_object_that_is_refused_says_why() {
    let store = Store::start("objects-refused").await;
    let mut new = store.new_autoscaler();
    let targets = Targets::only(Metric::Cpu, TargetPercent::unbounded(150).unwrap());
    new.wanted.rules = ScalingRules { targets, ..rules() };
    let refused = StoreError::Refused("target_cpu_percent must be between 0 and 100".to_owned());
    assert_eq!(store.store.create(new.clone()).await, Err(refused));
    new.key.namespace = "objects-nowhere".to_owned();
    new.wanted.rules = rules();
    let nowhere = store.store.create(new).await.unwrap_err().to_string();
    assert_eq!(nowhere, "namespaces \"objects-nowhere\" not found");
}
