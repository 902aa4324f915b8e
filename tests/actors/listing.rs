//! Looking at many autoscalers at once.

use std::sync::Arc;

use ai_storage_orchestrator::actors::listing::List;
use ai_storage_orchestrator::actors::snapshot::{AutoscalerRecord, Status};
use ai_storage_orchestrator::domain::autoscaler::{Metric, WorkloadRef};
use ai_storage_orchestrator::domain::namespaces::NamespaceScope;

use super::cluster::{Answer, Op, deployment};
use super::stage::{Stage, play, rules};

async fn create_many(stage: &Stage, names: impl IntoIterator<Item = String>) -> Vec<Arc<AutoscalerRecord>> {
    let mut records = Vec::new();
    for name in names {
        stage.cluster.add(&name, 2, 70);
        records.push(stage.create(&name, rules(1, 10)).await);
    }
    records
}

fn names(autoscalers: &[Arc<AutoscalerRecord>]) -> Vec<&str> {
    autoscalers.iter().map(|record| record.workload.name.as_str()).collect()
}

async fn list(stage: &Stage, list: List) -> Vec<Arc<AutoscalerRecord>> {
    let page = stage.registry.list(&list).unwrap();
    assert_eq!(page.next, None);
    page.autoscalers
}

#[test]
fn all_are_listed_by_creation_time() {
    play(async |stage| {
        assert!(list(stage, List::default()).await.is_empty());
        create_many(stage, ["c", "a", "d", "b"].map(String::from)).await;
        assert_eq!(names(&list(stage, List::default()).await), ["c", "a", "d", "b"]);
    });
}

#[test]
fn a_list_can_be_narrowed_by_namespace_and_status() {
    play(async |stage| {
        create_many(stage, ["a", "b"].map(String::from)).await;
        let other = WorkloadRef { namespace: "other".into(), ..deployment("c") };
        stage.cluster.add_workload(&other, 2, 70);
        stage.create_for(&other, rules(1, 10)).await;
        stage.cluster.remove("b");
        stage.pass(30.0).await;
        let in_namespace = |namespace: &str| List { scope: NamespaceScope::one(namespace.into()), ..List::default() };
        assert_eq!(names(&list(stage, in_namespace("default")).await), ["a", "b"]);
        assert_eq!(names(&list(stage, in_namespace("other")).await), ["c"]);
        assert!(list(stage, in_namespace("nowhere")).await.is_empty());
        let with_status = |status| List { status: Some(status), ..List::default() };
        assert_eq!(names(&list(stage, with_status(Status::Active)).await), ["a", "c"]);
        assert_eq!(names(&list(stage, with_status(Status::Failed)).await), ["b"]);
        assert!(list(stage, with_status(Status::Inactive)).await.is_empty());
        let both = List { status: Some(Status::Active), ..in_namespace("default") };
        assert_eq!(names(&list(stage, both).await), ["a"]);
    });
}

#[test]
fn pages_follow_each_other_without_gap_or_overlap_and_end() {
    play(async |stage| {
        let records = create_many(stage, (0..7).map(|number| format!("web-{number}"))).await;
        let mut seen = Vec::new();
        let mut sizes = Vec::new();
        let mut after = None;
        loop {
            let page = stage.registry.list(&List { limit: Some(3), after, ..List::default() }).unwrap();
            sizes.push(page.autoscalers.len());
            seen.extend(page.autoscalers);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(sizes, [3, 3, 1]);
        assert_eq!(names(&seen), names(&records));
    });
}

#[test]
fn a_page_that_holds_the_last_one_says_that_nothing_follows() {
    play(async |stage| {
        create_many(stage, (0..6).map(|number| format!("web-{number}"))).await;
        let page = |limit, after| stage.registry.list(&List { limit: Some(limit), after, ..List::default() });
        assert_eq!(page(6, None).unwrap().next, None);
        let first = page(3, None).unwrap();
        assert_eq!(page(3, first.next).unwrap().next, None);
        stage.cluster.remove("web-5");
        stage.pass(30.0).await;
        let active = List { limit: Some(5), status: Some(Status::Active), ..List::default() };
        assert_eq!(stage.registry.list(&active).unwrap().next, None, "what follows does not match");
    });
}

#[test]
fn autoscalers_that_are_deleted_or_created_between_two_pages_disturb_nothing() {
    play(async |stage| {
        let records = create_many(stage, (0..7).map(|number| format!("web-{number}"))).await;
        let first = stage.registry.list(&List { limit: Some(3), ..List::default() }).unwrap();
        // One that was listed, the one that the token stands for, and one that was not listed yet.
        for number in [0, 2, 4] {
            stage.delete(&records[number]).await;
        }
        create_many(stage, ["late".to_owned()]).await;
        let rest = stage.registry.list(&List { after: first.next, ..List::default() }).unwrap();
        assert_eq!(names(&rest.autoscalers), ["web-3", "web-5", "web-6", "late"]);
    });
}

#[test]
fn the_figures_over_all_are_those_that_a_look_at_each_gives() {
    play(async |stage| {
        let records = create_many(stage, (0..12).map(|number| format!("web-{number}"))).await;
        let agree = |when: &str| {
            let [all, looked] = [NamespaceScope::All, NamespaceScope::one("default".into())]
                .map(|scope| stage.registry.aggregate(&scope).unwrap());
            assert_eq!(all, looked, "{when}");
            all
        };
        stage.pass(20.0).await;
        assert_eq!(agree("all are active").average_cpu_percent, Some(70.0));
        stage.cluster.set_load("web-1", 65);
        stage.cluster.remove("web-2");
        stage.cluster.always(Op::View, "web-3", Answer::Unknown("no watch"));
        stage.cluster.always(Op::View, "web-4", Answer::Panics);
        stage.set_paused(&records[5], true).await;
        stage.delete(&records[6]).await;
        stage.pass(40.0).await;
        let figures = agree("some have changed");
        assert_eq!((figures.total, figures.active), (11, 8));
        stage.set_paused(&records[5], false).await;
        agree("one is resumed");
        for record in records.iter().filter(|record| !record.is_deleted()) {
            stage.delete(record).await;
        }
        assert_eq!((agree("none is left").active, agree("none is left").average_cpu_percent), (0, None));
    });
}

#[test]
fn the_average_counts_active_autoscalers_with_a_known_value_only() {
    play(async |stage| {
        assert_eq!(stage.registry.aggregate(&NamespaceScope::All).unwrap().average_cpu_percent, None);
        create_many(stage, ["a", "b", "gone", "blind", "crashed"].map(String::from)).await;
        stage.cluster.set_load("a", 71);
        stage.cluster.set_load("b", 74);
        stage.cluster.remove("gone");
        stage.cluster.always(Op::View, "blind", Answer::Unknown("no watch"));
        stage.cluster.always(Op::View, "crashed", Answer::Panics);
        stage.pass(40.0).await;
        let aggregate = stage.registry.aggregate(&NamespaceScope::All).unwrap();
        assert_eq!((aggregate.total, aggregate.active), (5, 3));
        assert_eq!(aggregate.average_cpu_percent, Some(72.5));

        stage.cluster.remove("a");
        stage.cluster.remove("b");
        stage.pass(40.0).await;
        let aggregate = stage.registry.aggregate(&NamespaceScope::All).unwrap();
        assert_eq!((aggregate.active, aggregate.average_cpu_percent), (1, None), "none is known, and none is made up");
    });
}

#[test]
fn a_snapshot_shows_the_measured_utilisation_and_none_when_it_is_unknown() {
    play(async |stage| {
        let records = create_many(stage, ["web".to_owned()]).await;
        assert_eq!(records[0].snapshot().utilization_percent(Metric::Cpu), Some(70));
        assert_eq!(records[0].snapshot().utilization_percent(Metric::Gpu), None);
        stage.cluster.always(Op::View, "web", Answer::Unknown("no watch"));
        stage.pass(30.0).await;
        assert_eq!(records[0].snapshot().utilization_percent(Metric::Cpu), None);
    });
}
