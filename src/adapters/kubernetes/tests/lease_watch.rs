use chrono::TimeDelta;
use http::Method;
use rstest::rstest;
use serde_json::json;

use super::leases::{Leases, Network, Replica};
use crate::domain::autoscaler::Mode;
use crate::ports::election::Election;

/// One that watches, when it has looked.
async fn started(leases: &Leases, identity: &str) -> Replica {
    let replica = Replica::start_watching(leases, identity);
    replica.seconds(8.0).await;
    replica
}

/// How many requests a replica makes in a minute.
async fn in_a_minute(replica: &Replica) -> Vec<Method> {
    let before = replica.methods().len();
    replica.seconds(60.0).await;
    replica.methods().split_off(before)
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_watched_is_renewed_when_half_of_the_claim_is_over() {
    let leases = Leases::default();
    let leader = started(&leases, "a").await;
    let standby = started(&leases, "b").await;
    let (renewals, looks) = tokio::join!(in_a_minute(&leader), in_a_minute(&standby));
    assert!((10..=15).contains(&renewals.len()) && renewals.iter().all(|it| *it == Method::PUT), "{renewals:?}");
    assert!((10..=25).contains(&looks.len()) && looks.iter().all(|it| *it == Method::GET), "{looks:?}");
    for _ in 0..100 {
        leader.seconds(0.1).await;
        assert!(leader.left() >= Some(TimeDelta::seconds(4)), "{:?}", leader.left());
    }
}

#[tokio::test(start_paused = true)]
async fn a_mode_written_by_hand_is_seen_by_all_at_once() {
    let leases = Leases::default();
    let replicas = [started(&leases, "a").await, started(&leases, "b").await];
    for mode in [Mode::Observe, Mode::Active] {
        leases.edit(|lease| lease["metadata"]["annotations"] = json!({"ai-storage.io/mode": mode.as_str()}));
        replicas[0].seconds(0.05).await;
        for replica in &replicas {
            assert_eq!(replica.claim().mode, Some(mode));
        }
    }
    assert!(replicas[0].leads());
}

#[tokio::test(start_paused = true)]
async fn who_resigns_is_followed_without_waiting_for_the_next_look() {
    let leases = Leases::default();
    let leader = started(&leases, "a").await;
    let other = started(&leases, "b").await;
    leader.election.resign().await;
    let gap = other.until_it_leads().await;
    assert!(gap < 0.2, "{gap}");
}

#[tokio::test(start_paused = true)]
async fn whose_watch_is_broken_looks_as_often_as_without_one() {
    let leases = Leases::default();
    let leader = started(&leases, "a").await;
    leader.network(Network::WithoutWatch);
    leases.break_watches();
    let renewals = in_a_minute(&leader).await;
    assert!((24..=38).contains(&renewals.len()), "{}", renewals.len());
    leader.network(Network::Works);
    leader.seconds(30.0).await;
    assert!((10..=15).contains(&in_a_minute(&leader).await.len()), "it is watched again");
}

#[rstest]
#[case::lost(|| Network::Deaf)]
#[case::failing(|| Network::Refuses(500, "InternalError"))]
#[tokio::test(start_paused = true)]
async fn one_renewal_that_fails_costs_nothing_although_they_are_rare(#[case] network: fn() -> Network) {
    for _ in 0..20 {
        let leases = Leases::default();
        let leader = started(&leases, "a").await;
        let asked = leader.methods().len();
        leader.network(network());
        while leader.methods().len() == asked {
            leader.seconds(0.01).await;
        }
        leader.network(Network::Works);
        for _ in 0..200 {
            leader.seconds(0.1).await;
            assert!(leader.leads());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_dies_is_followed_15_s_after_its_last_renewal() {
    for _ in 0..20 {
        let leases = Leases::default();
        let leader = started(&leases, "a").await;
        let other = started(&leases, "b").await;
        leader.seconds(fastrand::f64() * 10.0).await;
        leader.kill();
        let gap = other.until_it_leads().await;
        assert!((8.5..15.2).contains(&gap), "{gap}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_tells_nothing_any_more_makes_nobody_lead_beside_the_leader() {
    let leases = Leases::default();
    let leader = started(&leases, "a").await;
    let other = started(&leases, "b").await;
    let _open = leases.forget_watches();
    for _ in 0..600 {
        leader.seconds(0.1).await;
        assert!(leader.leads() && !other.leads());
    }
    leases.edit(|lease| lease["metadata"]["annotations"] = json!({"ai-storage.io/mode": "observe"}));
    leader.seconds(7.0).await;
    assert_eq!(leader.claim().mode, Some(Mode::Observe), "with the next renewal");
}
