//! Ten thousand autoscalers, and nothing left of them afterwards.

use std::sync::{Arc, Weak};

use ai_storage_orchestrator::domain::namespaces::NamespaceScope;

use super::cluster::{Op, deployment};
use super::stage::{play, rules};

#[test]
fn ten_thousand_autoscalers_are_created_evaluated_and_deleted_without_a_trace() {
    const MANY: usize = 10_000;
    play(async |stage| {
        for number in 0..MANY {
            stage.cluster.add(&format!("web-{number}"), 1, 70);
        }
        let mut ids = Vec::with_capacity(MANY);
        let mut records = Vec::with_capacity(MANY);
        for number in 0..MANY {
            let record = stage.create_for(&deployment(&format!("web-{number}")), rules(1, 10)).await;
            ids.push(record.id.clone());
            records.push(Arc::downgrade(&record));
        }
        stage.settle().await;
        assert_eq!(stage.actors(), MANY);
        stage.pass(24.0).await;
        assert!(stage.cluster.calls(Op::View).len() >= 2 * MANY);
        let aggregate = stage.registry.aggregate(&NamespaceScope::All).unwrap();
        assert_eq!((aggregate.total, aggregate.active, aggregate.average_cpu_percent), (MANY, MANY, Some(70.0)));

        for id in &ids {
            let record = stage.registry.get(id).unwrap().unwrap();
            assert!(stage.registry.delete(&record, None).await.unwrap().unwrap());
        }
        stage.settle().await;
        assert_eq!(stage.actors(), 0);
        assert!(records.iter().all(|record| Weak::strong_count(record) == 0));
        assert_eq!(stage.registry.aggregate(&NamespaceScope::All).unwrap().total, 0);
    });
}
