//! A list of the metrics API (metrics.k8s.io), read as the service reads it: nothing is invented, and an answer that makes
//! no sense is refused in few words.
#![no_main]

use ai_storage_orchestrator::ports::Scope;
use ai_storage_orchestrator_fuzz::api_server::{ApiServer, Script, run};
use ai_storage_orchestrator_fuzz::memory::within;
use ai_storage_orchestrator_fuzz::text::assert_short;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|answer: &[u8]| {
    let script = Script { metrics: answer.to_vec(), ..Script::default() };
    let read = within((2 << 20) + 256 * answer.len(), || {
        run(async { ApiServer::new(script).connect().cluster().metrics.list(Scope::Cluster, None).await })
    });
    let table = match read {
        Ok(table) => table,
        Err(error) => return assert_short(&error.to_string(), 1_000),
    };
    // What is passed over may be less than JSON, such as half of a surrogate.
    if let Ok(said) = serde_json::from_slice::<Value>(answer) {
        let items = said["items"].as_array().map_or(0, Vec::len);
        assert!(table.namespaces.values().map(|pods| pods.len()).sum::<usize>() <= items);
    }
    for usage in table.namespaces.values().flat_map(|pods| pods.values()) {
        for amount in usage.containers.iter().flat_map(|container| [container.cpu, container.memory]).flatten() {
            assert!(amount.thousandths().is_none_or(|thousandths| thousandths <= i64::MAX as u64));
        }
    }
});
