//! From an HPA to the service, without a moment of double control: the service only observes until the HPA is gone.
//! Whatever fails, at most one of them acts, and what is left is said.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::super::Session;
use super::super::change::confirmed;
use super::super::create::workload;
use super::super::failure::Failure;
use super::super::get::text;
use super::super::progress::patiently;
use super::super::terminal::plain;
use super::Candidate;
use super::compare::Comparison;
use super::observer::Observer;
use super::saved::save;
use crate::adapters::kubernetes::hpas::{Hpas, LiveHpa};
use crate::clock::Clock;
use crate::ports::ClusterError;

/// How it is to be done.
pub struct Options<'a> {
    /// Do not ask.
    pub yes: bool,
    /// Where the manifest is saved.
    pub save_to: &'a Path,
}

/// What came of it.
pub struct HandedOver {
    /// The autoscaler that scales now.
    pub id: String,
    /// The file with the HPA's manifest.
    pub saved_to: PathBuf,
}

/// How often is tried what others or the network keep from happening, and how long is waited in between.
const TRIES: u32 = 30;
const PAUSE: Duration = Duration::from_secs(2);

/// Nobody scales until it works, so it is not tried for long.
const ACTIVATION_TRIES: u32 = 10;

/// The HPA's controller may have begun to decide when its HPA went: what it does then is done within this time.
const LAST_DECISION: Duration = Duration::from_secs(3);

/// Annotations and labels of tools that would create the HPA again.
const TOOLS: [(&str, &str); 4] = [
    ("argocd.argoproj.io/instance", "Argo CD"),
    ("argocd.argoproj.io/tracking-id", "Argo CD"),
    ("kustomize.toolkit.fluxcd.io/name", "Flux"),
    ("meta.helm.sh/release-name", "Helm"),
];

/// Hands one HPA's workload over.
pub async fn hand_over(
    session: &Session,
    cluster: &Hpas,
    candidate: &Candidate,
    live: &LiveHpa,
    options: &Options<'_>,
) -> Result<HandedOver, Failure> {
    let step = |number: u8, what: &str| eprintln!("{}: {number}/5 {}", plain(&candidate.name), plain(what));
    if let Some(owner) = owner(&live.manifest) {
        return Err(Failure::Failed(format!(
            "nothing was changed: the HPA is made by {owner}, which would make it again; remove that instead"
        )));
    }
    step(1, "an autoscaler that only observes is created");
    let observer = Observer::start(session, &candidate.converted.request)
        .await
        .map_err(|failure| Failure::Failed(format!("{failure}. The HPA was not touched and scales as before")))?;
    step(2, "its decision is compared with the HPA's");
    let before = async {
        agreed(session, cluster, candidate, live, &observer, options).await?;
        save(&live.manifest, &live.namespace, &live.name, options.save_to)
    };
    let saved_to = match before.await {
        Ok(saved_to) => saved_to,
        Err(failure) => return Err(unchanged(&failure, &observer).await),
    };
    // From here on somebody must scale in the end, so this is not interrupted.
    uninterrupted(async {
        step(3, &format!("the HPA is deleted; its manifest is in {}", saved_to.display()));
        let gone = Going { cluster, observer: &observer, saved_to: &saved_to };
        gone.delete(live).await?;
        step(4, "the HPA has to be gone");
        gone.wait(live).await?;
        step(5, "the service scales from now on");
        activate(session, &observer, candidate, &saved_to).await?;
        Ok(HandedOver { id: observer.id.clone(), saved_to: saved_to.clone() })
    })
    .await
}

/// Nothing has happened to the HPA: says so, and takes the observer away.
async fn unchanged(why: &Failure, observer: &Observer<'_>) -> Failure {
    let left = observer.withdraw().await;
    Failure::Failed(format!("{why}. The HPA was not touched and scales as before; {left}"))
}

/// Makes sure that both mean the same workload, shows both decisions, and asks.
async fn agreed(
    session: &Session,
    cluster: &Hpas,
    candidate: &Candidate,
    live: &LiveHpa,
    observer: &Observer<'_>,
    options: &Options<'_>,
) -> Result<(), Failure> {
    let autoscaler = observer.decided().await?;
    let details = &autoscaler["details"];
    let seen = text(&details["scaled_by"]);
    if seen != format!("HorizontalPodAutoscaler {}/{}", live.namespace, live.name) {
        let sees = if seen.is_empty() { "nobody scaling it".to_owned() } else { seen };
        return Err(Failure::Failed(format!(
            "the service at {} sees {sees} where the cluster at {} has this HPA: do they work on different clusters?",
            session.api.server(),
            cluster.server()
        )));
    }
    if !details["service_mode"].is_null() {
        return Err(Failure::Failed(
            "the service's emergency brake is on, so nobody would scale the workload; release it first (PUT /api/v1/mode)".to_owned(),
        ));
    }
    if autoscaler["status"] != "active" {
        return Err(Failure::Failed(format!(
            "the autoscaler is {}: {}",
            text(&autoscaler["status"]),
            text(&details["failure"])
        )));
    }
    // As it is now: the one that was read first may be a minute old.
    let now = cluster.get(&live.namespace, &live.name).await.map_err(|error| Failure::Failed(error.to_string()))?;
    let Some(now) = now.filter(|now| now.is_as(live)) else {
        return Err(Failure::Failed("the HPA was changed or deleted meanwhile; start again".to_owned()));
    };
    if let Some(other) = rival(cluster, live).await? {
        return Err(Failure::Failed(format!("the HPA {other} scales the same workload; delete one of them first")));
    }
    eprint!("{}", Comparison::new(candidate, &now.manifest, &autoscaler).shown(&session.screen));
    if let Some(tool) = tool(&live.manifest) {
        eprintln!("careful: the HPA came from {tool}; take it out there as well, or it comes back");
    }
    if details["last_decision"]["recommended_replicas"].is_null() {
        return Err(Failure::Failed(format!(
            "the service cannot decide at present: {}; hand over when it can",
            text(&details["last_decision"]["message"])
        )));
    }
    let question = format!(
        "delete the HPA {} at {} and let the service at {} scale {}?",
        candidate.name,
        cluster.server(),
        session.api.server(),
        workload(&candidate.converted.request)
    );
    if options.yes || confirmed(&plain(&question))? { Ok(()) } else { Err(Failure::Failed("not confirmed".to_owned())) }
}

/// Another HPA of the same workload, which would go on scaling it.
async fn rival(cluster: &Hpas, live: &LiveHpa) -> Result<Option<String>, Failure> {
    let all = cluster.list(Some(&live.namespace)).await.map_err(|error| Failure::Failed(error.to_string()))?;
    let target = |hpa: &LiveHpa| ["kind", "name"].map(|field| text(&hpa.manifest["spec"]["scaleTargetRef"][field]));
    Ok(all.into_iter().find(|other| other.name != live.name && target(other) == target(live)).map(|other| other.name))
}

/// The controller of an HPA that is made by something else.
fn owner(manifest: &Value) -> Option<String> {
    let owners = manifest["metadata"]["ownerReferences"].as_array()?;
    let owner = owners.iter().find(|owner| owner["controller"] == true)?;
    Some(format!("{} {}", text(&owner["kind"]), text(&owner["name"])))
}

/// The tool that the HPA came from, if it shows.
fn tool(manifest: &Value) -> Option<&'static str> {
    let metadata = &manifest["metadata"];
    let has = |key: &str| [&metadata["labels"], &metadata["annotations"]].iter().any(|map| map.get(key).is_some());
    TOOLS.iter().find(|(key, _)| has(key)).map(|(_, tool)| *tool)
}

/// An HPA on its way out, and what to say when it does not go.
struct Going<'a> {
    cluster: &'a Hpas,
    observer: &'a Observer<'a>,
    saved_to: &'a Path,
}

impl Going<'_> {
    /// Deletes the HPA as it was read. Its status changes all the time, its definition must not have.
    async fn delete(&self, live: &LiveHpa) -> Result<(), Failure> {
        let mut trouble = None;
        for _ in 0..TRIES {
            let now = match self.cluster.get(&live.namespace, &live.name).await {
                Ok(Some(now)) if now.is_as(live) => now,
                Ok(Some(_)) => return Err(self.kept("the HPA was changed meanwhile; start again").await),
                // Whoever did it: it is what was to be.
                Ok(None) => return Ok(()),
                Err(error) => {
                    trouble = Some(error);
                    Clock::wall().sleep(PAUSE).await;
                    continue;
                }
            };
            match self.cluster.delete(&now).await {
                Ok(()) => return Ok(()),
                Err(ClusterError::Forbidden(message)) => {
                    return Err(self
                        .kept(&format!("the user of the kubeconfig may not delete the HPA ({message})"))
                        .await);
                }
                // Its status was written in between.
                Err(ClusterError::Conflict(_) | ClusterError::NotFound(_)) => {}
                Err(error) => {
                    trouble = Some(error);
                    Clock::wall().sleep(PAUSE).await;
                }
            }
        }
        let why = trouble.map_or_else(|| "it changes all the time".to_owned(), |error| error.to_string());
        Err(self.unknown(&format!("the HPA could not be deleted for certain: {why}"), live))
    }

    /// Waits until it does not exist any more, and what its controller may have begun is over.
    async fn wait(&self, live: &LiveHpa) -> Result<(), Failure> {
        let going = async {
            let mut trouble = "it has finalizers that keep it".to_owned();
            for _ in 0..TRIES {
                match self.cluster.get(&live.namespace, &live.name).await {
                    Ok(None) => {
                        Clock::wall().sleep(LAST_DECISION).await;
                        return Ok(());
                    }
                    Ok(Some(now)) if now.is_same_object(live) => {}
                    Ok(Some(_)) => return Err(self.kept("somebody created the HPA again at once").await),
                    Err(error) => trouble = error.to_string(),
                }
                Clock::wall().sleep(PAUSE).await;
            }
            Err(self.unknown(&format!("the HPA is deleted, but it is not certain that it is gone: {trouble}"), live))
        };
        patiently("waiting until the HPA is gone", going).await
    }

    /// The HPA is there and acts.
    async fn kept(&self, why: &str) -> Failure {
        let left = self.observer.withdraw().await;
        Failure::Failed(format!("{why}. The HPA is there and scales as before; {left}"))
    }

    /// Nobody knows whether the HPA is there.
    fn unknown(&self, why: &str, live: &LiveHpa) -> Failure {
        let id = &self.observer.id;
        Failure::Failed(format!(
            "{why}. The autoscaler {id} only observes, so nobody but the HPA can be scaling. Look with: kubectl -n {} get \
             hpa {}. If it is gone, go on with: ai-storage-orchestrator mode {id} --to active. If it is there, it scales as \
             before: start again. Its manifest is in {}",
            live.namespace,
            live.name,
            self.saved_to.display()
        ))
    }
}

/// Lets the autoscaler scale, and makes sure that it can.
async fn activate(
    session: &Session,
    observer: &Observer<'_>,
    candidate: &Candidate,
    saved_to: &Path,
) -> Result<(), Failure> {
    let id = &observer.id;
    let back = format!(
        "go on with: ai-storage-orchestrator mode {id} --to active; or go back with: ai-storage-orchestrator delete {id} and \
         kubectl create -f {}",
        saved_to.display()
    );
    let activating = async {
        let mut tries = 0;
        loop {
            let activated =
                session.api.send(Method::PATCH, &["autoscaling", id], Some(&json!({"mode": "active"}))).await;
            tries += 1;
            match activated {
                Ok(autoscaler) => return Ok(autoscaler),
                Err(failure @ Failure::NotFound(_)) => return Err(failure),
                Err(failure) if tries >= ACTIVATION_TRIES => return Err(failure),
                Err(_) => Clock::wall().sleep(PAUSE).await,
            }
        }
    };
    let activated = patiently("activating the autoscaler", activating).await.map_err(|failure| {
        Failure::Failed(format!(
            "the HPA is gone, but the autoscaler could not be activated: {failure}. So nobody scales {} now; {back}",
            workload(&candidate.converted.request)
        ))
    })?;
    let since = text(&activated["details"]["updated_at"]);
    for _ in 0..TRIES {
        // It is active, whatever comes of looking.
        let Ok(now) = session.api.get(&["autoscaling", id], &[]).await else { return Ok(()) };
        if now["status"] == "failed" {
            return Err(Failure::Failed(format!(
                "the HPA is gone and the autoscaler {id} is active, but it fails: {}. It tries again by itself; remove the \
                 cause, or {back}",
                text(&now["details"]["failure"])
            )));
        }
        if text(&now["details"]["updated_at"]) != since {
            return Ok(());
        }
        Clock::wall().sleep(PAUSE / 4).await;
    }
    Ok(())
}

/// Goes on whatever is typed.
async fn uninterrupted<T>(work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            Ok(()) = tokio::signal::ctrl_c() => {
                eprintln!("not now: the HPA is going, and nobody would scale its workload; it is a matter of seconds");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hpa_that_something_else_makes_is_known() {
        let made =
            json!({"metadata": {"ownerReferences": [{"kind": "ScaledObject", "name": "web", "controller": true}]}});
        assert_eq!(owner(&made).as_deref(), Some("ScaledObject web"));
        assert_eq!(owner(&json!({"metadata": {"ownerReferences": [{"kind": "App", "name": "x"}]}})), None);
        let argo = json!({"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "x"}}});
        assert_eq!((tool(&argo), tool(&made)), (Some("Argo CD"), None));
    }
}
