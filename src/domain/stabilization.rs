//! The window of recommendations: what keeps a workload from following every twitch of its load.
//!
//! Down, the greatest recommendation of the window counts (the HPA's `stabilizeRecommendationWithBehaviors`; guide,
//! "Stabilization Window Behavior"). Up, the guide asks for two things at once: "waits for 60s of consistent high
//! utilization" and "uses the maximum recommendation during that window". So the window is a gate first and a maximum
//! afterwards. See `docs/adr/0001-gate-and-maximum.md`.

use std::collections::VecDeque;
use std::time::Duration;

use super::autoscaler::{Direction, ScalingRules, Stabilization};
use super::{Timestamp, is_younger, later};

/// Recommendations further apart than this are not a continuous observation, however short the interval.
const LEAST_GAP: Duration = Duration::from_secs(45);

/// The same recommendation, made again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// When it was made first.
    pub first: Timestamp,
    /// When it was made last.
    pub last: Timestamp,
    /// The replicas it asked for, before bounds and limits.
    pub replicas: u32,
}

/// The recommendations of one autoscaler, oldest first. What stays the same costs no more than one record.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct History {
    runs: VecDeque<Run>,
}

impl FromIterator<Run> for History {
    /// Runs that were kept, oldest first.
    fn from_iter<I: IntoIterator<Item = Run>>(runs: I) -> Self {
        Self { runs: runs.into_iter().collect() }
    }
}

/// What the windows make of a recommendation.
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
        /// When the window will agree if the recommendation stays the same.
        until: Option<Timestamp>,
    },
    /// The recommendation is the current count.
    Keep,
}

impl History {
    /// Begins with the current count, so that neither a start nor a restart causes an action.
    pub fn begin(current: u32, now: Timestamp) -> Self {
        let mut history = Self::default();
        history.push(current, now, Duration::ZERO);
        history
    }

    /// What was recommended when, in any order.
    pub fn of(rules: &ScalingRules, recommendations: impl IntoIterator<Item = (Timestamp, u32)>) -> Self {
        let mut sorted: Vec<_> = recommendations.into_iter().collect();
        sorted.sort_by_key(|(at, _)| *at);
        let mut history = Self::default();
        for (at, replicas) in sorted {
            history.push(replicas, at, longest_gap(rules));
        }
        history
    }

    /// The runs, oldest first.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter()
    }

    /// Whether a recommendation at `now` continues this history. After an outage, a pause or a frozen process it does
    /// not, and the history begins anew, so that none of them causes an action. The HPA's does always.
    pub fn is_continued(&self, rules: &ScalingRules, now: Timestamp) -> bool {
        rules.is_hpa() || self.runs.back().is_none_or(|run| is_within(run.last, now, longest_gap(rules)))
    }

    /// Adds a recommendation, and forgets what no window looks at any more.
    pub fn record(&mut self, rules: &ScalingRules, recommended: u32, now: Timestamp) {
        let gap = longest_gap(rules);
        self.push(recommended, now, gap);
        let longest = rules.scale_up.window.length().max(rules.scale_down.window.length());
        // The gate looks one gap further back than the window, for the record that covers its beginning.
        while self.runs.front().is_some_and(|run| !is_within(run.last, now, longest.saturating_add(gap))) {
            self.runs.pop_front();
        }
    }

    fn push(&mut self, replicas: u32, at: Timestamp, gap: Duration) {
        match self.runs.back_mut() {
            Some(run) if run.replicas == replicas && is_within(run.last, at, gap) => run.last = at,
            _ => self.runs.push_back(Run { first: at, last: at, replicas }),
        }
    }

    /// Applies both windows to a recommendation that is made now.
    pub fn stabilize(&self, rules: &ScalingRules, current: u32, recommended: u32, now: Timestamp) -> Stabilized {
        match recommended.cmp(&current) {
            std::cmp::Ordering::Equal => Stabilized::Keep,
            std::cmp::Ordering::Greater => self.stabilize_up(rules, current, recommended, now),
            std::cmp::Ordering::Less => self.stabilize_down(rules, current, recommended, now),
        }
    }

    fn stabilize_down(&self, rules: &ScalingRules, current: u32, recommended: u32, now: Timestamp) -> Stabilized {
        let window = rules.scale_down.window.length();
        let replicas = self.within(window, now).map(|run| run.replicas).max().unwrap_or(0).max(recommended);
        if replicas < current {
            return Stabilized::Act { replicas };
        }
        let until = self.last(|run| run.replicas >= current).and_then(|at| later(at, window));
        Stabilized::Hold { direction: Direction::Down, until }
    }

    fn stabilize_up(&self, rules: &ScalingRules, current: u32, recommended: u32, now: Timestamp) -> Stabilized {
        let window = rules.scale_up.window.length();
        let within = || self.within(window, now).map(|run| run.replicas).chain([recommended]);
        let lowest = within().min().unwrap_or(recommended);
        let agreed_at = || self.last(|run| run.replicas <= current).and_then(|at| later(at, window));
        if rules.stabilization() == Stabilization::Hpa {
            return if lowest > current {
                Stabilized::Act { replicas: lowest }
            } else {
                Stabilized::Hold { direction: Direction::Up, until: agreed_at() }
            };
        }
        let watched_since = self.watched_since(longest_gap(rules), now);
        if window.is_zero() || (lowest > current && !is_younger(watched_since, now, window)) {
            return Stabilized::Act { replicas: within().max().unwrap_or(recommended) };
        }
        Stabilized::Hold { direction: Direction::Up, until: agreed_at().max(later(watched_since, window)) }
    }

    /// The runs of which a part is younger (strictly) than the window.
    fn within(&self, window: Duration, now: Timestamp) -> impl Iterator<Item = &Run> {
        self.runs.iter().rev().take_while(move |run| is_younger(run.last, now, window))
    }

    /// When a recommendation was made last that fits.
    fn last(&self, fits: impl Fn(&Run) -> bool) -> Option<Timestamp> {
        self.runs.iter().rev().find(|run| fits(run)).map(|run| run.last)
    }

    /// Since when no two neighbours, now included, have been more than `gap` apart.
    fn watched_since(&self, gap: Duration, now: Timestamp) -> Timestamp {
        let mut since = now;
        for run in self.runs.iter().rev() {
            if !is_within(run.last, since, gap) {
                break;
            }
            since = run.first;
        }
        since
    }
}

/// The longest time between two recommendations that still belong together.
pub fn longest_gap(rules: &ScalingRules) -> Duration {
    rules.interval.length().saturating_mul(2).max(LEAST_GAP)
}

/// Whether `at` is not after `now`, and at most `span` before it.
fn is_within(at: Timestamp, now: Timestamp, span: Duration) -> bool {
    (now - at).to_std().is_ok_and(|age| age <= span)
}

#[cfg(test)]
mod tests;
