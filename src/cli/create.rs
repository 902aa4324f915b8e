//! `create`: autoscalers from files, or from flags.

use std::path::PathBuf;

use clap::Args;
use http::StatusCode;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::failure::Failure;
use super::get::text;
use super::output::{say, say_data};
use super::terminal::plain;
use super::{Session, documents, names};

/// What to put under autoscaling.
#[derive(Args)]
pub struct Create {
    /// The workload, as kind/name; a name alone is looked up
    #[arg(value_name = "WORKLOAD", required_unless_present = "files", conflicts_with = "files")]
    workload: Option<String>,
    /// Files with create requests, YAML or JSON, one or several in each; - is standard input
    #[arg(short = 'f', long = "file", value_name = "FILE", id = "files")]
    files: Vec<PathBuf>,
    /// The workload's namespace
    #[arg(short, long, default_value = "default", conflicts_with = "files")]
    namespace: String,
    /// The least replicas
    #[arg(long, conflicts_with = "files", required_unless_present = "files")]
    min: Option<i32>,
    /// The most replicas
    #[arg(long, conflicts_with = "files", required_unless_present = "files")]
    max: Option<i32>,
    /// The target for CPU, in percent of what is requested
    #[arg(long, value_name = "PERCENT", conflicts_with = "files")]
    cpu: Option<i32>,
    /// The target for memory, in percent of what is requested
    #[arg(long, value_name = "PERCENT", conflicts_with = "files")]
    memory: Option<i32>,
    /// The target for GPUs, in percent
    #[arg(long, value_name = "PERCENT", conflicts_with = "files")]
    gpu: Option<i32>,
    /// The target for GPU memory, in percent
    #[arg(long, value_name = "PERCENT", conflicts_with = "files")]
    gpu_memory: Option<i32>,
    /// active, or observe: decide and record, but scale nothing
    #[arg(long, conflicts_with = "files")]
    mode: Option<String>,
}

impl Create {
    fn requests(&self) -> Result<Vec<Value>, Failure> {
        let Some(workload) = &self.workload else {
            let mut all = Vec::new();
            for file in &self.files {
                all.append(&mut documents::read(file)?);
            }
            return if all.is_empty() {
                Err(Failure::Usage("the files have no create request".to_owned()))
            } else {
                Ok(all)
            };
        };
        let (kind, name) = match workload.split_once('/') {
            None => ("auto", workload.as_str()),
            Some((kind, name)) => (
                names::kind(kind).ok_or_else(|| {
                    Failure::Usage(format!(
                        "{} is no kind of workload; it must be deployment, statefulset or replicaset",
                        plain(kind)
                    ))
                })?,
                name,
            ),
        };
        let mut request = Map::new();
        request.insert("workload_name".to_owned(), json!(name));
        request.insert("workload_namespace".to_owned(), json!(self.namespace));
        request.insert("workload_type".to_owned(), json!(kind));
        let numbers = [
            ("min_replicas", self.min),
            ("max_replicas", self.max),
            ("target_cpu_percent", self.cpu),
            ("target_memory_percent", self.memory),
            ("target_gpu_percent", self.gpu),
            ("target_gpu_memory_percent", self.gpu_memory),
        ];
        for (field, number) in numbers {
            if let Some(number) = number {
                request.insert(field.to_owned(), json!(number));
            }
        }
        if let Some(mode) = &self.mode {
            request.insert("mode".to_owned(), json!(mode));
        }
        Ok(vec![Value::Object(request)])
    }
}

/// Creates autoscalers, one after the other. What fails does not keep the others from being created.
pub async fn run(session: &Session, wanted: &Create) -> Result<(), Failure> {
    let requests = wanted.requests()?;
    let count = requests.len();
    let mut answers = Vec::new();
    let mut failures = Vec::new();
    for (number, request) in requests.iter().enumerate() {
        match session.api.sent(Method::POST, &["autoscaling"], Some(request)).await {
            Ok((status, answer)) => {
                if !session.format.is_data() {
                    say(&created(status, &answer))?;
                }
                answers.push(answer);
            }
            Err(failure) if count == 1 => return Err(failure),
            // The others would fare no better.
            Err(failure @ (Failure::Unreachable(_) | Failure::Unauthorized(_))) => return Err(failure),
            Err(failure) => failures.push(format!("document {}, {}: {failure}", number + 1, workload(request))),
        }
    }
    if session.format.is_data() {
        match answers.as_slice() {
            [one] if count == 1 => say_data(session.format, one)?,
            all => say_data(session.format, &all)?,
        }
    }
    if failures.is_empty() {
        return Ok(());
    }
    Err(Failure::Failed(format!("{} of {count} were not created:\n  {}", failures.len(), failures.join("\n  "))))
}

/// What was created, as a line.
pub(super) fn created(status: StatusCode, answer: &Value) -> String {
    let details = &answer["details"];
    let what = if status == StatusCode::CREATED { "created" } else { "existed already" };
    plain(&format!(
        "{} {what}: {} {}/{}, {}..{} replicas, now {}{}",
        text(&answer["autoscaling_id"]),
        text(&details["workload_type"]),
        text(&details["workload_namespace"]),
        text(&details["workload_name"]),
        details["spec"]["min_replicas"],
        details["spec"]["max_replicas"],
        details["current_replicas"],
        if details["mode"] == "observe" { " (observes only)" } else { "" }
    ))
}

/// The workload that a create request names.
pub fn workload(request: &Value) -> String {
    let name = |field: &str| request[field].as_str().unwrap_or("?");
    plain(&format!("{} {}/{}", name("workload_type"), name("workload_namespace"), name("workload_name")))
}
