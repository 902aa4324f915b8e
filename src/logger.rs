//! The log, on standard error: one line for each record, whatever others have written into it.

use std::fmt::Display;
use std::io::Write;

use chrono::SecondsFormat;
use log::Level;

use crate::clock::Clock;
use crate::domain::Timestamp;
use crate::plain_text::{plain, shortened};

/// How much of a record is written, in characters. What it says of itself is far shorter: the rest is from elsewhere.
const LONGEST: usize = 8_000;

/// Logs from now on what the filter lets through (`warn`, or `info,kube=warn`), panics included. To be called once.
pub fn start(filter: &str) {
    env_logger::Builder::new()
        .parse_filters(filter)
        .format(|out, record| {
            writeln!(out, "{}", line(Clock::wall().now(), record.level(), record.target(), record.args()))
        })
        .init();
    // A panic must be in the log like everything else that went wrong.
    std::panic::set_hook(Box::new(|panic| log::error!("{panic}")));
}

/// A record as it is written: one line, without its end, in which a terminal finds nothing to obey.
pub fn line(at: Timestamp, level: Level, target: &str, message: impl Display) -> String {
    let at = at.to_rfc3339_opts(SecondsFormat::Millis, true);
    plain(&shortened(format!("{at} {level:<5} {target}: {message}"), LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(message: &str) -> String {
        line(Timestamp::UNIX_EPOCH, Level::Warn, "actix_server::worker", message)
    }

    #[test]
    fn a_record_says_when_how_bad_and_where_it_comes_from() {
        assert_eq!(logged("größer"), "1970-01-01T00:00:00.000Z WARN  actix_server::worker: größer");
    }

    #[test]
    fn nobody_writes_a_record_of_his_own_into_the_log() {
        let forged =
            "no such path /x\n2026-01-01T00:00:00.000Z INFO  app: all is well\r\x1b[1A\x1b[2K\u{9b}K\u{2028}\u{202e}";
        let line = logged(forged);
        assert!(
            line.starts_with("1970-01-01T00:00:00.000Z WARN  actix_server::worker: no such path /x\\u{a}2026"),
            "{line}"
        );
        assert!(!line.chars().any(crate::plain_text::is_obeyed), "{line:?}");
    }

    #[test]
    fn a_record_has_a_length_that_can_be_read() {
        let line = logged(&"n".repeat(1 << 20));
        assert_eq!((line.chars().count(), line.ends_with("n…")), (LONGEST, true));
        // Escapes make it longer, but not without bounds.
        assert!(logged(&"\x1b".repeat(1 << 20)).len() < 7 * LONGEST);
    }
}
