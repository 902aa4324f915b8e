//! What holds for every decision, whatever the workload does.

use super::tests::{at, observe, targets, window};
use super::*;
use crate::domain::autoscaler::*;
use crate::domain::limits::ScaleEvent;
use crate::domain::observation::*;
use crate::domain::stabilization::longest_gap;
use chrono::TimeDelta;
use proptest::prelude::*;
use proptest::sample::select;
use std::num::NonZeroU32;
use std::time::Duration;

prop_compose! {
    fn arbitrary_policy()(
        seconds in select(vec![0, 0, 15, 60, 300, 3600]),
        stabilization in select(vec![Stabilization::GateAndMaximum, Stabilization::Hpa]),
        limit in 0u32..4,
        tolerance in select(vec![0.0, 5.0, 10.0, 10.0, 50.0]),
    ) -> ScalingPolicy {
        ScalingPolicy {
            window: window(seconds),
            stabilization,
            max_scale_change: NonZeroU32::new(limit),
            tolerance: TolerancePercent::new(tolerance).unwrap(),
        }
    }
}

prop_compose! {
    /// Any rules, with bounds that are likely to be hit.
    pub(crate) fn arbitrary_rules()(
        min in 1u32..4,
        range in 0u32..12,
        targets in select(vec![(70, 0, 0), (50, 80, 0), (0, 60, 0), (100, 0, 75), (1, 100, 1)]),
        scale_up in arbitrary_policy(),
        scale_down in arbitrary_policy(),
        interval in select(vec![1, 5, 15, 15, 60]),
    ) -> ScalingRules {
        ScalingRules {
            bounds: ReplicaBounds::new(min, min + range).unwrap(),
            targets: self::targets(targets.0, targets.1, targets.2),
            scale_up,
            scale_down,
            interval: Interval::from_seconds(interval).unwrap(),
        }
    }
}

/// The amounts and ages of one pod; ages are in seconds before it is looked at.
#[derive(Clone, Debug)]
struct PodShape {
    phase: PodPhase,
    terminating: bool,
    readiness: Option<(bool, i64)>,
    started: Option<i64>,
    measured: Option<(i64, u64)>,
    pod_level: (Option<u64>, Option<u64>),
    containers: Vec<ContainerShape>,
}

#[derive(Clone, Debug)]
struct ContainerShape {
    requests: (Option<u64>, Option<u64>),
    measured: bool,
    uses: (Option<u64>, Option<u64>),
}

/// A workload as it may be at some moment, its count aside.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    pods: Vec<PodShape>,
    is_measured: bool,
}

impl Workload {
    /// How it looks at `now`, with as many replicas as pods.
    pub(crate) fn observe(&self, now: Timestamp) -> Observation {
        let ago = |seconds: i64| now - TimeDelta::seconds(seconds);
        let resources = |(cpu, memory): (Option<u64>, Option<u64>)| ResourceRequests {
            cpu: cpu.map(MilliUnits),
            memory: memory.map(MilliUnits),
        };
        let pod = |(index, shape): (usize, &PodShape)| {
            let named = || shape.containers.iter().enumerate().map(|(index, c)| (format!("c{index}"), c));
            Pod {
                name: format!("pod-{index}"),
                phase: shape.phase,
                terminating: shape.terminating,
                readiness: shape.readiness.map(|(is_false, age)| Readiness { is_false, changed_at: ago(age) }),
                started_at: shape.started.map(ago),
                requests: PodRequests {
                    containers: named()
                        .map(|(name, c)| ContainerRequests { name, resources: resources(c.requests) })
                        .collect(),
                    pod_level: resources(shape.pod_level),
                    gpus: 0,
                },
                usage: shape.measured.map(|(age, window)| PodUsage {
                    measured_at: ago(age),
                    window: Duration::from_secs(window),
                    containers: named()
                        .filter(|(_, c)| c.measured)
                        .map(|(name, c)| ContainerUsage {
                            name,
                            cpu: c.uses.0.map(MilliUnits),
                            memory: c.uses.1.map(MilliUnits),
                        })
                        .collect(),
                }),
            }
        };
        let pods: Vec<_> = self.pods.iter().enumerate().map(pod).collect();
        let seen = observe(u32::try_from(pods.len()).unwrap(), pods);
        if self.is_measured {
            return seen;
        }
        Observation { resource_source: SourceState::Unavailable { error: "it does not answer".to_owned() }, ..seen }
    }
}

/// Mostly there, sometimes not.
fn mostly<T: Clone + fmt::Debug>(there: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    proptest::option::weighted(0.97, there)
}

prop_compose! {
    fn arbitrary_container()(
        requests in (mostly(0u64..1000), mostly(1u64..1000)),
        measured in prop::bool::weighted(0.97),
        uses in (mostly(prop_oneof![0u64..700, 0u64..2000]), mostly(prop_oneof![0u64..700, 0u64..2000])),
    ) -> ContainerShape {
        ContainerShape { requests, measured, uses }
    }
}

prop_compose! {
    fn arbitrary_pod()(
        phase in prop_oneof![
            12 => Just(PodPhase::Running),
            1 => Just(PodPhase::Pending),
            1 => Just(PodPhase::Unknown),
            1 => Just(PodPhase::Failed),
            1 => Just(PodPhase::Succeeded),
        ],
        terminating in prop::bool::weighted(0.05),
        started in mostly(prop_oneof![300i64..320, 0i64..300, 600i64..100_000]),
        ready_after in prop_oneof![0i64..60, 0i64..500],
        is_unready in prop::bool::weighted(0.2),
        has_readiness in prop::bool::weighted(0.97),
        measured in mostly((prop_oneof![8 => -2i64..90, 1 => 85i64..120], 0u64..60)),
        pod_level in (proptest::option::weighted(0.1, 1u64..2000), proptest::option::weighted(0.1, 1u64..2000)),
        containers in prop::collection::vec(arbitrary_container(), 1..3),
    ) -> PodShape {
        let readiness = has_readiness.then(|| (is_unready, started.unwrap_or_default() - ready_after));
        PodShape { phase, terminating, readiness, started, measured, pod_level, containers }
    }
}

prop_compose! {
    /// Any workload of up to eight pods.
    pub(crate) fn arbitrary_workload()(
        pods in prop::collection::vec(arbitrary_pod(), 0..8),
        is_measured in prop::bool::weighted(0.95),
    ) -> Workload {
        Workload { pods, is_measured }
    }
}

/// One evaluation in the life of an autoscaler.
#[derive(Clone, Debug)]
struct Tick {
    /// Seconds since the one before; negative when the clock went back.
    after: i64,
    /// The count that somebody else gave the workload meanwhile.
    scaled_by_hand: Option<u32>,
    workload: Workload,
    /// The pods are healthy, and use so many percent of what they request.
    simple_load: Option<(u64, u64)>,
}

prop_compose! {
    fn arbitrary_tick()(
        after in prop_oneof![6 => Just(15i64), 2 => 0i64..61, 1 => 0i64..400, 1 => -100i64..4000],
        scaled_by_hand in proptest::option::weighted(0.1, 0u32..18),
        workload in arbitrary_workload(),
        simple_load in proptest::option::weighted(0.7, (0u64..250, 0u64..250)),
    ) -> Tick {
        Tick { after, scaled_by_hand, workload, simple_load }
    }
}

/// A few ticks, each of them repeated, so that windows are filled.
fn arbitrary_ticks() -> impl Strategy<Value = Vec<Tick>> {
    let repeated = (arbitrary_tick(), 1usize..8).prop_map(|(tick, times)| {
        let again = Tick { scaled_by_hand: None, ..tick.clone() };
        std::iter::once(tick).chain(std::iter::repeat_n(again, times - 1)).collect::<Vec<_>>()
    });
    prop::collection::vec(repeated, 1..6).prop_map(|ticks| ticks.concat())
}

/// One decision in the life of an autoscaler, with everything that led to it.
struct Moment {
    rules: ScalingRules,
    state: State,
    seen: Observation,
    now: Timestamp,
    decision: Decision,
    next: State,
}

impl Moment {
    fn is_within_bounds(&self) -> bool {
        self.rules.bounds.clamp(self.seen.current_replicas) == self.seen.current_replicas
    }

    fn is_targeted_metric_unknown(&self) -> impl Iterator<Item = bool> {
        let targeted = self.decision.metrics.iter().filter(|report| report.target.is_some());
        targeted.map(|report| report.utilization.is_err())
    }
}

/// Lives through `ticks`, acts on every decision, and returns all moments.
fn live(rules: &ScalingRules, ticks: &[Tick]) -> Vec<Moment> {
    let (mut state, mut now, mut replicas) = (State::default(), at(0), rules.bounds.min());
    ticks
        .iter()
        .map(|tick| {
            now += TimeDelta::seconds(tick.after);
            replicas = tick.scaled_by_hand.unwrap_or(replicas);
            let seen = match tick.simple_load {
                Some((cpu, memory)) => observe(replicas, super::tests::pods(replicas, cpu, memory, now)),
                None => Observation { current_replicas: replicas, ..tick.workload.observe(now) },
            };
            let before = state.clone();
            let (decision, next) = decide(rules, &state, &seen, now);
            state = next.clone();
            if let Some(direction) = decision.direction() {
                let change = decision.desired.abs_diff(decision.current);
                state.events.record(ScaleEvent { at: now, direction, change });
            }
            replicas = decision.desired;
            Moment { rules: *rules, state: before, seen, now, decision, next }
        })
        .collect()
}

/// The same pods with more of everything that is used.
fn with_more_load(seen: &Observation, factor: u64, extra: u64) -> Observation {
    let mut seen = seen.clone();
    let more = |amount: &mut Option<MilliUnits>| {
        if let Some(amount) = amount {
            amount.0 = amount.0 * factor + extra;
        }
    };
    for container in seen.pods.iter_mut().filter_map(|pod| pod.usage.as_mut()).flat_map(|usage| &mut usage.containers) {
        more(&mut container.cpu);
        more(&mut container.memory);
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn from_within_the_bounds_no_decision_leaves_them(rules in arbitrary_rules(), ticks in arbitrary_ticks()) {
        for moment in live(&rules, &ticks) {
            if moment.is_within_bounds() {
                prop_assert_eq!(rules.bounds.clamp(moment.decision.desired), moment.decision.desired);
            }
        }
    }

    #[test]
    fn from_outside_the_bounds_every_decision_is_the_bound(rules in arbitrary_rules(), ticks in arbitrary_ticks()) {
        for moment in live(&rules, &ticks) {
            let current = moment.seen.current_replicas;
            if !moment.is_within_bounds() {
                let expected = if current == 0 { 0 } else { rules.bounds.clamp(current) };
                prop_assert_eq!(moment.decision.desired, expected);
                prop_assert_eq!(moment.next, moment.state, "nothing is remembered");
            }
        }
    }

    #[test]
    fn a_move_within_the_bounds_has_the_direction_of_the_recommendation(
        rules in arbitrary_rules(),
        ticks in arbitrary_ticks(),
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
    fn without_a_known_metric_nothing_moves(rules in arbitrary_rules(), ticks in arbitrary_ticks()) {
        for moment in live(&rules, &ticks).iter().filter(|moment| moment.is_within_bounds()) {
            if moment.is_targeted_metric_unknown().all(|unknown| unknown) {
                prop_assert_eq!(moment.decision.desired, moment.decision.current);
                prop_assert_eq!(&moment.next, &moment.state);
                prop_assert!(!moment.decision.condition(ConditionKind::ScalingActive).holds);
            }
        }
    }

    #[test]
    fn beside_an_unknown_metric_nothing_goes_down(rules in arbitrary_rules(), ticks in arbitrary_ticks()) {
        for moment in live(&rules, &ticks).iter().filter(|moment| moment.is_within_bounds()) {
            if moment.is_targeted_metric_unknown().any(|unknown| unknown) {
                prop_assert!(moment.decision.desired >= moment.decision.current);
            }
        }
    }

    #[test]
    fn the_order_of_the_pods_does_not_matter(rules in arbitrary_rules(), ticks in arbitrary_ticks(), by in 0usize..8) {
        for moment in live(&rules, &ticks) {
            let mut other = moment.seen.clone();
            other.pods.reverse();
            let by = by.min(other.pods.len());
            other.pods.rotate_left(by);
            let (decision, next) = decide(&rules, &moment.state, &other, moment.now);
            prop_assert_eq!(decision, moment.decision);
            prop_assert_eq!(next, moment.next);
        }
    }

    #[test]
    fn more_load_never_gives_fewer_replicas(
        rules in arbitrary_rules(),
        ticks in arbitrary_ticks(),
        factor in 1u64..4,
        extra in 0u64..300,
    ) {
        for moment in live(&rules, &ticks) {
            let busier = with_more_load(&moment.seen, factor, extra);
            let (decision, _) = decide(&rules, &moment.state, &busier, moment.now);
            prop_assert!(
                decision.desired >= moment.decision.desired,
                "{} and, with more load, {}", moment.decision.sentence(), decision.sentence()
            );
        }
    }

    #[test]
    fn one_operation_never_exceeds_its_limit(rules in arbitrary_rules(), ticks in arbitrary_ticks()) {
        // A clock that jumps back makes it unclear what happened when.
        let forward: Vec<_> = ticks.into_iter().map(|tick| Tick { after: tick.after.max(0), ..tick }).collect();
        let moments = live(&rules, &forward);
        for (index, moment) in moments.iter().enumerate().filter(|(_, moment)| moment.is_within_bounds()) {
            let Some(direction) = moment.decision.direction() else { continue };
            let Some(limit) = rules.policy(direction).max_scale_change else { continue };
            // All changes of this direction within nine tenths of a tick count as one operation.
            let operation = TimeDelta::milliseconds(900 * i64::try_from(rules.interval.length().as_secs().min(15)).unwrap());
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
    fn a_restart_causes_no_action(rules in arbitrary_rules(), ticks in arbitrary_ticks()) {
        for moment in live(&rules, &ticks).iter().filter(|moment| moment.is_within_bounds()) {
            let (decision, _) = decide(&rules, &State::default(), &moment.seen, moment.now);
            let Some(direction) = decision.direction() else { continue };
            prop_assert!(rules.policy(direction).window.length().is_zero(), "{}", decision.sentence());
            // Without a window the uninterrupted run does the same, unless it still owes the step limit something.
            let owing = State { events: moment.state.events.clone(), ..State::default() };
            let (decision, _) = decide(&rules, &owing, &moment.seen, moment.now);
            prop_assert_eq!(decision.desired, moment.decision.desired);
        }
    }

    #[test]
    fn the_same_input_gives_the_same_decision_and_stays_as_it_is(
        rules in arbitrary_rules(),
        ticks in arbitrary_ticks(),
    ) {
        for moment in live(&rules, &ticks) {
            let (state, seen) = (moment.state.clone(), moment.seen.clone());
            let (decision, next) = decide(&rules, &state, &seen, moment.now);
            prop_assert_eq!(decision, moment.decision);
            prop_assert_eq!(&next, &moment.next);
            prop_assert_eq!(next.events, moment.state.events.clone(), "deciding is not acting");
            prop_assert_eq!((state, seen), (moment.state, moment.seen));
        }
    }

    #[test]
    fn the_steps_lead_from_the_current_count_to_the_desired_one(rules in arbitrary_rules(), ticks in arbitrary_ticks()) {
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
    fn the_history_stays_within_what_the_windows_look_at(rules in arbitrary_rules(), ticks in arbitrary_ticks()) {
        let longest = rules.scale_up.window.length().max(rules.scale_down.window.length()) + longest_gap(&rules);
        for moment in live(&rules, &ticks) {
            if moment.next == moment.state {
                continue;
            }
            let records: Vec<_> = moment.next.history.records().collect();
            prop_assert!(records.is_sorted_by_key(|record| record.at));
            prop_assert!(records.iter().all(|record| (moment.now - record.at).to_std().is_ok_and(|age| age <= longest)));
            prop_assert_eq!(records.last().map(|record| Some(record.replicas)), Some(moment.decision.recommended));
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

fn any_amount() -> impl Strategy<Value = Option<MilliUnits>> {
    proptest::option::weighted(0.9, prop_oneof![Just(0), Just(1), Just(u64::MAX), any::<u64>()].prop_map(MilliUnits))
}

fn any_span() -> impl Strategy<Value = Duration> {
    prop_oneof![Just(Duration::ZERO), Just(Duration::MAX), any::<u64>().prop_map(Duration::from_secs)]
}

prop_compose! {
    fn extreme_pod()(
        (readiness, started_at) in (
            proptest::option::weighted(0.9, (any::<bool>(), any_moment())),
            proptest::option::weighted(0.9, any_moment()),
        ),
        (measured_at, window) in (any_moment(), any_span()),
        (request, pod_level) in ((any_amount(), any_amount()), any_amount()),
        (cpu, memory) in (any_amount(), any_amount()),
    ) -> Pod {
        let (name, requested) = ("c".to_owned(), ResourceRequests { cpu: request.0, memory: request.1 });
        Pod {
            name: "extreme".to_owned(),
            phase: PodPhase::Running,
            terminating: false,
            readiness: readiness.map(|(is_false, changed_at)| Readiness { is_false, changed_at }),
            started_at,
            requests: PodRequests {
                containers: vec![ContainerRequests { name: name.clone(), resources: requested }],
                pod_level: ResourceRequests { cpu: pod_level, memory: None },
                gpus: u32::MAX,
            },
            usage: Some(PodUsage { measured_at, window, containers: vec![ContainerUsage { name, cpu, memory }] }),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn extreme_numbers_do_not_break_it(
        mut rules in arbitrary_rules(),
        (min, max) in (select(vec![1, i32::MAX as u32]), select(vec![1000, i32::MAX as u32])),
        replicas in select(vec![0, 1, 500, i32::MAX as u32, u32::MAX]),
        max_age in any_span(),
        observations in prop::collection::vec((any_moment(), prop::collection::vec(extreme_pod(), 0..4)), 1..6),
    ) {
        rules.bounds = ReplicaBounds::new(min.min(max), max).unwrap();
        let mut state = State::default();
        for (now, pods) in observations {
            let seen = Observation { max_age, ..observe(replicas, pods) };
            let (decision, next) = decide(&rules, &state, &seen, now);
            prop_assert!(decision.desired == 0 || rules.bounds.clamp(decision.desired) == decision.desired);
            let _ = decision.sentence();
            state = next;
            let change = u32::MAX;
            state.events.record(ScaleEvent { at: now, direction: decision.direction().unwrap_or(Direction::Up), change });
        }
    }
}
