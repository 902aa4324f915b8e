//! A load that does not wait for the answers: requests are due at fixed moments, and each is measured from the moment at
//! which it was due. So whoever is kept waiting behind a slow answer counts as slow, too (no coordinated omission).

use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use hdrhistogram::Histogram;

use super::plain_http::Connection;

/// A load.
pub struct Load<'a> {
    /// The host and port.
    pub host: &'a str,
    /// Requests a second.
    pub rate: f64,
    pub length: Duration,
    /// Among how many connections they are dealt out in turn.
    pub connections: u32,
    /// The path of a request by its number.
    pub path: &'a (dyn Fn(u32) -> String + Sync),
}

/// What became of a load.
pub struct Measured {
    /// In microseconds from the moment at which each request was due.
    pub latencies: Histogram<u64>,
    /// The bytes of the last answer's body.
    pub bytes: usize,
}

impl Load<'_> {
    /// Sends it all.
    pub fn send(&self) -> anyhow::Result<Measured> {
        // Soon enough for all threads to be there.
        let start = Instant::now() + Duration::from_millis(200);
        scope(|threads| {
            let started: Vec<_> =
                (0..self.connections).map(|first| threads.spawn(move || self.send_every(first, start))).collect();
            let mut whole = Measured { latencies: histogram()?, bytes: 0 };
            for thread in started {
                let part = thread.join().map_err(|_| anyhow!("a connection's thread panicked"))??;
                whole.latencies.add(part.latencies).context("two histograms differ")?;
                whole.bytes = part.bytes.max(whole.bytes);
            }
            Ok(whole)
        })
    }

    /// Sends the share of one connection.
    fn send_every(&self, first: u32, start: Instant) -> anyhow::Result<Measured> {
        // Not earlier: a connection on which nothing is asked for seconds is closed.
        let opened = start + Duration::from_secs_f64(f64::from(first) / self.rate);
        sleep(opened.saturating_duration_since(Instant::now()).saturating_sub(Duration::from_millis(100)));
        let mut connection = Connection::open(self.host)?;
        let mut measured = Measured { latencies: histogram()?, bytes: 0 };
        let mut number = first;
        loop {
            let after = Duration::from_secs_f64(f64::from(number) / self.rate);
            if after >= self.length {
                return Ok(measured);
            }
            let path = (self.path)(number);
            let due = start + after;
            sleep(due.saturating_duration_since(Instant::now()));
            measured.bytes = connection.get(&path)?.body.len();
            let took = u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX);
            measured.latencies.saturating_record(took);
            number += self.connections;
        }
    }
}

fn histogram() -> anyhow::Result<Histogram<u64>> {
    // Up to a minute, to three digits.
    Histogram::new_with_max(60_000_000, 3).context("no histogram")
}
