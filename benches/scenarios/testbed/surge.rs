//! All workloads need one replica more at the same moment.

use std::time::{Duration, Instant};

use anyhow::ensure;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, sleep_until};

use super::audit::Request;
use super::requests::{AuditLog, first_scaled, scalings};
use super::say;
use super::world::{BUSY_REPLICAS, Load, World};

/// How often it is looked whether the metrics show the new load.
const POLL: Duration = Duration::from_millis(250);
/// metrics-server's scrape, and a busy machine.
const SHOWN_LIMIT: Duration = Duration::from_secs(60);
/// The HPA at its defaults needs more than a minute for 500.
const SCALED_LIMIT: Duration = Duration::from_secs(900);

/// How long it took to scale all, from when the metrics API showed the new load of all.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Surge {
    /// How far the moment is uncertain: the seconds from the last list that did not show it to the first that did.
    pub shown_within_seconds: f64,
    /// The first scale call of all, in seconds; negative where it came before this process saw the load.
    pub first_seconds: f64,
    pub median_seconds: f64,
    pub last_seconds: f64,
}

/// Raises the load of all, and waits until this user has scaled all; also returns what the user has asked for meanwhile.
/// The log must begin before this.
pub async fn surge(world: &World, user: &str, log: &mut AuditLog) -> anyhow::Result<(Surge, Vec<Request>)> {
    world.set_load(&world.namespaces, Load::Busy).await?;
    let (unseen, seen) = await_shown(world).await?;
    say("the metrics show the new load of all");
    let (mut requests, begun, all) = (Vec::new(), Instant::now(), world.deployments.len());
    let scaled = loop {
        requests.extend(log.next(user)?);
        let scaled = first_scaled(&scalings(&requests), BUSY_REPLICAS);
        if scaled.len() == all {
            break scaled;
        }
        ensure!(begun.elapsed() < SCALED_LIMIT, "{} of {all} are scaled after {SCALED_LIMIT:?}", scaled.len());
        sleep(Duration::from_secs(1)).await;
    };
    let mut moments: Vec<DateTime<Utc>> = scaled.into_values().collect();
    moments.sort();
    let after = |moment: &DateTime<Utc>| seconds(*moment - seen);
    let surge = Surge {
        shown_within_seconds: seconds(seen - unseen),
        first_seconds: after(&moments[0]),
        median_seconds: after(&moments[all / 2]),
        last_seconds: after(&moments[all - 1]),
    };
    Ok((surge, requests))
}

/// Waits until the metrics show the load of all; returns when a list last did not, and when one first did.
async fn await_shown(world: &World) -> anyhow::Result<(DateTime<Utc>, DateTime<Utc>)> {
    let begun = Instant::now();
    let mut unseen = Utc::now();
    loop {
        let next = tokio::time::Instant::now() + POLL;
        let shown = world.shown().await?;
        let now = Utc::now();
        if world.deployments.iter().all(|deployment| shown.load(deployment) == Some(Load::Busy)) {
            return Ok((unseen, now));
        }
        unseen = now;
        ensure!(begun.elapsed() < SHOWN_LIMIT, "the metrics do not show the new load");
        sleep_until(next).await;
    }
}

/// A difference of moments in seconds.
pub fn seconds(difference: TimeDelta) -> f64 {
    difference.as_seconds_f64()
}
