use std::cell::RefCell;
use std::rc::Rc;

use serde_json::{Value, json};

use super::*;

const GOOD: &str =
    r#"{"spec": {"min_replicas": 1, "max_replicas": 9}, "current_replicas": 2, "recommended_replicas": 3}"#;

fn evaluated(input: &[u8], range: TargetRange) -> (Vec<Value>, Verdict) {
    let mut output = Vec::new();
    let verdict = evaluate_lines(input, &mut output, range).unwrap();
    let text = String::from_utf8(output).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    (text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), verdict)
}

#[test]
fn each_document_has_its_decision_at_its_place() {
    let input = format!("\n{GOOD}\n \t\r\nnonsense\n{GOOD}\r\n{GOOD}");
    let (answers, verdict) = evaluated(input.as_bytes(), TargetRange::Guide);
    let lines: Vec<_> = answers.iter().map(|answer| answer["line"].as_u64().unwrap()).collect();
    assert_eq!((lines, verdict), (vec![2, 4, 5, 6], Verdict::SomeBad));
    assert_eq!((&answers[0]["desired_replicas"], &answers[0]["version"]), (&json!(3), &json!(1)));
    assert_eq!(answers[1], json!({"line": 4, "error": "expected ident at column 2"}));
    assert_eq!(answers[3]["outcome"], "scale_up");
    assert_eq!(evaluated(b"", TargetRange::Guide), (vec![], Verdict::AllGood));
    assert_eq!(evaluated(GOOD.as_bytes(), TargetRange::Guide).1, Verdict::AllGood);
}

#[test]
fn an_error_names_its_place_and_is_short() {
    let error = |document: Value| {
        let (answers, verdict) = evaluated(document.to_string().as_bytes(), TargetRange::Guide);
        assert_eq!((answers.len(), verdict), (1, Verdict::SomeBad));
        answers[0]["error"].as_str().unwrap().to_owned()
    };
    let mut document: Value = serde_json::from_str(GOOD).unwrap();
    document["pods"] =
        json!([{"name": "a"}, {"name": "b", "containers": [{"name": "m", "requests": {"cpu": "much"}}]}]);
    assert!(error(document.clone()).starts_with("pods[1].containers[0].requests.cpu: not a quantity"));
    document["pods"] = json!([{"x".repeat(5_000): 1}]);
    assert!(error(document).chars().count() <= LONGEST_ERROR + 1);
}

#[test]
fn a_line_that_is_too_long_is_skipped_and_no_more_of_it_kept() {
    let padded = |length: usize| format!("{GOOD}{}", " ".repeat(length - GOOD.len()));
    let input = format!("{}\n{}\n{}", padded(LONGEST_LINE), padded(LONGEST_LINE + 1), padded(3 * LONGEST_LINE));
    let (answers, _) = evaluated(input.as_bytes(), TargetRange::Guide);
    assert_eq!(answers.len(), 3);
    assert_eq!(answers[0]["desired_replicas"], 3);
    assert_eq!(answers[1], json!({"line": 2, "error": "the line is longer than 1024 KiB"}));
    assert_eq!(answers[2]["line"], 3);
}

#[test]
fn targets_over_100_are_allowed_where_that_is_asked_for() {
    let document =
        r#"{"spec": {"min_replicas": 1, "max_replicas": 9, "target_cpu_percent": 250}, "current_replicas": 2}"#;
    let (answers, _) = evaluated(document.as_bytes(), TargetRange::Guide);
    assert_eq!(answers[0]["error"], "target_cpu_percent must be between 0 and 100");
    let (answers, verdict) = evaluated(document.as_bytes(), TargetRange::Unbounded);
    assert_eq!((&answers[0]["metrics"][0]["target_percent"], verdict), (&json!(250), Verdict::AllGood));
}

#[test]
fn the_same_document_always_has_the_same_answer() {
    assert_eq!(evaluated(GOOD.as_bytes(), TargetRange::Guide), evaluated(GOOD.as_bytes(), TargetRange::Guide));
}

/// Gives one line for each read, and only when the answer to the one before has arrived.
struct Dialogue {
    answers: Rc<RefCell<Vec<u8>>>,
    asked: usize,
}

impl Read for Dialogue {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let answered = self.answers.borrow().iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(answered, self.asked, "the next document waits for the answer");
        if self.asked == 3 {
            return Ok(0);
        }
        self.asked += 1;
        let line = format!("{GOOD}\n");
        buffer[..line.len()].copy_from_slice(line.as_bytes());
        Ok(line.len())
    }
}

struct Shared(Rc<RefCell<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn whoever_waits_for_an_answer_before_the_next_document_gets_it() {
    let answers = Rc::new(RefCell::new(Vec::new()));
    let input = Dialogue { answers: answers.clone(), asked: 0 };
    assert_eq!(evaluate_lines(input, Shared(answers), TargetRange::Guide).unwrap(), Verdict::AllGood);
}

/// Fails with its error.
struct Broken(ErrorKind);

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(self.0.into())
    }
}

#[test]
fn a_reader_that_has_gone_is_no_error_and_a_full_disk_is_one() {
    let many = format!("{GOOD}\n").repeat(100);
    let written = |kind| evaluate_lines(many.as_bytes(), Broken(kind), TargetRange::Guide);
    assert_eq!(written(ErrorKind::BrokenPipe).unwrap(), Verdict::AllGood);
    assert!(matches!(written(ErrorKind::StorageFull), Err(WhatIfError::Write(_))));
    let read = evaluate_lines(Broken(ErrorKind::IsADirectory), Vec::new(), TargetRange::Guide);
    assert!(matches!(read, Err(WhatIfError::Read(_))));
}
