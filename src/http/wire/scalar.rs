//! Single values as the API writes and reads them: times, spans, quantities, counts, phases.

use std::fmt;
use std::time::Duration;

use chrono::{SecondsFormat, TimeDelta};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Number;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::Timestamp;
use crate::domain::observation::PodPhase;
use crate::domain::quantity::Amount;
use crate::domain::validation;

/// A time to the second, as in the guide.
pub fn rfc3339(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A time to the millisecond.
pub fn rfc3339_millis(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A number, written without a fraction when it has none.
pub fn number(number: f64) -> Number {
    /// Up to here every whole number is a float of its own.
    const EXACT: f64 = (1_u64 << 53) as f64;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        return (number as i64).into();
    }
    Number::from_f64(number).unwrap_or_else(|| 0.into())
}

/// A number to two decimals.
pub fn two_decimals(exact: f64) -> Number {
    number((exact * 100.0).round() / 100.0)
}

/// A span in seconds.
pub fn seconds(span: Duration) -> Number {
    if span.subsec_nanos() == 0 { span.as_secs().into() } else { number(span.as_secs_f64()) }
}

/// How long before `now` something was, in seconds to the millisecond; negative when that is to come.
pub fn age(now: Timestamp, at: Timestamp) -> Number {
    let milliseconds = (now - at).num_milliseconds();
    if milliseconds % 1_000 == 0 { (milliseconds / 1_000).into() } else { number(milliseconds as f64 / 1_000.0) }
}

/// An amount as Kubernetes writes it: whole units, else thousandths, else millionths.
pub fn quantity(millionths: i128) -> String {
    match millionths {
        whole if whole % 1_000_000 == 0 => (whole / 1_000_000).to_string(),
        thousandths if thousandths % 1_000 == 0 => format!("{}m", thousandths / 1_000),
        millionths => format!("{millionths}u"),
    }
}

/// A span that a client gives in seconds, to the nanosecond; what is longer than any span is the longest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ToSchema)]
#[schema(as = Span, value_type = f64, minimum = 0)]
pub struct Span(pub Duration);

impl Span {
    /// The moment so long before `now`; what is before all dates is the first.
    pub fn before(self, now: Timestamp) -> Timestamp {
        let span = TimeDelta::from_std(self.0).ok();
        span.and_then(|span| now.checked_sub_signed(span)).unwrap_or(Timestamp::MIN_UTC)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        validation::seconds(seconds).map(Self).ok_or_else(|| D::Error::custom("must be at least 0"))
    }
}

/// A number of replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = i32, minimum = 0)]
pub struct Replicas(pub u32);

impl<'de> Deserialize<'de> for Replicas {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let replicas = i32::deserialize(deserializer)?;
        u32::try_from(replicas).map(Self).map_err(|_| D::Error::custom("must be at least 0"))
    }
}

/// A Kubernetes quantity: a text, or a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantity(pub Amount);

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct QuantityVisitor;

        impl Visitor<'_> for QuantityVisitor {
            type Value = Quantity;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a quantity, as text or as a number")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Quantity, E> {
                text.trim().parse().map(Quantity).map_err(E::custom)
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Quantity, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Quantity, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Quantity, E> {
                // The shortest text that stands for the number, which is the one that was sent.
                self.visit_str(&number.to_string())
            }
        }

        deserializer.deserialize_any(QuantityVisitor)
    }
}

impl ToSchema for Quantity {}

impl PartialSchema for Quantity {
    fn schema() -> RefOr<Schema> {
        const TEXT: &str = "^[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?[0-9]+|[numkMGTPE]|[KMGTPE]i)?$";
        let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(TEXT)).examples(["250m", "1Gi"]);
        let either = OneOfBuilder::new().item(text).item(ObjectBuilder::new().schema_type(Type::Number));
        either.description(Some("A Kubernetes quantity, as text or as a number.")).into()
    }
}

/// The pods' phases as Kubernetes writes them.
pub const PHASES: [(&str, PodPhase); 5] = [
    ("Pending", PodPhase::Pending),
    ("Running", PodPhase::Running),
    ("Succeeded", PodPhase::Succeeded),
    ("Failed", PodPhase::Failed),
    ("Unknown", PodPhase::Unknown),
];

/// A pod's phase as Kubernetes writes it.
pub fn phase_name(phase: PodPhase) -> &'static str {
    PHASES.iter().find(|(_, known)| *known == phase).map_or("Unknown", |(name, _)| name)
}

/// A pod's phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phase(pub PodPhase);

impl<'de> Deserialize<'de> for Phase {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let known = PHASES.iter().find(|(name, _)| *name == text).map(|(_, phase)| Self(*phase));
        known.ok_or_else(|| D::Error::custom(format!("must be one of {}", PHASES.map(|(name, _)| name).join(", "))))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(10.0, "10")]
    #[case(-3.0, "-3")]
    #[case(12.5, "12.5")]
    #[case(1e300, "1e300")]
    fn a_whole_number_has_no_fraction(#[case] value: f64, #[case] expected: &str) {
        // serde_json has its own way to write exponents.
        assert_eq!(number(value).to_string().replace('+', ""), expected);
    }

    #[rstest]
    #[case(0, "0")]
    #[case(850_000, "850m")]
    #[case(-5_000, "-5m")]
    #[case(3_000_000, "3")]
    #[case(823_450, "823450u")]
    #[case(314_572_800_500_000, "314572800500m")]
    fn a_quantity_is_written_in_the_unit_that_fits(#[case] millionths: i128, #[case] expected: &str) {
        assert_eq!(quantity(millionths), expected);
    }

    #[rstest]
    #[case(json!("250m"), 250)]
    #[case(json!(" 250m\n"), 250)]
    #[case(json!(2), 2_000)]
    #[case(json!(0.5), 500)]
    #[case(json!(0.1), 100)]
    #[case(json!(-1), -1_000)]
    #[case(json!(1e-9), 1)]
    fn a_quantity_is_a_text_or_a_number(#[case] value: serde_json::Value, #[case] thousandths: i64) {
        let Quantity(amount) = serde_json::from_value(value).unwrap();
        assert_eq!(amount.as_in_go(), thousandths);
    }

    #[rstest]
    fn anything_else_is_no_quantity(
        #[values(json!("much"), json!(""), json!("1 m"), json!(true), json!([1]), json!({}))] value: serde_json::Value,
    ) {
        assert!(serde_json::from_value::<Quantity>(value).is_err());
    }

    #[test]
    fn a_span_beyond_all_dates_is_the_longest() {
        let Span(longest) = serde_json::from_str("1e300").unwrap();
        assert_eq!(longest, Duration::MAX);
        assert_eq!(Span(longest).before(Timestamp::UNIX_EPOCH), Timestamp::MIN_UTC);
        assert_eq!(serde_json::from_str::<Span>("0.0000000016").unwrap().0, Duration::from_nanos(2));
        assert!(serde_json::from_str::<Span>("-0.1").is_err());
    }
}
