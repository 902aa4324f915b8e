//! Points in time as people say them, and spans as they read them.

use chrono::{DateTime, LocalResult, NaiveDate, NaiveTime, SecondsFormat, TimeDelta, TimeZone, Utc};

/// What a time may look like.
pub const FORMS: &str = "a time is as 2026-11-24T22:56:05Z (RFC 3339), as 14:03 or 14:03:20 (of your time zone, the last \
                         time that it was so late; 14:03Z is UTC), or as \"10m ago\" (s, m, h or d)";

/// The point in time that `text` means at `now`, for somebody in `zone`; `None` when it means none.
pub fn parse<Z: TimeZone>(text: &str, now: DateTime<Utc>, zone: &Z) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if text == "now" {
        return Some(now);
    }
    if let Some(span) = text.strip_suffix("ago") {
        return now.checked_sub_signed(parse_span(span.trim())?);
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.into());
    }
    match text.strip_suffix(['Z', 'z']) {
        Some(utc) => last(time_of_day(utc)?, now, &Utc),
        None => last(time_of_day(text)?, now, zone),
    }
}

fn time_of_day(text: &str) -> Option<NaiveTime> {
    ["%H:%M:%S", "%H:%M"].iter().find_map(|form| NaiveTime::parse_from_str(text, form).ok())
}

/// The last moment up to `now` at which it was so late in `zone`. An hour that a change of clocks leaves out is none.
fn last<Z: TimeZone>(time: NaiveTime, now: DateTime<Utc>, zone: &Z) -> Option<DateTime<Utc>> {
    let today = now.with_timezone(zone).date_naive();
    let at = |day: NaiveDate| match zone.from_local_datetime(&day.and_time(time)) {
        LocalResult::Single(at) => Some(at.with_timezone(&Utc)),
        LocalResult::Ambiguous(first, second) => {
            let second = second.with_timezone(&Utc);
            Some(if second <= now { second } else { first.with_timezone(&Utc) })
        }
        LocalResult::None => None,
    };
    [Some(today), today.pred_opt()].into_iter().flatten().filter_map(at).find(|at| *at <= now)
}

/// A span as `90s`, `10m`, `1h30m` or `10 min`.
fn parse_span(text: &str) -> Option<TimeDelta> {
    let mut left = text;
    let mut sum = TimeDelta::zero();
    while !left.is_empty() {
        let digits = left.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = left.get(..digits)?.parse().ok()?;
        left = left.get(digits..)?.trim_start();
        let letters = left.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(left.len());
        let seconds = match left.get(..letters)? {
            "s" | "sec" | "second" | "seconds" => 1,
            "m" | "min" | "minute" | "minutes" => 60,
            "h" | "hour" | "hours" => 3_600,
            "d" | "day" | "days" => 86_400,
            _ => return None,
        };
        left = left.get(letters..)?.trim_start();
        sum = sum.checked_add(&TimeDelta::try_seconds(number.checked_mul(seconds)?)?)?;
    }
    (sum > TimeDelta::zero()).then_some(sum)
}

/// A time in an answer of the API.
pub fn time(value: &serde_json::Value) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(value.as_str()?).ok().map(Into::into)
}

/// A time as the API writes it, to the second.
pub fn shown(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A span in short: `38s`, `4m15s`, `3h5m`, `2d4h`. Negative ones, which clocks that differ make, are none.
pub fn span(span: TimeDelta) -> String {
    let seconds = span.num_seconds().max(0);
    let two = |great: i64, unit: &str, small: i64, small_unit: &str| match small {
        0 => format!("{great}{unit}"),
        small => format!("{great}{unit}{small}{small_unit}"),
    };
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => two(seconds / 60, "m", seconds % 60, "s"),
        3_600..86_400 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "m"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}

#[cfg(test)]
mod tests {
    use chrono::FixedOffset;
    use rstest::rstest;

    use super::*;

    const NOW: &str = "2026-11-27T02:00:00Z";

    fn utc(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().into()
    }

    #[rstest]
    #[case("2026-11-26T14:03:00Z", "2026-11-26T14:03:00Z")]
    #[case("2026-11-26T14:03:00.5+02:00", "2026-11-26T12:03:00.5Z")]
    // It is 3 o'clock there.
    #[case("14:03", "2026-11-26T13:03:00Z")]
    #[case("02:30", "2026-11-27T01:30:00Z")]
    #[case("02:59:59", "2026-11-27T01:59:59Z")]
    #[case("3:00", NOW)]
    #[case("14:03Z", "2026-11-26T14:03:00Z")]
    #[case("01:59z", "2026-11-27T01:59:00Z")]
    #[case("10m ago", "2026-11-27T01:50:00Z")]
    #[case("1h30m ago", "2026-11-27T00:30:00Z")]
    #[case("90 s ago", "2026-11-27T01:58:30Z")]
    #[case("2 days ago", "2026-11-25T02:00:00Z")]
    #[case(" now ", NOW)]
    fn a_time_is_understood_as_people_say_it(#[case] text: &str, #[case] meant: &str) {
        let an_hour_east = FixedOffset::east_opt(3_600).unwrap();
        assert_eq!(parse(text, utc(NOW), &an_hour_east), Some(utc(meant)));
    }

    #[rstest]
    fn what_is_no_time_is_refused(
        #[values(
            "",
            "yesterday",
            "25:00",
            "14",
            "14:03:61x",
            "ago",
            "10 ago",
            "10y ago",
            "-5m ago",
            "0s ago",
            "99999999999999999999d ago",
            "9223372036854775807d ago",
            "2026-11-26",
            "m ago",
            "10mm ago"
        )]
        text: &str,
    ) {
        assert_eq!(parse(text, utc(NOW), &Utc), None);
    }

    #[rstest]
    #[case(0, "0s")]
    #[case(59, "59s")]
    #[case(60, "1m")]
    #[case(255, "4m15s")]
    #[case(3_600, "1h")]
    #[case(11_100, "3h5m")]
    #[case(187_200, "2d4h")]
    #[case(-5, "0s")]
    fn a_span_is_short(#[case] seconds: i64, #[case] text: &str) {
        assert_eq!(span(TimeDelta::seconds(seconds)), text);
    }
}
