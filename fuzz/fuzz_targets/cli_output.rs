//! What the command line and the log write of what others have written: nothing that a terminal obeys.
//!
//! The input is the answers of a service, as JSON; or a text, which then stands in place of each text in answers that
//! make sense.
#![no_main]

use std::sync::LazyLock;

use ai_storage_orchestrator::cli::fuzzing::CommandLine;
use ai_storage_orchestrator::domain::Timestamp;
use ai_storage_orchestrator::logger;
use ai_storage_orchestrator_fuzz::memory::within;
use ai_storage_orchestrator_fuzz::text::{assert_plain, assert_short};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

static COMMAND_LINE: LazyLock<CommandLine> = LazyLock::new(|| {
    rustls::crypto::ring::default_provider().install_default().expect("the first provider of the process");
    CommandLine::new().expect("a command line")
});

static ANSWERS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_slice(include_bytes!("../corpus/cli_output/answers.json")).expect("answers"));

/// Longer ones are only slower.
const LONGEST_TEXT: usize = 300;

/// Puts `text` in the place of each text but times and the words that decide what is shown.
fn replace(value: &mut Value, text: &str) {
    match value {
        Value::String(old) if !old.starts_with("2026-") && !old.starts_with(char::is_uppercase) => text.clone_into(old),
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, text)),
        Value::Object(fields) => fields.values_mut().for_each(|field| replace(field, text)),
        _ => {}
    }
}

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    let line = logger::line(Timestamp::UNIX_EPOCH, log::Level::Info, &text, &text);
    assert_plain(&line);
    assert!(!line.contains('\n'));
    assert_short(&line, 7 * 8_000);

    let answer = serde_json::from_slice(input).unwrap_or_else(|_| {
        let mut answers = ANSWERS.clone();
        replace(&mut answers, &text.chars().take(LONGEST_TEXT).collect::<String>());
        answers
    });
    let answer = if answer.is_object() { answer } else { Value::Null };
    let command_line = &*COMMAND_LINE;
    for written in within((8 << 20) + 512 * input.len(), || command_line.written(&answer)) {
        assert_plain(&written);
    }
    let whole = CommandLine::events(input, usize::MAX);
    assert_eq!(CommandLine::events(input, 1), whole, "however it is cut");
});
