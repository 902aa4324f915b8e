//! What an autoscaler looked like over the last six hours, in at most 6 KiB: enough to draw it.
//!
//! A point is what the last evaluation within its step saw. The last half hour is kept by the quarter minute, what is
//! older by the minute. A step without an evaluation is a gap, and stays one.

mod points;

use std::collections::VecDeque;

use chrono::TimeDelta;

use super::Timestamp;
use super::autoscaler::{Metric, ReplicaBounds, ScalingRules, TargetPercent};
use super::cause::ScaleAction;
use super::decision::Decision;
use points::{Packed, Points, push};

/// One evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// The replicas of the workload, after what the evaluation did.
    pub current: Option<u32>,
    /// What the metrics asked for; `None` when they could not say.
    pub recommended: Option<u32>,
    /// The utilisation of each metric; `None` when it was unknown.
    pub levels: [Option<Level>; 4],
}

/// The utilisation of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// In percent; 32,766 stands for all that is more.
    pub percent: u32,
    /// Whether it is made up, because the real one was unknown.
    pub simulated: bool,
}

/// What was wanted of the autoscaler at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its bounds.
    pub bounds: ReplicaBounds,
    /// Its targets.
    pub targets: [Option<TargetPercent>; 4],
}

impl Point {
    /// What `decision` saw, when the workload has `current` replicas since.
    pub fn of(decision: &Decision, current: u32) -> Self {
        let levels = decision.metrics.each_ref().map(|report| {
            let percent = report.shown_percent()?.max(0).unsigned_abs();
            Some(Level { percent, simulated: report.simulated.is_some() })
        });
        Self { current: Some(current), recommended: decision.recommended, levels }
    }

    const GAP: Self = Self { current: None, recommended: None, levels: [None; 4] };
}

impl From<&ScalingRules> for Frame {
    fn from(rules: &ScalingRules) -> Self {
        Self { bounds: rules.bounds, targets: Metric::ALL.map(|metric| rules.targets.get(metric)) }
    }
}

/// Points at equal distances, the latest ones.
#[derive(Debug)]
struct Ring {
    step_seconds: i64,
    points: Points,
    /// The number of the last point's step, counted from 1970.
    last: i64,
}

impl Ring {
    fn new(step_seconds: i64, bound: usize) -> Self {
        Self { step_seconds, points: Points::new(bound), last: 0 }
    }

    /// Puts a point at `seconds`; `forget` gets those that fall out, with their seconds, oldest first.
    fn put(&mut self, seconds: i64, point: Packed, mut forget: impl FnMut(i64, Packed)) {
        let step = seconds.div_euclid(self.step_seconds);
        // A clock that is set back makes the past again.
        while self.points.len() > 0 && self.last > step {
            self.points.pop_last();
            self.last -= 1;
        }
        if self.points.len() == 0 {
            self.last = step - 1;
        }
        if self.last == step {
            self.points.pop_last();
            self.last -= 1;
        }
        while self.last < step {
            if self.points.is_full() {
                self.drop_first(&mut forget);
            }
            // Where all that is kept would be gaps, they need not be made one by one.
            let is_far = self.points.len() == 0 && self.last + 1 < step;
            if is_far {
                self.last = step - 1;
            }
            let next = if self.last + 1 == step { point } else { Packed::GAP };
            self.points.push(next);
            self.last += 1;
            self.drop_gaps(&mut forget);
        }
    }

    /// Drops what is at the front as long as it is nothing.
    fn drop_gaps(&mut self, forget: &mut impl FnMut(i64, Packed)) {
        while self.points.first() == Some(Packed::GAP) {
            self.drop_first(forget);
        }
    }

    fn drop_first(&mut self, forget: &mut impl FnMut(i64, Packed)) {
        let first = self.seconds().next();
        if let (Some(seconds), Some(point)) = (first, self.points.pop_first()) {
            forget(seconds, point);
        }
    }

    /// When each point begins.
    fn seconds(&self) -> impl Iterator<Item = i64> + use<> {
        let count = i64::try_from(self.points.len()).unwrap_or(0);
        let (first, step) = (self.last - count + 1, self.step_seconds);
        (first..=self.last).map(move |number| number * step)
    }

    fn iter(&self) -> impl Iterator<Item = (i64, Packed)> {
        self.seconds().zip(self.points.iter())
    }
}

/// The distance of the points of the last half hour, in seconds.
pub const FINE_STEP: u32 = 15;
/// The distance of older points, in seconds.
pub const COARSE_STEP: u32 = 60;
const FINE_POINTS: usize = 120;
const COARSE_POINTS: usize = 330;
const FRAMES: usize = 4;
const ACTIONS: usize = 8;

/// How far back a timeline reaches.
pub const REACH: TimeDelta =
    TimeDelta::seconds(FINE_STEP as i64 * FINE_POINTS as i64 + COARSE_STEP as i64 * COARSE_POINTS as i64);
/// How far back its points are as near to each other as they can be.
pub const FINE_REACH: TimeDelta = TimeDelta::seconds(FINE_STEP as i64 * FINE_POINTS as i64);

/// The latest points of one autoscaler, what was wanted of it meanwhile, and what it did.
#[derive(Debug)]
pub struct Timeline {
    fine: Ring,
    coarse: Ring,
    /// What was wanted, each since when; oldest first.
    frames: VecDeque<(Timestamp, Frame)>,
    /// Oldest first.
    actions: VecDeque<ScaleAction>,
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            fine: Ring::new(FINE_STEP.into(), FINE_POINTS),
            coarse: Ring::new(COARSE_STEP.into(), COARSE_POINTS),
            frames: VecDeque::new(),
            actions: VecDeque::new(),
        }
    }
}

impl Timeline {
    /// Adds an evaluation.
    pub fn record(&mut self, at: Timestamp, point: &Point, frame: Frame) {
        let coarse = &mut self.coarse;
        let age = |seconds, point| {
            if point != Packed::GAP {
                coarse.put(seconds, point, |_, _| {});
            }
        };
        self.fine.put(at.timestamp(), point.into(), age);
        while self.frames.back().is_some_and(|(since, _)| *since > at) {
            self.frames.pop_back();
        }
        if self.frames.back().map(|(_, last)| *last) != Some(frame) {
            if self.frames.len() == FRAMES {
                self.frames.pop_front();
            }
            push(&mut self.frames, (at, frame), FRAMES);
        }
    }

    /// Adds a change of replicas that really happened.
    pub fn act(&mut self, action: ScaleAction) {
        if self.actions.len() == ACTIONS {
            self.actions.pop_front();
        }
        push(&mut self.actions, action, ACTIONS);
    }

    /// Its points from `from` up to `to`, one each `step_seconds`, of which the last evaluation counts.
    pub fn points(&self, from: Timestamp, to: Timestamp, step_seconds: u32) -> Vec<Point> {
        let step = i64::from(step_seconds.max(1));
        let (from, to) = (from.timestamp(), to.timestamp());
        let count = usize::try_from((to - from).div_euclid(step) + i64::from((to - from).rem_euclid(step) > 0));
        let mut points = vec![Point::GAP; count.unwrap_or(0)];
        // The older ones first: where both have a minute, the finer is the later.
        for (seconds, packed) in self.coarse.iter().chain(self.fine.iter()) {
            let number = usize::try_from((seconds - from).div_euclid(step)).ok();
            let place = number.and_then(|number| points.get_mut(number));
            if let Some(place) = place.filter(|_| packed != Packed::GAP) {
                *place = packed.unpack();
            }
        }
        points
    }

    /// What was wanted at `at`; `None` before anything was, and where that is forgotten.
    pub fn frame(&self, at: Timestamp) -> Option<Frame> {
        self.frames.iter().rev().find(|(since, _)| *since <= at).map(|(_, frame)| *frame)
    }

    /// The changes from `from` up to `to`, oldest first. Those that are too old for their cause to be known are told from
    /// the points, to the minute; so are those that somebody else made.
    pub fn actions(&self, from: Timestamp, to: Timestamp) -> Vec<ScaleAction> {
        let known = self.actions.iter().copied();
        let oldest_known = self.actions.front().filter(|_| self.actions.len() == ACTIONS).map(|action| action.at);
        let mut actions = oldest_known.map_or_else(Vec::new, |oldest| self.seen_before(oldest));
        actions.extend(known);
        actions.retain(|action| from <= action.at && action.at <= to);
        actions
    }

    fn seen_before(&self, end: Timestamp) -> Vec<ScaleAction> {
        let counts =
            self.coarse.iter().chain(self.fine.iter()).filter_map(|(seconds, packed)| {
                Some((Timestamp::from_timestamp(seconds, 0)?, packed.unpack().current?))
            });
        let counts: Vec<_> = counts.take_while(|(at, _)| *at + TimeDelta::seconds(COARSE_STEP.into()) < end).collect();
        let changes = counts.windows(2).filter_map(|pair| {
            let [(_, from), (at, to)] = *pair else { return None };
            (from != to).then_some(ScaleAction { at, from, to, cause: None })
        });
        changes.collect()
    }

    /// About how many bytes it holds in memory.
    pub fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.fine.points.bytes()
            + self.coarse.points.bytes()
            + self.frames.capacity() * size_of::<(Timestamp, Frame)>()
            + self.actions.capacity() * size_of::<ScaleAction>()
    }
}

#[cfg(test)]
mod tests;
