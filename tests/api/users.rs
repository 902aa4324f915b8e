//! Users of a cluster whose rights a test gives and takes.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use ai_storage_orchestrator::domain::access::{Deed, User, Verb};
use ai_storage_orchestrator::domain::autoscaler::WorkloadKind;
use ai_storage_orchestrator::ports::reviewer::AccessReviewer;
use ai_storage_orchestrator::ports::{ClusterError, PortFuture};
use futures_util::{FutureExt, future};
use secrecy::{ExposeSecret, SecretString};

/// Knows the users by their tokens, which are `token-of-NAME`.
#[derive(Default)]
pub struct Users {
    is_away: AtomicBool,
    known: Mutex<HashSet<String>>,
    rights: Mutex<BTreeMap<String, HashSet<Deed>>>,
    questions: Mutex<Vec<String>>,
}

/// The token of a user.
pub fn token_of(name: &str) -> String {
    format!("token-of-{name}")
}

impl Users {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// A user, who may do all of this.
    pub fn add(&self, name: &str, rights: impl IntoIterator<Item = Deed>) {
        self.known.lock().unwrap().insert(name.to_owned());
        self.rights.lock().unwrap().entry(name.to_owned()).or_default().extend(rights);
    }

    /// A user who may do everything.
    pub fn add_admin(&self, name: &str) {
        let everything = Verb::ALL.map(Deed::everywhere).into_iter().chain(WorkloadKind::ALL.map(Deed::scale_all));
        self.add(name, everything.chain([Deed::ListPods, Deed::ListNodes, Deed::ReadMetrics]));
    }

    /// A user may not do anything any more.
    pub fn disarm(&self, name: &str) {
        self.rights.lock().unwrap().remove(name);
    }

    /// A user's token is not valid any more.
    pub fn revoke(&self, name: &str) {
        self.known.lock().unwrap().remove(name);
    }

    /// Whether the API server answers.
    pub fn set_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::Relaxed);
    }

    /// What was asked so far.
    pub fn questions(&self) -> Vec<String> {
        self.questions.lock().unwrap().clone()
    }

    fn answer<T: Send + 'static>(&self, question: String, answer: T) -> PortFuture<Result<T, ClusterError>> {
        self.questions.lock().unwrap().push(question);
        let away = ClusterError::Unavailable("connection refused".to_owned());
        future::ready(if self.is_away.load(Ordering::Relaxed) { Err(away) } else { Ok(answer) }).boxed()
    }
}

impl AccessReviewer for Users {
    fn who(&self, token: SecretString) -> PortFuture<Result<Option<User>, ClusterError>> {
        let name = token.expose_secret().strip_prefix("token-of-").unwrap_or_default().to_owned();
        let is_known = self.known.lock().unwrap().contains(&name);
        let user = User { name: name.clone(), groups: vec!["system:authenticated".to_owned()], ..User::default() };
        self.answer(format!("who is {name}"), is_known.then_some(user))
    }

    fn may(&self, user: &User, deed: &Deed) -> PortFuture<Result<bool, ClusterError>> {
        let rights = self.rights.lock().unwrap();
        let may = rights.get(&user.name).is_some_and(|rights| includes(rights, deed));
        self.answer(format!("may {} {deed}", user.name), may)
    }
}

/// Whether a right is among `rights` itself, or in a wider form, as roles give it.
fn includes(rights: &HashSet<Deed>, deed: &Deed) -> bool {
    rights.contains(deed)
        || match deed.clone() {
            Deed::Autoscalers { verb, namespace, name } => {
                (name.is_some()
                    && includes(rights, &Deed::Autoscalers { verb, namespace: namespace.clone(), name: None }))
                    || (namespace.is_some() && rights.contains(&Deed::everywhere(verb)))
            }
            Deed::Scale { kind, workload } => workload.is_some() && rights.contains(&Deed::scale_all(kind)),
            Deed::ListPods | Deed::ListNodes | Deed::ReadMetrics => false,
        }
}
