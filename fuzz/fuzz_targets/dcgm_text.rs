//! What a DCGM exporter says: figures are within their bounds, the ends of lines do not matter, and what is complained of
//! is complained of in few words.
#![no_main]

use ai_storage_orchestrator::adapters::dcgm::read_devices;
use ai_storage_orchestrator::domain::Timestamp;
use ai_storage_orchestrator::domain::gpu::Preference;
use ai_storage_orchestrator::gpu_readings::write_readings;
use ai_storage_orchestrator::ports::Device;
use ai_storage_orchestrator_fuzz::memory::within;
use ai_storage_orchestrator_fuzz::text::{assert_plain, assert_short};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fn read(answer: &[u8], preference: Preference) -> (Vec<Device>, usize) {
    let mut skipped = 0;
    let devices = read_devices(answer, Timestamp::UNIX_EPOCH, preference, |line| {
        skipped += 1;
        let complaint = line.to_string();
        assert_plain(&complaint);
        assert!(!complaint.contains('\n'));
        // At most 200 bytes of it are shown, each of which takes 10 characters at most.
        assert_short(&complaint, 100 + 2_000);
    });
    (devices, skipped)
}

fuzz_target!(|answer: &[u8]| {
    let lines = answer.split(|byte| *byte == b'\n').count();
    for preference in Preference::ALL {
        let (devices, skipped) = within((256 << 10) + 128 * answer.len() + 1024 * lines, || read(answer, preference));
        assert!(devices.len() + skipped <= lines);
        for Device { reading, .. } in &devices {
            assert!(reading.utilization_percent.is_none_or(|percent| (0.0..=100.0).contains(&percent)), "{reading:?}");
            let memory = [reading.memory_used_mib, reading.memory_total_mib];
            assert!(memory.iter().flatten().all(|mib| mib.is_finite() && *mib >= 0.0), "{reading:?}");
        }
        if !answer.contains(&b'\r') {
            let with_returns = answer.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(b"\r\n".as_slice());
            assert_eq!(read(&with_returns, preference).0, devices);
        }
        let (mut output, mut complaints) = (Vec::new(), Vec::new());
        write_readings(answer, Timestamp::UNIX_EPOCH, preference, &mut output, &mut complaints)
            .expect("memory can be written");
        let output = String::from_utf8(output).expect("JSON is UTF-8");
        let shown: Vec<Value> =
            output.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
        assert_eq!(shown.len(), devices.len());
        assert_plain(&String::from_utf8(complaints).expect("complaints are UTF-8"));
    }
});
