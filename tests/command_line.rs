//! `evaluate` as a command of its own.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

const GOOD: &str =
    r#"{"spec": {"min_replicas": 1, "max_replicas": 9}, "current_replicas": 2, "recommended_replicas": 3}"#;

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ai-storage-orchestrator"));
    command.arg("evaluate").env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Exit code, standard output and standard error.
fn run(input: &str, arguments: &[&str]) -> (i32, String, String) {
    let mut child = command().args(arguments).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_exit_code_tells_whether_all_documents_were_good() {
    let (code, output, errors) = run(&format!("{GOOD}\n\n{GOOD}\n"), &[]);
    assert_eq!((code, output.lines().count(), &*errors), (0, 2, ""));
    let (code, output, errors) = run(&format!("{GOOD}\n{{}}\n"), &[]);
    assert_eq!((code, output.lines().count(), &*errors), (1, 2, ""));
    assert!(output.ends_with("{\"line\":2,\"error\":\"missing field `spec` at column 2\"}\n"), "{output}");
    assert_eq!(run("", &[]), (0, String::new(), String::new()));
}

#[test]
fn targets_over_100_have_to_be_asked_for() {
    let document =
        r#"{"spec": {"min_replicas": 1, "max_replicas": 9, "target_cpu_percent": 150}, "current_replicas": 2}"#;
    assert_eq!(run(document, &[]).0, 1);
    assert_eq!(run(document, &["--allow-over-100"]).0, 0);
}

#[test]
fn an_answer_comes_before_the_next_document() {
    let mut child = command().spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    for _ in 0..3 {
        input.write_all(format!("{GOOD}\n").as_bytes()).unwrap();
        let mut answer = String::new();
        output.read_line(&mut answer).unwrap();
        assert!(answer.contains("\"desired_replicas\":3"), "{answer}");
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn it_ends_quietly_when_nobody_reads_any_more() {
    let mut child = command().spawn().unwrap();
    drop(child.stdout.take());
    let mut input = child.stdin.take().unwrap();
    // It may end before it has read all of this.
    let _ = input.write_all(format!("{GOOD}\n").repeat(1_000).as_bytes());
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}
