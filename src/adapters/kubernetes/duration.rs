//! Durations as Go writes them (`59.889s`, `1m0.996s`), which is how metrics.k8s.io gives the window of a reading.

use std::time::Duration;

/// Reads a duration that is zero or more; `None` for anything else.
pub(super) fn parse(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest.is_empty() {
        return None;
    }
    let mut nanoseconds = 0_u128;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(number_end);
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        nanoseconds = nanoseconds.checked_add(part(number, nanoseconds_in(unit)?)?)?;
        rest = after;
    }
    u64::try_from(nanoseconds).ok().map(Duration::from_nanos)
}

fn nanoseconds_in(unit: &str) -> Option<u128> {
    Some(match unit {
        "ns" => 1,
        // Go writes the micro sign (U+00B5) and reads the Greek letter (U+03BC) as well.
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60 * 1_000_000_000,
        "h" => 3_600 * 1_000_000_000,
        _ => return None,
    })
}

/// `number` times `unit`; what is below a nanosecond is dropped.
fn part(number: &str, unit: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let value = |digits: &str| if digits.is_empty() { Some(0) } else { digits.parse::<u128>().ok() };
    let fraction = &fraction[..fraction.len().min(15)];
    let below = value(fraction)?.checked_mul(unit)? / 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    value(whole)?.checked_mul(unit)?.checked_add(below)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("0", 0)]
    #[case("0s", 0)]
    #[case("15s", 15_000_000_000)]
    #[case("59.889s", 59_889_000_000)]
    #[case("1m0.996s", 60_996_000_000)]
    #[case("1h2m3.5s", 3_723_500_000_000)]
    #[case("100ms", 100_000_000)]
    #[case("1.5us", 1_500)]
    #[case("1.5\u{b5}s", 1_500)]
    #[case("7ns", 7)]
    #[case("+.5s", 500_000_000)]
    #[case("1.s", 1_000_000_000)]
    #[case("10.123456789123456789s", 10_123_456_789)]
    fn durations_are_read(#[case] text: &str, #[case] nanoseconds: u64) {
        assert_eq!(parse(text), Some(Duration::from_nanos(nanoseconds)));
    }

    #[rstest]
    fn anything_else_is_none(
        #[values("", "s", "-1s", "15", "1m5", "1x", "1.2.3s", ".s", "1d", " 1s", "1s ", "99999999999999999999h", "+")]
        text: &str,
    ) {
        assert_eq!(parse(text), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[0-9.hmsnu\u{b5}+-]{0,30}|.{0,20}") {
            let _ = parse(&text);
        }

        #[test]
        fn hours_minutes_and_seconds_add_up(hours in 0_u64..100, minutes in 0_u64..60, millis in 0_u64..60_000) {
            let text = format!("{hours}h{minutes}m{}.{:03}s", millis / 1_000, millis % 1_000);
            prop_assert_eq!(parse(&text), Some(Duration::from_millis((hours * 3_600 + minutes * 60) * 1_000 + millis)));
        }
    }
}
