//! Autoscalers that are objects of the cluster: made by hand or through the API, and taken up again by the next life of the
//! service.

use std::sync::Arc;

use ai_storage_orchestrator::actors::messages::Created;
use ai_storage_orchestrator::actors::snapshot::Status;
use ai_storage_orchestrator::domain::autoscaler::{OnConflict, ScalingRules};
use ai_storage_orchestrator::domain::condition::ConditionKind;
use ai_storage_orchestrator::domain::namespaces::NamespaceScope;
use ai_storage_orchestrator::domain::reason::Reason;
use ai_storage_orchestrator::ports::ClusterError;
use ai_storage_orchestrator::ports::store::Wanted;

use super::cluster::{Answer, Op, deployment};
use super::objects::Objects;
use super::stage::{Replica, Stage, condition, play, rules, rules_with_down_window};

async fn leader(stage: &Stage, objects: &Objects) -> Replica {
    let leader = stage.replica("leader", objects);
    leader.lead(100_000);
    stage.settle().await;
    leader
}

fn wanted(rules: ScalingRules) -> Wanted {
    Wanted { workload: deployment("web"), rules, paused: false }
}

#[test]
fn an_object_that_somebody_makes_by_hand_is_an_autoscaler_with_an_id() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 2, 140);
        let leader = leader(stage, &objects).await;
        let stored = objects.apply("by-hand", wanted(rules(1, 10)));
        stage.pass(1.0).await;
        assert_eq!(stage.changes(), [4]);
        let record = leader.one().await;
        assert_eq!(record.hpa_name, "by-hand");
        assert_eq!(objects.one().id.as_ref(), Some(&record.id));
        objects.remove(&stored);
        stage.settle().await;
        assert!(leader.registry.get(&record.id).unwrap().is_none());
    });
}

#[test]
fn of_two_objects_for_one_workload_the_older_acts_until_it_is_deleted() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 2, 140);
        let leader = leader(stage, &objects).await;
        let older = objects.apply("older", wanted(rules(1, 4)));
        stage.pass(1.0).await;
        objects.apply("younger", wanted(rules(1, 10)));
        stage.pass(60.0).await;
        assert_eq!(stage.changes(), [4]);
        let all = leader.registry.list(&Default::default()).unwrap().autoscalers;
        assert_eq!(all.iter().map(|record| record.status()).collect::<Vec<_>>(), [Status::Active, Status::Failed]);
        let able = condition(&all[1].snapshot(), ConditionKind::AbleToScale);
        assert_eq!(able.reason, Reason::ScaledByAnother);
        assert!(able.message.contains(&all[0].id), "{}", able.message);

        stage.cluster.set_load("web", 140);
        objects.remove(&older);
        stage.pass(16.0).await;
        assert_eq!(stage.changes(), [4, 8]);
        assert_eq!(leader.one().await.status(), Status::Active);
    });
}

#[test]
fn the_same_workload_by_hand_and_through_the_api_is_one_autoscaler() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 2, 70);
        let leader = leader(stage, &objects).await;
        objects.apply("by-hand", wanted(rules(1, 10)));
        stage.settle().await;
        assert!(matches!(leader.create(rules(1, 10)).await, Ok(Created::Existing(_))));
        assert!(leader.create(rules(1, 11)).await.is_err());
        objects.one();
    });
}

#[test]
fn a_window_goes_on_where_the_last_life_of_the_service_left_off() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 4, 20);
        let first = leader(stage, &objects).await;
        first.create(rules_with_down_window(1, 10, 120)).await.unwrap();
        stage.pass(100.0).await;
        first.kill().await;
        stage.pass(5.0).await;
        let _second = leader(stage, &objects).await;
        assert!(stage.changes().is_empty(), "the restart itself changes nothing");
        stage.pass(40.0).await;
        assert_eq!(stage.changes(), [2]);
    });
}

#[test]
fn a_window_that_nobody_watched_for_long_begins_anew() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 4, 20);
        let first = leader(stage, &objects).await;
        first.create(rules_with_down_window(1, 10, 120)).await.unwrap();
        stage.pass(100.0).await;
        first.kill().await;
        stage.pass(300.0).await;
        let _second = leader(stage, &objects).await;
        stage.pass(110.0).await;
        assert!(stage.changes().is_empty());
        stage.pass(30.0).await;
        assert_eq!(stage.changes(), [2]);
    });
}

#[test]
fn what_was_scaled_still_counts_for_the_limits_and_the_figures_after_a_restart() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 2, 140);
        let first = leader(stage, &objects).await;
        let limited = {
            let mut rules = rules(1, 10);
            let policy = ai_storage_orchestrator::domain::autoscaler::RatePolicy::of(
                ai_storage_orchestrator::domain::autoscaler::RateUnit::Pods,
                2,
                std::time::Duration::from_secs(300),
            );
            rules.scale_up.policies = vec![policy.unwrap()];
            rules
        };
        first.create(limited).await.unwrap();
        stage.pass(1.0).await;
        assert_eq!(stage.changes(), [4]);
        first.kill().await;
        stage.cluster.set_load("web", 140);
        let second = leader(stage, &objects).await;
        stage.pass(280.0).await;
        assert_eq!(stage.changes(), [4], "two pods in 300 s are used up");
        let snapshot = second.one().await.snapshot();
        assert_eq!((snapshot.scale_up_count, snapshot.last_action.unwrap().to), (1, 4));
        assert_eq!(second.registry.aggregate(&NamespaceScope::All).unwrap().scale_ups, 1);
        stage.pass(40.0).await;
        assert_eq!(stage.changes(), [4, 6]);
    });
}

#[test]
fn an_autoscaler_at_its_target_is_written_once() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 2, 70);
        let leader = leader(stage, &objects).await;
        leader.create(rules(1, 10)).await.unwrap();
        stage.pass(30.0).await;
        let written = objects.saves();
        assert!((1..=2).contains(&written), "{written}");
        for percent in [66, 73, 70, 68].repeat(30) {
            stage.cluster.set_load("web", percent);
            stage.pass(15.0).await;
        }
        assert_eq!(objects.saves(), written, "nobody would see a difference");
        stage.cluster.set_load("web", 55);
        stage.pass(60.0).await;
        assert!(objects.saves() > written);
    });
}

#[test]
fn one_that_waits_for_its_window_is_written_at_most_twice_a_minute() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 4, 20);
        let leader = leader(stage, &objects).await;
        leader.create(rules_with_down_window(1, 10, 3600)).await.unwrap();
        stage.pass(60.0).await;
        let written = objects.saves();
        stage.pass(600.0).await;
        let more = objects.saves() - written;
        assert!((15..=20).contains(&more), "{more}");
    });
}

/// Sets the count to 2 whenever the autoscaler has set another one.
async fn reverse(stage: &Stage, times: usize) {
    for _ in 0..times {
        stage.pass(16.0).await;
        stage.cluster.scale_by_hand("web", "argocd", 2);
        stage.cluster.set_load("web", 140);
    }
    stage.pass(16.0).await;
}

#[test]
fn an_autoscaler_whose_changes_are_reversed_leaves_the_workload_until_it_is_resumed() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 2, 140);
        let leader = leader(stage, &objects).await;
        leader.create(rules(1, 10)).await.unwrap();
        reverse(stage, 3).await;
        stage.pass(120.0).await;
        assert_eq!(stage.changes(), [4, 4, 4]);
        let record = leader.one().await;
        assert_eq!(record.status(), Status::Failed);
        let able = condition(&record.snapshot(), ConditionKind::AbleToScale);
        assert_eq!(able.reason, Reason::YieldedToAnother);
        assert!(able.message.starts_with("argocd reversed 3 changes"), "{}", able.message);

        leader.kill().await;
        let next = self::leader(stage, &objects).await;
        stage.pass(60.0).await;
        assert_eq!(stage.changes(), [4, 4, 4], "the next life of the service does not begin again");
        let record = next.one().await;
        next.registry.set_paused(&record, false, None).await.unwrap().unwrap();
        stage.pass(1.0).await;
        assert_eq!(stage.changes(), [4, 4, 4, 4]);
        assert_eq!(record.status(), Status::Active);
    });
}

#[test]
fn one_that_insists_goes_on() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 2, 140);
        let leader = leader(stage, &objects).await;
        leader.create(ScalingRules { on_conflict: OnConflict::Insist, ..rules(1, 10) }).await.unwrap();
        reverse(stage, 5).await;
        assert_eq!(stage.changes(), [4; 6]);
        assert_eq!(leader.one().await.status(), Status::Active);
    });
}

#[test]
fn a_watch_that_lags_is_nobodys_reversal() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 2, 140);
        let leader = leader(stage, &objects).await;
        leader.create(rules(1, 4)).await.unwrap();
        stage.cluster.lag("web", 2);
        stage.pass(120.0).await;
        assert_eq!(stage.changes(), [4]);
        assert_eq!(leader.one().await.status(), Status::Active);
    });
}

#[test]
fn a_workload_that_another_autoscaler_scales_is_left_alone_until_that_is_gone() {
    play(async |stage| {
        const HPA: Option<&str> = Some("HorizontalPodAutoscaler default/web");
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 2, 140);
        let leader = leader(stage, &objects).await;
        stage.cluster.rival(HPA, HPA);
        objects.apply("by-hand", wanted(rules(1, 10)));
        stage.pass(60.0).await;
        assert!(stage.changes().is_empty());
        let record = leader.one().await;
        assert_eq!(record.status(), Status::Failed);
        let failure = record.snapshot().failure.clone().unwrap();
        assert!(failure.contains("already scaled by HorizontalPodAutoscaler default/web"), "{failure}");
        stage.cluster.rival(None, None);
        stage.pass(23.0).await;
        assert_eq!(stage.changes(), [4]);
        assert_eq!(record.status(), Status::Active);
    });
}

#[test]
fn another_autoscaler_that_is_gone_already_is_in_nobodys_way() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 2, 140);
        let leader = leader(stage, &objects).await;
        stage.cluster.rival(Some("HorizontalPodAutoscaler default/web"), None);
        leader.create(rules(1, 10)).await.unwrap();
        stage.pass(1.0).await;
        assert_eq!(stage.changes(), [4]);
    });
}

#[test]
fn a_list_that_was_on_its_way_when_an_autoscaler_was_made_does_not_end_it() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 2, 70);
        let leader = leader(stage, &objects).await;
        let speak = objects.silence();
        leader.create(rules(1, 10)).await.unwrap();
        let record = leader.one().await;
        speak();
        objects.tell_all_but_the_last(1);
        stage.settle().await;
        assert!(!record.is_deleted());
        objects.tell_each();
        stage.settle().await;
        assert!(Arc::ptr_eq(&leader.one().await, &record));
    });
}

#[test]
fn one_that_an_old_list_is_without_is_there_again_when_the_watch_tells_of_it() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 2, 70);
        let leader = leader(stage, &objects).await;
        leader.create(rules(1, 10)).await.unwrap();
        stage.settle().await;
        let id = leader.one().await.id.clone();
        objects.tell_all_but_the_last(1);
        objects.tell_each();
        stage.settle().await;
        assert_eq!(leader.one().await.id, id);
    });
}

#[test]
fn a_definition_that_becomes_invalid_ends_the_autoscaler_until_it_is_corrected() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 2, 70);
        let leader = leader(stage, &objects).await;
        let stored = objects.apply("by-hand", wanted(rules(1, 10)));
        stage.settle().await;
        let id = leader.one().await.id.clone();
        objects.redefine(&stored, Err("min_replicas must be at least 1".into()));
        stage.pass(1.0).await;
        assert!(leader.registry.list(&Default::default()).unwrap().autoscalers.is_empty());
        let saved = objects.one().saved.unwrap();
        assert_eq!(saved.shown.failure.as_deref(), Some("min_replicas must be at least 1"));
        objects.redefine(&stored, Ok(wanted(rules(3, 10))));
        stage.pass(1.0).await;
        assert_eq!(leader.one().await.id, id);
        assert_eq!(stage.changes(), [3]);
    });
}

/// The API server did it, and could not say so, nor be asked.
#[test]
fn a_change_without_an_answer_is_counted_when_it_is_seen() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 2, 140);
        let leader = leader(stage, &objects).await;
        stage.cluster.next(Op::Set, "web", [Answer::DoneUnanswered]);
        let unreachable = || Answer::Fails(ClusterError::Unavailable("the connection broke".into()));
        stage.cluster.next(Op::Read, "web", [Answer::Truth, unreachable()]);
        leader.create(rules(1, 10)).await.unwrap();
        stage.settle().await;
        assert_eq!(leader.one().await.snapshot().scale_up_count, 0, "nobody knows");
        stage.pass(23.0).await;
        let snapshot = leader.one().await.snapshot();
        assert_eq!((snapshot.scale_up_count, snapshot.last_action.unwrap().to), (1, 4));
        assert_eq!(stage.changes(), [4]);
    });
}

/// Somebody else was quicker, with the same count.
#[test]
fn what_somebody_else_did_is_not_counted_though_it_was_announced() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 2, 140);
        let leader = leader(stage, &objects).await;
        stage.cluster.next(Op::Set, "web", [Answer::AfterOthersSet(4)]);
        leader.create(rules(1, 4)).await.unwrap();
        stage.pass(1.0).await;
        let snapshot = leader.one().await.snapshot();
        assert_eq!((snapshot.current_replicas, snapshot.scale_up_count), (4, 0));
    });
}
