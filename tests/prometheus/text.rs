//! Reads Prometheus' text format.

use std::collections::{BTreeMap, BTreeSet};

/// One line with a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// An answer of `/metrics`.
#[derive(Clone, Debug, Default)]
pub struct Exposition {
    /// Name -> meaning.
    pub help: BTreeMap<String, String>,
    /// Name -> type.
    pub types: BTreeMap<String, String>,
    pub samples: Vec<Sample>,
}

impl Exposition {
    pub fn parse(text: &str) -> Self {
        let mut exposition = Self::default();
        for line in text.lines() {
            let metadata = |prefix| line.strip_prefix(prefix).map(|rest: &str| rest.split_once(' ').unwrap());
            if let Some((name, help)) = metadata("# HELP ") {
                let before = exposition.help.insert(name.to_owned(), help.to_owned());
                assert_eq!(before, None, "{name} is there twice");
            } else if let Some((name, kind)) = metadata("# TYPE ") {
                exposition.types.insert(name.to_owned(), kind.to_owned());
            } else {
                exposition.samples.push(sample(line));
            }
        }
        exposition
    }

    /// The values of a metric whose labels are (among others) these.
    pub fn all(&self, name: &str, labels: &[(&str, &str)]) -> Vec<f64> {
        let has =
            |sample: &Sample| labels.iter().all(|(key, value)| sample.labels.get(*key).is_some_and(|it| it == value));
        let matching = self.samples.iter().filter(|sample| sample.name == name && has(sample));
        matching.map(|sample| sample.value).collect()
    }

    /// The only value of a metric with these labels; `None` when there is no such series.
    pub fn get(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let found = self.all(name, labels);
        assert!(found.len() <= 1, "{name} {labels:?}: {found:?}");
        found.first().copied()
    }

    /// The metric that a sample belongs to: a histogram's samples have names of their own.
    pub fn family<'a>(&self, sample: &'a Sample) -> &'a str {
        let of_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| sample.name.strip_suffix(suffix));
        of_histogram
            .filter(|name| self.types.get(*name).is_some_and(|kind| kind == "histogram"))
            .unwrap_or(&sample.name)
    }

    /// Metric -> labels, without those of the format itself.
    pub fn labels(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut labels: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for sample in &self.samples {
            let own = sample.labels.keys().filter(|label| *label != "le").cloned();
            labels.entry(self.family(sample).to_owned()).or_default().extend(own);
        }
        labels
    }
}

fn sample(line: &str) -> Sample {
    let name_ends = line.find(['{', ' ']).unwrap_or_else(|| panic!("no sample: {line}"));
    let (name, mut rest) = line.split_at(name_ends);
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (key, after) = rest.trim_start_matches(',').split_once("=\"").unwrap();
            let (value, after) = quoted(after);
            labels.insert(key.to_owned(), value);
            rest = after;
        }
        rest = &rest[1..];
    }
    let value = rest.trim().parse().unwrap_or_else(|_| panic!("no value: {line}"));
    Sample { name: name.to_owned(), labels, value }
}

/// The text up to the closing quote, and what follows that.
fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &text[at + 1..]),
            '\\' => match characters.next().unwrap().1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    panic!("no closing quote: {text}");
}
