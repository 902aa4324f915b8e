//! The body of `POST /autoscaling`: what is accepted keeps within the guide's bounds and is a definition that can be sent
//! again; what is refused is refused in few words.
#![no_main]

use ai_storage_orchestrator::http::fuzzing::{create, definition, patch};
use ai_storage_orchestrator_fuzz::memory::within;
use ai_storage_orchestrator_fuzz::rules::{assert_name, assert_valid, workload};
use ai_storage_orchestrator_fuzz::text::assert_short;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let requested = match within(256 * 1024 + 64 * body.len(), || create(body)) {
        Ok(requested) => requested,
        Err(told) => return assert_short(&told, 1_100),
    };
    assert_name(&requested.namespace, 63);
    assert_name(&requested.name, 253);
    assert_valid(&requested.rules);

    let workload = workload(&requested);
    let shown = definition(&workload, &requested.rules);
    let again = create(&shown).expect("what is shown is a request");
    assert_eq!((&again.rules, &again.name, &again.namespace), (&requested.rules, &workload.name, &workload.namespace));
    assert_eq!(patch(&workload, &requested.rules, b"{}").as_ref(), Ok(&requested.rules));
    assert_eq!(patch(&workload, &requested.rules, &shown).as_ref(), Ok(&requested.rules));
});
