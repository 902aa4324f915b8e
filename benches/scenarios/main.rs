//! The scenarios behind docs/performance.md: each runs the service as a process of its own, measures it from outside, and
//! prints a row of the table.
//!
//! `cargo bench --bench scenarios -- --help`
#![allow(missing_docs, clippy::disallowed_methods)]

mod machine;
mod plot;
mod process;
mod rest;
mod row;
mod service;

use clap::{Args, Parser, Subcommand};

/// Measures the service from outside, one row of docs/performance.md at a time
#[derive(Parser)]
struct CommandLine {
    #[command(subcommand)]
    scenario: Option<Scenario>,
    /// What cargo passes to every benchmark
    #[arg(long, hide = true, global = true)]
    bench: bool,
    #[command(flatten)]
    output: Output,
}

/// What becomes of a row.
#[derive(Args, Clone)]
struct Output {
    /// Add the row to this file, a line of JSON
    #[arg(long, global = true, value_name = "FILE")]
    save: Option<std::path::PathBuf>,
}

#[derive(Subcommand)]
enum Scenario {
    /// How long the REST API takes to answer at a fixed rate
    RestLatency(rest::Latency),
    /// How many answers a second the REST API gives to wrk on the same cores
    RestThroughput(rest::Throughput),
    /// How many autoscalers a second can be created
    RestCreate(rest::Creation),
    /// Print the rows of a file as a table
    Table {
        /// A file that was written with --save
        file: std::path::PathBuf,
    },
    /// Draw the plots of the rows of `steady` in a file
    Plot {
        /// A file that was written with --save
        file: std::path::PathBuf,
        /// Where to put them
        folder: std::path::PathBuf,
    },
}

fn main() -> anyhow::Result<()> {
    let CommandLine { scenario, output, .. } = CommandLine::parse();
    let Some(scenario) = scenario else {
        println!("Each scenario takes minutes, so none runs by itself: `cargo bench --bench scenarios -- --help`");
        return Ok(());
    };
    let save = output.save.as_deref();
    match scenario {
        Scenario::RestLatency(with) => rest::latency(with, save),
        Scenario::RestThroughput(with) => rest::throughput(with, save),
        Scenario::RestCreate(with) => rest::create(with, save),
        Scenario::Table { file } => row::print_table(&file),
        Scenario::Plot { file, folder } => plot::draw_all(&file, &folder),
    }
}
