//! The Prometheus text format, line by line: what a sample says, or what is wrong with it.
//!
//! A line is read to its end before anything of it counts. Its labels are taken by their names: in a line whose labels
//! are broken somewhere, a quote that is missing may have made one label's value another's.

use std::borrow::Cow;
use std::fmt;

use crate::domain::Timestamp;

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not UTF-8.
    Encoding,
    /// It does not begin with the name of a metric.
    Name,
    /// Its labels do not have the form `{name="value",...}`.
    Labels,
    /// It has two values for one label.
    Ambiguous,
    /// What should be its value is no number.
    Value,
    /// What follows its value is no time, or one before 1970 or after the year 9999.
    Time,
    /// It goes on where it should end.
    Rest,
    /// It is about one device more than a node can have.
    Excess,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Encoding => "it is not UTF-8",
            Self::Name => "it does not begin with the name of a metric",
            Self::Labels => "its labels are broken",
            Self::Ambiguous => "it has two values for one label",
            Self::Value => "its value is not a number",
            Self::Time => "its time is not a possible one in milliseconds",
            Self::Rest => "it goes on where it should end",
            Self::Excess => "there are more devices before it than a node can have",
        })
    }
}

/// A line that was skipped. It is displayed as a sentence, of which a long line is only a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skipped<'a> {
    /// Its number; the first is 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: Fault,
    /// The line, without its end.
    pub text: &'a [u8],
}

impl fmt::Display for Skipped<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// How much of the line is shown, in bytes.
        const MOST: usize = 200;
        let shown = self.text.get(..MOST).unwrap_or(self.text);
        let more = if shown.len() < self.text.len() { "..." } else { "" };
        write!(out, "line {}: {}: {}{more}", self.line, self.why, String::from_utf8_lossy(shown).escape_debug())
    }
}

/// One value of one series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample<'a> {
    /// The metric's name.
    pub name: &'a str,
    /// The value as it is written.
    pub text: &'a str,
    /// The value. It can be any float, infinite and NaN ones too.
    pub number: f64,
    /// When it was measured, if the line says so.
    pub at: Option<Timestamp>,
}

/// A label's value as it is written, with its escapes. They are never needed to compare two: nothing can be written in
/// more than one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct LabelValue<'a>(&'a str);

impl<'a> LabelValue<'a> {
    /// Nothing, when it is empty, which in this format is the same as a label that is not there.
    pub fn non_empty(self) -> Option<Self> {
        (!self.0.is_empty()).then_some(self)
    }

    /// The value without its escapes.
    pub fn unescaped(self) -> Cow<'a, str> {
        if !self.0.contains('\\') {
            return Cow::Borrowed(self.0);
        }
        let mut text = String::with_capacity(self.0.len());
        let mut rest = self.0.chars();
        while let Some(c) = rest.next() {
            text.push(match c {
                '\\' if rest.clone().next() == Some('n') => {
                    rest.next();
                    '\n'
                }
                '\\' => rest.next().unwrap_or(c),
                c => c,
            });
        }
        Cow::Owned(text)
    }
}

/// Reads one line, without its end. `label` is given every label, also those before a fault; what it made of them only
/// counts when this returns a sample. Blank lines and comments have none.
pub(super) fn read_line<'a>(
    line: &'a [u8],
    label: impl FnMut(&'a str, LabelValue<'a>),
) -> Result<Option<Sample<'a>>, Fault> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = std::str::from_utf8(line).map_err(|_| Fault::Encoding)?;
    let mut rest = Rest(line);
    rest.skip_blanks();
    if rest.0.is_empty() || rest.0.starts_with('#') {
        return Ok(None);
    }
    let name = rest.take_name(|byte| byte == b':').ok_or(Fault::Name)?;
    let blanks = rest.skip_blanks();
    if rest.skip(b'{') {
        read_labels(&mut rest, label)?;
        rest.skip_blanks();
    } else if blanks == 0 {
        return Err(Fault::Name);
    }
    let text = rest.take_word();
    let number = text.parse().map_err(|_| Fault::Value)?;
    rest.skip_blanks();
    let at = match rest.take_word() {
        "" => None,
        time => Some(read_time(time)?),
    };
    rest.skip_blanks();
    if rest.0.is_empty() { Ok(Some(Sample { name, text, number, at })) } else { Err(Fault::Rest) }
}

/// Reads labels up to and with the closing brace. A comma may follow the last of them.
fn read_labels<'a>(rest: &mut Rest<'a>, mut label: impl FnMut(&'a str, LabelValue<'a>)) -> Result<(), Fault> {
    loop {
        rest.skip_blanks();
        if rest.skip(b'}') {
            return Ok(());
        }
        let name = rest.take_name(|_| false).ok_or(Fault::Labels)?;
        rest.skip_blanks();
        if !rest.skip(b'=') {
            return Err(Fault::Labels);
        }
        rest.skip_blanks();
        let value = rest.take_quoted().ok_or(Fault::Labels)?;
        label(name, value);
        rest.skip_blanks();
        if !rest.skip(b',') {
            return if rest.skip(b'}') { Ok(()) } else { Err(Fault::Labels) };
        }
    }
}

fn read_time(milliseconds: &str) -> Result<Timestamp, Fault> {
    /// The last millisecond of the year 9999.
    const LAST: i64 = 253_402_300_799_999;
    let milliseconds = milliseconds.parse().ok().filter(|milliseconds| (0..=LAST).contains(milliseconds));
    milliseconds.and_then(Timestamp::from_timestamp_millis).ok_or(Fault::Time)
}

/// What is left of a line.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// Skips blanks, and says how many.
    fn skip_blanks(&mut self) -> usize {
        self.take_while(|byte| matches!(byte, b' ' | b'\t')).len()
    }

    /// Skips `byte`, which is an ASCII character, if it comes next.
    fn skip(&mut self, byte: u8) -> bool {
        match self.0.strip_prefix(char::from(byte)) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    /// The name that comes next, if any: letters, digits, underscores and what else is `allowed`, and no digit first.
    fn take_name(&mut self, allowed: impl Fn(u8) -> bool) -> Option<&'a str> {
        let name = self.take_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || allowed(byte));
        name.bytes().next().filter(|first| !first.is_ascii_digit())?;
        Some(name)
    }

    /// Everything up to the next blank.
    fn take_word(&mut self) -> &'a str {
        self.take_while(|byte| !matches!(byte, b' ' | b'\t'))
    }

    /// The quoted value that comes next, if it is one.
    fn take_quoted(&mut self) -> Option<LabelValue<'a>> {
        let text = self.0.strip_prefix('"')?;
        let mut bytes = text.bytes().enumerate();
        let end = loop {
            match bytes.next()? {
                (end, b'"') => break end,
                (_, b'\\') => {
                    bytes.next().filter(|(_, escaped)| matches!(escaped, b'\\' | b'"' | b'n'))?;
                }
                _ => {}
            }
        };
        let (value, rest) = text.split_at_checked(end)?;
        self.0 = rest.strip_prefix('"')?;
        Some(LabelValue(value))
    }

    fn take_while(&mut self, is_part: impl Fn(u8) -> bool) -> &'a str {
        let end = self.0.bytes().position(|byte| !is_part(byte)).unwrap_or(self.0.len());
        // Everything that ends a part is ASCII, or the first byte of a longer character.
        let (taken, rest) = self.0.split_at_checked(end).unwrap_or((self.0, ""));
        self.0 = rest;
        taken
    }
}

#[cfg(test)]
mod tests;
