//! The binary: TLS provider, logger, command line, exit code. Everything else is in the library.

use std::io::Write;

use ai_storage_orchestrator::app::{Application, ConnectedCluster};
use ai_storage_orchestrator::clock::Clock;
use ai_storage_orchestrator::settings::{Flags, Settings, Surroundings};
use anyhow::Context;
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

/// Autoscales Kubernetes workloads by CPU, memory and GPU, and explains every decision
#[derive(Parser)]
#[command(version)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API (the default)
    Serve(Flags),
}

fn main() {
    let CommandLine { command, flags } = CommandLine::parse();
    let flags = match command {
        Some(Command::Serve(flags)) => flags,
        None => flags,
    };
    let system = actix::System::new();
    let code = match serve(&system, &flags) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("ai-storage-orchestrator: {error:#}");
            1
        }
    };
    // Without taking the system down, which would wait for a name server that does not answer.
    std::process::exit(code)
}

fn serve(system: &actix::SystemRunner, flags: &Flags) -> anyhow::Result<()> {
    let settings = Settings::load(flags)?;
    start_logger(&settings.log.filter);
    // Fails only when another provider is installed already, and none is.
    let _ = rustls::crypto::ring::default_provider().install_default();
    system.block_on(async {
        let surroundings = Surroundings::detect();
        let connected = ConnectedCluster::connect(&settings, &surroundings).await?;
        let application = Application::build(&settings, surroundings.in_pod, connected)?;
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        application.run_until(stop).await.context("the HTTP server failed")
    })
}

fn start_logger(filter: &str) {
    env_logger::Builder::new()
        .parse_filters(filter)
        .format(|out, record| {
            let time = Clock::wall().now().format("%Y-%m-%dT%H:%M:%S%.3fZ");
            writeln!(out, "{time} {:<5} {}: {}", record.level(), record.target(), record.args())
        })
        .init();
    // A panic must be in the log like everything else that went wrong.
    std::panic::set_hook(Box::new(|panic| log::error!("{panic}")));
}
