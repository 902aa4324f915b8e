//! Documents that are decided on, over HTTP and on the command line: the same ones have the same answers, each line has
//! one, and nothing is scaled beyond the bounds.
#![no_main]

use ai_storage_orchestrator::domain::validation::TargetRange;
use ai_storage_orchestrator::http::fuzzing::evaluate;
use ai_storage_orchestrator::what_if::{Verdict, evaluate_lines};
use ai_storage_orchestrator_fuzz::memory::within;
use ai_storage_orchestrator_fuzz::text::assert_short;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fn answers(input: &[u8], range: TargetRange) -> Vec<Value> {
    let mut output = Vec::new();
    let verdict = within((1 << 20) + 512 * input.len(), || evaluate_lines(input, &mut output, range));
    let verdict = verdict.expect("memory can be read and written");
    let output = String::from_utf8(output).expect("JSON is UTF-8");
    let answers: Vec<Value> = output.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    assert_eq!(verdict == Verdict::AllGood, answers.iter().all(|answer| answer.get("error").is_none()));
    answers
}

fn check(answer: &Value, document: &Value) {
    if let Some(error) = answer["error"].as_str() {
        return assert_short(error, 1_000);
    }
    let count = |value: &Value| value.as_u64().expect("a count");
    let (current, desired) = (count(&answer["current_replicas"]), count(&answer["desired_replicas"]));
    assert_eq!(document["current_replicas"].as_u64(), Some(current));
    let bound = |field: &str| count(&document["spec"][field]);
    match answer["outcome"].as_str() {
        Some("scale_up") => assert!(desired > current && desired <= bound("max_replicas"), "{answer}"),
        Some("scale_down") => assert!(desired < current && desired >= bound("min_replicas"), "{answer}"),
        _ => {}
    }
}

fuzz_target!(|input: &[u8]| {
    for range in [TargetRange::Guide, TargetRange::Unbounded] {
        let answers = answers(input, range);
        assert_eq!(answers, self::answers(input, range), "the same documents have the same answers");
        let lines = input.split(|byte| *byte == b'\n').enumerate();
        let lines: Vec<_> = lines.filter(|(_, line)| !line.iter().all(u8::is_ascii_whitespace)).collect();
        assert_eq!(answers.len(), lines.len());
        for (answer, (number, line)) in answers.iter().zip(lines) {
            assert_eq!(answer["line"], number as u64 + 1);
            // Of a field that is there twice, either may count here: then it was refused.
            check(answer, &serde_json::from_slice(line).unwrap_or_default());
        }
    }
    if let Ok(answer) = within((1 << 20) + 512 * input.len(), || evaluate(input)) {
        let answer: Value = serde_json::from_slice(&answer).expect("an answer is JSON");
        check(&answer, &serde_json::from_slice(input).expect("what is decided on is JSON"));
    }
});
