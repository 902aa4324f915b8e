//! What a change of an autoscaler's definition would come to.

use serde::Serialize;
use serde_json::Number;
use utoipa::ToSchema;

use super::scalar::{number, rfc3339};
use super::spec::SpecBody;
use crate::actors::preview::{Compared, Preview, Stretch};
use crate::actors::snapshot::AutoscalerRecord;
use crate::domain::autoscaler::ScalingRules;
use crate::domain::decision::Decision;

/// The answer to `POST /autoscaling/:id/preview`.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Preview)]
pub struct PreviewBody {
    autoscaling_id: String,
    /// The definition as it would be.
    spec: SpecBody,
    current_replicas: u32,
    /// Null while nothing is known about the workload.
    #[schema(required)]
    as_is: Option<PreviewedBody>,
    /// Likewise.
    #[schema(required)]
    with_change: Option<PreviewedBody>,
    /// Null when less than a minute is known of the last hour.
    #[schema(required)]
    past: Option<PastBody>,
    /// All of it as a sentence.
    message: String,
}

/// A decision in short.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = PreviewedDecision)]
struct PreviewedBody {
    desired_replicas: u32,
    #[schema(required)]
    recommended_replicas: Option<u32>,
    message: String,
}

/// What both would have come to over the last hour's load.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = PreviewedPast)]
struct PastBody {
    #[schema(format = DateTime)]
    from: String,
    #[schema(format = DateTime)]
    to: String,
    #[schema(value_type = f64, minimum = 0)]
    replica_minutes_as_is: Number,
    #[schema(value_type = f64, minimum = 0)]
    replica_minutes_with_change: Number,
    #[schema(value_type = f64)]
    difference: Number,
}

impl PreviewBody {
    /// What `rules` would make of the autoscaler's workload.
    pub fn new(record: &AutoscalerRecord, rules: &ScalingRules, preview: &Preview) -> Self {
        let [as_is, with_change] = match &preview.now {
            Some(now) => [Some((&now.as_is).into()), Some((&now.with_change).into())],
            None => [None, None],
        };
        Self {
            autoscaling_id: record.id.clone(),
            spec: SpecBody::new(&record.workload, rules),
            current_replicas: preview.current_replicas,
            as_is,
            with_change,
            past: preview.past.as_ref().map(PastBody::from),
            message: message(preview),
        }
    }
}

impl From<&Decision> for PreviewedBody {
    fn from(decision: &Decision) -> Self {
        Self {
            desired_replicas: decision.desired,
            recommended_replicas: decision.recommended,
            message: decision.sentence(),
        }
    }
}

impl From<&(Stretch, Compared<f64>)> for PastBody {
    fn from((stretch, minutes): &(Stretch, Compared<f64>)) -> Self {
        Self {
            from: rfc3339(stretch.from),
            to: rfc3339(stretch.to),
            replica_minutes_as_is: number(minutes.as_is),
            replica_minutes_with_change: number(minutes.with_change),
            difference: number(minutes.with_change - minutes.as_is),
        }
    }
}

fn message(preview: &Preview) -> String {
    let now = match &preview.now {
        None => "nothing is known about the workload now".to_owned(),
        Some(Compared { as_is, with_change }) if as_is.desired == with_change.desired => {
            format!("{} replicas now, as without this change", with_change.desired)
        }
        Some(Compared { as_is, with_change }) => {
            format!("{} instead of {} replicas now", with_change.desired, as_is.desired)
        }
    };
    match &preview.past {
        None => format!("{now}; too little is known of the last hour"),
        Some((stretch, minutes)) => {
            let span = (stretch.to - stretch.from).num_minutes();
            let difference = (minutes.with_change - minutes.as_is).round();
            let how = if difference > 0.0 {
                format!("{difference} more replica-minutes")
            } else if difference < 0.0 {
                format!("{} fewer replica-minutes", -difference)
            } else {
                "as many replica-minutes".to_owned()
            };
            format!("{now}; over the last {span} min {how}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    fn said(as_is: f64, with_change: f64) -> String {
        let to = Timestamp::from_timestamp(1_800_000_000, 0).unwrap();
        let stretch = Stretch { from: to - chrono::TimeDelta::minutes(57), to };
        let past = Some((stretch, Compared { as_is, with_change }));
        message(&Preview { current_replicas: 3, now: None, past })
    }

    #[test]
    fn the_difference_is_said_in_words() {
        let now = "nothing is known about the workload now; over the last 57 min";
        assert_eq!(said(180.0, 194.25), format!("{now} 14 more replica-minutes"));
        assert_eq!(said(194.0, 180.0), format!("{now} 14 fewer replica-minutes"));
        assert_eq!(said(180.0, 180.25), format!("{now} as many replica-minutes"));
        let nothing = message(&Preview { current_replicas: 3, now: None, past: None });
        assert_eq!(nothing, "nothing is known about the workload now; too little is known of the last hour");
    }
}
