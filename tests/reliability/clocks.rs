//! The wall clock of the leader jumps. Only its own: nobody touches the machine's.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::api::condition;
use super::fault_proxy::FaultProxy;
use super::fleet::{Fleet, identity, leads};
use super::judge;
use super::manifests::by_memory;
use super::report::report;
use super::scene::{EVEN, HIGH, LOW, await_measured, await_replicas, beside_others, replicas, workload};
use super::service::binary;
use super::waiting::LIMIT;
use super::workload::NAME;

const HOUR: i64 = 3_600;

/// A clock that is wrong by what a file says.
struct Shift {
    _folder: tempfile::TempDir,
    library: PathBuf,
    file: PathBuf,
}

impl Shift {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (library, file) = (folder.path().join("clock_shift.so"), folder.path().join("shift"));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reliability/clock_shift.c");
        let compiled = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).status();
        assert!(compiled.unwrap().success(), "clock_shift.c cannot be compiled");
        let shift = Self { _folder: folder, library, file };
        shift.set(0);
        shift
    }

    fn set(&self, seconds: i64) {
        use std::io::Write;
        // In place: the process has mapped this very file.
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(false).open(&self.file).unwrap();
        file.write_all(&seconds.to_ne_bytes()).unwrap();
    }

    /// The service with this clock.
    fn service(&self) -> Command {
        let mut command = Command::new(binary());
        command.env("LD_PRELOAD", &self.library).env("CLOCK_SHIFT_FILE", &self.file);
        command
    }
}

#[tokio::test]
async fn a_leader_whose_clock_jumps_by_an_hour_neither_acts_nor_loses_the_leadership() {
    let _machine = beside_others();
    let namespace = workload("clock", EVEN).await;
    let shift = Shift::new();
    // Without TLS: an hour ago its certificates were not valid yet.
    let proxy = FaultProxy::start(namespace.cluster).await;
    let fleet = Fleet::new(&[&namespace]).through(proxy.server());
    let jumping = fleet.start_as(shift.service(), "jumping", &[]);
    fleet.await_leader(&[&jumping], LIMIT).await;
    let standby = Fleet::new(&[&namespace]).start("standby");
    let api = jumping.api();
    api.wait_until_readyz(reqwest::StatusCode::OK, LIMIT).await;
    let mut request = by_memory(&namespace, NAME, 2, 4);
    request["scale_down_policy"]["stabilization_window_seconds"] = 30.into();
    let id = api.created(&request).await;
    let measured = |percent: u32| move |a: &Value| a["details"]["current_memory_percent"] == percent;
    api.wait_for(&id, "memory is measured", LIMIT, measured(70)).await;
    let transitions = async || fleet.lease().await.unwrap().spec.unwrap().lease_transitions;
    let before = transitions().await;

    let mut seen = Vec::new();
    for (hours, load, count) in [(1, HIGH, 4), (-1, LOW, 2)] {
        let stays = replicas(&namespace).await;
        shift.set(hours * HOUR);
        // Longer than the Lease, and than any window would be if the jump counted.
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert!(leads(&jumping) && !leads(&standby), "{hours} h cost the leadership");
        assert_eq!(replicas(&namespace).await, stays, "{hours} h caused an action");
        let autoscaler = api.autoscaler(&id).await;
        seen.push(format!(
            "{hours:+} h: {}",
            condition(&autoscaler, "ScalingActive")["reason"].as_str().unwrap_or("none")
        ));
        shift.set(0);
        api.wait_for(&id, "memory is measured again", LIMIT, |a| condition(a, "ScalingActive")["status"] == "True")
            .await;
        // With the right clock it does its work, and no sooner than it should.
        let fell = Instant::now();
        namespace.set_memory(load);
        await_replicas(&namespace, count).await;
        if count == 2 {
            assert!(fell.elapsed() >= Duration::from_secs(30), "within the window: {:?}", fell.elapsed());
        }
        await_measured(&namespace, count as usize).await;
    }
    assert_eq!(judge::counts(&namespace), [4, 2]);
    assert_eq!(transitions().await, before, "the Lease has changed hands");
    assert_eq!(fleet.holder().await.unwrap(), identity(&jumping));

    // A life that begins with a wrong clock.
    standby.kill();
    jumping.kill();
    shift.set(HOUR);
    let again = fleet.start_as(shift.service(), "jumping", &[]);
    fleet.await_leader(&[&again], LIMIT).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(judge::counts(&namespace), [4, 2]);
    report(
        "the leader's wall clock jumps by 1 h, forth and back; a start with a clock 1 h ahead",
        "no action, no change of the leadership; windows last as long as ever",
        &format!(
            "0 scale calls in 20 s each ({}); Lease transitions unchanged; replicas by load 2 -> [4, 2]",
            seen.join(", ")
        ),
    );
}
