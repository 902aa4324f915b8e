//! The scenarios behind docs/performance.md: each runs the service as a process of its own, measures it from outside, and
//! prints a row of the table.
//!
//! `cargo bench --bench scenarios -- --help`
#![allow(missing_docs, clippy::disallowed_methods)]

mod at_once_testbed;
mod machine;
mod process;
mod reaction;
mod row;
mod service;
mod side_by_side;
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
    SideBySide(side_by_side::SideBySide),
    Reaction(reaction::Reaction),
    AtOnceTestbed(at_once_testbed::AtOnceTestbed),
    /// Print the rows of a file as a table
    Table {
        /// A file that was written with --save
        file: std::path::PathBuf,
    },
}

fn main() -> anyhow::Result<()> {
    let CommandLine { scenario, output, .. } = CommandLine::parse();
    let Some(scenario) = scenario else {
        println!("Each scenario takes minutes, so none runs by itself: `cargo bench --bench scenarios -- --help`");
        return Ok(());
    };
    match scenario {
        Scenario::SideBySide(scenario) => scenario.run(&output),
        Scenario::Reaction(scenario) => scenario.run(&output),
        Scenario::AtOnceTestbed(scenario) => scenario.run(&output),
        Scenario::Table { file } => row::print_table(&file),
    }
}
