use std::time::Duration;

use chrono::TimeDelta;
use fastrand::Rng;
use http::Method;
use rstest::rstest;
use serde_json::json;

use super::leases::{Leases, Network, PATH, Replica};
use crate::ports::election::Election;

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_not_there_is_created_and_renewed() {
    let leases = Leases::default();
    let replica = Replica::started(&leases, "a").await;
    assert!(replica.leads());
    let asked = replica.log.all();
    let [look, create] = &asked[..] else { panic!("{:?}", replica.log.lines()) };
    assert_eq!((&look.method, look.path.as_str()), (&Method::GET, PATH));
    assert_eq!((&create.method, create.path.as_str()), (&Method::POST, PATH.strip_suffix("/leader").unwrap()));
    assert_eq!(create.query, "fieldManager=ai-storage-orchestrator");
    assert_eq!(create.body["metadata"], json!({"name": "leader"}));
    let spec = &create.body["spec"];
    assert_eq!((&spec["holderIdentity"], &spec["leaseDurationSeconds"]), (&json!("a"), &json!(15)));
    assert_eq!((&spec["leaseTransitions"], &spec["acquireTime"]), (&json!(0), &spec["renewTime"]));

    let first = replica.claim();
    assert_eq!((first.holder.as_deref(), first.transitions, first.mode), (Some("a"), 0, None));
    replica.seconds(60.0).await;
    assert!(replica.leads() && replica.claim().ours_until > first.ours_until);
    let renewals = replica.methods().split_off(2);
    assert!((24..=38).contains(&renewals.len()), "{}", renewals.len());
    assert!(renewals.iter().all(|method| method == Method::PUT), "a renewal is one request");
    let now = leases.now();
    assert_eq!(now["spec"]["acquireTime"], *create.body.pointer("/spec/acquireTime").unwrap());
    assert_ne!(now["spec"]["acquireTime"], now["spec"]["renewTime"]);
}

#[tokio::test(start_paused = true)]
async fn two_thirds_of_the_lease_are_claimed_from_when_the_renewal_was_sent() {
    let replica = Replica::start(&Leases::default(), "a");
    let mut claims = replica.election.claim();
    claims.wait_for(|claim| claim.ours_until.is_some()).await.unwrap();
    assert_eq!(replica.left(), Some(TimeDelta::seconds(10)));
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_taken_over_when_it_was_seen_unchanged_for_its_duration_whatever_its_times_say() {
    let leases = Leases::held_by("other");
    let replica = Replica::started(&leases, "a").await;
    assert_eq!(replica.claim().holder.as_deref(), Some("other"));
    replica.seconds(14.0).await;
    // The other one gives a sign of life.
    leases.edit(|lease| lease["spec"]["renewTime"] = json!("2020-01-05T10:00:09.000000Z"));
    replica.seconds(14.0).await;
    assert_eq!(leases.holder(), "other");
    let took = replica.until_it_leads().await;
    assert!(took < 5.0, "{took}");
    assert_eq!((leases.holder(), replica.claim().transitions), (json!("a"), 8));
    let metadata = &leases.now()["metadata"];
    assert_eq!((&metadata["labels"]["app"], &metadata["annotations"]["note"]), (&json!("x"), &json!("stays")));
}

#[tokio::test(start_paused = true)]
async fn of_two_that_see_it_free_one_gets_it() {
    for leases in [Leases::default(), Leases::held_by("")] {
        let replicas = ["a", "b"].map(|identity| Replica::start(&leases, identity));
        replicas[0].seconds(1.0).await;
        let leading: Vec<_> = replicas.iter().filter(|replica| replica.leads()).collect();
        assert_eq!(leading.len(), 1);
        assert!(leading[0].claim().holder.as_deref() == leases.holder().as_str());
        assert!(replicas.iter().all(|replica| replica.claim().holder == leading[0].claim().holder));
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_by_somebody_else_is_kept() {
    let leases = Leases::default();
    let replica = Replica::started(&leases, "a").await;
    leases.edit(|lease| lease["metadata"]["annotations"]["somebody"] = json!("else"));
    replica.seconds(3.0).await;
    assert_eq!(leases.now()["metadata"]["annotations"]["somebody"], "else");
    assert!(replica.left() > Some(TimeDelta::seconds(7)), "{:?}", replica.left());
}

#[rstest]
#[case::cut(|| Network::Cut)]
#[case::refused(|| Network::Refuses(403, "Forbidden"))]
#[case::failing(|| Network::Refuses(500, "InternalError"))]
#[case::deaf(|| Network::Deaf)]
#[tokio::test(start_paused = true)]
async fn a_leader_that_cannot_renew_stops_5_s_before_another_can_begin(#[case] network: fn() -> Network) {
    let leases = Leases::default();
    let leader = Replica::started(&leases, "a").await;
    let other = Replica::started(&leases, "b").await;
    leader.seconds(30.0).await;
    leader.network(network());
    let mut claims = leader.election.claim();
    let left = leader.left().unwrap();
    claims.wait_for(|claim| claim.ours_until.is_none()).await.unwrap();
    assert!(left <= TimeDelta::seconds(10));
    assert_eq!(leader.claim().holder.as_deref(), Some("a"), "nobody has taken it yet");
    let gap = other.until_it_leads().await;
    assert!(gap > 4.9, "only {gap} s");

    leader.network(Network::Works);
    leader.seconds(6.0).await;
    assert!(!leader.leads() && leader.claim().holder.as_deref() == Some("b"));
}

#[tokio::test(start_paused = true)]
async fn who_lapsed_leads_again_if_nobody_took_it() {
    let leases = Leases::default();
    let replica = Replica::started(&leases, "a").await;
    replica.network(Network::Cut);
    replica.seconds(100.0).await;
    assert_eq!(replica.claim().ours_until, None);
    replica.network(Network::Works);
    let took = replica.until_it_leads().await;
    assert!(took < 5.0, "{took}");
    assert_eq!(replica.claim().transitions, 0);
}

#[tokio::test(start_paused = true)]
async fn one_lost_answer_costs_nothing() {
    let leases = Leases::default();
    let replica = Replica::started(&leases, "a").await;
    let asked = replica.methods().len();
    replica.network(Network::Deaf);
    while replica.methods().len() == asked {
        replica.seconds(0.01).await;
    }
    replica.network(Network::Works);
    for _ in 0..100 {
        replica.seconds(0.1).await;
        assert!(replica.leads());
    }
    let methods = &replica.methods()[asked..];
    assert_eq!(methods[..3], [Method::PUT, Method::GET, Method::PUT]);
}

#[tokio::test(start_paused = true)]
async fn a_first_try_whose_answer_was_lost_is_recognized() {
    let leases = Leases::held_by("");
    let replica = Replica::start(&leases, "a");
    tokio::task::yield_now().await;
    while replica.methods().len() < 2 {
        replica.network(if replica.methods().is_empty() { Network::Works } else { Network::Deaf });
        tokio::task::yield_now().await;
    }
    replica.network(Network::Works);
    assert_eq!(leases.holder(), "a");
    let took = replica.until_it_leads().await;
    assert!(took < 6.0, "it took {took} s, as if it were another one's");
    assert_eq!(replica.claim().transitions, 8);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_was_frozen_does_not_lead_when_it_wakes_up() {
    let leases = Leases::default();
    let frozen = Replica::started(&leases, "a").await;
    let other = Replica::started(&leases, "b").await;
    frozen.freeze();
    other.until_it_leads().await;
    assert!(frozen.claim().ours_until.is_some() && !frozen.leads(), "its claim has passed, by its own clock");
    frozen.thaw();
    frozen.seconds(0.1).await;
    assert_eq!((frozen.claim().ours_until, frozen.claim().holder.as_deref()), (None, Some("b")));
}

#[tokio::test(start_paused = true)]
async fn who_resigns_is_followed_at_once() {
    let leases = Leases::default();
    let leader = Replica::started(&leases, "a").await;
    let other = Replica::started(&leases, "b").await;
    leader.seconds(20.0).await;
    let resigning = leader.election.resign();
    assert!(!leader.leads(), "before anything is written");
    resigning.await;
    assert_eq!(leases.holder(), "");
    let gap = other.until_it_leads().await;
    assert!(gap < 2.5, "{gap}");
    assert_eq!(other.claim().transitions, 1);
    other.kill();
    leader.seconds(60.0).await;
    assert!(!leader.leads(), "it does not want to lead any more");
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_is_answered_after_the_resignation_is_no_claim() {
    let leases = Leases::default();
    let leader = Replica::started(&leases, "a").await;
    let asked = leader.methods().len();
    leader.network(Network::Slow(Duration::from_secs(1)));
    while leader.methods().len() == asked {
        leader.seconds(0.01).await;
    }
    leader.network(Network::Works);
    let mut claims = leader.election.claim();
    let resigning = tokio::spawn(leader.election.resign());
    while !resigning.is_finished() {
        claims.changed().await.unwrap();
        assert_eq!(claims.borrow_and_update().ours_until, None);
        leader.seconds(0.01).await;
    }
    assert_eq!(leases.holder(), "");
}

#[tokio::test(start_paused = true)]
async fn who_does_not_lead_resigns_without_a_trace() {
    let leases = Leases::held_by("other");
    let replica = Replica::started(&leases, "a").await;
    let before = leases.now();
    replica.election.resign().await;
    assert_eq!(leases.now(), before);
}

#[tokio::test(start_paused = true)]
async fn resigning_does_not_wait_for_an_api_server_that_does_not_answer() {
    let replica = Replica::started(&Leases::default(), "a").await;
    replica.network(Network::Cut);
    let begun = replica.clock.steady();
    replica.election.resign().await;
    assert!(replica.clock.steady() - begun < TimeDelta::seconds(5));
    replica.network(Network::Works);
    replica.seconds(10.0).await;
    assert!(!replica.leads());
}

#[tokio::test(start_paused = true)]
async fn a_second_process_of_the_same_name_does_not_lead_beside_the_first() {
    let leases = Leases::default();
    let first = Replica::started(&leases, "a").await;
    let second = Replica::started(&leases, "a").await;
    second.seconds(60.0).await;
    assert!(first.leads() && !second.leads());
    first.kill();
    second.until_it_leads().await;
    assert_eq!(second.claim().transitions, 1);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_somebody_deletes_is_the_leaders_again() {
    let leases = Leases::default();
    let leader = Replica::started(&leases, "a").await;
    let other = Replica::started(&leases, "b").await;
    leases.delete();
    leader.seconds(30.0).await;
    assert!(leader.leads() && !other.leads());
}

/// The real thing in a bad network, with processes that freeze.
#[tokio::test(start_paused = true)]
async fn in_a_bad_network_two_never_lead_at_once() {
    let mut changes = 0;
    for seed in 0..12 {
        let mut rng = Rng::with_seed(seed);
        let leases = Leases::default();
        let replicas = ["a", "b", "c"].map(|identity| Replica::start_watching(&leases, identity));
        for replica in &replicas {
            replica.network(Network::Wild(rng.fork()));
        }
        let mut frozen_until = [0; 3];
        for step in 0..3_000 {
            for (replica, until) in replicas.iter().zip(&mut frozen_until) {
                if *until == step {
                    replica.thaw();
                }
                if *until <= step && rng.u16(0..400) == 0 {
                    *until = step + rng.u64(1..300);
                    replica.freeze();
                }
            }
            replicas[0].seconds(0.1).await;
            let leading = replicas.iter().filter(|replica| replica.leads()).count();
            assert!(leading <= 1, "seed {seed}, step {step}");
        }
        changes += leases.now()["spec"]["leaseTransitions"].as_u64().unwrap();
        for replica in &replicas {
            replica.kill();
        }
    }
    assert!(changes > 20, "nothing happened: {changes}");
}
