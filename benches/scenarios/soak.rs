//! A cluster that changes all the time: whether anything grows.

use std::path::Path;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use super::machine::Held;
use super::row::Row;
use super::simulator::{Options, Order};
use super::stage::{Stage, play};

/// How often it is looked at the service, and how often something is changed.
const LOOK: Duration = Duration::from_secs(10);

/// How many workloads are made, deleted, and have their pods replaced between two looks.
const CHURN: usize = 10;

#[derive(Args, Clone)]
pub struct Soak {
    #[command(flatten)]
    cluster: Options,
    /// For how many minutes
    #[arg(long, default_value_t = 15)]
    minutes: u64,
}

/// How the service is at a moment.
#[derive(Clone, Copy, serde::Serialize)]
struct Sample {
    /// Since the beginning.
    seconds: f64,
    held: Held,
    actors: f64,
    /// Watches that have begun so far.
    watches: u64,
}

pub fn run(soak: &Soak, save: Option<&Path>) -> anyhow::Result<()> {
    play(measure(soak, save))
}

async fn measure(soak: &Soak, save: Option<&Path>) -> anyhow::Result<()> {
    let stage = Stage::set(&soak.cluster).await?;
    stage.all_saved(soak.cluster.autoscalers, Duration::from_secs(600)).await?;
    let begun = Instant::now();
    let length = Duration::from_secs(60 * soak.minutes);
    let mut samples = vec![sample(&stage, begun).await?];
    while begun.elapsed() < length {
        tokio::time::sleep(LOOK).await;
        for order in
            [Order::Add { workloads: CHURN }, Order::Remove { workloads: CHURN }, Order::Replace { workloads: CHURN }]
        {
            stage.simulator.order(order).await?;
        }
        samples.push(sample(&stage, begun).await?);
    }
    let errors = stage.service.process.logged(" ERROR ").len();
    row(soak, &samples, errors)?.finish(save)
}

async fn sample(stage: &Stage, begun: Instant) -> anyhow::Result<Sample> {
    let asked = stage.simulator.asked().await?.requests;
    let watches = asked.iter().filter(|one| one.verb == "watch").map(|one| one.requests).sum();
    let actors = stage.scrape().await?.sum("orchestrator_autoscaler_actors");
    let held = Held::by(stage.service.pid())?;
    Ok(Sample { seconds: begun.elapsed().as_secs_f64(), held, actors, watches })
}

fn row(soak: &Soak, samples: &[Sample], errors: usize) -> anyhow::Result<Row> {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { anyhow::bail!("there is no sample") };
    let slope = slope(samples.get(samples.len() / 2..).unwrap_or_default());
    let raw: Value = json!({
        "mib_per_hour": slope,
        "first": first,
        "last": last,
        "errors": errors,
        "rss_mib": samples.iter().map(|sample| sample.held.rss_mib.round()).collect::<Vec<_>>(),
    });
    Row::new(
        &format!("{} autoscalers, {} min of change", soak.cluster.autoscalers, soak.minutes),
        "",
        format!(
            "{slope:+.1} MiB an hour in the second half, from {:.0} to {:.0} MiB in all; files {} to {}, threads {} to {}, \
             actors {} to {}",
            first.held.rss_mib,
            last.held.rss_mib,
            first.held.files,
            last.held.files,
            first.held.threads,
            last.held.threads,
            first.actors,
            last.actors
        ),
        None,
        raw,
    )
}

/// How fast the memory grows, in MiB an hour: the slope of the line that is nearest to all samples.
fn slope(samples: &[Sample]) -> f64 {
    let count = samples.len() as f64;
    let mean = |of: fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>() / count;
    let (seconds, rss) = (mean(|sample| sample.seconds), mean(|sample| sample.held.rss_mib));
    let both: f64 = samples.iter().map(|one| (one.seconds - seconds) * (one.held.rss_mib - rss)).sum();
    let squares: f64 = samples.iter().map(|one| (one.seconds - seconds).powi(2)).sum();
    3600.0 * both / squares
}
