//! A row of the table: what was to be, what was, and how to see it again.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::machine::{Machine, command, commit};

/// A row.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// What was measured, in a few words.
    pub what: String,
    /// What it was to be; empty where there is no target.
    pub target: String,
    /// What it was.
    pub measured: String,
    /// Whether that is what it was to be; `None` where there is no target.
    pub met: Option<bool>,
    /// Everything else that was measured.
    pub raw: Value,
    pub command: String,
    pub commit: String,
    /// When, by the day.
    pub date: String,
    pub machine: Machine,
}

impl Row {
    pub fn new(what: &str, target: &str, measured: String, met: Option<bool>, raw: Value) -> anyhow::Result<Self> {
        Ok(Self {
            what: what.to_owned(),
            target: target.to_owned(),
            measured,
            met,
            raw,
            command: command(),
            commit: commit(),
            date: chrono::Utc::now().format("%Y-%m-%d").to_string(),
            machine: Machine::this()?,
        })
    }

    /// Prints it, and adds it to a file.
    pub fn finish(&self, save: Option<&Path>) -> anyhow::Result<()> {
        println!("{}", self.as_line());
        println!("{}", serde_json::to_string(&self.raw)?);
        println!("{}, commit {}, {} ({} cores)", self.command, self.commit, self.machine.processor, self.machine.cores);
        let Some(path) = save else { return Ok(()) };
        let mut file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.as_mut().map_err(|error| anyhow::anyhow!("cannot write to {}: {error}", path.display()))?;
        writeln!(file, "{}", serde_json::to_string(self)?)
            .with_context(|| format!("cannot write to {}", path.display()))
    }

    fn as_line(&self) -> String {
        let met = match self.met {
            Some(true) => "met",
            Some(false) => "**missed**",
            None => "",
        };
        let Self { what, target, measured, command, commit, .. } = self;
        format!("| {what} | {target} | {measured} | {met} | `{command}` | {commit} |")
    }
}

/// The rows of a file, the later of two about the same thing.
pub fn read(path: &Path) -> anyhow::Result<Vec<Row>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut rows: Vec<Row> = Vec::new();
    for line in text.lines() {
        let row: Row =
            serde_json::from_str(line).with_context(|| format!("{} has a line that is no row", path.display()))?;
        match rows.iter_mut().find(|known| known.what == row.what) {
            Some(known) => *known = row,
            None => rows.push(row),
        }
    }
    Ok(rows)
}

/// Prints the rows of a file as a table in Markdown.
pub fn print_table(path: &Path) -> anyhow::Result<()> {
    println!("| what | target | measured | | command | commit |\n| --- | --- | --- | --- | --- | --- |");
    for row in read(path)? {
        println!("{}", row.as_line());
    }
    Ok(())
}
