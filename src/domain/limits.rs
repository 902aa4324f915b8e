//! What restrains a change of replicas at the moment of acting: the step limit, the rate policies, then the bounds.

use std::collections::VecDeque;
use std::time::Duration;

use super::autoscaler::{Direction, RatePolicy, RateUnit, ScalingRules, SelectPolicy};
use super::utilization::int32;
use super::{Timestamp, is_younger, later};

/// A change of replicas that really happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScaleEvent {
    /// When it happened.
    pub at: Timestamp,
    /// Its direction.
    pub direction: Direction,
    /// By how many replicas.
    pub change: u32,
}

/// The scale events of one autoscaler that still matter.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ScaleEvents(VecDeque<ScaleEvent>);

/// Changes within this time, or within the interval when that is shorter, are one operation.
const LONGEST_OPERATION: Duration = Duration::from_secs(15);

impl ScaleEvents {
    /// Adds an event, and forgets those that no rule looks at any more.
    pub fn record(&mut self, rules: &ScalingRules, event: ScaleEvent) {
        if rules.is_hpa() {
            return self.replace(rules, event);
        }
        self.0.push_back(event);
        let policies = rules.scale_up.policies.iter().chain(&rules.scale_down.policies);
        let longest = policies.map(RatePolicy::period).fold(LONGEST_OPERATION, Duration::max);
        while self.0.front().is_some_and(|first| apart(first.at, event.at) > longest) {
            self.0.pop_front();
        }
    }

    /// The HPA's `storeScaleEvent`: the event takes the place of the last one of its direction that none of the
    /// direction's own policies looks at any more, though one of the other direction's still may.
    fn replace(&mut self, rules: &ScalingRules, event: ScaleEvent) {
        let policy = rules.policy(event.direction);
        // The step limit is not the HPA's; what it looks at has to stay.
        let operation = policy.max_scale_change.map(|_| LONGEST_OPERATION);
        let longest = policy.policies.iter().map(RatePolicy::period).chain(operation).max().unwrap_or_default();
        let is_outdated = |old: &&mut ScaleEvent| old.direction == event.direction && apart(old.at, event.at) > longest;
        match self.0.iter_mut().rev().find(is_outdated) {
            Some(outdated) => *outdated = event,
            None => self.0.push_back(event),
        }
    }

    /// The events.
    pub fn iter(&self) -> impl Iterator<Item = &ScaleEvent> {
        self.0.iter()
    }
}

impl FromIterator<ScaleEvent> for ScaleEvents {
    fn from_iter<I: IntoIterator<Item = ScaleEvent>>(events: I) -> Self {
        let mut events: Vec<_> = events.into_iter().collect();
        events.sort_by_key(|event| event.at);
        Self(events.into())
    }
}

/// The time between two moments, whichever is first.
fn apart(at: Timestamp, now: Timestamp) -> Duration {
    (now - at).abs().to_std().unwrap_or(Duration::MAX)
}

/// The events of one direction in the order of their times, with what they come to from the first up to each: so that
/// a sum over a period costs a search and not a walk.
struct Sums(Vec<(Timestamp, u64)>);

impl Sums {
    fn of(events: &ScaleEvents, direction: Direction) -> Self {
        let events = events.iter().filter(|event| event.direction == direction);
        let mut sums: Vec<_> = events.map(|event| (event.at, u64::from(event.change))).collect();
        sums.sort_by_key(|(at, _)| *at);
        let mut total = 0;
        for (_, sum) in &mut sums {
            total += *sum;
            *sum = total;
        }
        Self(sums)
    }

    /// By how much the workload changed within the last `period`.
    fn within(&self, period: Duration, now: Timestamp) -> u32 {
        let earlier = self.0.partition_point(|(at, _)| !is_younger(*at, now, period));
        let until = |count: usize| count.checked_sub(1).and_then(|last| self.0.get(last)).map_or(0, |(_, sum)| *sum);
        u32::try_from(until(self.0.len()) - until(earlier)).unwrap_or(u32::MAX)
    }
}

/// The limits on one change, from the count that the workload has.
pub struct Limits<'a> {
    rules: &'a ScalingRules,
    current: u32,
    ups: Sums,
    downs: Sums,
}

impl<'a> Limits<'a> {
    /// The limits after these changes, from the count at the moment of acting.
    pub fn new(rules: &'a ScalingRules, events: &ScaleEvents, current: u32) -> Self {
        let of = |direction| Sums::of(events, direction);
        Self { rules, current, ups: of(Direction::Up), downs: of(Direction::Down) }
    }

    fn changed(&self, direction: Direction, period: Duration, now: Timestamp) -> u32 {
        match direction {
            Direction::Up => self.ups.within(period, now),
            Direction::Down => self.downs.within(period, now),
        }
    }

    /// `wanted`, moved towards the current count as far as `max_scale_change` demands (guide, "Scaling Policy Fields").
    ///
    /// One operation changes at most that many replicas. So that ticks that follow each other quickly do not add up to
    /// more, changes of the same direction within the last interval (15 s at most; less 10 %, so that an ordinary tick
    /// that comes a little early is not limited by its predecessor) count as one operation.
    pub fn step(&self, wanted: u32, now: Timestamp) -> u32 {
        let Some(direction) = direction(self.current, wanted) else { return wanted };
        let Some(most) = self.rules.policy(direction).max_scale_change else { return wanted };
        let left = most.get().saturating_sub(self.changed(direction, self.operation(), now));
        match direction {
            Direction::Up => wanted.min(self.current.saturating_add(left)),
            Direction::Down => wanted.max(self.current.saturating_sub(left)),
        }
    }

    fn operation(&self) -> Duration {
        self.rules.interval.length().min(LONGEST_OPERATION).mul_f64(0.9)
    }

    /// `wanted`, moved towards the current count as far as the rate policies demand (the HPA's
    /// `calculateScaleUpLimitWithScalingRules` and `calculateScaleDownLimitWithBehaviors`).
    pub fn rate(&self, wanted: u32, now: Timestamp) -> u32 {
        let Some(direction) = direction(self.current, wanted) else { return wanted };
        let policy = self.rules.policy(direction);
        let reached = policy.policies.iter().map(|policy| self.reached(policy, direction, now));
        let furthest = match (policy.select_policy, direction) {
            (SelectPolicy::Disabled, _) => return self.current,
            (SelectPolicy::Max, Direction::Up) | (SelectPolicy::Min, Direction::Down) => reached.max(),
            (SelectPolicy::Min, Direction::Up) | (SelectPolicy::Max, Direction::Down) => reached.min(),
        };
        let Some(furthest) = furthest else { return wanted };
        // What is beyond the current count on the other side has used its allowance up.
        let furthest = furthest.clamp(0, i64::from(u32::MAX)) as u32;
        match direction {
            Direction::Up => wanted.min(furthest.max(self.current)),
            Direction::Down => wanted.max(furthest.min(self.current)),
        }
    }

    /// The count that one policy lets the workload reach, reckoned from the count at the beginning of its period.
    fn reached(&self, policy: &RatePolicy, direction: Direction, now: Timestamp) -> i64 {
        let changed = |direction| i64::from(self.changed(direction, policy.period(), now));
        let start = i64::from(self.current) - changed(Direction::Up) + changed(Direction::Down);
        let value = policy.value.get();
        // In floating point, as the HPA has it: 100 replicas and 10 % up are 111, because 100 x 1.1 is a little over 110.
        let percent = f64::from(value) / 100.0;
        if self.rules.is_hpa() {
            let (start, value) = (start as i32, value as i32);
            return i64::from(match (policy.unit, direction) {
                (RateUnit::Pods, Direction::Up) => start.wrapping_add(value),
                (RateUnit::Pods, Direction::Down) => start.wrapping_sub(value),
                (RateUnit::Percent, Direction::Up) => int32(f64::from(start) * (1.0 + percent)),
                (RateUnit::Percent, Direction::Down) => int32((f64::from(start) * (1.0 - percent)).trunc()),
            });
        }
        match (policy.unit, direction) {
            (RateUnit::Pods, Direction::Up) => start + i64::from(value),
            (RateUnit::Pods, Direction::Down) => start - i64::from(value),
            (RateUnit::Percent, Direction::Up) => (start as f64 * (1.0 + percent)).ceil() as i64,
            (RateUnit::Percent, Direction::Down) => (start as f64 * (1.0 - percent)).trunc() as i64,
        }
    }

    /// When at the earliest, from `from` on, these limits let `wanted` change anything; `None` when time alone does not.
    pub fn free_at(&self, wanted: u32, from: Timestamp) -> Option<Timestamp> {
        let direction = direction(self.current, wanted)?;
        let policies = self.rules.policy(direction).policies.iter().map(RatePolicy::period);
        let spans: Vec<_> = policies.chain([self.operation()]).collect();
        let events = self.ups.0.iter().chain(&self.downs.0);
        let ends = events.flat_map(|(at, _)| spans.iter().filter_map(|span| later(*at, *span)));
        let mut candidates: Vec<_> = ends.filter(|at| *at > from).chain([from]).collect();
        candidates.sort_unstable();
        candidates.dedup();
        candidates.into_iter().find(|at| self.rate(self.step(wanted, *at), *at) != self.current)
    }
}

/// Where `wanted` is from `current`.
pub fn direction(current: u32, wanted: u32) -> Option<Direction> {
    match wanted.cmp(&current) {
        std::cmp::Ordering::Greater => Some(Direction::Up),
        std::cmp::Ordering::Less => Some(Direction::Down),
        std::cmp::Ordering::Equal => None,
    }
}

#[cfg(test)]
pub(super) mod tests;
