//! One contender's turn.

use std::time::Duration;

use chrono::Utc;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::Setting;
use crate::machine::{Held, Taken};
use crate::testbed::cluster::Cluster;
use crate::testbed::contender::{Contender, Running, Tuning};
use crate::testbed::requests::{AuditLog, Counts, scalings};
use crate::testbed::say;
use crate::testbed::surge::{Surge, surge};
use crate::testbed::traffic::{Bytes, Traffic};
use crate::testbed::world::World;

/// How long a contender has to start, before it counts as idle: the Lease of its last turn must have run out, too.
const IDLE: Duration = Duration::from_secs(30);

/// What was measured in a turn.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Turn {
    pub contender: Contender,
    pub round: usize,
    /// Memory without any object.
    pub idle: Held,
    /// From the making of the objects until all were evaluated.
    pub evaluated_after_seconds: f64,
    pub steady: Steady,
    pub surge: Surge,
    /// What was asked for from the rise of the load until all were scaled.
    pub surge_requests: Counts,
    /// How many times a node was taken for dead within the hour before the turn's end: must be 0.
    pub nodes_lost: usize,
}

/// What was measured while nothing changed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Steady {
    pub seconds: f64,
    /// The share of one core.
    pub cpu_percent: f64,
    pub held: Held,
    pub requests: Counts,
    /// To and from the API server, with TLS.
    pub bytes: Bytes,
    /// Must be 0.
    pub scale_calls: usize,
}

/// Lets a contender play its turn, and makes all as it was before.
pub async fn play(
    cluster: &Cluster,
    world: &World,
    contender: Contender,
    round: usize,
    setting: &Setting,
) -> anyhow::Result<Turn> {
    let running = contender.start(cluster, &Tuning::default())?;
    sleep(IDLE).await;
    let idle = Held::by(running.pid())?;
    contender.create_objects(world, &Tuning::default()).await?;
    let evaluated_after = running.await_evaluated(world).await?;
    say(&format!("all are evaluated after {:.0} s", evaluated_after.as_secs_f64()));
    sleep(Duration::from_secs(setting.warm_up)).await;

    let steady = steady(cluster, contender, &running, setting.seconds).await?;
    say(&format!(
        "{:.2} requests/s, {:.2} % of a core, {:.0} MiB",
        steady.requests.without_watches as f64 / steady.seconds,
        steady.cpu_percent,
        steady.held.rss_mib
    ));
    let (from, mut log) = (Utc::now(), AuditLog::from_now(cluster)?);
    let (surge, requests) = surge(world, &contender.user(), &mut log).await?;
    let surge_requests = Counts::of(&requests, from, Utc::now());
    say(&format!("scaled after {:.1} to {:.1} s", surge.first_seconds, surge.last_seconds));

    running.stop()?;
    contender.delete_objects(world).await?;
    world.reset().await?;
    Ok(Turn {
        contender,
        round,
        idle,
        evaluated_after_seconds: evaluated_after.as_secs_f64(),
        steady,
        surge,
        surge_requests,
        nodes_lost: world.nodes_lost().await?,
    })
}

async fn steady(cluster: &Cluster, contender: Contender, running: &Running, seconds: u64) -> anyhow::Result<Steady> {
    let server = cluster.server.trim_start_matches("https://");
    let mut log = AuditLog::from_now(cluster)?;
    let traffic = Traffic::of(running.pid(), server)?;
    let (from, taken) = (Utc::now(), Taken::by(running.pid())?);
    // This is the measurement itself.
    sleep(Duration::from_secs(seconds)).await;
    let (to, taken_later) = (Utc::now(), Taken::by(running.pid())?);
    let bytes = Traffic::of(running.pid(), server)?.since(&traffic);
    // An answer that is under way is not in the log yet.
    sleep(Duration::from_secs(2)).await;
    let requests = log.next(&contender.user())?;
    Ok(Steady {
        seconds: (to - from).as_seconds_f64(),
        cpu_percent: taken_later.percent_since(&taken),
        held: Held::by(running.pid())?,
        requests: Counts::of(&requests, from, to),
        bytes,
        scale_calls: scalings(&requests).len(),
    })
}
