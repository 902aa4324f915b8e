//! Several replicas of the service on one cluster: one acts, the others follow.

use std::time::Duration;

use ai_storage_orchestrator::actors::events::EventKind;
use ai_storage_orchestrator::actors::messages::Created;
use ai_storage_orchestrator::actors::snapshot::Status;
use ai_storage_orchestrator::domain::autoscaler::{RatePolicy, RateUnit};
use ai_storage_orchestrator::domain::condition::ConditionKind;
use ai_storage_orchestrator::domain::decision::Outcome;
use ai_storage_orchestrator::domain::reason::Reason;
use ai_storage_orchestrator::ports::ClusterError;
use tokio::task::spawn_local;

use super::cluster::{Answer, Gate, Op};
use super::objects::{Fault, Objects};
use super::stage::{Replica, Stage, condition, play, rules, rules_with_down_window};

/// Longer than any test.
const LONG: i64 = 100_000;

/// Two replicas, of which the first leads.
async fn two(stage: &Stage, objects: &Objects) -> (Replica, Replica) {
    let (leader, standby) = (stage.replica("leader", objects), stage.replica("standby", objects));
    leader.lead(LONG);
    standby.stand_by("leader");
    stage.settle().await;
    (leader, standby)
}

#[test]
fn only_the_leader_acts_and_the_standby_shows_the_same() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 2, 140);
        let (leader, standby) = two(stage, &objects).await;
        // A real API server takes its time, in which the standby has decided as well.
        let gate = Gate::new();
        stage.cluster.next(Op::Read, "web", [Answer::Waits(gate.clone())]);
        assert!(matches!(standby.create(rules(1, 10)).await, Ok(Created::New(_))));
        gate.reached().await;
        stage.settle().await;
        gate.open();
        stage.pass(20.0).await;
        assert_eq!(stage.changes(), [4]);
        let (led, followed) = (leader.one().await, standby.one().await);
        assert_eq!(led.id, followed.id);
        for record in [&led, &followed] {
            let snapshot = record.snapshot();
            assert_eq!((snapshot.current_replicas, snapshot.scale_up_count), (4, 1));
            assert_eq!(snapshot.last_action.unwrap().to, 4);
            let up = record.decisions().into_iter().find(|entry| entry.outcome == Outcome::ScaleUp).unwrap();
            assert_eq!(up.decision.as_ref().unwrap().desired, 4, "each knows why");
        }
        assert_eq!(objects.one().saved.unwrap().memory.holder, "leader");
    });
}

#[test]
fn who_ended_an_autoscaler_is_known_however_fast_the_store_tells_of_it() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 2, 70);
        let (leader, _standby) = two(stage, &objects).await;
        for fault in [Fault::None, Fault::AnswerLate] {
            assert!(matches!(leader.create(rules(1, 10)).await, Ok(Created::New(_))));
            let record = leader.one().await;
            objects.next(fault);
            assert_eq!(leader.registry.delete(&record, Some("dora".into())).await.unwrap(), Ok(true));
            let told = leader.journal.since(0).unwrap();
            let ended =
                told.iter().find(|(_, event)| event.autoscaler == record.id && event.kind == EventKind::Deleted);
            assert_eq!(ended.unwrap().1.by.as_deref(), Some("dora"));
        }
    });
}

#[test]
fn a_deletion_that_the_store_tells_of_first_waits_for_a_change_on_its_way_all_the_same() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 2, 140);
        let (leader, _standby) = two(stage, &objects).await;
        let sending = Gate::new();
        stage.cluster.next(Op::Set, "web", [Answer::Waits(sending.clone())]);
        leader.create(rules(1, 10)).await.unwrap();
        sending.reached().await;
        let record = leader.one().await;
        objects.next(Fault::AnswerLate);
        let registry = leader.registry.clone();
        let deleting = spawn_local(async move { registry.delete(&record, None).await.unwrap().unwrap() });
        stage.pass(3.0).await;
        assert!(!deleting.is_finished(), "a change is on its way");
        sending.open();
        assert!(deleting.await.unwrap());
    });
}

#[test]
fn what_is_created_at_the_same_moment_on_two_replicas_is_one_autoscaler() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 2, 70);
        let (leader, standby) = two(stage, &objects).await;
        let (one, other) = tokio::join!(leader.create(rules(1, 10)), standby.create(rules(1, 10)));
        let id = |created| match created {
            Ok(Created::New(record) | Created::Existing(record)) => record.id.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(id(one), id(other));
        objects.one();
    });
}

#[test]
fn a_create_whose_answer_was_lost_can_be_repeated() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 2, 70);
        let (leader, _standby) = two(stage, &objects).await;
        objects.next(Fault::AnswerLost);
        assert!(leader.create(rules(1, 10)).await.is_err());
        stage.settle().await;
        assert!(matches!(leader.create(rules(1, 10)).await, Ok(Created::Existing(_))));
        objects.next(Fault::Unreachable);
        let record = leader.one().await;
        assert!(leader.registry.delete(&record, None).await.unwrap().is_err());
        assert_eq!(leader.one().await.id, record.id, "what could not be deleted is still there");
    });
}

#[test]
fn a_standby_takes_over_at_once_with_a_window_of_its_own() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 4, 20);
        let (leader, standby) = two(stage, &objects).await;
        leader.create(rules_with_down_window(1, 10, 120)).await.unwrap();
        stage.pass(100.0).await;
        assert!(stage.changes().is_empty());
        leader.kill().await;
        standby.lead(LONG);
        stage.pass(15.0).await;
        assert!(stage.changes().is_empty(), "the window is not over");
        stage.pass(30.0).await;
        assert_eq!(stage.changes(), [2], "and did not begin anew");
    });
}

#[test]
fn a_leader_whose_claim_has_lapsed_does_not_act() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 2, 70);
        let (leader, _standby) = two(stage, &objects).await;
        leader.create(rules(1, 10)).await.unwrap();
        stage.settle().await;
        leader.lead(10);
        stage.pass(10.0).await;
        stage.cluster.set_load("web", 140);
        stage.pass(60.0).await;
        assert!(stage.changes().is_empty());
        let able = condition(&leader.one().await.snapshot(), ConditionKind::AbleToScale);
        assert_eq!(able.reason, Reason::NotLeading);
        leader.lead(LONG);
        stage.pass(15.1).await;
        assert_eq!(stage.changes(), [4]);
    });
}

/// Both take themselves for the leader, as no two ever should: the first is frozen on its way to the cluster.
#[test]
fn two_leaders_do_not_make_two_changes_of_one() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 2, 140);
        let (first, second) = two(stage, &objects).await;
        let frozen = Gate::new();
        stage.cluster.next(Op::Read, "web", [Answer::Waits(frozen.clone())]);
        first.create(rules(1, 10)).await.unwrap();
        frozen.reached().await;
        second.lead(LONG);
        stage.pass(30.0).await;
        assert_eq!(stage.changes(), [4]);
        frozen.open();
        stage.pass(60.0).await;
        assert_eq!(stage.changes(), [4]);
    });
}

#[test]
fn a_frozen_leader_that_wakes_up_does_not_act_on_what_it_knew() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 2, 140);
        let (first, second) = two(stage, &objects).await;
        let frozen = Gate::new();
        stage.cluster.next(Op::Read, "web", [Answer::Waits(frozen.clone())]);
        first.lead(10);
        first.create(rules(1, 10)).await.unwrap();
        frozen.reached().await;
        // The new leader sees another load.
        stage.cluster.set_load("web", 70);
        stage.pass(20.0).await;
        second.lead(LONG);
        first.stand_by("standby");
        frozen.open();
        stage.pass(60.0).await;
        assert!(stage.changes().is_empty());
    });
}

#[test]
fn a_change_through_a_standby_is_answered_when_the_leader_follows_it() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 2, 140);
        let (leader, standby) = two(stage, &objects).await;
        let sending = Gate::new();
        stage.cluster.next(Op::Set, "web", [Answer::Waits(sending.clone())]);
        leader.create(rules(1, 10)).await.unwrap();
        sending.reached().await;
        let record = standby.one().await;
        let registry = standby.registry.clone();
        let pausing = spawn_local(async move { registry.set_paused(&record, true, None).await.unwrap().unwrap() });
        stage.pass(3.0).await;
        assert!(!pausing.is_finished(), "the leader has a change on its way");
        sending.open();
        stage.pass(0.1).await;
        assert!(pausing.is_finished());
        assert_eq!(objects.one().saved.unwrap().observed_generation, 2);
        stage.cluster.set_load("web", 300);
        stage.pass(120.0).await;
        assert_eq!(stage.changes(), [4]);
    });
}

#[test]
fn nothing_is_scaled_after_a_standby_has_deleted_the_autoscaler() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 2, 140);
        let (leader, standby) = two(stage, &objects).await;
        let sending = Gate::new();
        stage.cluster.next(Op::Set, "web", [Answer::Waits(sending.clone())]);
        leader.create(rules(1, 10)).await.unwrap();
        sending.reached().await;
        let record = standby.one().await;
        let registry = standby.registry.clone();
        let deleting = spawn_local(async move { registry.delete(&record, None).await.unwrap().unwrap() });
        stage.pass(3.0).await;
        assert!(!deleting.is_finished());
        sending.open();
        assert!(deleting.await.unwrap());
        assert!(objects.all().is_empty());
        stage.settle().await;
        stage.cluster.set_load("web", 300);
        stage.pass(120.0).await;
        assert_eq!(stage.changes(), [4]);
    });
}

#[test]
fn a_dead_leader_does_not_keep_a_change_from_being_answered() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 2, 70);
        let (leader, standby) = two(stage, &objects).await;
        leader.create(rules(1, 10)).await.unwrap();
        stage.settle().await;
        leader.kill().await;
        let record = standby.one().await;
        let before = stage.now();
        standby.registry.update(&record.id, record.rules(), rules(1, 20), None).await.unwrap().unwrap();
        assert!((10.9..11.2).contains(&(stage.now() - before)), "{}", stage.now() - before);
        assert!(standby.registry.delete(&record, None).await.unwrap().unwrap());
    });
}

/// The leader died after it had changed the count, and before it could say so.
#[test]
fn the_next_leader_counts_what_the_last_one_did() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 2, 140);
        let (leader, standby) = two(stage, &objects).await;
        let dying = Gate::new();
        stage.cluster.next(Op::Set, "web", [Answer::DoneThenWaits(dying.clone())]);
        leader.create(rules(1, 10)).await.unwrap();
        dying.reached().await;
        assert_eq!(objects.one().saved.unwrap().memory.announced.as_ref().unwrap().to, 4);
        leader.kill().await;
        standby.lead(LONG);
        stage.pass(1.0).await;
        let snapshot = standby.one().await.snapshot();
        assert_eq!((snapshot.scale_up_count, snapshot.last_action.unwrap().to), (1, 4));
        let saved = objects.one().saved.unwrap();
        assert_eq!((saved.shown.scale_up_count, &saved.memory.announced), (1, &None));
        assert_eq!(saved.memory.events.len(), 1);
        stage.pass(60.0).await;
        assert_eq!(stage.changes(), [4]);
    });
}

#[test]
fn what_failed_at_the_leader_is_shown_by_the_standby() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 2, 140);
        let (leader, standby) = two(stage, &objects).await;
        stage.cluster.always(Op::Set, "web", Answer::Fails(ClusterError::Forbidden("forbidden".into())));
        leader.create(rules(1, 10)).await.unwrap();
        stage.pass(40.0).await;
        let followed = standby.one().await;
        assert_eq!(followed.status(), Status::Failed);
        assert!(followed.snapshot().failure.as_ref().unwrap().contains("forbidden"));
        assert_eq!(condition(&followed.snapshot(), ConditionKind::AbleToScale).reason, Reason::FailedUpdateScale);
    });
}

/// The standby began to evaluate before the leader acted, and leads before it is finished.
#[test]
fn a_new_leader_decides_anew_with_all_that_the_last_one_did() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 2, 70);
        let (leader, standby) = two(stage, &objects).await;
        let mut by_two = rules(1, 10);
        by_two.scale_up.policies = vec![RatePolicy::of(RateUnit::Pods, 2, Duration::from_secs(300)).unwrap()];
        leader.create(by_two).await.unwrap();
        stage.settle().await;
        // Both evaluations wait for metrics that show a high load.
        stage.cluster.set_load("web", 140);
        let (first, second) = (Gate::new(), Gate::new());
        stage.cluster.next(Op::List, "default", [Answer::Waits(first.clone()), Answer::Waits(second.clone())]);
        first.reached().await;
        first.open();
        stage.pass(0.1).await;
        assert_eq!(stage.changes(), [4]);
        stage.cluster.set_load("web", 140);
        leader.kill().await;
        standby.lead(LONG);
        second.open();
        stage.pass(120.0).await;
        assert_eq!(stage.changes(), [4], "two pods in 300 s are used up");
    });
}

/// The API server errs now and then: the status cannot be written, and the Lease not be renewed, but nobody else leads.
#[test]
fn a_leader_that_could_not_write_what_it_did_does_not_forget_it_when_its_claim_lapses() {
    play(async |stage| {
        let objects = Objects::new(stage.clock);
        stage.cluster.add("web", 2, 70);
        let (leader, standby) = two(stage, &objects).await;
        leader.create(rules(1, 10)).await.unwrap();
        stage.pass(31.0).await;
        stage.cluster.set_load("web", 140);
        // The announcement, and what follows it.
        objects.next(Fault::None);
        objects.next(Fault::Unreachable);
        while stage.changes().is_empty() {
            stage.pass(1.0).await;
        }
        leader.stand_by("");
        stage.pass(60.0).await;
        leader.lead(LONG);
        stage.pass(40.0).await;
        for replica in [&leader, &standby] {
            assert_eq!(replica.one().await.snapshot().scale_up_count, 1);
        }
        assert_eq!(objects.one().saved.unwrap().memory.events.len(), 1);
    });
}
