//! What an exporter's answer says, as the service reads it: each line of the output is a device.

use std::io::{self, BufWriter, ErrorKind, Write};

use crate::adapters::dcgm::read_devices;
use crate::domain::Timestamp;
use crate::domain::gpu::Preference;
use crate::http::wire::DeviceBody;

/// Writes one line for each device of `answer` to `output`, and one for each line that was skipped to `complaints`. Ends
/// well when nobody reads them any more.
pub fn write_readings(
    answer: &[u8],
    at: Timestamp,
    preference: Preference,
    output: impl Write,
    complaints: impl Write,
) -> io::Result<()> {
    let mut output = BufWriter::new(output);
    let mut complaints = BufWriter::new(complaints);
    let mut complained = Ok(());
    let devices = read_devices(answer, at, preference, |skipped| {
        if complained.is_ok() {
            complained = writeln!(complaints, "{skipped}");
        }
    });
    if devices.is_empty() && complained.is_ok() {
        complained = writeln!(complaints, "no GPU: this is not what a DCGM exporter shows of a node with GPUs");
    }
    let complained = complained.and_then(|()| complaints.flush());
    let shown = devices.iter().try_for_each(|device| {
        serde_json::to_writer(&mut output, &DeviceBody::new(device))?;
        output.write_all(b"\n")
    });
    let shown = shown.and_then(|()| output.flush());
    [complained, shown].into_iter().find(is_failure).unwrap_or(Ok(()))
}

fn is_failure(written: &io::Result<()>) -> bool {
    written.as_ref().is_err_and(|error| error.kind() != ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(answer: &str) -> (Vec<Value>, String) {
        let (mut output, mut complaints) = (Vec::new(), Vec::new());
        let at = Timestamp::UNIX_EPOCH;
        write_readings(answer.as_bytes(), at, Preference::GpuUtil, &mut output, &mut complaints).unwrap();
        let lines = String::from_utf8(output).unwrap();
        let devices = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (devices, String::from_utf8(complaints).unwrap())
    }

    #[test]
    fn each_device_has_a_line_and_each_line_that_was_skipped_a_reason() {
        let (devices, complaints) = read(concat!(
            "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"GPU-1\",device=\"nvidia0\",modelName=\"NVIDIA L4\",container=\"main\",",
            "namespace=\"ml\",pod=\"train-0\"} 42\n",
            "DCGM_FI_DEV_GPU_UTIL{gpu=\"1\",...} 43\n",
            "DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu=\"1\",UUID=\"GPU-2\",device=\"nvidia1\",GPU_I_ID=\"7\",GPU_I_PROFILE=\"1g.5gb\"} ",
            "0.995687\n",
        ));
        let first = json!({
            "namespace": "ml", "pod": "train-0", "container": "main", "device": "nvidia0", "uuid": "GPU-1",
            "mig_instance": null, "mig_profile": null, "model": "NVIDIA L4", "utilization_percent": 42,
            "memory_used_mib": null, "memory_total_mib": null, "shared": false, "state": "ok", "reason": null,
        });
        assert_eq!(devices[0], first);
        assert_eq!((&devices[1]["mig_instance"], &devices[1]["mig_profile"]), (&json!("7"), &json!("1g.5gb")));
        assert_eq!((&devices[1]["utilization_percent"], &devices[1]["pod"]), (&json!(99.5687), &Value::Null));
        assert!(complaints.starts_with("line 2: its labels are broken: DCGM_FI_DEV_GPU_UTIL"), "{complaints}");
    }

    #[test]
    fn an_answer_without_gpus_is_said_to_be_one() {
        let (devices, complaints) = read("go_goroutines 7\n");
        assert!(devices.is_empty() && complaints.starts_with("no GPU"), "{complaints}");
    }

    /// A pipe whose reader has gone.
    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn it_ends_well_when_nobody_reads_any_more() {
        let answer = b"DCGM_FI_DEV_GPU_UTIL{gpu=\"0\"} 1\n?\n";
        write_readings(answer, Timestamp::UNIX_EPOCH, Preference::GpuUtil, Closed, Closed).unwrap();
    }
}
