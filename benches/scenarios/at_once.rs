//! All autoscalers want to scale at the same moment.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use chrono::Utc;
use clap::Args;
use serde_json::{Value, json};

use super::machine::Taken;
use super::reader::{Answers, Reader};
use super::row::Row;
use super::simulator::{Options, Order, Told};
use super::stage::{Stage, play};

/// In this time all are to be patched.
const TARGET_SECONDS: f64 = 20.0;

/// In this time the service is to answer meanwhile.
const ANSWER_MILLISECONDS: f64 = 50.0;

/// For how long the API server refuses requests in the variant with refusals, and how long after the load shows.
const REFUSING_SECONDS: u32 = 3;
const REFUSING_AFTER: Duration = Duration::from_secs(5);

#[derive(Args, Clone)]
pub struct AtOnce {
    #[command(flatten)]
    cluster: Options,
    /// The load that all begin to have, in percent of what the first pods request
    #[arg(long, default_value_t = 140.0)]
    load: f64,
    /// How many questions to ask of the service in a second meanwhile
    #[arg(long, default_value_t = 50)]
    rate: u32,
    /// In the middle the API server answers 429 with Retry-After for 3 s
    #[arg(long)]
    refusing: bool,
    /// For how many seconds to wait for the slowest
    #[arg(long, default_value_t = 120)]
    limit: u64,
}

/// What was measured, times in seconds from when the load was to be seen.
struct Measured {
    patched: Vec<f64>,
    /// The refusals, from when the API server began to refuse.
    refused: Vec<f64>,
    answers: Answers,
    cpu: f64,
    simulator_cpu: f64,
    kinds: Vec<String>,
    errors: usize,
    warnings: usize,
}

pub fn run(at_once: &AtOnce, save: Option<&Path>) -> anyhow::Result<()> {
    let measured = play(measure(at_once))?;
    row(at_once, &measured)?.finish(save)
}

async fn measure(at_once: &AtOnce) -> anyhow::Result<Measured> {
    let autoscalers = at_once.cluster.autoscalers;
    let stage = Stage::set(&at_once.cluster).await?;
    stage.all_saved(autoscalers, Duration::from_secs(600)).await?;
    stage.simulator.order(Order::Reset).await?;
    let told = stage.simulator.order(Order::Load { percent: at_once.load }).await?;
    let Told::Load { visible_at } = told else { anyhow::bail!("no load, but {told:?}") };
    let wait = u64::try_from(visible_at - Utc::now().timestamp_millis()).unwrap_or_default();
    tokio::time::sleep(Duration::from_millis(wait)).await;

    let (begun, others) = (Taken::by(stage.service.pid())?, stage.simulator.taken()?);
    let reader = Reader::start(&stage.service, &stage.http, at_once.rate).await?;
    let mut refusing_at = visible_at;
    if at_once.refusing {
        tokio::time::sleep(REFUSING_AFTER).await;
        refusing_at = Utc::now().timestamp_millis();
        stage.simulator.order(Order::Refuse { seconds: REFUSING_SECONDS }).await?;
    }
    let asked = loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let asked = stage.simulator.asked().await?;
        let passed = Utc::now().timestamp_millis() - visible_at;
        if asked.patched.len() >= autoscalers || passed > i64::try_from(at_once.limit)? * 1000 {
            break asked;
        }
    };
    let answers = reader.stop().await;
    let (ended, others_ended) = (Taken::by(stage.service.pid())?, stage.simulator.taken()?);
    let seconds = |from: i64, at: i64| (at - from) as f64 / 1000.0;
    let mut patched: Vec<_> = asked.patched.iter().map(|one| seconds(visible_at, one.at)).collect();
    patched.sort_by(f64::total_cmp);
    Ok(Measured {
        patched,
        refused: asked.refused.iter().map(|at| seconds(refusing_at, *at)).collect(),
        answers,
        cpu: ended.percent_since(&begun),
        simulator_cpu: others_ended.percent_since(&others),
        kinds: asked.by_kind(seconds(visible_at, Utc::now().timestamp_millis())),
        errors: stage.service.process.logged(" ERROR ").len(),
        warnings: stage.service.process.logged(" WARN ").len(),
    })
}

fn row(at_once: &AtOnce, measured: &Measured) -> anyhow::Result<Row> {
    let autoscalers = at_once.cluster.autoscalers;
    ensure!(!measured.patched.is_empty(), "nothing was scaled: {:?}", measured.kinds);
    let last = *measured.patched.last().context("nothing was scaled")?;
    let all = measured.patched.len() == autoscalers;
    let p99 = measured.answers.quantile(0.99);
    let is_target = autoscalers == 10_000;
    let refusing = if at_once.refusing { ", the API server refusing for 3 s" } else { "" };
    let late = measured.refused.iter().filter(|at| **at > 0.5).count();
    let refused = if at_once.refusing {
        format!(", {} requests refused, {late} of them after 0.5 s", measured.refused.len())
    } else {
        String::new()
    };
    Row::new(
        &format!("{autoscalers} autoscalers scale at once{refusing}"),
        if is_target { "all patched in 20 s, GET by id within 50 ms p99 meanwhile" } else { "" },
        format!(
            "{} of {autoscalers} patched, the last after {last:.1} s; GET by id p99 {p99:.1} ms{refused}",
            measured.patched.len()
        ),
        is_target.then_some(all && last <= TARGET_SECONDS && p99 <= ANSWER_MILLISECONDS),
        raw(measured),
    )
}

/// When refused requests came: those of the first tenth of a second may have been under way.
fn refused(seconds: &[f64]) -> Value {
    let after = |from: f64| seconds.iter().filter(|at| **at > from).count();
    json!({ "all": seconds.len(), "after_100_ms": after(0.1), "after_500_ms": after(0.5), "after_1_s": after(1.0) })
}

fn raw(measured: &Measured) -> Value {
    let patched = |share: f64| {
        let index = ((measured.patched.len() as f64 * share) as usize).min(measured.patched.len().saturating_sub(1));
        measured.patched.get(index)
    };
    json!({
        "patched": measured.patched.len(),
        "patched_after_seconds": {
            "first": measured.patched.first(),
            "p50": patched(0.5),
            "p99": patched(0.99),
            "last": measured.patched.last(),
        },
        "refused": refused(&measured.refused),
        "answers": measured.answers.told(),
        "cpu_percent": measured.cpu,
        "simulator_cpu_percent": measured.simulator_cpu,
        "by_kind": measured.kinds,
        "errors": measured.errors,
        "warnings": measured.warnings,
    })
}
