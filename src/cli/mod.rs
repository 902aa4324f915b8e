//! The command line for people: subcommands that talk to the service's API, and `import hpa`, which also talks to a
//! cluster as its user.

mod api;
mod change;
mod connection;
mod create;
mod describe;
mod documents;
mod explain;
mod export;
mod failure;
mod fleet;
#[cfg(fuzzing)]
pub mod fuzzing;
mod get;
mod import;
mod moment;
mod names;
mod output;
mod progress;
mod refusal;
mod terminal;
mod watch;
mod whoami;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use clap_complete::Shell;
use serde_json::Value;

use self::api::Api;
use self::change::{Delete, SetMode, Which};
use self::connection::Connection;
use self::create::Create;
use self::describe::Describe;
use self::explain::Explain;
use self::export::Export;
use self::failure::Failure;
use self::get::Get;
use self::import::Import;
use self::output::Format;
use self::terminal::{ColorChoice, Screen, plain_lines};
use self::watch::Watch;
use self::whoami::Whoami;
use crate::clock::Clock;
use crate::settings::{ClientEnvironment, Surroundings};

/// A subcommand for people, with what is common to them.
#[derive(Args)]
pub struct Client<T: Args> {
    #[command(flatten)]
    command: T,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct Common {
    #[command(flatten)]
    connection: Connection,
    /// The form of the answer; json and yaml are the API's own answers
    #[arg(short, long, value_enum, default_value_t, value_name = "FORM")]
    output: Format,
    /// When to use colours; NO_COLOR is respected
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    color: ColorChoice,
}

/// The subcommands.
#[derive(Subcommand)]
pub enum Command {
    /// Show autoscalers in a table
    Get(Client<Get>),
    /// Show everything about one autoscaler
    Describe(Client<Describe>),
    /// Put workloads under autoscaling
    Create(Client<Create>),
    /// Pause an autoscaler: nothing is scaled until it is resumed
    Pause(Client<Which>),
    /// Resume an autoscaler
    Resume(Client<Which>),
    /// Let an autoscaler scale, or only observe
    Mode(Client<SetMode>),
    /// End an autoscaler; its workload keeps its replicas
    Delete(Client<Delete>),
    /// Show what happens, as it happens
    Watch(Client<Watch>),
    /// Say in five lines why a workload was scaled at a time, or was not
    Explain(Client<Explain>),
    /// Say whom the service takes you for
    Whoami(Client<Whoami>),
    /// Write the autoscalers as objects for "kubectl apply"
    Export(Client<Export>),
    /// Turn other autoscalers into those of this service
    Import {
        /// What to import
        #[command(subcommand)]
        from: ImportFrom,
    },
    /// Write completions for a shell to standard output
    Completions {
        /// Which shell
        shell: Shell,
    },
}

/// What to import.
#[derive(Subcommand)]
pub enum ImportFrom {
    /// HorizontalPodAutoscalers: of manifests, or of a cluster
    Hpa(Client<Import>),
}

/// What every command needs.
struct Session {
    api: Api,
    screen: Screen,
    format: Format,
    /// Where the user's clusters are.
    surroundings: Surroundings,
}

impl Session {
    fn new(common: &Common, environment: ClientEnvironment) -> Result<Self, Failure> {
        let screen = Screen::detect(common.color, environment.no_color);
        let api = Api::new(&common.connection, environment.token)?;
        Ok(Self { api, screen, format: common.output, surroundings: environment.surroundings })
    }

    /// What time it is where the service is: a simulated cluster's clock may run ahead, so the newest time in an answer
    /// counts when it is later than this machine's.
    fn now(&self, autoscalers: &[Value]) -> DateTime<Utc> {
        let times = autoscalers.iter().filter_map(|autoscaler| moment::time(&autoscaler["details"]["updated_at"]));
        times.fold(Clock::wall().now(), DateTime::max)
    }
}

/// Runs a subcommand, and returns the process's exit code. `program` is the whole command line, for completions.
pub fn run(command: Command, program: &mut clap::Command, environment: ClientEnvironment) -> i32 {
    match try_run(command, program, environment) {
        Ok(()) => 0,
        Err(failure) if failure.is_closed_pipe() => 0,
        Err(failure) => {
            // What can be of others is harmless already, but for what the system says.
            eprintln!("ai-storage-orchestrator: {}", plain_lines(&failure.to_string()));
            failure.exit_code()
        }
    }
}

fn try_run(command: Command, program: &mut clap::Command, environment: ClientEnvironment) -> Result<(), Failure> {
    if let Command::Completions { shell } = command {
        let mut script = Vec::new();
        clap_complete::generate(shell, program, env!("CARGO_PKG_NAME"), &mut script);
        return output::say(String::from_utf8_lossy(&script).trim_end());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(command, environment))
}

async fn serve(command: Command, environment: ClientEnvironment) -> Result<(), Failure> {
    match command {
        Command::Get(client) => get::run(&Session::new(&client.common, environment)?, &client.command).await,
        Command::Describe(client) => describe::run(&Session::new(&client.common, environment)?, &client.command).await,
        Command::Create(client) => create::run(&Session::new(&client.common, environment)?, &client.command).await,
        Command::Pause(client) => {
            change::set_paused(&Session::new(&client.common, environment)?, &client.command, true).await
        }
        Command::Resume(client) => {
            change::set_paused(&Session::new(&client.common, environment)?, &client.command, false).await
        }
        Command::Mode(client) => change::set_mode(&Session::new(&client.common, environment)?, &client.command).await,
        Command::Delete(client) => change::delete(&Session::new(&client.common, environment)?, &client.command).await,
        Command::Watch(client) => watch::run(&Session::new(&client.common, environment)?, &client.command).await,
        Command::Explain(client) => explain::run(&Session::new(&client.common, environment)?, &client.command).await,
        Command::Whoami(client) => whoami::run(&Session::new(&client.common, environment)?, &client.command).await,
        Command::Export(client) => export::run(&Session::new(&client.common, environment)?, &client.command).await,
        Command::Import { from: ImportFrom::Hpa(client) } => {
            import::run(&Session::new(&client.common, environment)?, &client.command).await
        }
        // Needs no runtime, and was done.
        Command::Completions { .. } => Ok(()),
    }
}
