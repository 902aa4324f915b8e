//! What an autoscaler decided of late, in bounded memory.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use super::Timestamp;
use super::access::CallerName;
use super::decision::{Decision, Outcome};
use super::gpu::GpuReading;
use super::observation::{ObservedPod, PodUsage};
use super::reason::Reason;
use super::stabilization::longest_gap;
use super::utilization::MetricError;

/// One decision, or a run of the same ones that changed nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// When the first of the run was made.
    pub first_at: Timestamp,
    /// When the last was made.
    pub last_at: Timestamp,
    /// How many there were.
    pub count: u64,
    /// What came of each.
    pub outcome: Outcome,
    /// The reason that decided.
    pub reason: Reason,
    /// What is to be said of the last; `None` when that is what its decision says of itself, which nobody may ever read.
    pub said: Option<String>,
    /// The last of the run; `None` when so little was known that nothing could be decided.
    pub decision: Option<Arc<Decision>>,
    /// Who made the rules that it was made by, if that is known.
    pub rules_by: Option<CallerName>,
}

impl Entry {
    /// A single decision and what came of it, with what is to be said instead of [`Decision::sentence`].
    pub fn new(decision: Arc<Decision>, outcome: Outcome, reason: Reason, instead: Option<String>) -> Self {
        let at = decision.at;
        let decision = Some(decision);
        Self { first_at: at, last_at: at, count: 1, outcome, reason, said: instead, decision, rules_by: None }
    }

    /// An evaluation that could not decide.
    pub fn undecided(at: Timestamp, reason: Reason, message: String) -> Self {
        Self {
            first_at: at,
            last_at: at,
            count: 1,
            outcome: Outcome::Held,
            reason,
            said: Some(message),
            decision: None,
            rules_by: None,
        }
    }

    /// The whole as a sentence, that of the last.
    pub fn message(&self) -> Cow<'_, str> {
        match (&self.said, &self.decision) {
            (Some(said), _) => said.into(),
            (None, Some(decision)) => decision.sentence().into(),
            (None, None) => "".into(),
        }
    }

    /// Whether `next` says the same once more: nothing changes, for the same reason, from the same numbers.
    fn is_repeated_by(&self, next: &Self) -> bool {
        let changes = matches!(self.outcome, Outcome::ScaleUp | Outcome::ScaleDown);
        // What failed, or was not even tried, says why in its message alone.
        let says_the_same = match self.outcome {
            Outcome::Failed => self.said == next.said,
            _ => true,
        };
        let is_same = match (&self.decision, &next.decision) {
            (Some(this), Some(next)) => says_the_same && is_same(this, next) && follows(this, next),
            (None, None) => self.said == next.said,
            _ => false,
        };
        !changes
            && is_same
            && (self.outcome, self.reason) == (next.outcome, next.reason)
            && self.rules_by == next.rules_by
    }

    /// About how many bytes it holds in memory. The pods do not count: as long as they live, others hold them as well.
    fn bytes(&self) -> usize {
        let decision = self.decision.as_ref().map_or(0, |decision| {
            let seen = &*decision.observation;
            let own = size_of::<Decision>() + size_of_val(&*decision.steps) + size_of_val(seen);
            let strays = seen.strays.iter().map(|usage| bytes_of_usage(usage));
            own + seen.pods.iter().map(bytes_of_pod).chain(strays).sum::<usize>()
        });
        size_of::<Self>() + self.said.as_ref().map_or(0, String::len) + decision
    }
}

/// Whether two decisions say the same, though the readings may have moved a little.
fn is_same(one: &Decision, other: &Decision) -> bool {
    let numbers = |decision: &Decision| (decision.current, decision.recommended, decision.desired);
    numbers(one) == numbers(other)
        && one.steps == other.steps
        && metrics(one) == metrics(other)
        && (Arc::ptr_eq(&one.rules, &other.rules) || one.rules == other.rules)
}

/// What each metric says: why it is unknown, or what it proposes.
fn metrics(decision: &Decision) -> [(Option<&MetricError>, Option<i32>); 4] {
    decision
        .metrics
        .each_ref()
        .map(|report| (report.utilization.as_ref().err(), report.proposal.as_ref().map(|proposal| proposal.replicas)))
}

/// Whether nothing was missed in between, as in a pause.
fn follows(one: &Decision, other: &Decision) -> bool {
    (other.now - one.now).to_std().is_ok_and(|between| between <= longest_gap(&other.rules))
}

fn bytes_of_pod(observed: &ObservedPod) -> usize {
    let usage = observed.usage.as_deref().map_or(0, bytes_of_usage);
    let gpus = observed.gpus.as_deref().map_or(0, |gpus| gpus.devices.len() * size_of::<GpuReading>());
    size_of_val(observed) + usage + gpus
}

fn bytes_of_usage(usage: &PodUsage) -> usize {
    let containers = usage.containers.iter().map(|container| size_of_val(container) + container.name.len());
    size_of_val(usage) + containers.sum::<usize>()
}

/// How much a log may hold. The latest entry is always there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogBounds {
    /// At most this many entries.
    pub entries: usize,
    /// At most about this many bytes.
    pub bytes: usize,
}

/// The latest decisions of one autoscaler.
#[derive(Debug)]
pub struct DecisionLog {
    bounds: LogBounds,
    /// Oldest first, each with its size.
    entries: VecDeque<(Arc<Entry>, usize)>,
    bytes: usize,
}

impl DecisionLog {
    /// An empty log.
    pub fn new(bounds: LogBounds) -> Self {
        Self { bounds, entries: VecDeque::new(), bytes: 0 }
    }

    /// Adds a decision. One that repeats the last, which changed nothing, is folded into it.
    pub fn add(&mut self, mut entry: Entry) {
        if let Some((last, bytes)) = self.entries.back()
            && last.is_repeated_by(&entry)
        {
            entry.first_at = last.first_at;
            entry.count += last.count;
            self.bytes -= bytes;
            self.entries.pop_back();
        }
        let bytes = entry.bytes();
        self.bytes += bytes;
        self.entries.push_back((Arc::new(entry), bytes));
        while self.entries.len() > 1 && (self.entries.len() > self.bounds.entries || self.bytes > self.bounds.bytes) {
            self.bytes -= self.entries.pop_front().map_or(0, |(_, bytes)| bytes);
        }
    }

    /// The entries, newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries.iter().rev().map(|(entry, _)| entry)
    }

    /// About how many bytes it holds.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests;
