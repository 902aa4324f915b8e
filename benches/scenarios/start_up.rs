//! A restart: how long it takes until every autoscaler has been evaluated once.

use std::path::Path;
use std::time::{Duration, Instant};

use chrono::Utc;
use clap::Args;
use serde_json::json;

use super::machine::{Held, Taken};
use super::row::Row;
use super::simulator::{Options, Order};
use super::stage::{Stage, play, start_service};

/// In this time all are to be evaluated.
const TARGET: Duration = Duration::from_secs(5);

#[derive(Args, Clone)]
pub struct StartUp {
    #[command(flatten)]
    cluster: Options,
    /// How often to start it; the slowest counts
    #[arg(long, default_value_t = 3)]
    times: usize,
}

/// One start.
#[derive(serde::Serialize)]
struct Started {
    /// From the start of the process, in seconds.
    listens_after: f64,
    all_evaluated_after: f64,
    /// CPU time of the service until then, in seconds.
    cpu_seconds: f64,
    peak_rss_mib: f64,
    /// What was sent to the service until then.
    requests: u64,
    mib: f64,
    /// How many statuses were written until nothing more was: all said before what they say again.
    statuses_written: u64,
}

pub fn run(start_up: &StartUp, save: Option<&Path>) -> anyhow::Result<()> {
    play(measure(start_up, save))
}

async fn measure(start_up: &StartUp, save: Option<&Path>) -> anyhow::Result<()> {
    let autoscalers = start_up.cluster.autoscalers;
    let mut stage = Stage::set(&start_up.cluster).await?;
    // As after a while of work: every object has its status.
    stage.all_saved(autoscalers, Duration::from_secs(600)).await?;
    let mut starts = Vec::new();
    for _ in 0..start_up.times {
        stage.service.process.terminate()?;
        stage.simulator.order(Order::Reset).await?;
        starts.push(start(&mut stage, autoscalers).await?);
    }
    let slowest = starts.iter().map(|start| start.all_evaluated_after).fold(0.0, f64::max);
    let is_target = autoscalers == 10_000;
    let row = Row::new(
        &format!("{autoscalers} autoscalers evaluated after a start"),
        if is_target { "5 s from the start of the process" } else { "" },
        format!("{slowest:.1} s, the slowest of {}", starts.len()),
        is_target.then_some(slowest <= TARGET.as_secs_f64()),
        json!({ "starts": starts }),
    )?;
    row.finish(save)
}

async fn start(stage: &mut Stage, autoscalers: usize) -> anyhow::Result<Started> {
    let (begun, since) = (Instant::now(), Utc::now());
    stage.service = start_service(&stage.simulator)?;
    let listens_after = begun.elapsed().as_secs_f64();
    let seen = stage.all_evaluated(autoscalers, since, Duration::from_secs(300)).await?;
    let all_evaluated_after = (seen - begun).as_secs_f64();
    let pid = stage.service.pid();
    let asked = stage.simulator.asked().await?;
    let (cpu, held) = (Taken::by(pid)?.cpu(), Held::by(pid)?);
    eprintln!("all evaluated after {all_evaluated_after:.1} s");
    stage.all_saved(autoscalers, Duration::from_secs(600)).await?;
    Ok(Started {
        listens_after,
        all_evaluated_after,
        cpu_seconds: cpu.as_secs_f64(),
        peak_rss_mib: held.peak_rss_mib,
        requests: asked.calls(),
        mib: asked.bytes() as f64 / f64::from(1 << 20),
        statuses_written: stage.simulator.asked().await?.of("workloadautoscalers/status"),
    })
}
