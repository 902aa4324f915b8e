use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::leases::{Leases, Network, Replica};
use crate::domain::autoscaler::Mode;
use crate::ports::ClusterError;
use crate::ports::election::Election;

/// An app that needs some time to switch, and then confirms.
fn app(replica: &Replica, time: Duration) -> JoinHandle<()> {
    let (election, clock) = (replica.election.clone(), replica.clock);
    tokio::spawn(async move {
        let (mut claims, mut is_in) = (election.claim(), None);
        loop {
            let mode = claims.borrow_and_update().mode;
            if mode != is_in {
                clock.sleep(time).await;
                is_in = mode;
            }
            if let Some(mode) = mode {
                election.confirm_mode(mode);
            }
            claims.changed().await.unwrap();
        }
    })
}

const QUICK: Duration = Duration::from_millis(30);

async fn switched(by: &Replica, mode: Mode) -> (Result<(), ClusterError>, f64) {
    let begun = by.clock.steady();
    let result = by.election.set_mode(mode).await;
    (result, (by.clock.steady() - begun).as_seconds_f64())
}

#[tokio::test(start_paused = true)]
async fn the_leader_switches_itself_and_is_done_when_it_has_confirmed() {
    let leases = Leases::default();
    let leader = Replica::started(&leases, "a").await;
    let setting = tokio::spawn(leader.election.set_mode(Mode::Observe));
    leader.seconds(1.0).await;
    assert_eq!(leader.claim().mode, Some(Mode::Observe), "it is told at once");
    assert!(!setting.is_finished());
    assert_eq!(leases.annotation("mode-confirmed"), Value::Null);
    leader.election.confirm_mode(Mode::Observe);
    setting.await.unwrap().unwrap();
    leader.seconds(0.01).await;
    assert_eq!(leases.annotation("mode"), "observe");
    assert_eq!(leases.annotation("mode-confirmed"), "observe@a", "without waiting for the next renewal");
    leader.seconds(10.0).await;
    assert_eq!(leases.annotation("mode-confirmed"), "observe@a");
}

#[tokio::test(start_paused = true)]
async fn a_follower_switches_the_leader_within_its_next_renewal() {
    let leases = Leases::default();
    let leader = Replica::started(&leases, "a").await;
    let follower = Replica::started(&leases, "b").await;
    let _apps = [app(&leader, QUICK), app(&follower, QUICK)];
    for mode in [Mode::Observe, Mode::Active, Mode::Observe] {
        let (result, took) = switched(&follower, mode).await;
        assert_eq!(result, Ok(()));
        assert!(took < 3.0, "{took}");
        assert_eq!(leader.claim().mode, Some(mode));
        assert!(leader.leads());
        assert_eq!(leases.annotation("mode-confirmed"), format!("{}@a", mode.as_str()));
    }
    let before = leases.now();
    let (result, took) = switched(&follower, Mode::Observe).await;
    assert_eq!((result, leases.now()), (Ok(()), before), "it is so already");
    assert!(took < 0.1, "{took}");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_switched_to_and_fro_does_not_take_its_own_old_mode_for_somebody_elses_will() {
    let leases = Leases::default();
    let leader = Replica::started(&leases, "a").await;
    let _app = app(&leader, QUICK);
    leader.network(Network::Slow(Duration::from_millis(20)));
    for mode in [Mode::Observe, Mode::Active, Mode::Observe, Mode::Active] {
        assert_eq!(switched(&leader, mode).await.0, Ok(()));
        assert_eq!(leader.claim().mode, Some(mode));
    }
}

#[tokio::test(start_paused = true)]
async fn a_mode_that_the_leader_does_not_confirm_is_an_error_but_set() {
    let leases = Leases::default();
    let leader = Replica::started(&leases, "a").await;
    let follower = Replica::started(&leases, "b").await;
    for by in [&follower, &leader] {
        let mode = if by.leads() { Mode::Active } else { Mode::Observe };
        let (result, took) = switched(by, mode).await;
        let Err(ClusterError::Unavailable(message)) = result else { panic!("{result:?}") };
        assert!(message.starts_with("the mode is set, but the leader has not confirmed it within 10 s"), "{message}");
        assert!((9.9..10.3).contains(&took), "{took}");
        assert_eq!(leases.annotation("mode"), mode.as_str());
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_confirmed_before_does_not_count_for_what_is_wanted_now() {
    let leases = Leases::default();
    let leader = Replica::started(&leases, "a").await;
    let follower = Replica::started(&leases, "b").await;
    let slow = app(&leader, Duration::from_secs(4));
    follower.election.set_mode(Mode::Observe).await.unwrap();
    // The leader begins to switch to the other mode, and is called back while it is at it.
    let there = tokio::spawn(follower.election.set_mode(Mode::Active));
    follower.seconds(3.0).await;
    assert_eq!(leader.claim().mode, Some(Mode::Active));
    assert_eq!(leases.annotation("mode-confirmed"), Value::Null, "it is in between");
    let (result, took) = switched(&follower, Mode::Observe).await;
    assert_eq!(result, Ok(()));
    assert!(took > 4.0, "it was in the other mode when that was confirmed, after {took} s");
    assert!(matches!(there.await.unwrap(), Err(ClusterError::Conflict(_))));
    slow.abort();
}

#[tokio::test(start_paused = true)]
async fn where_nobody_leads_there_is_nobody_to_wait_for() {
    let leases = Leases::held_by("");
    let replica = Replica::start(&leases, "a");
    replica.election.resign().await;
    let (result, took) = switched(&replica, Mode::Observe).await;
    assert_eq!(result, Ok(()));
    assert!(took < 0.1, "{took}");
    assert_eq!(leases.annotation("mode"), "observe");
}

#[tokio::test(start_paused = true)]
async fn who_takes_over_has_the_mode_before_it_leads_and_confirms_for_itself() {
    let leases = Leases::default();
    let first = Replica::started(&leases, "a").await;
    let second = Replica::started(&leases, "b").await;
    let _apps = [app(&first, QUICK), app(&second, QUICK)];
    first.election.set_mode(Mode::Observe).await.unwrap();
    first.seconds(5.0).await;
    assert_eq!((second.claim().mode, leases.annotation("mode-confirmed")), (Some(Mode::Observe), json!("observe@a")));
    first.election.resign().await;
    assert_eq!(leases.annotation("mode-confirmed"), Value::Null);
    second.until_it_leads().await;
    assert_eq!(leases.annotation("mode-confirmed"), "observe@b");

    let third = Replica::start(&leases, "c");
    let mut claims = third.election.claim();
    let claim = claims.wait_for(|claim| claim.holder.is_some()).await.unwrap().clone();
    assert_eq!(claim.mode, Some(Mode::Observe), "it comes with the first that is known");
}

#[tokio::test(start_paused = true)]
async fn the_mode_survives_the_lease() {
    let leases = Leases::default();
    let leader = Replica::started(&leases, "a").await;
    let _app = app(&leader, QUICK);
    leader.election.set_mode(Mode::Observe).await.unwrap();
    leases.delete();
    leader.seconds(5.0).await;
    assert_eq!((leases.annotation("mode"), leader.claim().mode), (json!("observe"), Some(Mode::Observe)));
    leases.edit(|lease| lease["metadata"]["annotations"] = json!({}));
    leader.seconds(5.0).await;
    assert_eq!(leases.annotation("mode"), "observe");
}

#[tokio::test(start_paused = true)]
async fn a_mode_that_cannot_be_written_is_an_error_and_not_told() {
    let leases = Leases::default();
    let leader = Replica::started(&leases, "a").await;
    leader.network(Network::Refuses(403, "Forbidden"));
    assert_eq!(switched(&leader, Mode::Observe).await.0, Err(ClusterError::Forbidden("no".to_owned())));
    leader.network(Network::Cut);
    let (result, took) = switched(&leader, Mode::Observe).await;
    assert!(matches!(result, Err(ClusterError::Timeout(_))) && took < 5.0);
    assert_eq!(leader.claim().mode, None);
}

#[tokio::test(start_paused = true)]
async fn a_mode_written_by_hand_is_seen_by_all() {
    let leases = Leases::default();
    let replicas = [Replica::started(&leases, "a").await, Replica::started(&leases, "b").await];
    leases.edit(|lease| lease["metadata"]["annotations"] = json!({"ai-storage.io/mode": "observe"}));
    replicas[0].seconds(2.5).await;
    for replica in &replicas {
        assert_eq!(replica.claim().mode, Some(Mode::Observe));
    }
    assert!(replicas[0].left() > Some(TimeDelta::seconds(7)));
}

#[tokio::test(start_paused = true)]
async fn an_answer_from_before_the_switch_does_not_take_it_back() {
    let leases = Leases::held_by("other");
    let replica = Replica::started(&leases, "a").await;
    leases.edit(|lease| lease["metadata"]["annotations"] = json!({"ai-storage.io/mode": "active"}));
    replica.seconds(3.0).await;
    let asked = replica.methods().len();
    replica.network(Network::Slow(Duration::from_secs(1)));
    while replica.methods().len() == asked {
        replica.seconds(0.01).await;
    }
    // The answer is on its way.
    replica.network(Network::Works);
    let setting = tokio::spawn(replica.election.set_mode(Mode::Observe));
    replica.seconds(0.1).await;
    assert_eq!(replica.claim().mode, Some(Mode::Observe));
    for _ in 0..30 {
        replica.seconds(0.1).await;
        assert_eq!(replica.claim().mode, Some(Mode::Observe));
    }
    setting.abort();
}
