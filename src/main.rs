//! The binary: TLS provider, logger, command line, exit code. Everything else is in the library.

use std::io::{Read, Write};
use std::time::Duration;

use ai_storage_orchestrator::adapters::causes::with_sources;
use ai_storage_orchestrator::adapters::dcgm::scraper::{ScrapeLimits, Scraper};
use ai_storage_orchestrator::adapters::destinations::Destinations;
use ai_storage_orchestrator::adapters::kubernetes::custom_resource;
use ai_storage_orchestrator::adapters::outgoing::{Outgoing, checked_url};
use ai_storage_orchestrator::app::{Application, ConnectedCluster};
use ai_storage_orchestrator::cli;
use ai_storage_orchestrator::clock::Clock;
use ai_storage_orchestrator::domain::gpu::Preference;
use ai_storage_orchestrator::domain::validation::TargetRange;
use ai_storage_orchestrator::gpu_readings::write_readings;
use ai_storage_orchestrator::http;
use ai_storage_orchestrator::logger;
use ai_storage_orchestrator::plain_text::plain_lines;
use ai_storage_orchestrator::settings::{ClientEnvironment, Flags, Settings, Surroundings};
use ai_storage_orchestrator::what_if::{Verdict, evaluate_lines};
use anyhow::Context;
use clap::{Args, CommandFactory, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

/// Ten thousand autoscalers make and drop small things all the time, on several threads: docs/performance.md has what that
/// costs with which allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Autoscales Kubernetes workloads by CPU, memory and GPU, and explains every decision
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
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
    /// Decide without a cluster: documents on standard input, one a line, decisions on standard output
    Evaluate(EvaluateFlags),
    /// Show what a DCGM exporter says as the service reads it: one line of JSON for each device
    GpuReadings(GpuReadingsFlags),
    /// Print the API's description (OpenAPI 3.1)
    Openapi,
    /// Print the custom resource in which autoscalers are kept, for `kubectl apply -f -`
    Crd,
    #[command(flatten)]
    ForPeople(cli::Command),
}

#[derive(Args)]
struct GpuReadingsFlags {
    /// Ask the exporter at this URL; without it, its answer is read from standard input
    #[arg(long)]
    url: Option<String>,
    /// Which utilisation counts when a device has both: gpu_util or gr_engine_active
    #[arg(long, value_name = "METRIC", default_value = Preference::GpuUtil.as_str(), value_parser = preference)]
    prefer: Preference,
}

fn preference(text: &str) -> Result<Preference, &'static str> {
    text.parse().map_err(|()| "it must be gpu_util or gr_engine_active")
}

#[derive(Args)]
struct EvaluateFlags {
    /// Allow targets of more than 100 %, as in manifests of the HPA
    #[arg(long = "allow-over-100")]
    allow_over_100: bool,
}

fn main() {
    let CommandLine { command, flags } = CommandLine::parse();
    let flags = match command {
        Some(Command::Evaluate(flags)) => exit(evaluate(&flags)),
        Some(Command::GpuReadings(flags)) => exit(gpu_readings(&flags)),
        Some(Command::Openapi) => exit(openapi()),
        Some(Command::Crd) => exit(crd()),
        Some(Command::ForPeople(command)) => {
            install_tls_provider();
            std::process::exit(cli::run(command, &mut CommandLine::command(), ClientEnvironment::detect()))
        }
        Some(Command::Serve(flags)) => flags,
        None => flags,
    };
    let system = actix::System::new();
    // Without taking the system down, which would wait for a name server that does not answer.
    exit(serve(&system, &flags).map(|()| ExitCode::Well))
}

/// How the process ends when nothing stopped it.
enum ExitCode {
    Well = 0,
    SomeBad = 1,
}

fn exit(ended: anyhow::Result<ExitCode>) -> ! {
    match ended {
        Ok(code) => std::process::exit(code as i32),
        Err(error) => {
            eprintln!("ai-storage-orchestrator: {}", plain_lines(&with_sources(&*error)));
            std::process::exit(1)
        }
    }
}

fn evaluate(flags: &EvaluateFlags) -> anyhow::Result<ExitCode> {
    let range = if flags.allow_over_100 { TargetRange::Unbounded } else { TargetRange::Guide };
    Ok(match evaluate_lines(std::io::stdin().lock(), std::io::stdout().lock(), range)? {
        Verdict::AllGood => ExitCode::Well,
        Verdict::SomeBad => ExitCode::SomeBad,
    })
}

fn gpu_readings(flags: &GpuReadingsFlags) -> anyhow::Result<ExitCode> {
    /// How long an exporter may take, and how much it may say.
    const LIMITS: ScrapeLimits = ScrapeLimits { timeout: Duration::from_secs(10), max_answer: 64 << 20 };
    let clock = Clock::wall();
    let answer = match &flags.url {
        Some(url) => {
            install_tls_provider();
            let url = checked_url(url)?;
            // Not the service asks, but who runs this command, as himself.
            let scraper = Scraper::new(Outgoing::new(Destinations::everywhere())?, LIMITS, flags.prefer, clock);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(scraper.answer(url.as_str())).with_context(|| format!("cannot read {url}"))?
        }
        None => {
            let mut answer = Vec::new();
            std::io::stdin().lock().read_to_end(&mut answer).context("cannot read standard input")?;
            answer
        }
    };
    write_readings(&answer, clock.now(), flags.prefer, std::io::stdout().lock(), std::io::stderr().lock())
        .context("cannot write the devices")?;
    Ok(ExitCode::Well)
}

fn openapi() -> anyhow::Result<ExitCode> {
    print(&http::document().to_pretty_json().context("cannot write the description as JSON")?)
}

fn crd() -> anyhow::Result<ExitCode> {
    let text = custom_resource::manifest().map_err(anyhow::Error::msg);
    print(text.context("cannot write the custom resource as YAML")?.trim_end())
}

fn print(text: &str) -> anyhow::Result<ExitCode> {
    match writeln!(std::io::stdout(), "{text}") {
        // Who reads no more has seen enough.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(ExitCode::Well),
    }
}

fn install_tls_provider() {
    // Fails only when another provider is installed already, and none is.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn serve(system: &actix::SystemRunner, flags: &Flags) -> anyhow::Result<()> {
    let settings = Settings::load(flags)?;
    logger::start(&settings.log.filter);
    install_tls_provider();
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
