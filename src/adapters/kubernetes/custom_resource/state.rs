//! The part of a status that a restarted service goes on from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::status::{named, optional, shortened};
use super::time::{text, time};
use crate::domain::autoscaler::Direction;
use crate::domain::conflict::{Conflicts, OwnChange, Yielded};
use crate::domain::limits::ScaleEvent;
use crate::domain::saved::{Announced, Memory};
use crate::domain::stabilization::Run;

/// So many runs, events and reversals are kept at most: enough for any window that does not twitch at every tick, and little
/// enough for an object.
const MOST: usize = 200;

/// What the next decisions build on.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(super) struct StateStatus {
    /// The process that wrote this.
    holder: String,
    /// The uid of the workload that the rest is about.
    workload_uid: Option<String>,
    /// The window of recommendations, oldest first.
    runs: Vec<RunStatus>,
    /// The changes that still matter to the limits.
    events: Vec<EventStatus>,
    /// The change that was about to be made; nobody has seen yet whether it was.
    announced: Option<AnnouncedStatus>,
    /// The last change of its own, unless that has been reversed.
    own: Option<Own>,
    /// When its changes were reversed of late, oldest first.
    reversals: Vec<String>,
    /// Whom it has left the workload to.
    yielded: Option<YieldedStatus>,
}

/// The same recommendation, made again and again.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
struct RunStatus {
    /// When it was made first.
    first: String,
    /// When it was made last.
    last: String,
    /// The replicas that it asked for.
    replicas: u32,
}

/// A change of replicas that happened.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
struct EventStatus {
    /// When it happened.
    at: String,
    /// up or down.
    direction: String,
    /// By how many replicas.
    change: u32,
}

/// A change of replicas that was about to be made.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
struct AnnouncedStatus {
    /// Tells the decision from every other one.
    decision_id: String,
    /// When it was announced.
    at: String,
    /// The replicas before.
    from: u32,
    /// The replicas after.
    to: u32,
}

/// A change of its own.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Own {
    /// The replicas before.
    from: u32,
    /// The replicas after.
    to: u32,
}

/// The end of a fight.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
struct YieldedStatus {
    /// Since when.
    at: String,
    /// To whom.
    to: String,
}

fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Up => "up",
        Direction::Down => "down",
    }
}

/// The last of them, as many as are kept.
fn newest<T>(all: &[T]) -> &[T] {
    &all[all.len().saturating_sub(MOST)..]
}

/// All of them, or none: a window without its oldest recommendations would agree too early, so it begins anew instead.
fn whole(runs: &[Run]) -> &[Run] {
    if runs.len() > MOST { &[] } else { runs }
}

impl From<&Memory> for StateStatus {
    fn from(memory: &Memory) -> Self {
        let run = |run: &Run| RunStatus { first: text(run.first), last: text(run.last), replicas: run.replicas };
        let event = |event: &ScaleEvent| EventStatus {
            at: text(event.at),
            direction: direction_name(event.direction).to_owned(),
            change: event.change,
        };
        let announced = |announced: &Announced| AnnouncedStatus {
            decision_id: announced.decision_id.clone(),
            at: text(announced.at),
            from: announced.from,
            to: announced.to,
        };
        let conflicts = &memory.conflicts;
        Self {
            holder: shortened(&memory.holder),
            workload_uid: memory.workload_uid.as_deref().map(str::to_owned),
            runs: whole(&memory.runs).iter().map(run).collect(),
            events: newest(&memory.events).iter().map(event).collect(),
            announced: memory.announced.as_ref().map(announced),
            own: conflicts.own.map(|own| Own { from: own.from, to: own.to }),
            reversals: newest(&conflicts.reversals).iter().map(|at| text(*at)).collect(),
            yielded: conflicts.yielded.as_ref().map(|it| YieldedStatus { at: text(it.at), to: shortened(&it.to) }),
        }
    }
}

impl StateStatus {
    pub(super) fn memory(self) -> Option<Memory> {
        let run =
            |run: RunStatus| Some(Run { first: time(&run.first)?, last: time(&run.last)?, replicas: run.replicas });
        let event = |event: EventStatus| {
            let direction = named(&[Direction::Up, Direction::Down], direction_name, &event.direction)?;
            Some(ScaleEvent { at: time(&event.at)?, direction, change: event.change })
        };
        let announced = |it: AnnouncedStatus| {
            Some(Announced { decision_id: it.decision_id, at: time(&it.at)?, from: it.from, to: it.to })
        };
        let conflicts = Conflicts {
            own: self.own.map(|own| OwnChange { from: own.from, to: own.to }),
            reversals: self.reversals.iter().map(|at| time(at)).collect::<Option<_>>()?,
            yielded: optional(self.yielded, |it| Some(Yielded { at: time(&it.at)?, to: it.to }))?,
        };
        Some(Memory {
            holder: self.holder,
            workload_uid: self.workload_uid.map(Into::into),
            runs: self.runs.into_iter().map(run).collect::<Option<_>>()?,
            events: self.events.into_iter().map(event).collect::<Option<_>>()?,
            announced: optional(self.announced, announced)?,
            conflicts,
        })
    }
}
