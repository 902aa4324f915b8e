//! The files that describe the metrics and use them, and Prometheus' own tools.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

pub fn read(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// One line of the table in docs/metrics.md.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Documented {
    pub name: String,
    pub kind: String,
    pub unit: String,
    pub labels: BTreeSet<String>,
    pub meaning: String,
}

/// The tables in docs/metrics.md.
pub fn documented() -> Vec<Documented> {
    let text = read("docs/metrics.md");
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let row = |line: &str| {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(|cell| cell.trim().replace('`', "")).collect();
        let [name, kind, unit, labels, meaning] = cells.as_slice() else { panic!("not five columns: {line}") };
        let labels = labels.split(", ").filter(|label| !label.is_empty()).map(str::to_owned).collect();
        let (name, kind, unit, meaning) = (name.clone(), kind.clone(), unit.clone(), meaning.clone());
        Documented { name, kind, unit, labels, meaning }
    };
    rows.map(row).collect()
}

/// The metrics of this service that an expression names, those of a histogram by the histogram's name.
pub fn names_in(expression: &str, known: &[Documented]) -> BTreeSet<String> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let words = expression.split(|character| !is_part(character));
    let ours = words.filter(|word| word.starts_with("orchestrator_") || word.starts_with("process_"));
    let histogram = |word: &str| {
        let name = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| word.strip_suffix(suffix))?;
        known.iter().any(|metric| metric.name == name && metric.kind == "histogram").then(|| name.to_owned())
    };
    ours.map(|word| histogram(word).unwrap_or_else(|| word.to_owned())).collect()
}

/// Those of `names` that no metric has.
pub fn unknown(names: BTreeSet<String>, known: &[Documented]) -> Vec<String> {
    names.into_iter().filter(|name| known.iter().all(|metric| metric.name != *name)).collect()
}

/// A command of Debian's package `prometheus`.
pub fn tool(name: &str) -> Command {
    if Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        panic!("'{name}' is missing: scripts/test installs it; on Debian: apt-get install prometheus");
    }
    Command::new(name)
}

/// Both outputs of a command, which must have ended well.
pub fn said(output: &Output) -> String {
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
    assert!(output.status.success(), "{}: {text}", output.status);
    text
}
