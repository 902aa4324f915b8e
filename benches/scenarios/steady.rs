//! A cluster in which nothing is to be scaled: what the service takes and asks, and whether it is on time.

use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use serde_json::{Value, json};

use super::machine::{Held, Taken};
use super::row::Row;
use super::scrape::Scrape;
use super::simulator::Options;
use super::stage::{Stage, play};

const LATENESS: &str = "orchestrator_tick_lateness_seconds";

/// A tick that is later than this is late, in seconds.
const LATE: f64 = 1.0;

/// How far the number of ticks may be from what it should be.
const MISCOUNT: f64 = 0.02;

/// What the service may take for so many autoscalers, each evaluated every 15 s.
struct Target {
    autoscalers: usize,
    cpu_percent: f64,
    rss_mib: f64,
}

const TARGETS: [Target; 2] = [
    Target { autoscalers: 10_000, cpu_percent: 5.0, rss_mib: 256.0 },
    Target { autoscalers: 50_000, cpu_percent: 25.0, rss_mib: 1024.0 },
];

impl Target {
    fn in_words(&self) -> String {
        let Self { cpu_percent, rss_mib, .. } = self;
        format!("{cpu_percent} % of a core, {rss_mib} MiB, p99 of lateness under 50 ms, 1 request a second")
    }
}

#[derive(Args, Clone)]
pub struct Steady {
    #[command(flatten)]
    cluster: Options,
    /// For how many seconds to measure
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// For how many seconds to wait before that, from when all statuses have been written
    #[arg(long, default_value_t = 30)]
    warm_up: u64,
    /// Fail unless the counts are right: ticks, late ticks, requests, errors, replicas. Times do not matter
    #[arg(long)]
    check_counts: bool,
}

impl Steady {
    /// What runs in CI: a thousand autoscalers for a minute.
    pub fn quick() -> Self {
        Self { cluster: Options::of(1000), seconds: 60, warm_up: 15, check_counts: true }
    }
}

/// What was measured.
struct Measured {
    before: Scrape,
    after: Scrape,
    cpu: f64,
    simulator_cpu: f64,
    held: Held,
    /// Requests without watches and Leases, and bytes, in the whole time.
    calls: u64,
    bytes: u64,
    kinds: Vec<String>,
    /// Deployments that were scaled, although none should have been.
    scaled: usize,
    errors: Vec<String>,
    warnings: usize,
}

pub fn run(steady: &Steady, save: Option<&Path>) -> anyhow::Result<()> {
    let measured = play(measure(steady))?;
    row(steady, &measured)?.finish(save)?;
    if steady.check_counts {
        let faults = faults(steady, &measured)?;
        if !faults.is_empty() {
            bail!("{}", faults.join("\n"));
        }
    }
    Ok(())
}

async fn measure(steady: &Steady) -> anyhow::Result<Measured> {
    let stage = Stage::set(&steady.cluster).await?;
    stage.all_saved(steady.cluster.autoscalers, Duration::from_secs(600)).await?;
    eprintln!("all statuses are written; measuring from {} s on", steady.warm_up);
    tokio::time::sleep(Duration::from_secs(steady.warm_up)).await;

    let before = stage.scrape().await?;
    stage.simulator.order(super::simulator::Order::Reset).await?;
    let (begun, others) = (Taken::by(stage.service.pid())?, stage.simulator.taken()?);
    tokio::time::sleep(Duration::from_secs(steady.seconds)).await;
    let (ended, held) = (Taken::by(stage.service.pid())?, Held::by(stage.service.pid())?);
    let others_ended = stage.simulator.taken()?;
    let asked = stage.simulator.asked().await?;
    let after = stage.scrape().await?;
    let (scaled, ..) = stage.simulator.objects().await?;
    Ok(Measured {
        before,
        after,
        cpu: ended.percent_since(&begun),
        simulator_cpu: others_ended.percent_since(&others),
        held,
        calls: asked.calls(),
        bytes: asked.bytes(),
        kinds: asked.by_kind(steady.seconds as f64),
        scaled,
        errors: stage.service.process.logged(" ERROR "),
        warnings: stage.service.process.logged(" WARN ").len(),
    })
}

impl Measured {
    fn since(&self, name: &str) -> f64 {
        self.after.sum(name) - self.before.sum(name)
    }

    fn late(&self) -> anyhow::Result<f64> {
        self.after.above(&self.before, LATENESS, LATE)
    }
}

fn expected_ticks(steady: &Steady) -> f64 {
    (steady.cluster.autoscalers as u64 * steady.seconds) as f64 / f64::from(steady.cluster.interval)
}

fn faults(steady: &Steady, measured: &Measured) -> anyhow::Result<Vec<String>> {
    let (ticks, expected, late) =
        (measured.since("orchestrator_ticks_total"), expected_ticks(steady), measured.late()?);
    let checks = [
        (late > 0.0, format!("{late} ticks were more than {LATE} s late")),
        ((ticks - expected).abs() > expected * MISCOUNT, format!("{ticks} ticks instead of {expected}")),
        (measured.calls > steady.seconds, format!("{} requests in {} s", measured.calls, steady.seconds)),
        (!measured.errors.is_empty(), format!("errors were logged:\n{}", measured.errors.join("\n"))),
        (measured.scaled > 0, format!("{} workloads were scaled", measured.scaled)),
    ];
    Ok(checks.into_iter().filter_map(|(is_wrong, fault)| is_wrong.then_some(fault)).collect())
}

fn row(steady: &Steady, measured: &Measured) -> anyhow::Result<Row> {
    let Options { autoscalers, interval, overlapping, .. } = steady.cluster;
    let seconds = steady.seconds as f64;
    let late = measured.late()?;
    let p99 = measured.after.quantile(&measured.before, LATENESS, 0.99)?;
    let calls = measured.calls as f64 / seconds;
    let mib_per_minute = measured.bytes as f64 / f64::from(1 << 20) * 60.0 / seconds;
    let crowd = if overlapping { " in one namespace, with selectors that overlap" } else { "" };
    let target = TARGETS.iter().find(|target| target.autoscalers == autoscalers);
    let target = target.filter(|_| interval == super::simulator::INTERVAL && !overlapping);
    let is_met = |target: &Target| {
        measured.cpu <= target.cpu_percent && measured.held.rss_mib <= target.rss_mib && p99 <= 0.05 && calls <= 1.0
    };
    Row::new(
        &format!("{autoscalers} autoscalers{crowd}, every {interval} s, nothing to scale"),
        &target.map(Target::in_words).unwrap_or_default(),
        format!(
            "{:.1} % of a core, {:.0} MiB, {late} late ticks, p99 within {} ms, {calls:.2} requests a second, \
             {mib_per_minute:.1} MiB a minute",
            measured.cpu,
            measured.held.rss_mib,
            p99 * 1000.0,
        ),
        target.map(is_met),
        raw(steady, measured)?,
    )
}

fn raw(steady: &Steady, measured: &Measured) -> anyhow::Result<Value> {
    let quantile = |share| measured.after.quantile(&measured.before, LATENESS, share);
    Ok(json!({
        "scenario": "steady",
        "autoscalers": steady.cluster.autoscalers,
        "overlapping": steady.cluster.overlapping,
        "rss_mib": measured.held.rss_mib,
        "seconds": steady.seconds,
        "cpu_percent": measured.cpu,
        "simulator_cpu_percent": measured.simulator_cpu,
        "held": measured.held,
        "ticks": measured.since("orchestrator_ticks_total"),
        "expected_ticks": expected_ticks(steady),
        "late_ticks": measured.late()?,
        "lateness_within_seconds": { "p50": quantile(0.5)?, "p99": quantile(0.99)?, "p999": quantile(0.999)? },
        "decisions": measured.since("orchestrator_decisions_total"),
        "evaluations_on_change": measured.since("orchestrator_evaluations_on_change_total"),
        "evaluations_left_out": measured.since("orchestrator_evaluations_left_out_total"),
        "requests": measured.calls,
        "bytes": measured.bytes,
        "by_kind": measured.kinds,
        "workloads_scaled": measured.scaled,
        "errors": measured.errors.len(),
        "warnings": measured.warnings,
    }))
}
