//! How long answers take at a fixed rate.

use std::thread::sleep;
use std::time::Duration;

use anyhow::bail;
use serde_json::json;

use super::fleet::Fleet;
use super::open_loop::Load;
use super::{Latency, Save, seconds};
use crate::machine::{Held, Taken};
use crate::row::Row;

/// Connections among which the requests are dealt out.
const CONNECTIONS: u32 = 16;

/// Whole lists a second: each is many megabytes.
const WHOLE_LISTS: f64 = 2.0;

/// A kind of request.
struct Kind<'a> {
    what: String,
    /// What 99 of 100 must not exceed.
    limit: Duration,
    rate: f64,
    path: &'a (dyn Fn(u32) -> String + Sync),
}

/// Measures each kind of request.
pub fn latency(with: Latency, save: Save<'_>) -> anyhow::Result<()> {
    let Latency { autoscalers, rate, .. } = with;
    let fleet = Fleet::beside_its_cluster(autoscalers)?;
    sleep(seconds(with.warm_up));
    let ids = fleet.ids()?;
    let by_id = |number: u32| {
        let id = ids.get(number as usize % ids.len().max(1)).map_or("", String::as_str);
        format!("/api/v1/autoscaling/{id}")
    };
    let kind = |what: &str, limit, rate, path| {
        let what = format!("{what}, {rate} requests/s open loop, {autoscalers} autoscalers held: p99");
        Kind { what, limit: Duration::from_millis(limit), rate, path }
    };
    let rate = f64::from(rate);
    for kind in [
        kind("GET by id", 2, rate, &by_id),
        kind("GET /metrics of all", 2, rate, &|_| "/api/v1/autoscaling/metrics".to_owned()),
        kind("list of 100", 5, rate, &|_| "/api/v1/autoscaling?limit=100".to_owned()),
        kind("list of all", 50, WHOLE_LISTS, &|_| "/api/v1/autoscaling".to_owned()),
    ] {
        measure(&kind, with, &fleet)?.finish(save)?;
    }
    Ok(())
}

fn measure(kind: &Kind<'_>, with: Latency, fleet: &Fleet) -> anyhow::Result<Row> {
    let (host, pid) = (fleet.address(), fleet.service.pid());
    let before = Taken::by(pid)?;
    let length = seconds(with.seconds);
    let load = Load { host: &host, rate: kind.rate, length, connections: CONNECTIONS, path: kind.path };
    let measured = load.send()?;
    let (cpu, held) = (Taken::by(pid)?.percent_since(&before), Held::by(pid)?);
    let latencies = &measured.latencies;
    if latencies.is_empty() {
        bail!("nothing was sent");
    }
    let millis = |quantile| latencies.value_at_quantile(quantile) as f64 / 1000.0;
    let limit = kind.limit.as_secs_f64() * 1000.0;
    let raw = json!({
        "requests": latencies.len(), "p50_ms": millis(0.5), "p90_ms": millis(0.9), "p99_ms": millis(0.99),
        "p999_ms": millis(0.999), "max_ms": latencies.max() as f64 / 1000.0, "body_bytes": measured.bytes,
        "service_cpu_percent": cpu, "service_rss_mib": held.rss_mib,
    });
    let text = format!("{:.2} ms (p50 {:.2} ms, {} bytes)", millis(0.99), millis(0.5), measured.bytes);
    Row::new(&kind.what, &format!("< {limit} ms"), text, Some(millis(0.99) < limit), raw)
}
