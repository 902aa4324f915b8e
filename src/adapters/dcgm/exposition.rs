//! The lines of the Prometheus text format.

use std::fmt;

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not UTF-8.
    Encoding,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Encoding => "it is not UTF-8",
        })
    }
}

/// A line that was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skipped<'a> {
    /// Its number; the first is 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: Fault,
    /// The line, without its end.
    pub text: &'a [u8],
}
