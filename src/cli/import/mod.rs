//! `import hpa`: the equal autoscalers of HorizontalPodAutoscalers, shown, compared, or put in their place.

mod compare;
pub(super) mod convert;
mod hand_over;
mod observer;
mod saved;

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use self::convert::{Converted, convert};
use super::failure::Failure;
use super::output::{Format, say, say_data};
use super::progress::patiently;
use super::terminal::plain;
use super::{Session, documents};
use crate::adapters::kubernetes::client::ClusterAccess;
use crate::adapters::kubernetes::hpas::{Hpas, LiveHpa};

/// Which HPAs to import, and what to do.
#[derive(Args)]
pub struct Import {
    /// Only the HPA of this name
    #[arg(conflicts_with = "files")]
    name: Option<String>,
    /// Manifests, YAML or JSON, one or several in each; - is standard input. Without it, the HPAs of a cluster
    #[arg(short = 'f', long = "file", value_name = "FILE", id = "files")]
    files: Vec<PathBuf>,
    /// The namespace; that of the kubeconfig's context when left out
    #[arg(short, long)]
    namespace: Option<String>,
    /// The HPAs of all namespaces
    #[arg(short = 'A', long, conflicts_with_all = ["files", "namespace", "name"])]
    all_namespaces: bool,
    /// The kubeconfig; KUBECONFIG or ~/.kube/config when left out. HPAs are read and deleted as its user
    #[arg(long, value_name = "FILE", conflicts_with = "files")]
    kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig
    #[arg(long, conflicts_with = "files")]
    context: Option<String>,
    /// Show what each HPA says now beside what the service would decide; nothing is scaled, nothing stays
    #[arg(long)]
    compare: bool,
    /// Put the service in the place of each HPA: create an observing autoscaler, compare, delete the HPA, then scale
    #[arg(long, conflicts_with_all = ["files", "compare"])]
    hand_over: bool,
    /// Do not ask before each HPA is deleted
    #[arg(short, long, requires = "hand_over")]
    yes: bool,
    /// Where the manifests of deleted HPAs are saved
    #[arg(long, value_name = "FOLDER", default_value = ".", requires = "hand_over")]
    save_to: PathBuf,
}

/// An HPA that has an equal autoscaler.
struct Candidate {
    /// `namespace/name`
    name: String,
    manifest: Value,
    live: Option<LiveHpa>,
    converted: Converted,
}

/// Imports HPAs.
pub async fn run(session: &Session, wanted: &Import) -> Result<(), Failure> {
    let cluster = if wanted.files.is_empty() { Some(cluster(session, wanted).await?) } else { None };
    let namespace = wanted.namespace.as_deref().or(cluster.as_ref().map(Hpas::default_namespace)).unwrap_or("default");
    let found = match &cluster {
        Some(cluster) => of_cluster(cluster, wanted, namespace).await?,
        None => of_files(&wanted.files)?,
    };
    let count = found.len();
    let mut candidates = Vec::new();
    let mut failures = Vec::new();
    for (manifest, live) in found {
        let name = convert::name(&manifest, namespace);
        match convert(&manifest, namespace) {
            Ok(converted) => candidates.push(Candidate { name, manifest, live, converted }),
            Err(reasons) => failures.push(format!("{name} has no equal autoscaler:\n    {}", reasons.join("\n    "))),
        }
    }
    for candidate in &candidates {
        for note in &candidate.converted.notes {
            eprintln!("{}: {}", plain(&candidate.name), plain(note));
        }
    }
    match &cluster {
        Some(cluster) if wanted.hand_over => {
            let options = hand_over::Options { yes: wanted.yes, save_to: &wanted.save_to };
            hand_over_all(session, cluster, &candidates, &options, &mut failures).await?;
        }
        _ if wanted.compare => compare_all(session, &candidates, &mut failures).await?,
        _ => show(session, &candidates)?,
    }
    match failures.as_slice() {
        [] => Ok(()),
        [one] if count == 1 => Err(Failure::Failed(one.clone())),
        several => {
            Err(Failure::Failed(format!("{} of {count} HPAs failed:\n  {}", several.len(), several.join("\n  "))))
        }
    }
}

async fn cluster(session: &Session, wanted: &Import) -> Result<Hpas, Failure> {
    let path = wanted.kubeconfig.clone().unwrap_or_else(|| session.surroundings.usual_kubeconfig());
    let access = ClusterAccess::Kubeconfig { path, context: wanted.context.clone() };
    Hpas::new(&access).await.map_err(|error| {
        Failure::Usage(format!("{error}; name a kubeconfig with --kubeconfig FILE, or manifests with -f FILE"))
    })
}

type Found = Vec<(Value, Option<LiveHpa>)>;

async fn of_cluster(cluster: &Hpas, wanted: &Import, namespace: &str) -> Result<Found, Failure> {
    let failed = |error| Failure::Failed(format!("cannot read the HPAs of {}: {error}", cluster.server()));
    let reading = async {
        match &wanted.name {
            Some(name) => cluster.get(namespace, name).await.map(|one| one.into_iter().collect::<Vec<_>>()),
            None => cluster.list((!wanted.all_namespaces).then_some(namespace)).await,
        }
    };
    let found = patiently("reading the HPAs", reading).await.map_err(failed)?;
    if found.is_empty() {
        let which = wanted.name.as_ref().map_or_else(|| "HPA".to_owned(), |name| format!("HPA {name}"));
        let place = if wanted.all_namespaces { "any namespace".to_owned() } else { format!("namespace {namespace}") };
        return Err(Failure::NotFound(format!(
            "there is no {} in {place} of {}; -n NAMESPACE and -A look elsewhere",
            plain(&which),
            cluster.server()
        )));
    }
    Ok(found.into_iter().map(|hpa| (hpa.manifest.clone(), Some(hpa))).collect())
}

fn of_files(files: &[PathBuf]) -> Result<Found, Failure> {
    let mut found = Vec::new();
    for file in files {
        found.extend(documents::read(file)?.into_iter().map(|manifest| (manifest, None)));
    }
    if found.is_empty() { Err(Failure::Usage("the files have no HPA".to_owned())) } else { Ok(found) }
}

/// A manifest beside an autoscaler, as it is shown; `None` when there is none that is equal.
#[cfg(fuzzing)]
pub(super) fn compared(screen: &super::terminal::Screen, manifest: &Value, autoscaler: &Value) -> Option<String> {
    let converted = convert(manifest, "default").ok()?;
    let name = convert::name(manifest, "default");
    let candidate = Candidate { name, manifest: manifest.clone(), live: None, converted };
    Some(compare::Comparison::new(&candidate, manifest, autoscaler).shown(screen))
}

/// Writes the create requests, for `create -f -` or a file.
fn show(session: &Session, candidates: &[Candidate]) -> Result<(), Failure> {
    let requests: Vec<&Value> = candidates.iter().map(|candidate| &candidate.converted.request).collect();
    if session.format == Format::Json {
        return say_data(Format::Json, &requests);
    }
    for (number, request) in requests.iter().enumerate() {
        if number > 0 {
            say("---")?;
        }
        say_data(Format::Yaml, request)?;
    }
    Ok(())
}

async fn compare_all(session: &Session, candidates: &[Candidate], failures: &mut Vec<String>) -> Result<(), Failure> {
    let mut answers = Vec::new();
    for candidate in candidates {
        match compare::compare(session, candidate).await {
            Ok(comparison) if session.format.is_data() => answers.push(comparison.data()),
            Ok(comparison) => say(&comparison.shown(&session.screen))?,
            Err(failure @ (Failure::Unreachable(_) | Failure::Unauthorized(_) | Failure::Output(_))) => {
                return Err(failure);
            }
            Err(failure) => failures.push(format!("{}: {failure}", candidate.name)),
        }
    }
    if session.format.is_data() { say_data(session.format, &answers) } else { Ok(()) }
}

async fn hand_over_all(
    session: &Session,
    cluster: &Hpas,
    candidates: &[Candidate],
    options: &hand_over::Options<'_>,
    failures: &mut Vec<String>,
) -> Result<(), Failure> {
    let mut answers = Vec::new();
    for (number, candidate) in candidates.iter().enumerate() {
        let Some(live) = &candidate.live else { continue };
        match hand_over::hand_over(session, cluster, candidate, live, options).await {
            Ok(done) if session.format.is_data() => {
                answers.push(json!({"hpa": candidate.name, "autoscaling_id": done.id, "saved_to": done.saved_to.display().to_string()}));
            }
            Ok(done) => say(&plain(&format!(
                "{}: handed over to {}; the HPA is saved in {}",
                candidate.name,
                done.id,
                done.saved_to.display()
            )))?,
            // One after the other, and no further once something is not as expected.
            Err(failure) => {
                failures.push(format!("{}: {failure}", candidate.name));
                let rest = candidates.iter().skip(number + 1);
                failures.extend(rest.map(|candidate| format!("{}: not begun", candidate.name)));
                break;
            }
        }
    }
    if session.format.is_data() { say_data(session.format, &answers) } else { Ok(()) }
}
