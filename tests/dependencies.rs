//! The review of the dependencies (docs/dependencies.md) is about those that there are, and says what is so.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

const REVIEW: &str = include_str!("../docs/dependencies.md");

/// What a line of the review says that can be checked.
#[derive(Debug, PartialEq, Eq)]
struct Facts {
    licence: String,
    build: String,
}

/// A crate's name, and whether it is of the tests only.
type Key = (String, bool);

fn reviewed() -> BTreeMap<Key, Facts> {
    let (mut reviewed, mut of_tests) = (BTreeMap::new(), false);
    for line in REVIEW.lines() {
        of_tests |= line.starts_with("## Of the tests");
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        if !line.starts_with('|') || matches!(cells[0], "crate" | "---") {
            continue;
        }
        let [name, reason, kept_by, unsafe_code, build, _, licence, instead, looked_at] = cells[..] else {
            panic!("not nine cells: {line}")
        };
        for said in [reason, kept_by, unsafe_code, instead] {
            assert!(!said.is_empty(), "something is not said: {line}");
        }
        chrono::NaiveDate::parse_from_str(looked_at, "%Y-%m-%d").unwrap_or_else(|error| panic!("{line}: {error}"));
        let facts = Facts { licence: licence.to_owned(), build: build.to_owned() };
        assert_eq!(reviewed.insert((name.to_owned(), of_tests), facts), None, "{name} is there twice");
    }
    reviewed
}

/// What `Cargo.toml` names, by what cargo knows of it.
fn named() -> BTreeMap<Key, Facts> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--offline", "--format-version", "1", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let list = |value: &Value| value.as_array().unwrap().clone();
    let nodes = list(&metadata["resolve"]["nodes"]);
    let root = nodes.iter().find(|node| node["id"] == metadata["resolve"]["root"]).unwrap();
    let packages = list(&metadata["packages"]);
    let mut named = BTreeMap::new();
    for dependency in list(&root["deps"]) {
        let package = packages.iter().find(|package| package["id"] == dependency["pkg"]).unwrap();
        let targets = list(&package["targets"]);
        let has = |kind: &str| targets.iter().any(|target| list(&target["kind"]).contains(&kind.into()));
        let build = [("custom-build", "build script"), ("proc-macro", "macro")];
        let build: Vec<_> = build.into_iter().filter(|(kind, _)| has(kind)).map(|(_, what)| what).collect();
        for kind in list(&dependency["dep_kinds"]) {
            let facts = Facts { licence: package["license"].as_str().unwrap().to_owned(), build: build.join(", ") };
            named.insert((package["name"].as_str().unwrap().to_owned(), kind["kind"] == "dev"), facts);
        }
    }
    assert!(named.len() > 20, "cargo names {named:?}");
    named
}

#[test]
fn each_direct_dependency_is_reviewed_and_what_can_be_checked_is_so() {
    let (mut reviewed, mut faults) = (reviewed(), Vec::new());
    for ((name, of_tests), facts) in named() {
        let place = if of_tests { "of the tests" } else { "of the service" };
        match reviewed.remove(&(name.clone(), of_tests)) {
            None => faults.push(format!("{name} ({place}) is in Cargo.toml and not in the review")),
            Some(said) if said != facts => {
                faults.push(format!("{name} ({place}): the review says {said:?}, cargo {facts:?}"))
            }
            Some(_) => {}
        }
    }
    faults.extend(reviewed.into_keys().map(|(name, _)| format!("{name} is in the review and not in Cargo.toml")));
    assert!(faults.is_empty(), "docs/dependencies.md:\n{}", faults.join("\n"));
}
