//! From a decision to a changed scale.

use std::time::Duration;

use ai_storage_orchestrator::actors::snapshot::Status;
use ai_storage_orchestrator::domain::condition::ConditionKind;
use ai_storage_orchestrator::domain::namespaces::NamespaceScope;
use ai_storage_orchestrator::domain::reason::Reason;
use ai_storage_orchestrator::ports::ClusterError;

use super::cluster::{Answer, Gate, Op, deployment};
use super::stage::{condition, log_lines, play, play_with, rules, rules_with_down_window};

#[test]
fn a_workload_is_scaled_with_the_version_that_was_read() {
    play(async |stage| {
        stage.cluster.add("web", 2, 105);
        let record = stage.create("web", rules(1, 10)).await;
        assert_eq!(stage.cluster.calls(Op::Read).len(), 1);
        let sets = stage.cluster.calls(Op::Set);
        assert_eq!(sets.len(), 1);
        assert_eq!(sets[0].change, Some((3, "100".into())));
        assert_eq!(stage.cluster.replicas("web"), 3);
        let snapshot = record.snapshot();
        assert_eq!((snapshot.current_replicas, snapshot.desired_replicas), (3, 3));
        let decision = snapshot.decision.as_ref().unwrap();
        assert_eq!((decision.current, decision.desired), (2, 3));
        assert_eq!(condition(&snapshot, ConditionKind::AbleToScale).reason, Reason::SucceededRescale);
    });
}

#[test]
fn a_scale_that_the_watches_know_is_not_read() {
    play(async |stage| {
        stage.cluster.add("web", 2, 105);
        stage.cluster.show_scale("web");
        stage.create("web", rules(1, 10)).await;
        assert!(stage.cluster.calls(Op::Read).is_empty());
        assert_eq!(stage.cluster.calls(Op::Set)[0].change, Some((3, "100".into())));
        assert_eq!(stage.cluster.replicas("web"), 3);
    });
}

#[test]
fn a_scale_that_the_watches_know_no_more_is_read_before_it_is_changed() {
    play(async |stage| {
        stage.cluster.add("web", 2, 105);
        stage.cluster.show_scale("web");
        stage.cluster.bump("web");
        let record = stage.create("web", rules(1, 10)).await;
        let versions: Vec<_> = stage.cluster.calls(Op::Set).into_iter().map(|call| call.change.unwrap().1).collect();
        assert_eq!(versions, ["100", "101"], "the API server does not take what names an old version");
        assert_eq!(stage.cluster.calls(Op::Read).len(), 1);
        assert_eq!((stage.cluster.replicas("web"), record.snapshot().scale_up_count), (3, 1));
    });
}

#[test]
fn a_scale_is_read_when_the_watches_know_another_count_than_was_decided_on() {
    play(async |stage| {
        stage.cluster.add("web", 3, 70);
        stage.cluster.show_scale("web");
        stage.cluster.scale_by_hand("web", "kubectl", 2);
        stage.create("web", rules(1, 10)).await;
        assert_eq!(stage.cluster.calls(Op::Read).len(), 1);
        assert_eq!(stage.cluster.calls(Op::Set)[0].change, Some((3, "101".into())));
    });
}

#[test]
fn every_scaling_is_counted_dated_and_logged_once() {
    play(async |stage| {
        stage.cluster.add("web", 2, 105);
        let record = stage.create("web", rules_with_down_window(1, 10, 0)).await;
        let scaled_at = record.snapshot().last_scale_time().unwrap();
        assert!(stage.seconds(scaled_at) < 0.01);
        stage.cluster.set_load("web", 70);
        stage.pass(60.0).await;
        let snapshot = record.snapshot();
        assert_eq!((snapshot.scale_up_count, snapshot.scale_down_count), (1, 0));
        assert_eq!(snapshot.last_scale_time(), Some(scaled_at), "an evaluation without a change is no scaling");
        assert!(snapshot.updated_at.unwrap() > scaled_at);

        stage.cluster.set_load("web", 20);
        stage.pass(40.0).await;
        assert_eq!(stage.cluster.replicas("web"), 1);
        let snapshot = record.snapshot();
        assert_eq!((snapshot.scale_up_count, snapshot.scale_down_count), (1, 1));
        assert!(snapshot.last_scale_time().unwrap() > scaled_at);
        let totals = stage.registry.aggregate(&NamespaceScope::All).unwrap();
        assert_eq!((totals.scale_ups, totals.scale_downs), (1, 1));

        let lines = log_lines(" scaled ");
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].starts_with("INFO ") && lines[0].contains(&record.id), "{lines:?}");
        assert!(lines[0].contains("Deployment default/web 2 -> 3") && lines[0].contains("105 %"), "{lines:?}");
        assert!(lines[1].contains("Deployment default/web 3 -> 1"), "{lines:?}");
    });
}

#[test]
fn a_scale_down_waits_for_its_window() {
    play(async |stage| {
        stage.cluster.add("web", 4, 35);
        let record = stage.create("web", rules(1, 10)).await;
        stage.pass(290.0).await;
        assert_eq!(stage.cluster.scaler_calls(), 0);
        assert_eq!(condition(&record.snapshot(), ConditionKind::AbleToScale).reason, Reason::ScaleDownStabilized);
        stage.pass(30.0).await;
        assert_eq!(stage.cluster.replicas("web"), 2);
        assert_eq!(record.snapshot().scale_down_count, 1);
    });
}

#[test]
fn a_conflict_is_answered_by_reading_again_and_never_by_a_blind_write() {
    play(async |stage| {
        stage.cluster.add("web", 2, 105);
        let touched = [Answer::AfterOthersSet(2), Answer::AfterOthersSet(2), Answer::Truth];
        stage.cluster.next(Op::Set, "web", touched);
        let record = stage.create("web", rules(1, 10)).await;
        assert_eq!(stage.cluster.calls(Op::Read).len(), 3);
        let versions: Vec<_> = stage.cluster.calls(Op::Set).into_iter().map(|call| call.change.unwrap()).collect();
        assert_eq!(versions, [(3, "100".into()), (3, "101".into()), (3, "102".into())]);
        assert_eq!(stage.cluster.replicas("web"), 3);
        assert_eq!(record.snapshot().scale_up_count, 1);
    });
}

#[test]
fn after_three_conflicts_it_gives_up_until_the_next_tick() {
    play(async |stage| {
        stage.cluster.add("web", 2, 105);
        stage.cluster.next(Op::Set, "web", std::iter::repeat_n(Answer::AfterOthersSet(2), 3));
        let record = stage.create("web", rules(1, 10)).await;
        assert_eq!(stage.cluster.calls(Op::Set).len(), 3);
        assert_eq!(stage.cluster.replicas("web"), 2);
        let snapshot = record.snapshot();
        assert_eq!((snapshot.status, snapshot.current_replicas), (Status::Active, 2));
        assert_eq!((snapshot.scale_up_count, snapshot.last_scale_time()), (0, None));
        let able = condition(&snapshot, ConditionKind::AbleToScale);
        assert_eq!((able.holds, able.reason), (false, Reason::FailedUpdateScale));
        assert!(able.message.contains("the object has been modified"), "{}", able.message);
        assert_eq!(stage.registry.aggregate(&NamespaceScope::All).unwrap().scale_ups, 0);

        stage.pass(25.0).await;
        assert_eq!(stage.cluster.replicas("web"), 3, "the next tick tries again");
        assert!(condition(&record.snapshot(), ConditionKind::AbleToScale).holds);
    });
}

#[test]
fn a_count_that_somebody_else_changed_is_decided_on_again() {
    play(async |stage| {
        stage.cluster.add("web", 1, 105);
        stage.cluster.lag("web", 2);
        let record = stage.create("web", rules(1, 10)).await;
        assert_eq!(stage.cluster.calls(Op::Read).len(), 2);
        assert_eq!(stage.cluster.calls(Op::Set).len(), 1);
        let decision = record.snapshot().decision.clone().unwrap();
        assert_eq!((decision.current, decision.desired), (1, 2), "decided on the API server's count");
    });
}

#[test]
fn a_scaling_that_somebody_else_has_made_already_is_not_made_again() {
    play(async |stage| {
        stage.cluster.add("web", 3, 105);
        stage.cluster.lag("web", 2);
        let record = stage.create("web", rules(1, 10)).await;
        assert_eq!(stage.cluster.calls(Op::Read).len(), 1);
        assert!(stage.cluster.calls(Op::Set).is_empty());
        let snapshot = record.snapshot();
        assert_eq!((snapshot.current_replicas, snapshot.scale_up_count), (3, 0));
        assert_eq!(snapshot.decision.as_ref().unwrap().current, 3);
    });
}

#[test]
fn a_count_that_never_stands_still_is_left_alone_until_the_next_tick() {
    play(async |stage| {
        stage.cluster.add("web", 1, 70);
        let moves = [1, 2, 1, 2, 1].map(Answer::AfterOthersSet);
        stage.cluster.lag("web", 2);
        stage.cluster.next(Op::Read, "web", moves);
        let record = stage.create("web", rules(3, 10)).await;
        assert_eq!(stage.cluster.calls(Op::Read).len(), 4);
        assert!(stage.cluster.calls(Op::Set).is_empty());
        let snapshot = record.snapshot();
        let able = condition(&snapshot, ConditionKind::AbleToScale);
        assert_eq!((able.holds, able.reason), (false, Reason::FailedUpdateScale));
        assert_eq!(snapshot.status, Status::Active);
    });
}

#[test]
fn a_scale_that_cannot_be_read_is_not_changed() {
    play(async |stage| {
        stage.cluster.add("web", 2, 105);
        let error = ClusterError::Unavailable("connection refused".into());
        stage.cluster.next(Op::Read, "web", [Answer::Fails(error)]);
        let record = stage.create("web", rules(1, 10)).await;
        assert!(stage.cluster.calls(Op::Set).is_empty());
        let snapshot = record.snapshot();
        let able = condition(&snapshot, ConditionKind::AbleToScale);
        assert_eq!((able.holds, able.reason), (false, Reason::FailedGetScale));
        assert_eq!(able.message, "failed to read the scale of Deployment default/web: connection refused");
        assert_eq!(snapshot.status, Status::Active);
        stage.pass(25.0).await;
        assert_eq!(stage.cluster.replicas("web"), 3);
    });
}

#[test]
fn in_steady_state_an_autoscaler_makes_no_request_of_its_own() {
    play(async |stage| {
        let names: Vec<_> = (0..20).map(|number| format!("web-{number}")).collect();
        for name in &names {
            stage.cluster.add(name, 4, 70);
            stage.create_for(&deployment(name), rules(2, 10)).await;
        }
        stage.pass(600.0).await;
        assert!(stage.cluster.calls(Op::View).len() >= 20 * 39, "they were evaluated");
        assert_eq!(stage.cluster.scaler_calls(), 0);
        assert_eq!(stage.cluster.calls(Op::Resolve).len(), 20);
        assert!(stage.cluster.calls(Op::List).len() <= 121);
    });
}

#[test]
fn a_change_that_took_place_without_an_answer_is_counted() {
    play(async |stage| {
        stage.cluster.add("web", 2, 105);
        stage.cluster.next(Op::Set, "web", [Answer::DoneUnanswered]);
        let record = stage.create("web", rules(1, 10)).await;
        let snapshot = record.snapshot();
        assert_eq!((stage.cluster.replicas("web"), snapshot.scale_up_count), (3, 1));
        assert_eq!(snapshot.current_replicas, 3);
    });
}

#[test]
fn a_workload_that_is_replaced_while_it_is_scaled_is_left_alone() {
    play(async |stage| {
        stage.cluster.add("web", 2, 105);
        let (_, gate) = stage.create_held(Op::Read, "web", rules(1, 10)).await;
        stage.cluster.remove("web");
        stage.cluster.add("web", 2, 70);
        gate.open();
        stage.settle().await;
        assert!(stage.cluster.calls(Op::Set).is_empty());
        assert_eq!(stage.cluster.replicas("web"), 2);
    });
}

#[test]
fn a_slow_api_server_does_not_eat_the_next_operations_step() {
    // After the first change of the readings it is evaluated at its ticks only.
    play_with(Duration::from_secs(3600), async |stage| {
        stage.cluster.add("web", 2, 300);
        let mut limited = rules(1, 20);
        limited.scale_up.max_scale_change = std::num::NonZeroU32::new(1);
        let (reading, changing) = (Gate::new(), Gate::new());
        stage.cluster.next(Op::Set, "web", [Answer::Truth, Answer::Truth, Answer::Waits(changing.clone())]);
        stage.cluster.next(Op::Read, "web", [Answer::Truth, Answer::Truth, Answer::Waits(reading.clone())]);
        stage.create("web", limited).await;
        // From the second operation on, evaluations are 15 s apart.
        reading.reached().await;
        stage.pass(2.0).await;
        reading.open();
        changing.reached().await;
        stage.pass(2.0).await;
        changing.open();
        // The next evaluation comes 15 s after the one that took 4 s.
        stage.pass(11.5).await;
        assert_eq!(stage.changes().len(), 4);
    });
}
