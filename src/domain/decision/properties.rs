//! What holds for every decision, whatever the workload does.

use std::cmp::Ordering;

use chrono::TimeDelta;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::domain::arbitrary::{self, BOTH, OURS, Tick};
use crate::domain::autoscaler::*;
use crate::domain::fixtures::{amount, at, observe_at, window};
use crate::domain::gpu::{GpuReading, GpuUsage};
use crate::domain::limits::ScaleEvent;
use crate::domain::observation::*;
use crate::domain::quantity::Amount;
use crate::domain::stabilization::longest_gap;

/// An autoscaler and its workload.
#[derive(Clone)]
struct Life {
    rules: Arc<ScalingRules>,
    state: State,
    replicas: u32,
}

impl Life {
    fn begin(rules: &ScalingRules) -> Self {
        let replicas = rules.bounds.min().midpoint(rules.bounds.max());
        Self { rules: Arc::new(rules.clone()), state: State::default(), replicas }
    }

    /// Decides, and remembers it.
    fn decide(&mut self, seen: Observation, now: Timestamp) -> Decision {
        let decision = decide(&self.rules, &self.state, Arc::new(seen), now);
        self.state.remember(&decision);
        decision
    }

    /// Decides, and acts on it.
    fn act(&mut self, seen: Observation, now: Timestamp) -> Decision {
        let decision = self.decide(seen, now);
        if let Some(direction) = decision.direction() {
            let change = decision.desired.abs_diff(decision.current);
            self.state.events.record(&self.rules, ScaleEvent { at: now, direction, change });
        }
        self.replicas = decision.desired;
        decision
    }
}

/// One decision in the life of an autoscaler, with everything that led to it.
struct Moment {
    state: State,
    now: Timestamp,
    decision: Decision,
}

impl Moment {
    fn is_within_bounds(&self) -> bool {
        let Decision { rules, current, .. } = &self.decision;
        rules.bounds.clamp(*current) == *current
    }

    fn are_targeted_metrics_unknown(&self) -> impl Iterator<Item = bool> {
        let targeted = self.decision.metrics.iter().filter(|report| report.target.is_some());
        targeted.map(|report| report.utilization.is_err())
    }

    /// The same decision once more, with something else to look at.
    fn again(&self, seen: Observation) -> Decision {
        decide(&self.decision.rules, &self.state, Arc::new(seen), self.now)
    }

    fn seen(&self) -> Observation {
        (*self.decision.observation).clone()
    }
}

/// Lives through `ticks`, acts on every decision, and returns all moments. Readings are dated by another clock, which is
/// so many seconds ahead at each tick.
fn live_by(clock: impl Fn(usize) -> i64, rules: &ScalingRules, ticks: &[Tick]) -> Vec<Moment> {
    let (mut life, mut now) = (Life::begin(rules), at(0));
    let mut moments = Vec::with_capacity(ticks.len());
    for (index, tick) in ticks.iter().enumerate() {
        now += TimeDelta::seconds(tick.after);
        life.replicas = tick.scaled_by_hand.unwrap_or(life.replicas);
        let seen = tick.load.observe(now + TimeDelta::seconds(clock(index)), life.replicas);
        let state = life.state.clone();
        moments.push(Moment { state, now, decision: life.act(seen, now) });
    }
    moments
}

fn live(rules: &ScalingRules, ticks: &[Tick]) -> Vec<Moment> {
    live_by(|_| 0, rules, ticks)
}

/// Everything that a decision says. What it looked at can hold numbers that are not equal to themselves.
fn said(decision: &Decision) -> impl PartialEq + std::fmt::Debug + use<> {
    let Decision { current, recommended, desired, outcome, reason, could_act_after, rollout, .. } = decision;
    (
        (*current, *recommended, *desired, *outcome, *reason, *could_act_after, *rollout),
        decision.metrics.clone(),
        decision.steps.clone(),
        decision.conditions.clone(),
        decision.in_flight.clone(),
        decision.sentence(),
    )
}

/// The same pods with more of everything that is used.
fn with_more_load(mut seen: Observation, factor: u64, extra: u64) -> Observation {
    let more = |amount: &mut Option<Amount>| {
        let used = amount.and_then(Amount::thousandths);
        // What is beyond that is impossible, and then missing: no load at all.
        if let Some(used) = used.filter(|used| *used < 1 << 50) {
            *amount = Some(self::amount(used * factor + extra));
        }
    };
    for pod in &mut seen.pods {
        let usage = pod.usage.iter_mut().map(Arc::make_mut).flat_map(|usage| &mut usage.containers);
        usage.for_each(|container| {
            more(&mut container.cpu);
            more(&mut container.memory);
        });
        let devices = pod.gpus.iter_mut().map(Arc::make_mut).flat_map(|gpus| &mut gpus.devices);
        for percent in devices.filter_map(|device| device.utilization_percent.as_mut()) {
            if (0.0..=100.0).contains(percent) {
                *percent = (*percent * factor as f64 + extra as f64 / 10.0).min(100.0);
            }
        }
    }
    seen
}

/// Short windows and periods, so that a few ticks outlast them.
fn short(mut rules: ScalingRules) -> ScalingRules {
    rules.interval = Interval::from_seconds(rules.interval.length().as_secs().clamp(5, 15) as u32).unwrap();
    for policy in [&mut rules.scale_up, &mut rules.scale_down] {
        policy.window = window(policy.window.length().as_secs().min(60) as u32);
    }
    rules
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn from_within_the_bounds_no_decision_leaves_them(rules in arbitrary::rules(BOTH), ticks in arbitrary::ticks()) {
        for moment in live(&rules, &ticks) {
            if moment.is_within_bounds() {
                prop_assert_eq!(rules.bounds.clamp(moment.decision.desired), moment.decision.desired);
            }
        }
    }

    #[test]
    fn from_outside_the_bounds_every_decision_is_the_bound(
        rules in arbitrary::rules(BOTH),
        ticks in arbitrary::ticks(),
    ) {
        for moment in live(&rules, &ticks) {
            let Decision { current, desired, recommended, .. } = moment.decision;
            if !moment.is_within_bounds() {
                prop_assert_eq!(desired, if current == 0 { 0 } else { rules.bounds.clamp(current) });
                prop_assert_eq!(recommended, None);
            }
        }
    }

    #[test]
    fn a_move_within_the_bounds_has_the_direction_of_the_recommendation(
        rules in arbitrary::rules(BOTH),
        ticks in arbitrary::ticks(),
    ) {
        for moment in live(&rules, &ticks).iter().filter(|moment| moment.is_within_bounds()) {
            let Decision { current, desired, recommended, .. } = moment.decision;
            if desired != current {
                let recommended = recommended.expect("a move needs a recommendation");
                prop_assert_eq!(desired.cmp(&current), recommended.cmp(&current));
            }
        }
    }

    #[test]
    fn nothing_moves_against_every_known_proposal_or_against_the_load(
        rules in arbitrary::rules(OURS),
        ticks in arbitrary::ticks(),
    ) {
        for moment in live(&rules, &ticks).iter().filter(|moment| moment.is_within_bounds()) {
            let Decision { current, desired, .. } = moment.decision;
            let known = moment.decision.metrics.iter().filter_map(|report| Some((report, report.proposal.as_ref()?)));
            let known: Vec<_> = known.collect();
            match desired.cmp(&current) {
                Ordering::Less => prop_assert!(known.iter().all(|(_, proposal)| proposal.wanted() < current)),
                Ordering::Greater => prop_assert!(known.iter().any(|(_, proposal)| proposal.wanted() > current)),
                Ordering::Equal => {}
            }
            for (report, proposal) in known {
                let percent = report.utilization.as_ref().unwrap().percent;
                match u32::try_from(percent).unwrap().cmp(&proposal.target.get()) {
                    Ordering::Less => prop_assert!(proposal.wanted() <= current),
                    Ordering::Equal => prop_assert_eq!(proposal.wanted(), current),
                    Ordering::Greater => prop_assert!(proposal.wanted() >= current),
                }
            }
        }
    }

    #[test]
    fn without_a_known_metric_nothing_moves_and_nothing_is_recommended(
        rules in arbitrary::rules(BOTH),
        ticks in arbitrary::ticks(),
    ) {
        for moment in live(&rules, &ticks).iter().filter(|moment| moment.is_within_bounds()) {
            if moment.are_targeted_metrics_unknown().all(|unknown| unknown) {
                prop_assert_eq!(moment.decision.desired, moment.decision.current);
                prop_assert_eq!(moment.decision.recommended, None);
                prop_assert!(!moment.decision.condition(ConditionKind::ScalingActive).holds);
                prop_assert_eq!(moment.decision.outcome, Outcome::Held);
                prop_assert_eq!(moment.decision.could_act_after, None);
            }
        }
    }

    #[test]
    fn beside_an_unknown_metric_nothing_goes_down(rules in arbitrary::rules(BOTH), ticks in arbitrary::ticks()) {
        for moment in live(&rules, &ticks).iter().filter(|moment| moment.is_within_bounds()) {
            if moment.are_targeted_metrics_unknown().any(|unknown| unknown) {
                prop_assert!(moment.decision.desired >= moment.decision.current);
            }
        }
    }

    #[test]
    fn the_order_of_the_pods_does_not_matter(
        rules in arbitrary::rules(BOTH),
        ticks in arbitrary::ticks(),
        by in 0usize..8,
    ) {
        for moment in live(&rules, &ticks) {
            let mut other = moment.seen();
            other.pods.reverse();
            other.strays.reverse();
            let by = by.min(other.pods.len());
            other.pods.rotate_left(by);
            prop_assert_eq!(said(&moment.again(other)), said(&moment.decision));
        }
    }

    #[test]
    fn more_load_never_gives_fewer_replicas(
        rules in arbitrary::rules(OURS),
        ticks in arbitrary::ticks(),
        factor in 1u64..4,
        extra in 0u64..300,
    ) {
        for moment in live(&rules, &ticks) {
            let busier = moment.again(with_more_load(moment.seen(), factor, extra));
            prop_assert!(
                busier.desired >= moment.decision.desired,
                "{} and, with more load, {}", moment.decision.sentence(), busier.sentence()
            );
        }
    }

    #[test]
    fn one_operation_never_exceeds_its_limit(rules in arbitrary::rules(OURS), ticks in arbitrary::ticks()) {
        let moments = live(&rules, &ticks);
        for (index, moment) in moments.iter().enumerate().filter(|(_, moment)| moment.is_within_bounds()) {
            let Some(direction) = moment.decision.direction() else { continue };
            let Some(limit) = rules.policy(direction).max_scale_change else { continue };
            // All changes of this direction within nine tenths of a tick count as one operation.
            let operation = TimeDelta::milliseconds(900 * rules.interval.length().as_secs().min(15) as i64);
            let sum: u32 = moments[..=index]
                .iter()
                .filter(|earlier| earlier.decision.direction() == Some(direction))
                .filter(|earlier| moment.now - earlier.now < operation)
                .filter(|earlier| earlier.is_within_bounds())
                .map(|earlier| earlier.decision.desired.abs_diff(earlier.decision.current))
                .sum();
            prop_assert!(sum <= limit.get(), "{} replicas in one operation of at most {}", sum, limit);
        }
    }

    #[test]
    fn within_any_period_no_more_changes_than_the_policies_allow(
        rules in arbitrary::rules(OURS),
        ticks in arbitrary::ticks(),
    ) {
        let moments = live(&rules, &ticks);
        for (index, moment) in moments.iter().enumerate().filter(|(_, moment)| moment.is_within_bounds()) {
            let Some(direction) = moment.decision.direction() else { continue };
            let policy = rules.policy(direction);
            prop_assert_ne!(policy.select_policy, SelectPolicy::Disabled);
            let (current, desired) = (i64::from(moment.decision.current), i64::from(moment.decision.desired));
            let is_kept = |rate: &RatePolicy| {
                let recent = |earlier: &&Moment| (moment.now - earlier.now).to_std().unwrap() < rate.period();
                let changed: i64 = moments[..index]
                    .iter()
                    .filter(recent)
                    .map(|earlier| i64::from(earlier.decision.desired) - i64::from(earlier.decision.current))
                    .sum();
                let start = current - changed;
                let value = i64::from(rate.value.get());
                // A percentage rounds up by less than one replica, and by one more where a float is a little too much.
                let most = match (rate.unit, direction) {
                    (RateUnit::Pods, _) => value,
                    (RateUnit::Percent, Direction::Up) => start * value / 100 + 2,
                    (RateUnit::Percent, Direction::Down) => start * value / 100 + 1,
                };
                match direction {
                    Direction::Up => desired - start <= most,
                    Direction::Down => start - desired <= most,
                }
            };
            let mut kept = policy.policies.iter().map(is_kept);
            let is_allowed = match policy.select_policy {
                SelectPolicy::Min => kept.all(|kept| kept),
                _ => policy.policies.is_empty() || kept.any(|kept| kept),
            };
            prop_assert!(is_allowed, "{}", moment.decision.sentence());
        }
    }

    #[test]
    fn a_restart_acts_no_sooner_than_the_windows_and_in_the_direction_of_the_uninterrupted_run(
        rules in arbitrary::rules(BOTH).prop_map(short),
        ticks in arbitrary::ticks(),
        load in arbitrary::load(),
    ) {
        let interval = TimeDelta::from_std(rules.interval.length()).unwrap();
        // Enough for the windows and periods of `short` one after the other.
        let all_ticks = 120_000 / interval.num_milliseconds() as i32 + 3;
        for moment in live(&rules, &ticks).iter().step_by(3) {
            let before = Life {
                rules: moment.decision.rules.clone(),
                state: moment.state.clone(),
                replicas: moment.decision.current,
            };
            // From now on all is as it is: the same load, and a count that nobody changes.
            let first_move = |mut life: Life| (0..all_ticks).find_map(|tick| {
                let now = moment.now + interval * tick;
                let decision = life.decide(load.observe(now, life.replicas), now);
                Some((tick, decision.direction()?))
            });
            let restarted = first_move(Life { state: State::default(), ..before.clone() });
            let uninterrupted = first_move(before.clone());
            let direction = |found: Option<(i32, Direction)>| found.map(|(_, direction)| direction);
            prop_assert_eq!(direction(restarted), direction(uninterrupted));
            let unlimited = State { events: ScaleEvents::default(), ..before.state.clone() };
            let unlimited = first_move(Life { state: unlimited, ..before });
            prop_assert!(restarted.map(|(tick, _)| tick) >= unlimited.map(|(tick, _)| tick));
        }
    }

    #[test]
    fn the_first_decision_after_a_restart_moves_only_where_there_is_no_window(
        rules in arbitrary::rules(BOTH),
        ticks in arbitrary::ticks(),
    ) {
        for moment in live(&rules, &ticks).iter().filter(|moment| moment.is_within_bounds()) {
            let owing = State { history: None, events: moment.state.events.clone() };
            let decision = decide(&moment.decision.rules, &owing, moment.decision.observation.clone(), moment.now);
            let Some(direction) = decision.direction() else { continue };
            prop_assert!(rules.policy(direction).window.length().is_zero(), "{}", decision.sentence());
            prop_assert_eq!(decision.desired, moment.decision.desired, "without a window nothing was forgotten");
        }
    }

    #[test]
    fn a_frozen_process_causes_no_action_at_its_end(
        rules in arbitrary::rules(OURS),
        ticks in arbitrary::ticks(),
        load in arbitrary::load(),
        beyond in 1i64..4000,
    ) {
        for moment in live(&rules, &ticks) {
            let mut life = Life {
                rules: moment.decision.rules.clone(),
                state: moment.state.clone(),
                replicas: moment.decision.current,
            };
            life.act(moment.seen(), moment.now);
            let now = moment.now + TimeDelta::from_std(longest_gap(&rules)).unwrap() + TimeDelta::seconds(beyond);
            let is_within = rules.bounds.clamp(life.replicas) == life.replicas;
            let decision = life.act(load.observe(now, life.replicas), now);
            let Some(direction) = decision.direction().filter(|_| is_within) else { continue };
            prop_assert!(rules.policy(direction).window.length().is_zero(), "{}", decision.sentence());
        }
    }

    #[test]
    fn a_clock_that_jumps_changes_nothing(
        rules in arbitrary::rules(BOTH),
        ticks in arbitrary::ticks(),
        jumps in prop::collection::vec(prop_oneof![Just(0i64), -100_000i64..100_000], 40),
    ) {
        let counts = |moments: Vec<Moment>| -> Vec<_> {
            moments.iter().map(|moment| (moment.decision.recommended, moment.decision.desired)).collect()
        };
        let jumping = live_by(|index| jumps[..=index.min(39)].iter().sum(), &rules, &ticks);
        prop_assert_eq!(counts(jumping), counts(live(&rules, &ticks)));
    }

    #[test]
    fn the_same_input_gives_the_same_decision_and_stays_as_it_is(
        rules in arbitrary::rules(BOTH),
        ticks in arbitrary::ticks(),
    ) {
        for moment in live(&rules, &ticks) {
            let before = format!("{:?} {:?}", moment.state, moment.decision.observation);
            let decision = decide(
                &moment.decision.rules, &moment.state, moment.decision.observation.clone(), moment.now,
            );
            prop_assert_eq!(said(&decision), said(&moment.decision));
            prop_assert_eq!(format!("{:?} {:?}", moment.state, decision.observation), before);
            let mut next = moment.state.clone();
            next.remember(&decision);
            prop_assert_eq!(&next.events, &moment.state.events, "deciding is not acting");
        }
    }

    #[test]
    fn the_steps_lead_from_the_current_count_to_the_desired_one(
        rules in arbitrary::rules(BOTH),
        ticks in arbitrary::ticks(),
    ) {
        for Moment { decision, .. } in live(&rules, &ticks) {
            let mut number = decision.current;
            for step in &decision.steps {
                prop_assert_eq!(step.from, number);
                prop_assert_ne!(step.to, number, "a rule that changed nothing is no step");
                number = step.to;
            }
            prop_assert_eq!(number, decision.desired);
        }
    }

    #[test]
    fn what_could_act_after_some_time_does_so_then_and_not_before(
        rules in arbitrary::rules(BOTH).prop_map(short),
        ticks in arbitrary::ticks(),
    ) {
        for moment in live(&rules, &ticks) {
            let Some(after) = moment.decision.could_act_after else { continue };
            prop_assert_eq!(moment.decision.outcome, Outcome::Held);
            let recommended = moment.decision.recommended;
            let mut state = moment.state.clone();
            state.remember(&moment.decision);
            let at_once = |after: Duration| {
                let now = moment.now + TimeDelta::from_std(after).unwrap();
                let mut state = state.clone();
                // The same recommendation every second, so that the window is watched.
                let mut second = moment.now + TimeDelta::seconds(1);
                while second < now {
                    state.history.as_mut().unwrap().record(&rules, recommended.unwrap(), second);
                    second += TimeDelta::seconds(1);
                }
                decide_with(&moment.decision.rules, &state, moment.decision.observation.clone(), recommended, now)
            };
            prop_assert!(at_once(after).direction().is_some(), "after {:?}: {}", after, at_once(after).sentence());
            let before = after - Duration::from_millis(1);
            prop_assert_eq!(at_once(before).direction(), None, "before {:?}", after);
        }
    }

    #[test]
    fn the_history_stays_within_what_the_windows_look_at(
        rules in arbitrary::rules(BOTH),
        ticks in arbitrary::ticks(),
    ) {
        let longest = rules.scale_up.window.length().max(rules.scale_down.window.length()) + longest_gap(&rules);
        for moment in live(&rules, &ticks) {
            let mut state = moment.state.clone();
            state.remember(&moment.decision);
            let runs: Vec<_> = state.history.iter().flat_map(History::runs).collect();
            prop_assert!(runs.iter().all(|run| run.first <= run.last));
            prop_assert!(!runs.is_empty() || (moment.decision.recommended.is_none() && !rules.is_hpa()));
            prop_assert!(runs.is_sorted_by(|one, next| one.last <= next.first));
            if moment.decision.recommended.is_some() {
                prop_assert!(runs.iter().all(|run| (moment.now - run.last).to_std().is_ok_and(|age| age <= longest)));
                prop_assert_eq!(runs.last().map(|run| run.replicas), moment.decision.recommended);
            }
        }
    }
}

/// Any moment that can be represented, the first and the last included.
fn any_moment() -> impl Strategy<Value = Timestamp> {
    let (first, last) = (Timestamp::MIN_UTC, Timestamp::MAX_UTC);
    prop_oneof![
        1 => Just(first),
        1 => Just(last),
        2 => (-1000i64..1000).prop_map(at),
        2 => (first.timestamp()..last.timestamp()).prop_map(|seconds| Timestamp::from_timestamp(seconds, 0).unwrap()),
    ]
}

fn any_amount() -> impl Strategy<Value = Option<Amount>> {
    let text = select(vec!["-1", "-9223372036854775808m", "9E", "17Ei", "1e400", "99999999999999999999999", "0", "1n"]);
    proptest::option::weighted(
        0.9,
        prop_oneof![
            any::<u64>().prop_map(amount),
            select(vec![0, 1, i64::MAX as u64, u64::MAX]).prop_map(amount),
            text.prop_map(|text| text.parse().unwrap()),
        ],
    )
}

fn any_span() -> impl Strategy<Value = Duration> {
    prop_oneof![Just(Duration::ZERO), Just(Duration::MAX), any::<u64>().prop_map(Duration::from_secs)]
}

fn extreme_devices() -> impl Strategy<Value = Vec<GpuReading>> {
    let percent = select(vec![f64::NAN, f64::INFINITY, f64::MAX, f64::MIN, -0.0, f64::MIN_POSITIVE, 100.0]);
    let device = (any_moment(), percent).prop_map(|(measured_at, percent)| GpuReading {
        utilization_percent: Some(percent),
        memory_used_mib: Some(percent),
        memory_total_mib: Some(-percent),
        ..GpuReading::new("gpu", measured_at)
    });
    prop::collection::vec(device, 0..3)
}

prop_compose! {
    fn extreme_pod()(
        (readiness, started_at) in (
            proptest::option::weighted(0.9, (any::<bool>(), any_moment())),
            proptest::option::weighted(0.9, any_moment()),
        ),
        (measured_at, window) in (any_moment(), any_span()),
        (request, pod_level) in ((any_amount(), any_amount()), proptest::option::of(any_amount())),
        (cpu, memory) in (any_amount(), any_amount()),
        devices in extreme_devices(),
        gpus in select(vec![0, 1, u32::MAX]),
    ) -> ObservedPod {
        let (name, requested) = ("c".to_owned(), ResourceRequests { cpu: request.0, memory: request.1 });
        let pod = Pod {
            name: "extreme".to_owned(),
            node: None,
            phase: PodPhase::Running,
            terminating: false,
            readiness: readiness.map(|(is_false, changed_at)| Readiness { is_false, changed_at }),
            started_at,
            requests: Arc::new(PodRequests {
                containers: vec![ContainerRequests { name: name.clone(), resources: requested }; 2],
                pod_level: pod_level.map(|cpu| ResourceRequests { cpu, memory: None }),
                gpus,
            }),
            revision: None,
            unschedulable: None,
        };
        let containers = vec![ContainerUsage { name: name.into(), cpu, memory }; 2];
        ObservedPod {
            pod: Arc::new(pod),
            usage: Some(Arc::new(PodUsage { measured_at, window, containers })),
            gpus: Some(Arc::new(GpuUsage { devices, window })),
            gpu_gap: None,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn extreme_numbers_do_not_break_it(
        mut rules in arbitrary::rules(BOTH),
        (min, max) in (select(vec![1, i32::MAX as u32]), select(vec![1000, i32::MAX as u32])),
        target in select(vec![1, i32::MAX]),
        replicas in select(vec![0, 1, 500, i32::MAX as u32, u32::MAX]),
        given in proptest::option::weighted(0.1, select(vec![0, 1, u32::MAX])),
        max_age in any_span(),
        observations in prop::collection::vec(
            (any_moment(), any_moment(), prop::collection::vec(extreme_pod(), 0..4)), 1..6,
        ),
    ) {
        rules.bounds = ReplicaBounds::new(min.min(max), max).unwrap();
        rules.targets = crate::domain::fixtures::targets(target, target, target);
        rules.warm_up = WarmUp { cpu_initialization: max_age, readiness_delay: max_age };
        let rules = Arc::new(rules);
        let mut state = State::default();
        for (now, at, pods) in observations {
            let gpu_source = SourceState::Read { name: "exporter" };
            let seen = Observation { max_age, gpu_source, ..observe_at(at, replicas, pods) };
            let decision = decide_with(&rules, &state, Arc::new(seen), given, now);
            prop_assert!(decision.desired == 0 || rules.bounds.clamp(decision.desired) == decision.desired);
            let _ = decision.sentence();
            state.remember(&decision);
            let direction = decision.direction().unwrap_or(Direction::Up);
            state.events.record(&rules, ScaleEvent { at: now, direction, change: u32::MAX });
        }
    }
}
