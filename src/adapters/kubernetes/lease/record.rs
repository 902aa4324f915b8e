//! What a Lease says, and what is written into it.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};

use super::super::micro_time::{read_time, written_time};
use crate::domain::Timestamp;
use crate::domain::autoscaler::Mode;
use crate::ports::ClusterError;

/// The mode that all replicas are to be in.
pub(super) const MODE: &str = "ai-storage.io/mode";

/// The mode in which the holder is, and which holder: `observe@<identity>`.
const CONFIRMED: &str = "ai-storage.io/mode-confirmed";

/// What of a Lease decides who leads. Equal records are the same one, unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// The version that a change must name.
    pub(super) version: String,
    /// Who holds it; `None` when nobody does.
    pub(super) holder: Option<Arc<str>>,
    /// When the holder says that it took it.
    pub(super) acquired: Option<Timestamp>,
    /// When the holder says that it renewed it last.
    pub(super) renewed: Option<Timestamp>,
    /// How long it is the holder's after a renewal.
    pub(super) lasts: Option<Duration>,
}

impl Record {
    /// Reads a Lease.
    pub(super) fn of(lease: &Lease) -> Result<Self, ClusterError> {
        let version = lease.metadata.resource_version.clone().filter(|version| !version.is_empty());
        let version = version.ok_or_else(|| {
            ClusterError::Unavailable("the API server's answer makes no sense: a Lease without version".to_owned())
        })?;
        let spec = lease.spec.as_ref();
        let seconds = spec.and_then(|spec| u64::try_from(spec.lease_duration_seconds?).ok());
        Ok(Self {
            version,
            holder: holder(lease).map(Into::into),
            acquired: spec.and_then(|spec| read_time(spec.acquire_time.as_ref()?)),
            renewed: spec.and_then(|spec| read_time(spec.renew_time.as_ref()?)),
            lasts: seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs),
        })
    }
}

/// Who holds a Lease.
pub(super) fn holder(lease: &Lease) -> Option<&str> {
    lease.spec.as_ref()?.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}

/// How often a Lease has changed hands.
pub(super) fn transitions(lease: &Lease) -> u64 {
    let transitions = lease.spec.as_ref().and_then(|spec| spec.lease_transitions);
    transitions.and_then(|transitions| transitions.try_into().ok()).unwrap_or(0)
}

/// The mode that a Lease wants. What is no mode is taken for the one in which nothing can go wrong: whoever wrote it by
/// hand wanted to brake, and can correct it.
pub(super) fn wanted_mode(lease: &Lease) -> Option<Mode> {
    let text = annotation(lease, MODE)?;
    Some(text.trim().to_ascii_lowercase().parse().unwrap_or(Mode::Observe))
}

/// Whether the present holder has confirmed that it is in `mode`.
pub(super) fn is_confirmed(lease: &Lease, mode: Mode) -> bool {
    let confirmed = annotation(lease, CONFIRMED).and_then(|text| text.split_once('@'));
    confirmed.is_some_and(|(confirmed, by)| confirmed == mode.as_str() && Some(by) == holder(lease))
}

fn annotation<'a>(lease: &'a Lease, key: &str) -> Option<&'a str> {
    lease.metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

/// Wants a mode. What was confirmed before counts no more, even if it is the same: in between, it may have been another.
pub(super) fn want_mode(lease: &mut Lease, mode: Mode) {
    let annotations = lease.metadata.annotations.get_or_insert_default();
    annotations.insert(MODE.to_owned(), mode.as_str().to_owned());
    annotations.remove(CONFIRMED);
}

/// Writes which mode the holder is in, provided that it is the wanted one.
pub(super) fn confirm(lease: &mut Lease, mode: Option<Mode>, identity: &str) {
    let confirmed = mode.filter(|mode| wanted_mode(lease) == Some(*mode));
    match confirmed {
        Some(mode) => {
            let annotations = lease.metadata.annotations.get_or_insert_default();
            annotations.insert(CONFIRMED.to_owned(), format!("{}@{identity}", mode.as_str()));
        }
        None => {
            if let Some(annotations) = &mut lease.metadata.annotations {
                annotations.remove(CONFIRMED);
            }
        }
    }
}

/// Writes a renewal.
pub(super) fn renew(lease: &mut Lease, now: Timestamp, lasts: Duration) {
    let spec = lease.spec.get_or_insert_default();
    spec.renew_time = written_time(now);
    spec.lease_duration_seconds = Some(i32::try_from(lasts.as_secs()).unwrap_or(i32::MAX));
}

/// Writes a new holder, who takes it at `acquired`.
pub(super) fn take(lease: &mut Lease, identity: &str, acquired: Timestamp) {
    let before = lease.spec.take();
    let transitions = before.as_ref().map_or(0, |spec| spec.lease_transitions.unwrap_or(0).saturating_add(1));
    lease.spec = Some(LeaseSpec {
        holder_identity: Some(identity.to_owned()),
        acquire_time: written_time(acquired),
        lease_transitions: Some(transitions),
        ..before.unwrap_or_default()
    });
}

/// Writes that nobody holds it.
pub(super) fn release(lease: &mut Lease, now: Timestamp) {
    let spec = lease.spec.get_or_insert_default();
    spec.holder_identity = Some(String::new());
    spec.renew_time = written_time(now);
    confirm(lease, None, "");
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn lease(annotations: Value, holder: Value) -> Lease {
        let lease = json!({
            "metadata": {"resourceVersion": "7", "annotations": annotations},
            "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15, "leaseTransitions": 3,
                     "acquireTime": "2026-01-05T10:00:00.000001Z", "renewTime": "2026-01-05T10:00:07.123456Z"},
        });
        serde_json::from_value(lease).unwrap()
    }

    #[test]
    fn a_record_is_read_and_its_times_are_written_as_they_were() {
        let mut lease = lease(json!(null), json!("a"));
        let record = Record::of(&lease).unwrap();
        assert_eq!((record.version.as_str(), record.holder.as_deref()), ("7", Some("a")));
        assert_eq!(record.lasts, Some(Duration::from_secs(15)));
        let at = record.renewed.unwrap();
        renew(&mut lease, at, Duration::from_secs(9));
        take(&mut lease, "b", at);
        let written = serde_json::to_value(&lease).unwrap();
        assert_eq!(
            written["spec"],
            json!({"holderIdentity": "b", "leaseDurationSeconds": 9, "leaseTransitions": 4,
                   "acquireTime": "2026-01-05T10:00:07.123456Z", "renewTime": "2026-01-05T10:00:07.123456Z"})
        );
    }

    #[rstest]
    #[case::nobody(json!({"spec": {"holderIdentity": ""}}))]
    #[case::no_spec(json!({}))]
    #[case::impossible_numbers(json!({"spec": {"leaseDurationSeconds": -4, "leaseTransitions": -1}}))]
    fn what_is_not_there_is_not_made_up(#[case] mut value: Value) {
        value["metadata"] = json!({"resourceVersion": "1"});
        let lease: Lease = serde_json::from_value(value).unwrap();
        let record = Record::of(&lease).unwrap();
        assert_eq!((record.holder, record.lasts, record.renewed), (None, None, None));
        assert_eq!(transitions(&lease), 0);
    }

    #[test]
    fn a_lease_without_a_version_cannot_be_changed() {
        assert!(Record::of(&Lease::default()).is_err());
    }

    #[rstest]
    #[case(json!({MODE: "observe"}), Some(Mode::Observe))]
    #[case(json!({MODE: "active"}), Some(Mode::Active))]
    #[case(json!({MODE: " Active"}), Some(Mode::Active))]
    #[case::typing_error(json!({MODE: "observ"}), Some(Mode::Observe))]
    #[case(json!({"other": "active"}), None)]
    #[case(json!(null), None)]
    fn a_mode_is_read(#[case] annotations: Value, #[case] expected: Option<Mode>) {
        assert_eq!(wanted_mode(&lease(annotations, json!("a"))), expected);
    }

    #[test]
    fn a_confirmation_counts_for_its_mode_and_its_holder_and_until_a_mode_is_wanted() {
        let mut lease = lease(json!({MODE: "observe", "other": "stays"}), json!("a@host"));
        confirm(&mut lease, Some(Mode::Active), "a@host");
        assert!(!is_confirmed(&lease, Mode::Active), "it is not the wanted one");
        confirm(&mut lease, Some(Mode::Observe), "a@host");
        assert!(is_confirmed(&lease, Mode::Observe) && !is_confirmed(&lease, Mode::Active));

        let mut taken = lease.clone();
        take(&mut taken, "b", Timestamp::UNIX_EPOCH);
        assert!(!is_confirmed(&taken, Mode::Observe));

        want_mode(&mut lease, Mode::Observe);
        assert!(!is_confirmed(&lease, Mode::Observe));
        assert_eq!(annotation(&lease, "other"), Some("stays"));
    }
}
