//! Where this project decides otherwise than the HPA: each table has the HPA's count and ours.

use chrono::TimeDelta;
use rstest::rstest;

use super::tests::{Run, decide_once, prompt};
use super::*;
use crate::domain::autoscaler::WarmUp;
use crate::domain::fixtures::*;
use crate::domain::observation::*;
use crate::domain::quantity::Amount;

/// What the HPA and what this project makes of it, without windows.
#[derive(Debug, PartialEq)]
struct Counts {
    hpa: u32,
    ours: u32,
}

fn counts_by(rules: &ScalingRules, seen: &Observation) -> Counts {
    let desired = |rules: &ScalingRules| decide_once(rules, seen.clone()).desired;
    Counts { hpa: desired(&as_hpa(rules)), ours: desired(rules) }
}

fn counts(seen: &Observation) -> Counts {
    counts_by(&prompt(1, 100), seen)
}

fn busy(name: &str, percent: u64) -> ObservedPod {
    pod(name, percent, 50, at(0))
}

/// A pod that started and became ready so many seconds ago, of a revision.
fn of_revision(revision: &str, name: &str, age: i64, percent: u64) -> ObservedPod {
    busy(name, percent).with(|pod| {
        pod.revision = Some(revision.into());
        pod.started_at = Some(at(-age));
        pod.readiness = Some(Readiness { is_false: false, changed_at: at(-age) });
    })
}

/// A workload on its way from the revision `old` to `new`; the pods are `(age, percent)`.
fn rolling_out(replicas: u32, old: &[(i64, u64)], new: &[(i64, u64)]) -> Observation {
    let of = |revision: &'static str, pods: &[(i64, u64)]| {
        let pods = pods.iter().enumerate();
        pods.map(|(index, (age, percent))| of_revision(revision, &format!("{revision}-{index}"), *age, *percent))
            .collect::<Vec<_>>()
    };
    Observation { revision: Some("new".into()), ..observe(replicas, [of("old", old), of("new", new)].concat()) }
}

const HOUR: i64 = 3600;

#[rstest]
#[case::as_long_as_the_hpas(300, Counts { hpa: 2, ours: 2 })]
#[case::a_second_longer_than_the_pod_is_old(201, Counts { hpa: 2, ours: 2 })]
#[case::as_long_as_the_pod_is_old(200, Counts { hpa: 6, ours: 6 })]
#[case::none(0, Counts { hpa: 6, ours: 6 })]
fn each_autoscaler_has_its_own_warm_up(#[case] seconds: u64, #[case] expected: Counts) {
    let mut rules = prompt(1, 100);
    rules.warm_up = WarmUp { cpu_initialization: Duration::from_secs(seconds), ..WarmUp::default() };
    // Ready for less than the reading's window of 15 s.
    let young = busy("young", 340).with(|pod| {
        pod.started_at = Some(at(-200));
        pod.readiness = Some(Readiness { is_false: false, changed_at: at(-10) });
    });
    assert_eq!(counts_by(&rules, &observe(2, vec![busy("old", 70), young])), expected);
}

#[rstest]
#[case::longer_than_it_took_to_get_unready(41, Counts { hpa: 2, ours: 2 })]
#[case::as_long(40, Counts { hpa: 6, ours: 6 })]
fn each_autoscaler_has_its_own_readiness_delay(#[case] seconds: u64, #[case] expected: Counts) {
    let mut rules = prompt(1, 100);
    rules.warm_up = WarmUp { readiness_delay: Duration::from_secs(seconds), ..WarmUp::default() };
    let never_ready = busy("never-ready", 340).with(|pod| {
        pod.started_at = Some(at(-400));
        pod.readiness = Some(Readiness { is_false: true, changed_at: at(-360) });
    });
    assert_eq!(counts_by(&rules, &observe(2, vec![busy("old", 70), never_ready])), expected);
}

#[rstest]
#[case::twice_the_pods_up(4, 4, 4, 105, Counts { hpa: 12, ours: 6 })]
#[case::one_pod_more_up(4, 4, 1, 105, Counts { hpa: 8, ours: 6 })]
#[case::twice_the_pods_at_the_target(4, 4, 4, 70, Counts { hpa: 4, ours: 4 })]
#[case::twice_the_pods_that_need_no_more_than_half(4, 4, 4, 28, Counts { hpa: 4, ours: 4 })]
#[case::twice_the_pods_that_need_less(4, 4, 4, 14, Counts { hpa: 2, ours: 2 })]
#[case::one_pod_more_a_little_below_the_target(4, 4, 1, 60, Counts { hpa: 5, ours: 4 })]
#[case::one_pod_less_and_a_little_above_the_target(10, 3, 6, 84, Counts { hpa: 11, ours: 10 })]
fn surge_pods_do_not_inflate_a_workload(
    #[case] replicas: u32,
    #[case] old: usize,
    #[case] new: usize,
    #[case] percent: u64,
    #[case] expected: Counts,
) {
    let pods = |count| vec![(HOUR, percent); count];
    assert_eq!(counts(&rolling_out(replicas, &pods(old), &pods(new))), expected);
}

#[rstest]
#[case::while_the_old_ones_serve(&[(HOUR, 70); 4], &[(100, 400); 2], Counts { hpa: 16, ours: 4 })]
#[case::until_the_warm_up_is_over(&[(HOUR, 70); 4], &[(300, 400); 2], Counts { hpa: 16, ours: 11 })]
#[case::until_the_last_second(&[(HOUR, 70); 4], &[(299, 400); 2], Counts { hpa: 16, ours: 4 })]
#[case::not_once_the_old_ones_are_gone(&[], &[(100, 400); 4], Counts { hpa: 23, ours: 23 })]
#[case::but_the_young_old_ones_count(&[(100, 140); 4], &[], Counts { hpa: 8, ours: 8 })]
#[case::as_idle_when_the_old_ones_are_busy(&[(HOUR, 140); 2], &[(100, 0); 2], Counts { hpa: 4, ours: 4 })]
#[case::beyond_what_the_old_ones_use(&[(HOUR, 140); 2], &[(100, 400); 2], Counts { hpa: 16, ours: 8 })]
#[case::but_as_busy_as_the_old_ones_where_an_update_never_ends(
    &[(HOUR, 140); 2], &[(100, 140); 2], Counts { hpa: 8, ours: 8 })]
fn the_first_minutes_of_a_new_revision_do_not_count(
    #[case] old: &[(i64, u64)],
    #[case] new: &[(i64, u64)],
    #[case] expected: Counts,
) {
    assert_eq!(counts(&rolling_out(4, old, new)), expected);
}

#[rstest]
#[case::they_carry_half_of_the_load(&[(HOUR, 35); 2], &[(100, 35); 2], Counts { hpa: 2, ours: 2 })]
#[case::they_carry_most_of_it(&[(HOUR, 14); 1], &[(100, 56); 3], Counts { hpa: 3, ours: 3 })]
#[case::they_are_busy_with_themselves(&[(HOUR, 35); 2], &[(100, 300); 2], Counts { hpa: 10, ours: 4 })]
#[case::they_are_not_measured_yet(&[(HOUR, 21); 3], &[(0, 0); 1], Counts { hpa: 1, ours: 1 })]
fn on_the_way_down_the_new_pods_of_a_rollout_count_with_what_they_carry(
    #[case] old: &[(i64, u64)],
    #[case] new: &[(i64, u64)],
    #[case] expected: Counts,
) {
    assert_eq!(counts(&rolling_out(4, old, new)), expected);
}

#[test]
fn the_memory_of_a_new_revision_counts_from_the_start() {
    let mut rules = prompt(1, 100);
    rules.targets = targets(0, 25, 0);
    let seen = rolling_out(4, &[(HOUR, 70); 4], &[(100, 400); 4]);
    assert_eq!(decide_once(&rules, seen).desired, 8, "50 % of a target of 25 %");
}

#[test]
fn a_rollout_shows_in_the_decision_and_its_sentence() {
    let seen = rolling_out(4, &[(HOUR, 70); 3], &[(100, 400); 2]);
    let decision = decide_once(&prompt(1, 100), seen.clone());
    assert_eq!(decision.rollout, Some(Rollout { new: 2, old: 3 }));
    assert!(decision.sentence().ends_with("; a rollout is in progress: 2 new and 3 old pods"));
    assert_eq!(decide_once(&as_hpa(&prompt(1, 100)), seen).rollout, None, "the HPA knows nothing of revisions");
}

#[rstest]
#[case::without_revisions(Observation { revision: None, ..rolling_out(2, &[(HOUR, 70)], &[(HOUR, 70)]) })]
#[case::with_new_pods_only(rolling_out(2, &[], &[(HOUR, 70); 2]))]
#[case::with_pods_of_no_revision(Observation { revision: Some("new".into()), ..observe(2, pods(2, 70, 50, at(0))) })]
#[case::whose_old_pods_are_going({
    let mut seen = rolling_out(2, &[(HOUR, 70)], &[(HOUR, 70); 2]);
    seen.pods[0] = seen.pods[0].clone().with(|pod| pod.terminating = true);
    seen
})]
#[case::whose_old_pods_have_failed({
    let mut seen = rolling_out(2, &[(HOUR, 70)], &[(HOUR, 70); 2]);
    seen.pods[0] = seen.pods[0].clone().with(|pod| pod.phase = PodPhase::Failed);
    seen
})]
fn there_is_no_rollout_in_a_workload(#[case] seen: Observation) {
    let decision = decide_once(&prompt(1, 100), seen);
    assert_eq!(decision.rollout, None);
    assert!(!decision.sentence().contains("rollout"));
}

/// So many pods at this load, and so many pending ones.
fn with_pending(replicas: u32, running: u32, percent: u64, waiting: u32) -> Observation {
    let mut all = pods(running, percent, 50, at(0));
    all.extend((0..waiting).map(|index| pending(&format!("pending-{index}"), at(0))));
    observe(replicas, all)
}

#[rstest]
#[case::four_not_created(10, 6, 84, 0, Counts { hpa: 8, ours: 10 })]
#[case::four_pending(10, 6, 84, 4, Counts { hpa: 10, ours: 10 })]
#[case::three_pending_and_one_not_created(10, 6, 140, 3, Counts { hpa: 12, ours: 12 })]
#[case::too_few_even_with_those_to_come(10, 6, 210, 0, Counts { hpa: 18, ours: 18 })]
#[case::half_of_them_not_created(4, 2, 100, 0, Counts { hpa: 3, ours: 4 })]
#[case::half_of_them_not_created_and_a_high_load(4, 2, 280, 0, Counts { hpa: 8, ours: 8 })]
#[case::half_of_them_not_created_at_the_target(4, 2, 70, 0, Counts { hpa: 4, ours: 4 })]
#[case::on_the_way_down_they_do_not_count(10, 6, 35, 2, Counts { hpa: 3, ours: 3 })]
#[case::more_pending_than_will_stay(4, 3, 140, 3, Counts { hpa: 4, ours: 6 })]
#[case::nobody_runs_for_certain_but_one(3, 1, 200, 2, Counts { hpa: 3, ours: 3 })]
fn replicas_that_were_asked_for_count_as_idle_on_the_way_up(
    #[case] replicas: u32,
    #[case] running: u32,
    #[case] percent: u64,
    #[case] waiting: u32,
    #[case] expected: Counts,
) {
    assert_eq!(counts(&with_pending(replicas, running, percent, waiting)), expected);
}

#[test]
fn a_replica_without_a_pod_will_request_what_the_others_do_on_average() {
    // 2800 of (1000 + 3000) is 70 %: with two more of 2000 each it is 35 %.
    let large = busy("large", 0)
        .with_requests(|requests| requests.containers[0].resources.cpu = Some(amount(3000)))
        .with_usage(|usage| usage.containers[0].cpu = Some(amount(5200)));
    let decision = decide_once(&prompt(1, 100), observe(4, vec![busy("small", 40), large]));
    let report = &decision.metrics[0];
    assert_eq!(report.utilization.as_ref().unwrap().percent, 140);
    assert_eq!(report.proposal.as_ref().unwrap().effective_percent, 70);
}

#[test]
fn of_more_pods_than_will_stay_the_largest_count() {
    let small =
        pending("small", at(0)).with_requests(|requests| requests.containers[0].resources.cpu = Some(amount(100)));
    let large =
        pending("large", at(0)).with_requests(|requests| requests.containers[0].resources.cpu = Some(amount(2000)));
    let mut seen = observe(3, [pods(2, 210, 50, at(0)), vec![small, large]].concat());
    for _ in 0..2 {
        let decision = decide_once(&prompt(1, 100), seen.clone());
        assert_eq!(decision.metrics[0].proposal.as_ref().unwrap().effective_percent, 105);
        seen.pods.reverse();
    }
}

#[test]
fn replicas_on_their_way_show_in_the_decision_and_its_sentence() {
    let mut seen = with_pending(10, 6, 84, 2);
    let words = |pod: ObservedPod, words: &str| pod.with(|pod| pod.unschedulable = Some(words.into()));
    seen.pods[6] = words(seen.pods[6].clone(), "0/3 nodes are available: 3 Insufficient memory.");
    seen.pods[7] = words(seen.pods[7].clone(), "0/3 nodes are available: 3 Insufficient cpu.");
    // Who runs was scheduled.
    seen.pods[0] = words(seen.pods[0].clone(), "0/0 of long ago");
    let ours = "; replicas on their way: 2 pending, 2 not created yet, 2 unschedulable: \
                0/3 nodes are available: 3 Insufficient cpu.";
    // Pods that the selector matches need not be the workload's, so they say nothing of those that are not there.
    let hpa = "; replicas on their way: 2 pending, 2 unschedulable: 0/3 nodes are available: 3 Insufficient cpu.";
    for (rules, not_created, expected) in [(prompt(1, 100), 2, ours), (as_hpa(&prompt(1, 100)), 0, hpa)] {
        let decision = decide_once(&rules, seen.clone());
        let scheduler = Some("0/3 nodes are available: 3 Insufficient cpu.".into());
        assert_eq!(decision.in_flight, InFlight { pending: 2, not_created, unschedulable: 2, scheduler });
        let sentence = decision.sentence();
        assert!(sentence.ends_with(expected), "{sentence}");
    }
    let decision = decide_once(&prompt(1, 100), observe(2, pods(3, 70, 50, at(0))));
    assert_eq!(decision.in_flight, InFlight::default());
    assert!(!decision.sentence().contains("way"));
}

fn text(amount: &str) -> Option<Amount> {
    Some(amount.parse().unwrap())
}

#[rstest]
#[case::stale(|pod: &mut ObservedPod| pod.usage_mut().measured_at = at(-91), Counts { hpa: 8, ours: 2 })]
#[case::from_far_ahead(|pod: &mut ObservedPod| pod.usage_mut().measured_at = at(91), Counts { hpa: 8, ours: 2 })]
#[case::almost_stale(|pod: &mut ObservedPod| pod.usage_mut().measured_at = at(-90), Counts { hpa: 8, ours: 8 })]
#[case::negative(|pod: &mut ObservedPod| pod.usage_mut().containers[0].cpu = text("-600m"), Counts { hpa: 1, ours: 2 })]
#[case::beyond_everything(|pod: &mut ObservedPod| pod.usage_mut().containers[0].cpu = text("9E"), Counts { hpa: 1, ours: 2 })]
#[case::wrapping(
    |pod: &mut ObservedPod| pod.usage_mut().containers[0].cpu = text("9223372036854775807"), Counts { hpa: 1, ours: 2 })]
#[case::absent(|pod: &mut ObservedPod| pod.usage = None, Counts { hpa: 2, ours: 2 })]
fn a_reading_is_not_believed_when_it_is(#[case] change: fn(&mut ObservedPod), #[case] expected: Counts) {
    let mut odd = busy("odd", 490);
    change(&mut odd);
    assert_eq!(counts(&observe(2, vec![busy("a", 70), odd])), expected);
}

#[test]
fn a_pod_of_which_a_container_was_not_measured_is_not_believed() {
    // The sidecar requests as much as the other; without its reading the pod seems half idle.
    let halved = |name| {
        busy(name, 70).with_requests(|requests| {
            let sidecar = ContainerRequests { name: "sidecar".to_owned(), ..requests.containers[0].clone() };
            requests.containers.push(sidecar);
        })
    };
    let seen = observe(4, vec![busy("a", 70), busy("b", 70), halved("c"), halved("d")]);
    assert_eq!(counts(&seen), Counts { hpa: 3, ours: 4 });
    let mut rules = prompt(1, 100);
    rules.container = Some("app".into());
    assert_eq!(counts_by(&rules, &seen), Counts { hpa: 4, ours: 4 }, "the container that counts was measured");
}

#[test]
fn the_named_container_counts_alone() {
    let mut rules = prompt(1, 100);
    rules.container = Some("app".into());
    let with_sidecar = |name: &str| {
        busy(name, 140)
            .with_requests(|requests| {
                let sidecar = ContainerRequests { name: "sidecar".to_owned(), resources: ResourceRequests::default() };
                requests.containers.push(sidecar);
            })
            .with_usage(|usage| {
                usage.containers.push(ContainerUsage { name: "sidecar".into(), cpu: text("5"), memory: None });
            })
    };
    let seen = observe(2, vec![with_sidecar("a"), with_sidecar("b")]);
    assert_eq!(counts_by(&rules, &seen), Counts { hpa: 4, ours: 4 });
    assert_eq!(counts(&seen), Counts { hpa: 2, ours: 2 }, "the sidecar requests nothing, so that nothing is known");
    rules.container = Some("proxy".into());
    for rules in [as_hpa(&rules), rules] {
        let decision = decide_once(&rules, seen.clone());
        let error = decision.metrics[0].utilization.as_ref().unwrap_err();
        assert_eq!(error.to_string(), "container proxy not found in pod a");
    }
}

#[rstest]
#[case::on_the_way_up(2, 105, Counts { hpa: 2, ours: 3 })]
#[case::on_the_way_down(3, 35, Counts { hpa: 3, ours: 2 })]
fn a_pod_that_has_succeeded_is_gone(#[case] replicas: u32, #[case] percent: u64, #[case] expected: Counts) {
    let mut all = pods(replicas, percent, 50, at(0));
    all.push(busy("done", 0).without_usage().with(|pod| pod.phase = PodPhase::Succeeded));
    assert_eq!(counts(&observe(replicas, all)), expected);
}

#[rstest]
#[case::terminating(|pod: &mut Pod| pod.terminating = true)]
#[case::failed(|pod: &mut Pod| pod.phase = PodPhase::Failed)]
fn what_a_pod_requests_that_is_ignored_does_not_matter(#[case] change: fn(&mut Pod)) {
    let mut all = pods(2, 140, 50, at(0));
    all.push(busy("going", 0).with(change).with_requests(|requests| requests.containers[0].resources.cpu = None));
    let seen = observe(2, all);
    assert_eq!(counts(&seen), Counts { hpa: 2, ours: 4 });
    let decision = decide_once(&as_hpa(&prompt(1, 100)), seen);
    assert_eq!((decision.outcome, decision.reason), (Outcome::Held, Reason::FailedGetResourceMetric));
}

#[rstest]
#[case::when_something_is_filled_in(2, Counts { hpa: 11, ours: 8 })]
#[case::and_not_when_all_is_known(3, Counts { hpa: 12, ours: 12 })]
fn readings_of_other_pods_count_for_the_hpa(#[case] measured: u32, #[case] expected: Counts) {
    let mut all = pods(3, 280, 50, at(0));
    all.iter_mut().skip(measured as usize).for_each(|pod| pod.usage = None);
    let stray = busy("stray", 0).usage.unwrap();
    assert_eq!(counts(&Observation { strays: vec![stray], ..observe(3, all) }), expected);
}

#[test]
fn more_replicas_than_an_int32_holds_are_the_maximum() {
    // 2 000 000 000 % each, for a target of 1 %.
    let huge = |name: &str| {
        busy(name, 0)
            .with_requests(|requests| requests.containers[0].resources.cpu = Some(amount(1)))
            .with_usage(|usage| usage.containers[0].cpu = Some(amount(20_000_000)))
    };
    let mut rules = prompt(2, 100);
    rules.targets = targets(1, 0, 0);
    let seen = observe(4, vec![huge("a"), huge("b"), huge("c"), huge("d")]);
    assert_eq!(counts_by(&rules, &seen), Counts { hpa: 2, ours: 100 });
}

#[test]
fn more_percent_than_an_int32_holds_are_very_many() {
    let huge = busy("a", 0)
        .with_requests(|requests| requests.containers[0].resources.cpu = Some(amount(1)))
        .with_usage(|usage| usage.containers[0].cpu = Some(amount(30_000_000)));
    let seen = observe(4, vec![huge]);
    assert_eq!(counts_by(&prompt(2, 100), &seen), Counts { hpa: 2, ours: 100 });
}

/// The first tick, of so many at this load, that changes the count.
fn first_move(run: &mut Run, ticks: usize, percent: u64) -> Option<usize> {
    (0..ticks).find(|_| run.at_cpu(percent).direction().is_some())
}

#[rstest]
#[case::down(10)]
#[case::up(280)]
fn after_an_outage_the_windows_are_watched_anew(#[case] percent: u64) {
    let mut rules = prompt(1, 100);
    rules.scale_up.window = window(60);
    rules.scale_down.window = window(60);
    for (rules, expected) in [(as_hpa(&rules), Some(0)), (rules, Some(4))] {
        let mut run = Run::start(rules, 8);
        run.at_cpu(percent);
        run.now += TimeDelta::hours(1);
        assert_eq!(first_move(&mut run, 20, percent), expected);
    }
}

#[test]
fn a_window_up_goes_to_its_greatest_recommendation_and_that_of_the_hpa_to_its_least() {
    let mut rules = prompt(1, 100);
    rules.scale_up.window = window(60);
    for (rules, expected) in [(as_hpa(&rules), 3), (rules, 6)] {
        let mut run = Run::start(rules, 2);
        let desired: Vec<_> = [210, 210, 105, 140, 140].iter().map(|percent| run.at_cpu(*percent).desired).collect();
        assert_eq!(desired, [2, 2, 2, 2, expected]);
    }
}
