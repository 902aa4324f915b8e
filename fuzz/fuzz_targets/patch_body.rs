//! The body of `PATCH /autoscaling/:id`: what is accepted keeps within the guide's bounds and changes nothing when it is
//! sent again.
#![no_main]

use std::sync::LazyLock;

use ai_storage_orchestrator::domain::autoscaler::{ScalingRules, WorkloadRef};
use ai_storage_orchestrator::http::fuzzing::{create, definition, patch};
use ai_storage_orchestrator_fuzz::memory::within;
use ai_storage_orchestrator_fuzz::rules::{assert_valid, workload};
use ai_storage_orchestrator_fuzz::text::assert_short;
use libfuzzer_sys::fuzz_target;

/// Definitions that are patched: one in which nothing has its default, and one in which everything has.
static DEFINITIONS: LazyLock<[(WorkloadRef, ScalingRules); 2]> = LazyLock::new(|| {
    [
        include_bytes!("../corpus/create_body/everything.json").as_slice(),
        include_bytes!("../corpus/create_body/least.json"),
    ]
    .map(|body| create(body).expect("a valid definition"))
    .map(|requested| (workload(&requested), requested.rules))
});

fuzz_target!(|body: &[u8]| {
    for (workload, rules) in &*DEFINITIONS {
        match within(256 * 1024 + 128 * body.len(), || patch(workload, rules, body)) {
            Ok(patched) => {
                assert_valid(&patched);
                assert_eq!(patch(workload, &patched, body).as_ref(), Ok(&patched));
                let shown = definition(workload, &patched);
                assert_eq!(patch(workload, rules, &shown).as_ref().map(|rules| rules.bounds), Ok(patched.bounds));
            }
            Err(told) => assert_short(&told, 1_100),
        }
    }
});
