//! The process as the system sees it, under the names that all services share (`process_...`). Read from `/proc`; where
//! there is none, nothing is known.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::families::{About, Unlabelled, about, counters, gauges};

const CPU: About = about("process_cpu", "CPU time of the process, user and system").in_unit("seconds");
const RESIDENT: About = about("process_resident_memory", "Resident memory of the process").in_unit("bytes");
const VIRTUAL: About = about("process_virtual_memory", "Virtual memory of the process").in_unit("bytes");
const OPEN: About = about("process_open_fds", "Open file descriptors");
const MOST: About = about("process_max_fds", "Most file descriptors that may be open");
const THREADS: About = about("process_threads", "Threads of the process");
const STARTED: About =
    about("process_start_time", "When the process started, in seconds since 1970").in_unit("seconds");

/// What is known of the process.
#[derive(Debug, Default)]
pub(super) struct ProcessFamilies {
    stat: Option<Stat>,
    resident_bytes: Option<u64>,
    open_files: Option<u64>,
    most_files: Option<u64>,
    booted_at: Option<u64>,
}

/// `/proc/self/stat`, in ticks and bytes.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    cpu_ticks: u64,
    threads: u64,
    started_ticks: u64,
    virtual_bytes: u64,
}

/// How many ticks a second has in `/proc`, on every architecture that this service is built for (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The second field is the program's name in brackets, which may have blanks and brackets of its own.
        let fields: Vec<_> = text.rsplit_once(')')?.1.split_whitespace().collect();
        // The first of `fields` is the third in proc_pid_stat(5).
        let field = |number: usize| fields.get(number.checked_sub(3)?)?.parse::<u64>().ok();
        Some(Self {
            cpu_ticks: field(14)? + field(15)?,
            threads: field(20)?,
            started_ticks: field(22)?,
            virtual_bytes: field(23)?,
        })
    }
}

impl ProcessFamilies {
    /// What is so now.
    pub(super) fn read() -> Self {
        let text = |path: &str| fs::read_to_string(path).ok();
        Self {
            stat: text("/proc/self/stat").and_then(|text| Stat::parse(&text)),
            resident_bytes: text("/proc/self/status").and_then(|text| resident_bytes(&text)),
            open_files: fs::read_dir("/proc/self/fd").ok().and_then(|files| u64::try_from(files.count()).ok()),
            most_files: text("/proc/self/limits").and_then(|text| most_files(&text)),
            booted_at: text("/proc/stat").and_then(|text| booted_at(&text)),
        }
    }
}

/// `VmRSS` in `/proc/self/status`, which unlike that in `stat` is not in pages.
fn resident_bytes(status: &str) -> Option<u64> {
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.split_whitespace().next()?;
    Some(kib.parse::<u64>().ok()?.saturating_mul(1024))
}

/// The soft limit in `/proc/self/limits`; `None` when there is no limit.
fn most_files(limits: &str) -> Option<u64> {
    limits.lines().find_map(|line| line.strip_prefix("Max open files"))?.split_whitespace().next()?.parse().ok()
}

/// The time of the start in `/proc/stat`, in seconds since 1970.
fn booted_at(stat: &str) -> Option<u64> {
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn seconds(ticks: u64) -> f64 {
    ticks as f64 / TICKS_PER_SECOND
}

impl Collector for ProcessFamilies {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        let stat = self.stat.as_ref();
        let one = |value: Option<u64>| value.map(|value| (Unlabelled, value));
        counters(encoder, CPU, stat.map(|stat| (Unlabelled, seconds(stat.cpu_ticks))))?;
        gauges(encoder, RESIDENT, one(self.resident_bytes))?;
        gauges(encoder, VIRTUAL, one(stat.map(|stat| stat.virtual_bytes)))?;
        gauges(encoder, OPEN, one(self.open_files))?;
        gauges(encoder, MOST, one(self.most_files))?;
        gauges(encoder, THREADS, one(stat.map(|stat| stat.threads)))?;
        let started = stat.zip(self.booted_at).map(|(stat, booted)| booted as f64 + seconds(stat.started_ticks));
        gauges(encoder, STARTED, started.map(|at| (Unlabelled, at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_program_may_be_anything() {
        let text =
            "7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 25 17 0 0 20 0 9 0 4200 123456 300 18446744073709551615 1 1";
        let expected = Stat { cpu_ticks: 42, threads: 9, started_ticks: 4200, virtual_bytes: 123_456 };
        assert_eq!(Stat::parse(text), Some(expected));
        for nonsense in ["", "7 (a", "7 (a) S 1", "7 (a) S x x x x x x x x x x x x x x x x x x x x x x x x"] {
            assert_eq!(Stat::parse(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn no_limit_is_no_number() {
        let limits =
            |soft: &str| format!("Limit  Soft Limit  Hard Limit  Units\nMax open files  {soft}  4096  files\n");
        assert_eq!(most_files(&limits("1024")), Some(1024));
        assert_eq!(most_files(&limits("unlimited")), None);
        assert_eq!(resident_bytes("VmHWM: 9 kB\nVmRSS:\t  300 kB\n"), Some(307_200));
        assert_eq!(booted_at("cpu 1 2\nbtime 1700000000\n"), Some(1_700_000_000));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_is_known() {
        let ProcessFamilies { stat, resident_bytes, open_files, most_files, booted_at } = ProcessFamilies::read();
        let (stat, resident) = (stat.unwrap(), resident_bytes.unwrap());
        assert!(stat.virtual_bytes > resident && resident > 1 << 20 && stat.threads >= 1, "{stat:?} {resident}");
        assert!(open_files.unwrap() >= 3 && most_files.is_none_or(|most| most >= open_files.unwrap()));
        assert!(booted_at.is_some());
    }
}
