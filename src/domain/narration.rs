//! Decisions in words, for the people who read the log, the API and the dashboard.

use super::decision::{Decision, Rule, Step};
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

impl Step {
    /// What the rule did, as a sentence.
    pub fn sentence(&self) -> String {
        let Self { from, to, .. } = self;
        match (self.rule, self.reason) {
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
            let (metric, percent, replicas) = (report.metric, utilization.percent, proposal.replicas);
            format!("{metric} {percent} % (target {target} %{filled}) proposes {replicas}")
        }
        (Err(error), _) => format!("{} unknown ({error})", report.metric),
        (Ok(utilization), None) => format!("{} {} %", report.metric, utilization.percent),
    })
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
