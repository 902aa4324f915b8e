//! No byte can be written anywhere: the service keeps nothing on a disk.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::StatusCode;

use super::api::Api;
use super::fleet::Fleet;
use super::judge;
use super::manifests::by_memory;
use super::report::report;
use super::scene::{HIGH, await_replicas, beside_others, workload};
use super::service::binary;
use super::waiting::{LIMIT, eventually};
use super::workload::NAME;

/// A root that is read-only, and for all that programs like to write to a file system of 1 MiB that is full.
const NO_ROOM: &str = "
set -e
mount --make-rprivate /
mount -t tmpfs -o size=1M full \"$1\"
dd if=/dev/zero of=\"$1/fill\" bs=4k status=none 2> /dev/null || true
mount -o remount,bind,ro /
cd \"$1\"
if echo x > x 2> /dev/null; then echo 'the disk is not full' >&2; exit 9; fi
export HOME=\"$1\" TMPDIR=\"$1\" XDG_CACHE_HOME=\"$1\"
shift
exec \"$@\"
";

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn can_mount() -> bool {
    let tried = Command::new("unshare").args(["-m", "true"]).stderr(Stdio::null()).status();
    tried.is_ok_and(|tried| tried.success())
}

#[tokio::test]
async fn a_full_disk_and_a_read_only_one_do_not_matter() {
    let _machine = beside_others();
    if !can_mount() {
        eprintln!("left out: it takes a mount namespace, which only root can make here");
        return;
    }
    let namespace = workload("disk", HIGH).await;
    let fleet = Fleet::new(&[&namespace]);
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", NO_ROOM, "no-room"]).arg(folder.path()).arg(binary());
    let service = fleet.start_as(command, "replica", &[]);
    fleet.await_leader(&[&service], LIMIT).await;
    let api = service.api();
    api.wait_until_readyz(StatusCode::OK, LIMIT).await;
    let id = api.created(&by_memory(&namespace, NAME, 2, 4)).await;
    await_replicas(&namespace, 4).await;
    api.wait_for(&id, "the change is counted", LIMIT, |a| a["details"]["scale_up_count"] == 1).await;
    service.kill();

    // Nor does a log that cannot be written: each line of it fails, as on a full disk.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let full = || Stdio::from(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    let mut command = fleet.command("replica");
    command.args(["--port", &port.to_string()]).stdout(full()).stderr(full());
    let _mute = Killed(command.spawn().unwrap());
    let address = format!("127.0.0.1:{port}");
    eventually("it listens", LIMIT, async || tokio::net::TcpStream::connect(&address).await.is_ok()).await;
    let api = Api::new(&address);
    api.wait_until_readyz(StatusCode::OK, LIMIT).await;
    eventually("it leads", LIMIT, async || api.get("/readyz").await.1["replica"]["leads"] == true).await;
    let (status, answer) = api.patch(&id, &serde_json::json!({"max_replicas": 6})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    await_replicas(&namespace, 6).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(judge::counts(&namespace), [4, 6]);
    report(
        "a full disk (tmpfs of 1 MiB) under a read-only root; a log that cannot be written",
        "the service does all its work",
        "replicas 2 -> [4, 6]: created, restarted, changed and scaled without a byte written",
    );
}
