//! Files of the command line, YAML or JSON: what is read is the same when it is written and read again, does not grow
//! beyond what was written, and goes the way of a create request or of a HorizontalPodAutoscaler.
#![no_main]

use ai_storage_orchestrator::cli::fuzzing::{converted, documents};
use ai_storage_orchestrator::http::requested_autoscaler;
use ai_storage_orchestrator_fuzz::memory::within;
use ai_storage_orchestrator_fuzz::rules::assert_valid;
use ai_storage_orchestrator_fuzz::text::{assert_plain, assert_short};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|text: &str| {
    let read = match within(64 << 20, || documents(text)) {
        Ok(read) => read,
        Err(told) => {
            assert_plain(&told);
            return assert_short(&told, 4_000);
        }
    };
    let written = serde_json::to_string(&read).expect("JSON can be written");
    let again = documents(&written).expect("what was written can be read");
    assert_eq!(serde_json::to_string(&again).expect("JSON can be written"), written);
    for document in read {
        if let Ok(request) = within(64 << 20, || converted(&document)) {
            assert!(request.is_object());
            if let Ok(requested) = requested_autoscaler(request) {
                assert_valid(&requested.rules);
            }
        }
        if let Ok(requested) = requested_autoscaler(document) {
            assert_valid(&requested.rules);
        }
    }
    assert!(!matches!(serde_json::from_str(&written), Ok(Value::Null)));
});
