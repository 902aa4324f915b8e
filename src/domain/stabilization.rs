//! The window of recommendations: what keeps a workload from following every twitch of its load.
//!
//! Down, the greatest recommendation of the window counts (the HPA's `stabilizeRecommendationWithBehaviors`; guide,
//! "Stabilization Window Behavior"). Up, the guide asks for two things at once: "waits for 60s of consistent high
//! utilization" and "uses the maximum recommendation during that window". So the window is a gate first and a maximum
//! afterwards. See `docs/adr/0001-gate-and-maximum.md`.

use std::collections::VecDeque;
use std::time::Duration;

use super::autoscaler::{Direction, ScalingRules, Stabilization};
use super::{Timestamp, is_younger};

/// Recommendations further apart than this are not a continuous observation, however short the interval.
const LEAST_GAP: Duration = Duration::from_secs(45);

/// One recommendation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recommendation {
    /// When it was made.
    pub at: Timestamp,
    /// The replicas it asked for, before bounds and limits.
    pub replicas: u32,
}

/// The recommendations of one autoscaler, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct History {
    records: VecDeque<Recommendation>,
}

/// What the window makes of a recommendation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stabilized {
    /// The recommendation, as it was or with another size that the window holds.
    Act {
        /// Where to go.
        replicas: u32,
    },
    /// Stay: the window does not agree (yet).
    Hold {
        /// The direction that the present recommendation asked for.
        direction: Direction,
    },
    /// The recommendation is the current count.
    Keep,
}

impl History {
    /// The records, oldest first.
    pub fn records(&self) -> impl Iterator<Item = &Recommendation> {
        self.records.iter()
    }

    /// Adds a recommendation. After a start, an outage or a jump of the clock the history begins anew with the
    /// current count, so that none of them causes an action.
    pub fn record(&mut self, rules: &ScalingRules, current: u32, recommended: u32, now: Timestamp) {
        let gap = longest_gap(rules);
        let continues = self.records.back().is_some_and(|last| is_within(last.at, now, gap));
        if !continues {
            self.records.clear();
            self.records.push_back(Recommendation { at: now, replicas: current });
        }
        self.records.push_back(Recommendation { at: now, replicas: recommended });
        let longest = rules.scale_up.window.length().max(rules.scale_down.window.length());
        // The gate looks one gap further back than the window, for the record that covers its beginning.
        while self.records.front().is_some_and(|first| !is_within(first.at, now, longest + gap)) {
            self.records.pop_front();
        }
    }

    /// Applies both windows to the last recommendation, which [`Self::record`] has added.
    pub fn stabilize(&self, rules: &ScalingRules, current: u32, now: Timestamp) -> Stabilized {
        let Some(present) = self.records.back() else { return Stabilized::Keep };
        let (direction, allowed) = match present.replicas.cmp(&current) {
            std::cmp::Ordering::Equal => return Stabilized::Keep,
            std::cmp::Ordering::Greater => (Direction::Up, self.stabilize_up(rules, present.replicas, current, now)),
            std::cmp::Ordering::Less => {
                let highest = self.in_window(rules, Direction::Down, now).max().unwrap_or(present.replicas);
                (Direction::Down, highest.max(present.replicas))
            }
        };
        let moves = match direction {
            Direction::Up => allowed > current,
            Direction::Down => allowed < current,
        };
        if moves { Stabilized::Act { replicas: allowed } } else { Stabilized::Hold { direction } }
    }

    fn stabilize_up(&self, rules: &ScalingRules, present: u32, current: u32, now: Timestamp) -> u32 {
        let policy = rules.policy(Direction::Up);
        let lowest = self.in_window(rules, Direction::Up, now).min().unwrap_or(present).min(present);
        match policy.stabilization {
            Stabilization::Hpa => lowest,
            Stabilization::GateAndMaximum if policy.window.length().is_zero() => present,
            Stabilization::GateAndMaximum => {
                if lowest > current && self.covers(policy.window.length(), longest_gap(rules), now) {
                    self.in_window(rules, Direction::Up, now).max().unwrap_or(present).max(present)
                } else {
                    current
                }
            }
        }
    }

    /// The recommendations that are younger (strictly) than the window.
    fn in_window(&self, rules: &ScalingRules, direction: Direction, now: Timestamp) -> impl Iterator<Item = u32> {
        let window = rules.policy(direction).window.length();
        self.records.iter().rev().take_while(move |record| is_younger(record.at, now, window)).map(|r| r.replicas)
    }

    /// Whether the whole window was watched: a record at least one window old exists, and from the youngest such
    /// record until now no two neighbours are more than `gap` apart.
    fn covers(&self, window: Duration, gap: Duration, now: Timestamp) -> bool {
        let mut later = now;
        for record in self.records.iter().rev() {
            if !is_within(record.at, later, gap) {
                return false;
            }
            if !is_younger(record.at, now, window) {
                return true;
            }
            later = record.at;
        }
        false
    }
}

/// The longest time between two recommendations that still belong together.
pub fn longest_gap(rules: &ScalingRules) -> Duration {
    (2 * rules.interval.length()).max(LEAST_GAP)
}

/// Whether `at` is not after `now`, and at most `span` before it.
fn is_within(at: Timestamp, now: Timestamp, span: Duration) -> bool {
    (now - at).to_std().is_ok_and(|age| age <= span)
}

#[cfg(test)]
mod tests;
