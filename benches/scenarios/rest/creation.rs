//! How many autoscalers a second can be created.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::scope;
use std::time::Instant;

use anyhow::{anyhow, bail};
use serde_json::json;

use super::fleet::{Fleet, definition};
use super::plain_http::Connection;
use super::{Creation, Save};
use crate::machine::{Held, MEASURED, OTHERS, Taken, pin_this};
use crate::row::Row;

/// Autoscalers a second.
const WANTED: f64 = 5_000.0;

/// Creates them all, as fast as they are taken.
pub fn create(with: Creation, save: Save<'_>) -> anyhow::Result<()> {
    pin_this(OTHERS)?;
    let fleet = Fleet::start(with.autoscalers, 0, Some(MEASURED))?;
    let (host, pid) = (fleet.address(), fleet.service.pid());
    let (next, before, begun) = (AtomicUsize::new(0), Taken::by(pid)?, Instant::now());
    scope(|threads| {
        let create_some = || {
            let mut connection = Connection::open(&host)?;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= with.autoscalers {
                    return anyhow::Ok(());
                }
                let answer = connection.post("/api/v1/autoscaling", &definition(number))?;
                if answer.status != 201 {
                    bail!("one is answered by {}: {}", answer.status, String::from_utf8_lossy(answer.body));
                }
            }
        };
        let started: Vec<_> = (0..with.connections).map(|_| threads.spawn(create_some)).collect();
        started.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?)
    })?;
    let (took, cpu) = (begun.elapsed(), Taken::by(pid)?.cpu_since(&before));
    let reached = with.autoscalers as f64 / took.as_secs_f64();
    let raw = json!({
        "created": with.autoscalers, "seconds": took.as_secs_f64(), "service_cpu_seconds": cpu.as_secs_f64(),
        "service_rss_mib": Held::by(pid)?.rss_mib,
    });
    let what = format!("{} autoscalers created over {} connections", with.autoscalers, with.connections);
    let row = Row::new(&what, &format!("≥ {WANTED}/s"), format!("{reached:.0}/s"), Some(reached >= WANTED), raw)?;
    row.finish(save)
}
