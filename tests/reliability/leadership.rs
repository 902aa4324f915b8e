//! The leader dies, or is frozen and comes back.

use std::time::{Duration, Instant};

use chrono::Utc;
use reqwest::StatusCode;

use super::fleet::Fleet;
use super::judge;
use super::manifests::by_memory;
use super::report::report;
use super::scene::{EVEN, HIGH, LOW, await_measured, await_replicas, beside_others, workload};
use super::service::Service;
use super::waiting::{LIMIT, eventually};
use super::workload::NAME;

/// The Lease's own duration, and room for the candidates' rhythm.
pub const TAKEOVER: Duration = Duration::from_secs(18);

#[tokio::test]
async fn killed_leaders_are_replaced_and_do_what_a_single_one_would_have_done() {
    let _machine = beside_others();
    let (disturbed, calm) = tokio::join!(workload("takeover", EVEN), workload("takeover-twin", EVEN));
    let fleet = Fleet::new(&[&disturbed]);
    let undisturbed = Fleet::new(&[&calm]);
    let [first, second, third] = fleet.start_led(["one", "two", "three"]).await;
    let [twin] = undisturbed.start_led(["one"]).await;
    let both = [&disturbed, &calm];
    let set = |memory: u32| both.iter().for_each(|namespace| namespace.set_memory(memory));
    let reached = async |count: i32| tokio::join!(await_replicas(&disturbed, count), await_replicas(&calm, count));
    for (namespace, service) in [(&disturbed, &second), (&calm, &twin)] {
        let mut request = by_memory(namespace, NAME, 2, 4);
        // A window that must survive its leader.
        request["scale_down_policy"]["stabilization_window_seconds"] = 20.into();
        let id = service.api().created(&request).await;
        let shows = |a: &serde_json::Value| a["details"]["current_memory_percent"] == 70;
        service.api().wait_for(&id, "memory is measured", LIMIT, shows).await;
    }

    // The leader dies with a scale-up due, the next one within the window of a scale-down.
    let mut replicas: Vec<Service> = vec![first, second, third];
    let mut takeovers = Vec::new();
    let mut kill_leader = async |replicas: &mut Vec<Service>| {
        let all: Vec<&Service> = replicas.iter().collect();
        let (leader, _) = fleet.await_leader(&all, LIMIT).await;
        replicas.swap_remove(leader).kill();
        let killed = Instant::now();
        let left: Vec<&Service> = replicas.iter().collect();
        fleet.await_leader(&left, LIMIT).await;
        takeovers.push(killed.elapsed());
    };
    set(HIGH);
    kill_leader(&mut replicas).await;
    reached(4).await;
    // Until their memory is known, new pods keep the count from going all the way down.
    for namespace in both {
        await_measured(namespace, 4).await;
    }
    let low_since = Utc::now();
    set(LOW);
    tokio::time::sleep(Duration::from_secs(12)).await;
    kill_leader(&mut replicas).await;
    reached(2).await;
    set(HIGH);
    reached(4).await;

    let (ours, single) = (judge::made(&disturbed), judge::made(&calm));
    assert_eq!(judge::counts(&disturbed), judge::counts(&calm), "{ours:?} {single:?}");
    assert_eq!(judge::counts(&calm), [4, 2, 4], "{single:?}");
    assert_eq!(judge::asked(&disturbed).len(), ours.len(), "no call was refused: {:?}", judge::asked(&disturbed));
    let early = ours[1].at - low_since;
    assert!(early.num_seconds() >= 20, "scaled down {early} after the load fell, within the window");
    let users: std::collections::BTreeSet<_> = ours.iter().map(|change| &change.user).collect();
    assert!(users.len() >= 2, "more than one leader acted: {ours:?}");
    assert!(takeovers.iter().all(|took| *took <= TAKEOVER), "{takeovers:?}");
    report(
        "kill -9 of the leader of three, twice",
        "taken over within the Lease (15 s) and 3 s more; the audit log shows what one undisturbed leader does beside it",
        &format!(
            "taken over after {:.1} s and {:.1} s; replicas 2 -> {:?}, undisturbed 2 -> {:?}; each by one call",
            takeovers[0].as_secs_f64(),
            takeovers[1].as_secs_f64(),
            judge::counts(&disturbed),
            judge::counts(&calm),
        ),
    );
}

#[tokio::test]
async fn a_leader_that_was_frozen_for_a_minute_does_not_act_on_its_stale_state() {
    let _machine = beside_others();
    let namespace = workload("frozen", EVEN).await;
    let fleet = Fleet::new(&[&namespace]);
    let [frozen, other] = fleet.start_led(["frozen", "other"]).await;
    let (leader, _) = fleet.await_leader(&[&frozen, &other], LIMIT).await;
    let (frozen, frozen_user, other) =
        if leader == 0 { (frozen, fleet.user("frozen"), other) } else { (other, fleet.user("other"), frozen) };
    let api = other.api();
    let id = api.created(&by_memory(&namespace, NAME, 2, 4)).await;
    let percent = |percent: u32| move |a: &serde_json::Value| a["details"]["current_memory_percent"] == percent;
    api.wait_for(&id, "memory is measured", LIMIT, percent(70)).await;
    let path = format!("/api/v1/autoscaling/{id}");
    let is_known = async || frozen.api().get(&path).await.0 == StatusCode::OK;
    eventually("the leader knows it, too", LIMIT, is_known).await;
    frozen.api().wait_for(&id, "memory is measured by the leader", LIMIT, percent(70)).await;

    // What the leader last knows is that two are enough.
    frozen.signal("STOP");
    let begun = Instant::now();
    namespace.set_memory(HIGH);
    let (_, takeover) = fleet.await_leader(&[&other], LIMIT).await;
    assert!(takeover <= TAKEOVER, "{takeover:?}");
    await_replicas(&namespace, 4).await;
    tokio::time::sleep(Duration::from_secs(60).saturating_sub(begun.elapsed())).await;
    let frozen_for = begun.elapsed();
    let before = judge::asked(&namespace).len();
    frozen.signal("CONT");
    let resumed = Utc::now();
    // It looks around, and ten seconds are ten of its evaluations.
    eventually("it knows that it does not lead", LIMIT, async || !super::fleet::leads(&frozen)).await;
    let looks_again = async || frozen.api().autoscaler(&id).await["details"]["current_replicas"] == 4;
    eventually("it sees what is", LIMIT, looks_again).await;
    tokio::time::sleep(Duration::from_secs(10)).await;

    let since: Vec<_> = judge::asked(&namespace).into_iter().skip(before).collect();
    assert!(since.iter().all(|change| change.user != frozen_user), "{since:?}");
    let by_frozen = judge::asked(&namespace).into_iter().filter(|change| change.user == frozen_user).count();
    assert_eq!(by_frozen, 0, "{:?}", judge::asked(&namespace));
    assert_eq!(judge::counts(&namespace), [4]);
    // Nor does it write to the object.
    let writes = super::audit::in_log_of(namespace.cluster, |request| {
        request.user.username == frozen_user
            && request.request_received_timestamp > resumed
            && matches!(request.verb.as_str(), "patch" | "update")
            && !request.uri.contains("/leases/")
            && request.response_status.code < 300
    });
    assert!(writes.is_empty(), "{writes:?}");
    // And it can lead again.
    let killed = Instant::now();
    other.kill();
    fleet.await_leader(&[&frozen], LIMIT).await;
    let again = killed.elapsed();
    assert!(again <= TAKEOVER, "{again:?}");
    namespace.set_memory(LOW);
    await_replicas(&namespace, 2).await;
    report(
        "SIGSTOP of the leader for 60 s, then SIGCONT",
        "it does not act on its stale state",
        &format!(
            "frozen for {:.0} s; the standby led after {:.1} s and scaled 2 -> 4; 0 writes of the old leader afterwards; it led \
             again {:.1} s after the other one was killed",
            frozen_for.as_secs_f64(),
            takeover.as_secs_f64(),
            again.as_secs_f64(),
        ),
    );
}

#[tokio::test]
async fn a_rate_limit_that_one_leader_has_used_up_binds_the_next_one() {
    const PERIOD: i64 = 45;
    let _machine = beside_others();
    let namespace = workload("rate-limit", HIGH).await;
    let fleet = Fleet::new(&[&namespace]);
    let [first, second] = fleet.start_led(["one", "two"]).await;
    let mut request = by_memory(&namespace, NAME, 2, 6);
    request["scale_up_policy"] =
        serde_json::json!({"policies": [{"type": "Pods", "value": 1, "period_seconds": PERIOD}]});
    first.api().created(&request).await;
    await_replicas(&namespace, 3).await;
    first.kill();
    fleet.await_leader(&[&second], LIMIT).await;
    await_replicas(&namespace, 4).await;
    let changes = judge::asked(&namespace);
    assert_eq!(judge::counts(&namespace), [3, 4]);
    assert_ne!(changes[0].user, changes[1].user);
    let between = changes[1].at - changes[0].at;
    // The period begins with the tick that decided, and the change is a moment later.
    assert!(between.num_milliseconds() > PERIOD * 1_000 - 1_500, "{between} after {changes:?}");
    report(
        "kill -9 of a leader that has just used up a limit of one replica per 45 s",
        "the next leader waits for the rest of the period",
        &format!("replicas 2 -> [3, 4], {:.1} s apart, by two leaders", between.num_milliseconds() as f64 / 1_000.0),
    );
}
