//! Kubernetes' times with microseconds.

use chrono::DateTime;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use crate::domain::Timestamp;

/// Reads a time.
pub(super) fn read_time(time: &MicroTime) -> Option<Timestamp> {
    DateTime::from_timestamp_micros(time.0.as_microsecond())
}

/// A time as it is written.
pub(super) fn written_time(time: Timestamp) -> Option<MicroTime> {
    jiff::Timestamp::from_microsecond(time.timestamp_micros()).ok().map(MicroTime)
}

/// A time as it is when it has been written and read.
pub(super) fn rounded(time: Timestamp) -> Timestamp {
    DateTime::from_timestamp_micros(time.timestamp_micros()).unwrap_or(time)
}
