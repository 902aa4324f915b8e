//! `docs/access.md` says what is tested: its tables are those of the tests, and its tests exist.

use std::fmt::Display;
use std::path::Path;

use super::callers::Caller;
use super::{matrix, objects};

fn table<Q: Display, O: Display>(head: &str, rows: &[(Q, [O; 10])]) -> String {
    let callers: Vec<_> =
        Caller::ALL.iter().map(|caller| caller.name().trim_start_matches("ai-storage-orchestrator-")).collect();
    let mut lines = vec![format!("| {head} | {} |", callers.join(" | ")), format!("|{}", "---|".repeat(11))];
    lines.extend(rows.iter().map(|(what, outcomes)| {
        let cells: Vec<_> = outcomes.iter().map(ToString::to_string).collect();
        format!("| {what} | {} |", cells.join(" | "))
    }));
    lines.join("\n")
}

fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn the_tables_in_the_documentation_are_those_that_are_tested() {
    let documentation = read("docs/access.md");
    for table in [table("request", matrix::MATRIX), table("with `kubectl`", objects::MATRIX)] {
        assert!(documentation.contains(&table), "docs/access.md has not this table:\n\n{table}\n");
    }
}

#[test]
fn the_tests_in_the_documentation_exist() {
    let documentation = read("docs/access.md");
    let named: Vec<_> = documentation.split('`').skip(1).step_by(2).filter(|code| code.contains("::")).collect();
    assert!(named.len() > 20, "{named:?}");
    for test in named {
        let (module, function) = test.rsplit_once("::").unwrap();
        let file = read(format!("tests/e2e/{}.rs", module.replace("::", "/")));
        assert!(file.contains(&format!("fn {function}(")), "there is no test {test}");
    }
}
