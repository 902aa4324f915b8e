//! The scenarios behind docs/performance.md: each runs the service as a process of its own, measures it from outside, and
//! prints a row of the table.
//!
//! `cargo bench --bench scenarios -- --help`
#![allow(missing_docs, clippy::disallowed_methods)]

mod at_once;
mod at_once_testbed;
mod machine;
mod plot;
mod process;
mod reaction;
mod reader;
mod rest;
mod row;
mod scrape;
mod service;
mod side_by_side;
mod simulator;
mod soak;
mod stage;
mod start_up;
mod steady;
mod testbed;

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
    /// Nothing is to be scaled: what the service takes, what it asks, and whether it is on time
    Steady(steady::Steady),
    /// The same in small, which fails when a count is wrong
    Quick,
    /// All autoscalers want to scale at the same moment: how long it takes, and how the service answers meanwhile
    AtOnce(at_once::AtOnce),
    /// A restart: how long it takes until every autoscaler has been evaluated
    StartUp(start_up::StartUp),
    /// A cluster that changes all the time: whether anything grows
    Soak(soak::Soak),
    /// Serve a simulated cluster over HTTP, as the scenarios do in a process of its own
    Simulator {
        #[command(flatten)]
        cluster: simulator::Options,
        /// Where to write the kubeconfig for it
        #[arg(long, value_name = "FILE")]
        kubeconfig: std::path::PathBuf,
    },
    SideBySide(side_by_side::SideBySide),
    Reaction(reaction::Reaction),
    AtOnceTestbed(at_once_testbed::AtOnceTestbed),
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
    // An error says that there is one already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let save = output.save.as_deref();
    match scenario {
        Scenario::Steady(steady) => steady::run(&steady, save),
        Scenario::Quick => steady::run(&steady::Steady::quick(), save),
        Scenario::AtOnce(at_once) => at_once::run(&at_once, save),
        Scenario::StartUp(start_up) => start_up::run(&start_up, save),
        Scenario::Soak(soak) => soak::run(&soak, save),
        Scenario::Simulator { cluster, kubeconfig } => simulator::run(cluster, &kubeconfig),
        Scenario::SideBySide(scenario) => scenario.run(&output),
        Scenario::Reaction(scenario) => scenario.run(&output),
        Scenario::AtOnceTestbed(scenario) => scenario.run(&output),
        Scenario::RestLatency(with) => rest::latency(with, save),
        Scenario::RestThroughput(with) => rest::throughput(with, save),
        Scenario::RestCreate(with) => rest::create(with, save),
        Scenario::Table { file } => row::print_table(&file),
        Scenario::Plot { file, folder } => plot::draw_all(&file, &folder),
    }
}
