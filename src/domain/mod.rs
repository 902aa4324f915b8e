//! The rules, and nothing but the rules: no actors, no Kubernetes client, no HTTP, no clock, no randomness.
//!
//! Read it in this order: an [`autoscaler`] says what is wanted, an [`observation`] says what is so; [`utilization`]
//! turns the two into one proposal per metric, [`stabilization`] and [`limits`] restrain their maximum, and
//! [`decision::decide`] runs all of it and records each step.

pub mod access;
pub mod autoscaler;
pub mod capacity;
pub mod cause;
pub mod condition;
pub mod conflict;
pub mod decision;
pub mod decision_log;
pub mod gpu;
pub mod limits;
pub mod namespaces;
pub mod narration;
pub mod observation;
pub mod quantity;
pub mod reason;
pub mod replay;
pub mod saved;
pub mod stabilization;
pub mod standing;
pub mod status;
pub mod timeline;
pub mod utilization;
pub mod validation;

#[cfg(test)]
pub(crate) mod arbitrary;
#[cfg(test)]
pub(crate) mod fixtures;

/// A moment in the cluster's time. The domain never asks for the present one: it is always an argument.
pub type Timestamp = chrono::DateTime<chrono::Utc>;

/// Whether `at` is less than `span` before `now`, or after it. Unlike a sum, a difference of timestamps cannot overflow.
fn is_younger(at: Timestamp, now: Timestamp, span: std::time::Duration) -> bool {
    (now - at).to_std().map_or(true, |age| age < span)
}

/// `span` before `at`; `None` beyond all dates.
fn earlier(at: Timestamp, span: std::time::Duration) -> Option<Timestamp> {
    at.checked_sub_signed(chrono::TimeDelta::from_std(span).ok()?)
}

/// `span` after `at`; `None` beyond all dates.
fn later(at: Timestamp, span: std::time::Duration) -> Option<Timestamp> {
    at.checked_add_signed(chrono::TimeDelta::from_std(span).ok()?)
}
