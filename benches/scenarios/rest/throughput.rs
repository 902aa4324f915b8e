//! How many answers a second there can be, by `wrk`, on the same cores as the service.

use std::process::Command;
use std::thread::sleep;

use anyhow::{Context, bail};
use serde_json::json;

use super::fleet::Fleet;
use super::{Save, Throughput, seconds};
use crate::machine::{Held, Taken};
use crate::row::Row;

/// So many are held for the row about few.
const FEW: usize = 100;

/// A kind of request.
struct Kind {
    what: &'static str,
    path: String,
    /// Answers a second that are wanted: a multiple of what the first implementation of the same API had on two cores.
    wanted: f64,
}

/// Measures each kind of request.
pub fn throughput(with: Throughput, save: Save<'_>) -> anyhow::Result<()> {
    if Command::new("wrk").arg("--version").output().is_err() {
        bail!("wrk is not installed: apt-get install --no-install-recommends wrk");
    }
    let figures = || "/api/v1/autoscaling/metrics".to_owned();
    let fleet = Fleet::start(FEW, FEW, None)?;
    measure_all(&fleet, FEW, with, save, &[Kind { what: "GET /metrics of all", path: figures(), wanted: 58_500.0 }])?;
    drop(fleet);
    let fleet = Fleet::start(with.autoscalers, with.autoscalers, None)?;
    let id = fleet.ids()?.pop().context("there is no autoscaler")?;
    let kinds = [
        Kind { what: "GET by id", path: format!("/api/v1/autoscaling/{id}"), wanted: 56_000.0 },
        Kind { what: "list of 100", path: "/api/v1/autoscaling?limit=100".to_owned(), wanted: 21_800.0 },
        Kind { what: "list of all", path: "/api/v1/autoscaling".to_owned(), wanted: 480.0 },
        Kind { what: "GET /metrics of all", path: figures(), wanted: 58_000.0 },
    ];
    measure_all(&fleet, with.autoscalers, with, save, &kinds)
}

fn measure_all(fleet: &Fleet, held: usize, with: Throughput, save: Save<'_>, kinds: &[Kind]) -> anyhow::Result<()> {
    sleep(seconds(with.warm_up));
    kinds.iter().try_for_each(|kind| measure(fleet, held, with, kind)?.finish(save))
}

fn measure(fleet: &Fleet, held: usize, with: Throughput, kind: &Kind) -> anyhow::Result<Row> {
    let bytes = fleet.get(&kind.path)?.to_string().len();
    let before = Taken::by(fleet.service.pid())?;
    let length = format!("-d{}s", with.seconds);
    let arguments = ["-t1", "-c4", &length, "--latency", &fleet.service.url(&kind.path)];
    let output = Command::new("wrk").args(arguments).output().context("wrk cannot be started")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let after = Taken::by(fleet.service.pid())?;
    if !output.status.success() || text.contains("Non-2xx") || text.contains("Socket errors") {
        bail!("wrk failed:\n{text}{}", String::from_utf8_lossy(&output.stderr));
    }
    let number = |name: &str| text.lines().find_map(|line| line.trim().strip_prefix(name)).map(str::trim);
    let reached: f64 = number("Requests/sec:").and_then(|text| text.parse().ok()).context("wrk counted nothing")?;
    let raw = json!({
        "requests_per_second": reached, "p50": number("50%"), "p99": number("99%"), "body_bytes": bytes,
        "service_cpu_percent": after.percent_since(&before), "service_rss_mib": Held::by(fleet.service.pid())?.rss_mib,
    });
    let what = format!("{}, {held} autoscalers held, wrk -t1 -c4 on the same cores", kind.what);
    let text = format!("{reached:.0}/s ({bytes} bytes)");
    Row::new(&what, &format!("≥ {}/s", kind.wanted), text, Some(reached >= kind.wanted), raw)
}
