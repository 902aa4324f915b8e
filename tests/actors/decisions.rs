//! What is remembered of an autoscaler's decisions.

use ai_storage_orchestrator::domain::decision::Outcome;
use ai_storage_orchestrator::domain::reason::Reason;
use ai_storage_orchestrator::ports::ClusterError;

use super::cluster::{Answer, Op};
use super::stage::{log_lines, play, rules};

#[test]
fn decisions_are_remembered_newest_first_and_the_same_again_and_again_is_one() {
    play(async |stage| {
        stage.cluster.add("web", 2, 70);
        let record = stage.create("web", rules(1, 10)).await;
        stage.pass(300.0).await;
        stage.cluster.set_load("web", 140);
        stage.pass(60.0).await;
        let decisions = record.decisions();
        let outcomes: Vec<_> = decisions.iter().map(|entry| entry.outcome).collect();
        assert_eq!(outcomes, [Outcome::NoChange, Outcome::ScaleUp, Outcome::NoChange]);
        let [after, up, before] = &decisions[..] else { unreachable!() };
        assert!(before.count >= 19 && (before.last_at - before.first_at).num_seconds() >= 270, "{}", before.count);
        assert_eq!((up.count, up.reason), (1, Reason::SucceededRescale));
        assert!((2..=5).contains(&after.count));
        assert!(decisions.is_sorted_by_key(|entry| std::cmp::Reverse(entry.last_at)));
        assert_eq!(log_lines(" scaled ").len(), 1);
        assert!(log_lines(" scaled ")[0].ends_with(&*up.message()), "the log says the same: {}", up.message());
        assert_eq!(record.last_decision().as_ref(), decisions.first());
        let seen = &up.decision.as_ref().unwrap().observation;
        assert_eq!((seen.pods.len(), seen.current_replicas), (2, 2), "with everything that was looked at");
    });
}

#[test]
fn a_failure_and_an_evaluation_that_could_not_decide_are_remembered_too() {
    play(async |stage| {
        stage.cluster.add("web", 2, 140);
        stage.cluster.next(Op::Set, "web", [Answer::Fails(ClusterError::Forbidden("no".into()))]);
        let record = stage.create("web", rules(1, 10)).await;
        let entry = record.last_decision().unwrap();
        assert_eq!((entry.outcome, entry.reason), (Outcome::Failed, Reason::FailedUpdateScale));
        assert!(entry.message().contains("no"), "{}", entry.message());

        stage.cluster.always(Op::View, "web", Answer::Unknown("the pods of the cluster cannot be watched"));
        stage.pass(60.0).await;
        let entry = record.last_decision().unwrap();
        assert_eq!((entry.outcome, entry.reason), (Outcome::Held, Reason::FailedGetPods));
        assert!(entry.decision.is_none() && entry.count >= 3, "{entry:?}");
    });
}

#[test]
fn decisions_outlive_a_crash_and_are_gone_with_their_autoscaler() {
    play(async |stage| {
        stage.cluster.add("web", 2, 140);
        let record = stage.create("web", rules(1, 10)).await;
        stage.cluster.next(Op::View, "web", [Answer::Panics]);
        stage.pass(120.0).await;
        assert_eq!(record.restarts(), 1);
        assert!(record.decisions().iter().any(|entry| entry.outcome == Outcome::ScaleUp));
    });
}
