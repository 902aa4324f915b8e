//! What other rules would have made of the load that was seen: the past, decided anew.
//!
//! A timeline knows how busy the pods were and how many there were, so it knows the load. The replay takes the load as
//! given, whatever the number of pods, and spreads it evenly over those that the rules ask for, which are ready at
//! once. That is not how it was (memory is no load, pods take time to start), so the outcome is compared only with that
//! of other rules, replayed in the same way.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use super::Timestamp;
use super::autoscaler::{Metric, Mode, ScalingRules};
use super::decision::{State, decide};
use super::gpu::{Fallback, GpuReading, GpuUsage};
use super::limits::ScaleEvent;
use super::observation::{
    ContainerRequests, ContainerUsage, Observation, ObservedPod, Pod, PodPhase, PodRequests, PodUsage, Readiness,
    ResourceRequests, SourceState,
};
use super::quantity::Amount;
use super::timeline::{FINE_STEP, Level, Point};

/// A stretch of the past, point by point.
#[derive(Clone, Debug)]
pub struct Past {
    /// When the first point is.
    pub from: Timestamp,
    /// The seconds from one point to the next; those without an evaluation are gaps.
    pub step_seconds: u32,
    /// The points.
    pub points: Vec<Point>,
}

impl Past {
    /// The seconds of which the number of replicas is known: those from the first known one to the end.
    pub fn known_seconds(&self) -> u64 {
        let known = self.points.iter().skip_while(|point| point.current.is_none()).count() as u64;
        known * u64::from(self.step_seconds)
    }

    /// How many replica-minutes the workload would have had under `rules`, from the first known point on; `None` when
    /// there is none.
    pub fn replica_minutes(&self, rules: &ScalingRules) -> Option<f64> {
        // It is asked what would have been done, and one that only observes does nothing.
        let rules = Arc::new(ScalingRules { mode: Mode::Active, ..rules.clone() });
        let start = self.points.iter().position(|point| point.current.is_some())?;
        let mut replicas = self.points.get(start)?.current?;
        let mut state = State::default();
        let mut next_decision = self.from;
        let mut replica_seconds = 0;
        let mut load = Load::UNKNOWN;
        for (number, point) in self.points.iter().enumerate().skip(start) {
            let at = self.from + TimeDelta::seconds(number as i64 * i64::from(self.step_seconds));
            if point.current.is_some() {
                load = Load::at(point);
            }
            if at >= next_decision {
                replicas = step(&rules, &mut state, &load, replicas, at);
                next_decision = at + interval(&rules);
            }
            replica_seconds += u64::from(replicas) * u64::from(self.step_seconds);
        }
        Some(replica_seconds as f64 / 60.0)
    }
}

/// Nothing is known of what happened within a step, so nothing is decided more often.
fn interval(rules: &ScalingRules) -> TimeDelta {
    let interval = rules.interval.length().max(Duration::from_secs(FINE_STEP.into()));
    TimeDelta::from_std(interval).unwrap_or(TimeDelta::MAX)
}

/// One evaluation; the replicas afterwards.
fn step(rules: &Arc<ScalingRules>, state: &mut State, load: &Load, replicas: u32, at: Timestamp) -> u32 {
    let decision = decide(rules, state, Arc::new(load.observed_over(replicas, at)), at);
    state.remember(&decision);
    if let Some(direction) = decision.direction() {
        let change = decision.desired.abs_diff(decision.current);
        state.events.record(rules, ScaleEvent { at, direction, change });
    }
    decision.desired
}

/// What was asked of all pods together, in percent of what one requests; `None` where that was unknown.
struct Load([Option<f64>; 4]);

impl Load {
    const UNKNOWN: Self = Self([None; 4]);

    fn at(point: &Point) -> Self {
        let measured = |level: &Level| !level.simulated;
        let of_all = |level: Level| Some(f64::from(level.percent) * f64::from(point.current?));
        Self(point.levels.map(|level| level.filter(measured).and_then(of_all)))
    }

    /// The load spread over so many pods that have been running for long.
    fn observed_over(&self, replicas: u32, at: Timestamp) -> Observation {
        let pod = Arc::new(settled_pod(at));
        let of_each = |metric: Metric| {
            let [cpu, memory, gpu, gpu_memory] = self.0;
            let all = match metric {
                Metric::Cpu => cpu,
                Metric::Memory => memory,
                Metric::Gpu => gpu,
                Metric::GpuMemory => gpu_memory,
            };
            all.map(|all| all / f64::from(replicas.max(1)))
        };
        let amount = |metric| of_each(metric).map(|percent| Amount::from_thousandths((percent * PER_PERCENT) as u64));
        let usage = PodUsage {
            measured_at: at,
            window: Duration::ZERO,
            containers: vec![ContainerUsage {
                name: CONTAINER.into(),
                cpu: amount(Metric::Cpu),
                memory: amount(Metric::Memory),
            }],
        };
        let device = GpuReading {
            utilization_percent: of_each(Metric::Gpu),
            memory_used_mib: of_each(Metric::GpuMemory),
            memory_total_mib: Some(100.0),
            ..GpuReading::new("gpu", at)
        };
        let observed = ObservedPod {
            pod,
            usage: Some(Arc::new(usage)),
            gpus: Some(Arc::new(GpuUsage { devices: vec![device], window: Duration::ZERO })),
            gpu_gap: None,
        };
        Observation {
            at,
            current_replicas: replicas,
            pods: vec![observed; replicas as usize],
            revision: None,
            strays: Vec::new(),
            resource_source: SourceState::Read { name: SOURCE },
            gpu_source: SourceState::Read { name: SOURCE },
            fallback: Fallback::None,
            room: super::capacity::Room::NotAsked,
            max_age: Duration::MAX,
        }
    }
}

const SOURCE: &str = "timeline";
const CONTAINER: &str = "all";
/// So much of the request is a percent of it; large enough that nothing is lost in rounding.
const PER_PERCENT: f64 = 1_000.0;

fn settled_pod(at: Timestamp) -> Pod {
    let long_ago = Timestamp::UNIX_EPOCH.min(at);
    let request = Some(Amount::from_thousandths(100 * PER_PERCENT as u64));
    let resources = ResourceRequests { cpu: request, memory: request };
    Pod {
        name: "pod".to_owned(),
        node: Some("node".into()),
        phase: PodPhase::Running,
        terminating: false,
        readiness: Some(Readiness { is_false: false, changed_at: long_ago }),
        started_at: Some(long_ago),
        requests: Arc::new(PodRequests {
            containers: vec![ContainerRequests { name: CONTAINER.to_owned(), resources }],
            pod_level: None,
            gpus: 1,
        }),
        revision: None,
        unschedulable: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::autoscaler::{Direction, ScalingPolicy};
    use crate::domain::fixtures::{at, rules, targets, window};

    fn cpu(current: u32, percent: u32) -> Point {
        let cpu = Some(Level { percent, simulated: false });
        Point { current: Some(current), recommended: None, levels: [cpu, None, None, None] }
    }

    fn gap() -> Point {
        Point { current: None, recommended: None, levels: [None; 4] }
    }

    fn past(points: impl IntoIterator<Item = Point>) -> Past {
        Past { from: at(0), step_seconds: FINE_STEP, points: points.into_iter().collect() }
    }

    fn at_once(target: i32) -> ScalingRules {
        let down = ScalingPolicy { window: window(0), ..ScalingPolicy::default_for(Direction::Down) };
        ScalingRules { targets: targets(target, 0, 0), scale_down: down, ..rules(1, 20) }
    }

    #[test]
    fn a_lower_target_takes_more_replicas_for_the_same_load() {
        // Three pods at 70 % for a quarter of an hour.
        let past = past(vec![cpu(3, 70); 60]);
        assert_eq!(past.replica_minutes(&at_once(70)), Some(45.0));
        // 210 % of a pod: four of them, 52.5 % each.
        assert_eq!(past.replica_minutes(&at_once(60)), Some(60.0));
        assert_eq!(past.known_seconds(), 900);
    }

    #[test]
    fn the_load_is_what_counts_and_not_how_many_pods_there_were() {
        // The same load, once on two pods and once on four.
        let past = past([vec![cpu(2, 100); 8], vec![cpu(4, 50); 8]].concat());
        assert_eq!(past.replica_minutes(&at_once(50)), Some(4.0 * 4.0));
    }

    #[test]
    fn windows_and_bounds_hold_in_the_past_too() {
        let falls = past([vec![cpu(4, 70); 4], vec![cpu(4, 7); 16]].concat());
        assert_eq!(falls.replica_minutes(&at_once(70)), Some(4.0 + 4.0));
        let held = ScalingRules { scale_down: ScalingPolicy::default_for(Direction::Down), ..at_once(70) };
        assert_eq!(falls.replica_minutes(&held), Some(20.0));
        let bounded = ScalingRules { bounds: rules(3, 20).bounds, ..at_once(70) };
        assert_eq!(falls.replica_minutes(&bounded), Some(4.0 + 12.0));
    }

    #[test]
    fn what_is_unknown_holds_the_count() {
        let unknown = Point { levels: [None; 4], ..cpu(4, 0) };
        let past = past([vec![gap(); 4], vec![cpu(4, 70); 4], vec![unknown; 4], vec![gap(); 4]].concat());
        assert_eq!(past.replica_minutes(&at_once(70)), Some(12.0));
        assert_eq!(past.known_seconds(), 180);
        let simulated =
            |percent| Point { levels: [Some(Level { percent, simulated: true }), None, None, None], ..cpu(4, 0) };
        assert_eq!(self::past(vec![simulated(5); 4]).replica_minutes(&at_once(70)), Some(4.0));
    }

    #[test]
    fn of_nothing_nothing_is_said() {
        assert_eq!(past(vec![gap(); 60]).replica_minutes(&at_once(70)), None);
        assert_eq!(past([]).replica_minutes(&at_once(70)), None);
    }

    #[test]
    fn gpus_count_like_the_rest() {
        let busy = Point { levels: [None, None, Some(Level { percent: 90, simulated: false }), None], ..cpu(2, 0) };
        let rules = ScalingRules { targets: targets(0, 0, 45), ..at_once(70) };
        assert_eq!(past(vec![busy; 4]).replica_minutes(&rules), Some(4.0));
    }

    #[test]
    fn an_autoscaler_that_observes_is_asked_what_it_would_do() {
        let observing = ScalingRules { mode: Mode::Observe, ..at_once(70) };
        assert_eq!(past(vec![cpu(1, 140); 4]).replica_minutes(&observing), Some(2.0));
    }
}
