//! Times as an object keeps them: RFC 3339 to the millisecond.

use chrono::{DateTime, SecondsFormat};

use crate::domain::Timestamp;

/// A time as text.
pub(super) fn text(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The time that a text means, if it means one.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc())
}
