//! Decisions in words, for the people who read the log, the API and the dashboard.

use std::fmt;

use super::decision::{Blocked, Decision, Rule, Step};
use super::reason::Reason;
use super::standing::{InFlight, Rollout};
use super::utilization::MetricReport;

impl Decision {
    /// The decision as a sentence.
    pub fn sentence(&self) -> String {
        let mut parts: Vec<String> = self.metrics.iter().filter_map(describe_metric).collect();
        parts.extend(
            self.steps
                .iter()
                .filter(|step| step.rule != Rule::Metrics)
                .map(|step| format!("{} {} -> {} ({})", step.rule.as_str(), step.from, step.to, step.reason)),
        );
        parts.extend(self.blocked.as_ref().map(Blocked::to_string));
        parts.extend((self.reason == Reason::ScalingDisabled).then(|| "scaled to zero by hand".to_owned()));
        parts.extend(describe_in_flight(&self.in_flight));
        parts.extend(self.rollout.as_ref().map(describe_rollout));
        let change = match self.direction() {
            Some(_) => format!("{} -> {}", self.current, self.desired),
            None => format!("stays at {}", self.current),
        };
        if parts.is_empty() { change } else { format!("{change}: {}", parts.join("; ")) }
    }
}

impl Decision {
    /// What a rule did, as a sentence.
    pub fn explain(&self, step: &Step) -> String {
        let Step { from, to, .. } = step;
        match (step.rule, step.reason) {
            (Rule::Metrics, _) => format!("the metrics ask for {to} replicas instead of {from}"),
            (Rule::Stabilization, Reason::ScaleUpStabilized) if to > from => {
                format!("the scale-up window makes {to} of {from}: its highest recommendation counts")
            }
            (Rule::Stabilization, Reason::ScaleUpStabilized) => {
                format!("the scale-up window makes {to} of {from}: the load must stay high for all of it")
            }
            (Rule::Stabilization, _) => {
                format!("the scale-down window makes {to} of {from}: its highest recommendation counts")
            }
            (Rule::StepLimit, _) => format!("max_scale_change allows {to} instead of {from} in this operation"),
            (Rule::RateLimit, _) => format!("the policies allow {to} instead of {from} at present"),
            (Rule::Capacity, _) => self.blocked.as_ref().map(Blocked::to_string).unwrap_or_default(),
            (Rule::Bounds, Reason::TooManyReplicas) => format!("max_replicas allows {to} instead of {from}"),
            (Rule::Bounds, _) => format!("min_replicas demands {to} instead of {from}"),
        }
    }
}

fn describe_metric(report: &MetricReport) -> Option<String> {
    let target = report.target?.get();
    Some(match (&report.utilization, &report.proposal) {
        (Ok(utilization), Some(proposal)) => {
            let filled = match proposal.effective_percent {
                effective if effective == utilization.percent => String::new(),
                effective => format!(", {effective} % with what is missing filled in"),
            };
            let (percent, replicas) = (utilization.percent, proposal.replicas);
            let metric = if report.simulated.is_some() {
                format!("simulated {}", report.metric)
            } else {
                report.metric.to_string()
            };
            format!("{metric} {percent} % (target {target} %{filled}) proposes {replicas}")
        }
        (Err(error), _) => {
            let simulated = report.simulated.as_ref().map(|simulated| {
                format!("; simulated {} % is shown and not acted on (gpu.act_on_simulated)", simulated.percent)
            });
            format!("{} unknown ({error}{})", report.metric, simulated.unwrap_or_default())
        }
        (Ok(utilization), None) => format!("{} {} %", report.metric, utilization.percent),
    })
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wanted, can_run, by } = self;
        write!(f, "wanted {wanted}, {can_run} can run, {} blocked: {by}", self.count())
    }
}

fn describe_in_flight(in_flight: &InFlight) -> Option<String> {
    let InFlight { pending, not_created, unschedulable, scheduler } = in_flight;
    let waiting = [(*pending, "pending"), (*not_created, "not created yet")];
    let waiting: Vec<_> =
        waiting.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if waiting.is_empty() {
        return None;
    }
    let unschedulable = match scheduler {
        Some(scheduler) => format!(", {unschedulable} unschedulable: {scheduler}"),
        None => String::new(),
    };
    Some(format!("replicas on their way: {}{unschedulable}", waiting.join(", ")))
}

fn describe_rollout(rollout: &Rollout) -> String {
    format!("a rollout is in progress: {} new and {} old pods", rollout.new, rollout.old)
}

#[cfg(test)]
mod tests;
