//! Decisions without a cluster: each line of the input is a document, each line of the output the decision on it.

use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read, Write};
use std::time::Duration;

use serde::Serialize;

use crate::domain::validation::TargetRange;
use crate::http::json::{MalformedJson, read_object, shortened};
use crate::http::wire::{DecisionBody, EvaluateRequest};

/// How old a reading may be: the default of `metrics.max_age_seconds`.
const MAX_AGE: Duration = Duration::from_secs(90);

/// The longest line that is read, in bytes.
const LONGEST_LINE: usize = 1024 * 1024;

/// How much of an error is shown at most, in characters.
const LONGEST_ERROR: usize = 1_000;

/// Why an evaluation ended early.
#[derive(Debug, thiserror::Error)]
pub enum WhatIfError {
    /// The input cannot be read.
    #[error("cannot read the documents")]
    Read(#[source] io::Error),
    /// The output cannot be written.
    #[error("cannot write the decisions")]
    Write(#[source] io::Error),
}

/// Whether every document was evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All of them were.
    AllGood,
    /// At least one could not be.
    SomeBad,
}

/// A decision or an error, with the number of the line that it belongs to.
#[derive(Serialize)]
struct Answer {
    line: u64,
    #[serde(flatten)]
    content: Content,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content {
    Decision(Box<DecisionBody>),
    Error { error: String },
}

/// Evaluates each line of `input`, and writes one line for it to `output`; blank lines have no answer. Ends well when
/// nobody reads `output` any more.
pub fn evaluate_lines(input: impl Read, output: impl Write, range: TargetRange) -> Result<Verdict, WhatIfError> {
    let mut input = BufReader::new(input);
    let mut output = BufWriter::new(output);
    let mut verdict = Verdict::AllGood;
    let mut line = Vec::new();
    let mut number = 0;
    let written = loop {
        // Before it waits: whoever writes the documents may want an answer before the next.
        if !input.buffer().contains(&b'\n')
            && let Err(error) = output.flush()
        {
            break Err(error);
        }
        let content = match read_line(&mut input, &mut line).map_err(WhatIfError::Read)? {
            Line::End => break output.flush(),
            Line::TooLong => Err(format!("the line is longer than {} KiB", LONGEST_LINE / 1024)),
            Line::Read if line.iter().all(u8::is_ascii_whitespace) => {
                number += 1;
                continue;
            }
            Line::Read => evaluate(&line, range),
        };
        number += 1;
        let content = content.unwrap_or_else(|error| {
            verdict = Verdict::SomeBad;
            Content::Error { error: shortened(error, LONGEST_ERROR) }
        });
        if let Err(error) = write_line(&mut output, &Answer { line: number, content }) {
            break Err(error);
        }
    };
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(WhatIfError::Write(error)),
        _ => Ok(verdict),
    }
}

fn evaluate(line: &[u8], range: TargetRange) -> Result<Content, String> {
    // A document has one line; the number that counts is that of its place in the input.
    let place = |error: MalformedJson| error.to_string().replace(" at line 1 column ", " at column ");
    let request: EvaluateRequest = read_object(line).map_err(place)?;
    let what_if = request.what_if(range, MAX_AGE).map_err(|error| error.to_string())?;
    Ok(Content::Decision(Box::new(what_if.decide())))
}

fn write_line(output: &mut impl Write, answer: &Answer) -> io::Result<()> {
    serde_json::to_writer(&mut *output, answer)?;
    output.write_all(b"\n")
}

enum Line {
    /// It is in the buffer, without its end.
    Read,
    /// It was skipped.
    TooLong,
    /// There is no more.
    End,
}

/// Reads the next line into `line`, of which never more is kept than is allowed.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Line> {
    line.clear();
    let limit = LONGEST_LINE as u64 + 1;
    if input.by_ref().take(limit).read_until(b'\n', line)? == 0 {
        return Ok(Line::End);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        return Ok(Line::Read);
    }
    if line.len() <= LONGEST_LINE {
        return Ok(Line::Read);
    }
    input.skip_until(b'\n')?;
    Ok(Line::TooLong)
}

#[cfg(test)]
mod tests;
