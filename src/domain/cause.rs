//! What made a workload be scaled, in a form small enough to be kept for hours.

use std::fmt;

use super::Timestamp;
use super::autoscaler::{Metric, TargetPercent};
use super::decision::Decision;
use super::utilization::Proposal;

/// A change of replicas that really happened, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScaleAction {
    /// When it happened.
    pub at: Timestamp,
    /// The replicas before.
    pub from: u32,
    /// The replicas after.
    pub to: u32,
    /// What decided; `None` when that was not kept.
    pub cause: Option<Cause>,
}

/// What decided a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The metric that asked for the most replicas.
    Metric {
        /// Which one.
        metric: Metric,
        /// Its utilisation in percent.
        percent: i32,
        /// The wanted utilisation.
        target: TargetPercent,
        /// Whether the utilisation was made up.
        simulated: bool,
    },
    /// The workload had fewer replicas than this minimum.
    BelowMin(u32),
    /// The workload had more replicas than this maximum.
    AboveMax(u32),
}

impl Cause {
    /// What decided `decision`; `None` when it is not one of these.
    pub fn of(decision: &Decision) -> Option<Self> {
        let bounds = decision.rules.bounds;
        match decision.current {
            0 => None,
            current if current < bounds.min() => Some(Self::BelowMin(bounds.min())),
            current if current > bounds.max() => Some(Self::AboveMax(bounds.max())),
            _ => {
                let reports = decision.metrics.iter().filter(|report| report.proposal.is_some());
                // Of those that ask for the same, the first in the guide's order.
                let greatest = reports.rev().max_by_key(|report| report.proposal.as_ref().map(Proposal::wanted))?;
                Some(Self::Metric {
                    metric: greatest.metric,
                    percent: greatest.shown_percent()?,
                    target: greatest.target?,
                    simulated: greatest.simulated.is_some(),
                })
            }
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Metric { metric, percent, target, simulated } => {
                let simulated = if *simulated { "simulated " } else { "" };
                write!(f, "{simulated}{} {percent} % of {} %", metric.title(), target.get())
            }
            Self::BelowMin(min) => write!(f, "fewer than min_replicas {min}"),
            Self::AboveMax(max) => write!(f, "more than max_replicas {max}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::autoscaler::ScalingRules;
    use crate::domain::decision::{State, decide};
    use crate::domain::fixtures::{at, observe, pods, rules, targets};

    fn cause(rules: ScalingRules, current: u32, cpu: u64, memory: u64) -> Option<String> {
        let seen = observe(current, pods(current, cpu, memory, at(0)));
        let decision = decide(&Arc::new(rules), &State::default(), Arc::new(seen), at(0));
        Cause::of(&decision).map(|cause| cause.to_string())
    }

    #[test]
    fn the_metric_that_asks_for_the_most_is_the_cause() {
        let both = ScalingRules { targets: targets(70, 60, 0), ..rules(1, 10) };
        assert_eq!(cause(both.clone(), 2, 91, 50).as_deref(), Some("CPU 91 % of 70 %"));
        assert_eq!(cause(both.clone(), 2, 71, 130).as_deref(), Some("memory 130 % of 60 %"));
        // Both ask for four.
        assert_eq!(cause(both, 2, 140, 120).as_deref(), Some("CPU 140 % of 70 %"));
    }

    #[test]
    fn a_count_outside_the_bounds_is_the_cause_whatever_the_metrics_say() {
        assert_eq!(cause(rules(3, 5), 2, 300, 0).as_deref(), Some("fewer than min_replicas 3"));
        assert_eq!(cause(rules(3, 5), 6, 300, 0).as_deref(), Some("more than max_replicas 5"));
        assert_eq!(cause(rules(3, 5), 0, 0, 0), None);
    }
}
