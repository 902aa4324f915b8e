//! `pause`, `resume`, `mode` and `delete`: changes of one autoscaler.

use std::io::{BufRead, IsTerminal, Write};

use clap::{Args, ValueEnum};
use reqwest::Method;
use serde_json::{Value, json};

use super::failure::Failure;
use super::get::text;
use super::output::{say, say_data};
use super::terminal::plain;
use super::{Session, names};

/// Which autoscaler.
#[derive(Args)]
pub struct Which {
    /// An id or the beginning of one, namespace/name, kind/name or name
    pub autoscaler: String,
    /// The workload's namespace
    #[arg(short, long)]
    pub namespace: Option<String>,
}

impl Which {
    /// Its id.
    pub(super) async fn id(&self, session: &Session) -> Result<String, Failure> {
        names::find(&session.api, &self.autoscaler, self.namespace.as_deref()).await
    }
}

/// Which autoscaler is to be deleted.
#[derive(Args)]
pub struct Delete {
    #[command(flatten)]
    which: Which,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

/// Which autoscaler is to scale, or only to observe.
#[derive(Args)]
pub struct SetMode {
    #[command(flatten)]
    which: Which,
    /// Whether it scales, or decides and records only
    #[arg(long = "to", value_name = "MODE")]
    mode: Mode,
}

#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    Active,
    Observe,
}

/// Pauses an autoscaler, or resumes it.
pub async fn set_paused(session: &Session, which: &Which, paused: bool) -> Result<(), Failure> {
    let id = which.id(session).await?;
    let action = if paused { "pause" } else { "resume" };
    let answer = session.api.send(Method::POST, &["autoscaling", &id, action], None).await?;
    done(session, &answer, if paused { "paused: nothing is scaled until it is resumed" } else { "resumed" })
}

/// Lets an autoscaler scale, or only observe.
pub async fn set_mode(session: &Session, wanted: &SetMode) -> Result<(), Failure> {
    let id = wanted.which.id(session).await?;
    let (mode, words) = match wanted.mode {
        Mode::Active => ("active", "active: it scales from now on"),
        Mode::Observe => ("observe", "observing: it decides and records, and scales nothing"),
    };
    let answer = session.api.send(Method::PATCH, &["autoscaling", &id], Some(&json!({ "mode": mode }))).await?;
    done(session, &answer, words)
}

/// Deletes an autoscaler, and asks before.
pub async fn delete(session: &Session, wanted: &Delete) -> Result<(), Failure> {
    let id = wanted.which.id(session).await?;
    let autoscaler = session.api.get(&["autoscaling", &id], &[]).await?;
    let name = name(&autoscaler);
    if !wanted.yes && !confirmed(&format!("delete the autoscaler {name}? its workload keeps its replicas"))? {
        return Err(Failure::Failed("nothing was deleted".to_owned()));
    }
    let answer = session.api.send(Method::DELETE, &["autoscaling", &id], None).await?;
    if session.format.is_data() {
        return say_data(session.format, &answer);
    }
    say(&format!("{name} deleted; its workload keeps its replicas"))
}

fn done(session: &Session, answer: &Value, words: &str) -> Result<(), Failure> {
    if session.format.is_data() {
        return say_data(session.format, answer);
    }
    say(&format!("{} {words}", name(answer)))
}

/// An autoscaler with its workload.
pub fn name(autoscaler: &Value) -> String {
    let details = &autoscaler["details"];
    let [kind, namespace, name] =
        ["workload_type", "workload_namespace", "workload_name"].map(|field| text(&details[field]));
    plain(&format!("{} ({kind} {namespace}/{name})", text(&autoscaler["autoscaling_id"])))
}

/// Asks a question on the terminal; only a clear yes is one. Where nobody can answer, that is an error.
pub fn confirmed(question: &str) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Usage(format!("{question} There is no terminal to ask on: say it with --yes")));
    }
    let mut errors = std::io::stderr().lock();
    write!(errors, "{question} [y/N] ")?;
    errors.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
