//! The REST API with many autoscalers held: how long it takes, and how much it can take.

mod creation;
mod fleet;
mod latency;
mod open_loop;
mod plain_http;
mod throughput;

use std::path::Path;
use std::time::Duration;

use clap::Args;

pub use self::creation::create;
pub use self::latency::latency;
pub use self::throughput::throughput;

/// How the latency is measured.
#[derive(Args, Clone, Copy)]
pub struct Latency {
    /// How many autoscalers are held
    #[arg(long, default_value_t = 10_000)]
    autoscalers: usize,
    /// Requests a second
    #[arg(long, default_value_t = 1_000)]
    rate: u32,
    /// How long each kind of request is sent, in seconds
    #[arg(long, default_value_t = 120)]
    seconds: u32,
    /// How long the service runs before that, in seconds
    #[arg(long, default_value_t = 60)]
    warm_up: u32,
}

/// How the throughput is measured.
#[derive(Args, Clone, Copy)]
pub struct Throughput {
    /// How many autoscalers are held, beside the 100 of one row
    #[arg(long, default_value_t = 10_000)]
    autoscalers: usize,
    /// How long each kind of request is sent, in seconds
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// How long the service runs before that, in seconds
    #[arg(long, default_value_t = 60)]
    warm_up: u32,
}

/// How creation is measured.
#[derive(Args, Clone, Copy)]
pub struct Creation {
    /// How many autoscalers are created
    #[arg(long, default_value_t = 10_000)]
    autoscalers: usize,
    /// Over how many connections at once
    #[arg(long, default_value_t = 16)]
    connections: usize,
}

/// Where rows are added to.
pub type Save<'a> = Option<&'a Path>;

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}
