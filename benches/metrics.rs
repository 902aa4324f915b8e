//! What a scrape of 10,000 autoscalers costs: the registry's answer, and the text.
//!
//! `cargo bench --bench metrics`
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

#[path = "../tests/actors/cluster.rs"]
#[allow(dead_code, reason = "shared with the tests of the actors, which need more of it")]
mod cluster;
#[path = "../tests/actors/objects.rs"]
#[allow(dead_code, reason = "shared with the tests of the actors, which need more of it")]
mod objects;
#[path = "../tests/actors/stage.rs"]
#[allow(dead_code, reason = "shared with the tests of the actors, which need more of it")]
mod stage;

use std::io::Write as _;
use std::time::{Duration, Instant};

use ai_storage_orchestrator::actors::listing::List;
use ai_storage_orchestrator::telemetry::{Format, Registered, SeriesLimits, Telemetry};
use flate2::Compression;
use flate2::write::GzEncoder;

use self::cluster::deployment;
use self::stage::{Stage, play, rules};

const AUTOSCALERS: usize = 10_000;
const TIMES: usize = 10;

fn main() {
    // Under `cargo test` there is nothing to measure.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    play(async |stage| {
        for number in 0..AUTOSCALERS {
            let name = format!("workload-{number:05}");
            stage.cluster.add(&name, 3, 70);
            stage.create_for(&deployment(&name), rules(1, 10)).await;
        }
        stage.pass(20.0).await;
        measure(stage).await;
    });
}

async fn measure(stage: &Stage) {
    let limits = SeriesLimits { autoscalers: AUTOSCALERS, exporters: 1000 };
    let telemetry = Telemetry::new(stage.sources.clone(), limits);
    let mut autoscalers = Vec::new();
    let list = fastest(async || autoscalers = stage.registry.list(&List::default()).unwrap().autoscalers).await;
    println!("the list of {} autoscalers from the registry: {list:?}", autoscalers.len());
    for format in [Format::OpenMetrics, Format::Prometheus] {
        let mut text = String::new();
        let write = fastest(async || {
            text = telemetry.write(Registered { autoscalers: autoscalers.clone(), waiting: 0 }, format).unwrap();
        });
        let write = write.await;
        let mut packed = Vec::new();
        let pack = fastest(async || {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(text.as_bytes()).unwrap();
            packed = encoder.finish().unwrap();
        });
        let pack = pack.await;
        let series = text.lines().filter(|line| !line.starts_with('#')).count();
        let mib = |bytes: usize| bytes as f64 / 1024.0 / 1024.0;
        println!(
            "{format:?}: {series} series, {:.1} MiB in {write:?}; packed {:.2} MiB in {pack:?}",
            mib(text.len()),
            mib(packed.len())
        );
    }
}

/// The shortest of some times: what is not the others' doing.
async fn fastest(mut run: impl AsyncFnMut()) -> Duration {
    let mut fastest = Duration::MAX;
    for _ in 0..TIMES {
        let begun = Instant::now();
        run().await;
        fastest = fastest.min(begun.elapsed());
    }
    fastest
}
