//! How soon this service scales, from when the metrics API shows another load.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::json;
use tokio::time::{sleep, sleep_until};

use super::Output;
use super::row::Row;
use super::testbed::contender::{Contender, Tuning};
use super::testbed::requests::{AuditLog, Scaling, scalings};
use super::testbed::world::{BUSY_REPLICAS, Load, Name, QUIET_REPLICAS, World};
use super::testbed::{self, say};

/// How often it is looked what the metrics API shows.
const POLL: Duration = Duration::from_millis(100);
/// A change is answered within this time, if at all: the seconds before the bench saw it, and after.
const ANSWER: (f64, f64) = (-5.0, 45.0);

/// The time from when the metrics API shows another load to the scale call, by day: p50, p99 and the slowest
///
/// On the control plane of testbed/, this service on core 0 and all else on core 1. The Deployments are in groups, whose
/// load rises and falls at moments of their own. A list of the metrics API, ten times a second, says when the new load of a
/// Deployment's pods is first there; the API server's audit log says when it got the scale call. So a time is up to 0.1 s and
/// the time of one list too short. The windows are 0 s, so that falls count, too.
#[derive(Args)]
pub struct Reaction {
    /// How many Deployments
    #[arg(long, default_value_t = 40)]
    deployments: usize,
    /// In how many groups, each a namespace
    #[arg(long, default_value_t = 8)]
    groups: usize,
    /// How many times the load of each rises and falls
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// The time from one group's change to the next one's; metrics-server reads once in 10 s
    #[arg(long, default_value_t = 11)]
    spacing: u64,
    /// How long the service runs before
    #[arg(long, default_value_t = 60)]
    warm_up: u64,
    /// With interval_seconds and metrics.freshness_seconds at 1, in the place of the defaults (15 and 5)
    #[arg(long)]
    fast: bool,
}

/// The new load of a Deployment, and when it was there.
struct Change {
    deployment: Name,
    load: Load,
    at: DateTime<Utc>,
}

impl Reaction {
    pub fn run(&self, output: &Output) -> anyhow::Result<()> {
        testbed::run(async {
            let (changes, scalings) = self.measure().await?;
            self.row(&changes, &scalings)?.finish(output.save.as_deref())
        })
    }

    async fn measure(&self) -> anyhow::Result<(Vec<Change>, Vec<Scaling>)> {
        let cluster = testbed::start()?;
        say("making the Deployments");
        let world = World::new(&cluster, self.groups, self.deployments).await?;
        let fast = self.fast.then_some(1);
        let tuning = Tuning { interval_seconds: fast, freshness_seconds: fast, without_window: true };
        let running = Contender::Service.start(&cluster, &tuning)?;
        Contender::Service.create_objects(&world, &tuning).await?;
        running.await_evaluated(&world).await?;
        sleep(Duration::from_secs(self.warm_up)).await;
        let mut log = AuditLog::from_now(&cluster)?;
        let mut changes = Vec::new();
        tokio::select! {
            ended = watch(&world, &mut changes) => ended?,
            driven = self.drive(&world) => driven?,
        }
        let requests = log.next(&Contender::Service.user())?;
        running.stop()?;
        Ok((changes, scalings(&requests)))
    }

    /// Changes the load of one group after the other, up and down.
    async fn drive(&self, world: &World) -> anyhow::Result<()> {
        for round in 0..self.rounds {
            say(&format!("round {} of {}", round + 1, self.rounds));
            for load in [Load::Busy, Load::Quiet] {
                for namespace in &world.namespaces {
                    world.set_load(std::slice::from_ref(namespace), load).await?;
                    sleep(Duration::from_secs(self.spacing)).await;
                }
            }
        }
        // metrics-server's scrape, too.
        sleep(Duration::from_secs_f64(ANSWER.1 + 15.0)).await;
        Ok(())
    }

    fn row(&self, changes: &[Change], scalings: &[Scaling]) -> anyhow::Result<Row> {
        let times: Vec<Option<f64>> = changes.iter().map(|change| answered(change, scalings)).collect();
        let mut known: Vec<f64> = times.iter().copied().flatten().collect();
        known.sort_by(f64::total_cmp);
        let unanswered = times.len() - known.len();
        let at = |share: f64| quantile(&known, share);
        let (half, most, slowest) = (at(0.5), at(0.99), at(1.0));
        let (what, target, met) = if self.fast {
            (
                "From new metrics to the scale call, interval and freshness 1 s",
                "p99 <= 1.5 s",
                most.is_some_and(|p99| p99 <= 1.5),
            )
        } else {
            (
                "From new metrics to the scale call, at the defaults",
                "p50 <= 3 s, p99 <= 6 s",
                half.is_some_and(|p50| p50 <= 3.0) && most.is_some_and(|p99| p99 <= 6.0),
            )
        };
        let shown = |time: Option<f64>| time.map_or("-".to_owned(), |time| format!("{time:.2} s"));
        let measured = format!(
            "p50 {}, p99 {}, slowest {} of {} changes, {unanswered} without a scale call",
            shown(half),
            shown(most),
            shown(slowest),
            times.len()
        );
        let raw = json!({
            "deployments": self.deployments, "groups": self.groups, "rounds": self.rounds, "fast": self.fast,
            "p50_seconds": half, "p90_seconds": at(0.9), "p99_seconds": most, "slowest_seconds": slowest,
            "changes": times.len(), "expected_changes": 2 * self.rounds * self.deployments,
            "unanswered": unanswered, "seconds": known,
        });
        Row::new(what, target, measured, Some(met && unanswered == 0), raw)
    }
}

/// Looks what the metrics API shows, for as long as it is awaited.
async fn watch(world: &World, changes: &mut Vec<Change>) -> anyhow::Result<()> {
    let mut loads: HashMap<Name, Load> = HashMap::new();
    loop {
        let next = tokio::time::Instant::now() + POLL;
        let shown = world.shown().await?;
        let at = Utc::now();
        for deployment in &world.deployments {
            let Some(load) = shown.load(deployment) else { continue };
            let before = loads.insert(deployment.clone(), load);
            if before.is_some_and(|before| before != load) {
                changes.push(Change { deployment: deployment.clone(), load, at });
            }
        }
        sleep_until(next).await;
    }
}

/// How long after a change the Deployment was scaled as it needs.
fn answered(change: &Change, scalings: &[Scaling]) -> Option<f64> {
    let to = if change.load == Load::Busy { BUSY_REPLICAS } else { QUIET_REPLICAS };
    let its = scalings.iter().filter(|scaling| scaling.deployment == change.deployment && scaling.to == i64::from(to));
    let times = its.map(|scaling| (scaling.at - change.at).as_seconds_f64());
    times.filter(|time| (ANSWER.0..ANSWER.1).contains(time)).min_by(f64::total_cmp)
}

/// The least value that at least this share of the sorted values does not exceed.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}
