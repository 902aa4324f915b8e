//! Keeps somebody up to date by one watch, mostly a cluster-wide one: a table, or who is told of every change.

use std::fmt::Debug;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use http::Request;
use kube::client::Body;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tower::BoxError;

use super::error::watch_error;
use super::watched::{Table, Watched};
use crate::clock::Clock;
use crate::domain::Timestamp;
use crate::instruments::Instruments;
use crate::ports::ClusterError;

/// The API server ends a watch after this time, and another one takes up where it ended.
pub(super) const WATCH_SECONDS: u32 = 60;

/// How many objects are listed at once.
const PAGE: u32 = 500;

/// How long the answer to a list or a watch may take to begin.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Two watches of one resource begin at least this far apart.
const PACE: Duration = Duration::from_secs(1);

/// The shortest and the longest wait before a broken watch is tried again.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// What all watches need.
#[derive(Clone)]
pub(super) struct Watcher {
    pub(super) client: Client,
    pub(super) clock: Clock,
    pub(super) instruments: Arc<Instruments>,
}

/// Who is told what a watch says. To be slow is allowed: the watch waits.
pub(super) trait Follower: Send + Sync + 'static {
    /// The Kubernetes type.
    type Object: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static;
    /// What a list is gathered in until it is complete.
    type List: Default + Send;
    /// What is known of the objects.
    type Table: Default + Send + Sync + 'static;

    /// What is known of the objects, and whether it is current.
    fn watched(&self) -> &Watched<Self::Table>;

    /// Where the objects are: in all the cluster, unless it is known better.
    fn objects(&self, client: Client) -> Api<Self::Object> {
        Api::all(client)
    }

    /// The name of the only object that is of interest, if it is one.
    fn name(&self) -> Option<&str> {
        None
    }

    /// Adds an object to an incomplete list.
    fn gather(list: &mut Self::List, object: Self::Object) -> Result<(), ClusterError>;

    /// Takes a complete list: there are no other objects.
    fn listed(&self, list: Self::List) -> impl Future<Output = ()> + Send;

    /// Takes an object as it is now.
    fn changed(&self, object: Self::Object) -> impl Future<Output = Result<(), ClusterError>> + Send;

    /// Takes notice that an object does not exist any more.
    fn deleted(&self, object: Self::Object) -> impl Future<Output = Result<(), ClusterError>> + Send;

    /// Says why the watch broke, if there is more to say.
    fn explain(error: ClusterError) -> ClusterError {
        error
    }
}

impl<T: Table> Follower for Watched<T> {
    type Object = T::Object;
    type List = T;
    type Table = T;

    fn watched(&self) -> &Self {
        self
    }

    fn gather(list: &mut T, object: T::Object) -> Result<(), ClusterError> {
        list.put(object);
        Ok(())
    }

    async fn listed(&self, list: T) {
        self.replace(list);
    }

    async fn changed(&self, object: T::Object) -> Result<(), ClusterError> {
        self.change(|table| table.put(object));
        Ok(())
    }

    async fn deleted(&self, object: T::Object) -> Result<(), ClusterError> {
        self.change(|table| table.remove(object));
        Ok(())
    }
}

/// Watches without end.
///
/// `kube` repeats a broken watch by itself, but does not tell when it works again. So the first error ends the watch,
/// and the next one begins with a complete list; when the API server then agrees to tell its changes, all is well.
pub(super) async fn follow<F: Follower>(follower: Arc<F>, watcher: Watcher) {
    let Watcher { client, clock, instruments } = watcher;
    let client = watching_client(follower.clone(), client, clock);
    let mut wait = SHORTEST_WAIT;
    loop {
        // A panic must show like any other failure: without this, what is known would pass for current for ever.
        let following = AssertUnwindSafe(follow_once(&*follower, client.clone(), clock)).catch_unwind().await;
        let (error, listed_at) = following.unwrap_or_else(|_| {
            (ClusterError::Unavailable("reading the watch panicked; the log says where".to_owned()), None)
        });
        let now = clock.now();
        // Only a watch that lasted has worked: where listing is allowed but watching is not, each try begins well.
        if listed_at.is_some_and(|at| (now - at).to_std().is_ok_and(|lasted| lasted > LONGEST_WAIT)) {
            wait = SHORTEST_WAIT;
        }
        instruments.watch_failed(follower.watched().name());
        follower.watched().fail(F::explain(error), now);
        clock.sleep(wait.mul_f64(0.75 + 0.5 * fastrand::f64())).await;
        wait = LONGEST_WAIT.min(wait * 2);
    }
}

/// Lists and watches until something goes wrong. Returns what, and when the list was complete, if it ever was.
async fn follow_once<F: Follower>(follower: &F, client: Client, clock: Clock) -> (ClusterError, Option<Timestamp>) {
    let mut config = watcher::Config::default().page_size(PAGE).timeout(WATCH_SECONDS);
    if let Some(name) = follower.name() {
        config = config.fields(&format!("metadata.name={name}"));
    }
    let mut events = pin!(watcher(follower.objects(client), config));
    let mut list = F::List::default();
    let mut listed_at = None;
    while let Some(event) = events.next().await {
        let taken = match event {
            Ok(Event::Init) => {
                list = F::List::default();
                Ok(())
            }
            Ok(Event::InitApply(object)) => F::gather(&mut list, object),
            Ok(Event::InitDone) => {
                follower.listed(std::mem::take(&mut list)).await;
                listed_at = Some(clock.now());
                Ok(())
            }
            Ok(Event::Apply(object)) => follower.changed(object).await,
            Ok(Event::Delete(object)) => follower.deleted(object).await,
            Err(error) => Err(watch_error(error)),
        };
        if let Err(error) = taken {
            return (error, listed_at);
        }
    }
    (ClusterError::Unavailable("the watch ended".to_owned()), listed_at)
}

/// A client for one watch. It tells when the API server has accepted the watch. An answer that does not begin in time is
/// an error. And an API server (or a proxy before it) that ends every watch at once is not asked without a pause, as
/// `kube` would do.
fn watching_client<F: Follower>(follower: Arc<F>, client: Client, clock: Clock) -> Client {
    let namespace = client.default_namespace().to_owned();
    let last_watch = Arc::new(Mutex::new(None));
    let service = tower::service_fn(move |request: Request<Body>| {
        let (follower, client, last_watch) = (follower.clone(), client.clone(), last_watch.clone());
        async move {
            let is_watch = is_watch(&request);
            if is_watch {
                clock.sleep(pause(&last_watch, clock.now())).await;
            }
            let answer = tokio::time::timeout(ANSWER_LIMIT, client.send(request));
            let answer = answer.await.map_err(|_| BoxError::from(ClusterError::Timeout(ANSWER_LIMIT)))??;
            if is_watch && answer.status().is_success() {
                follower.watched().confirm();
            }
            Ok::<_, BoxError>(answer)
        }
    });
    Client::new(service, namespace)
}

fn is_watch(request: &Request<Body>) -> bool {
    request.uri().query().is_some_and(|query| query.split('&').any(|pair| pair == "watch=true"))
}

/// How long to wait before the next watch, which is taken to begin then.
fn pause(last_watch: &Mutex<Option<Timestamp>>, now: Timestamp) -> Duration {
    let mut last_watch = last_watch.lock().unwrap_or_else(PoisonError::into_inner);
    // A clock that was set back gives a negative time since, which counts as none.
    let since = last_watch.map(|last| (now - last).to_std().unwrap_or_default());
    let pause = since.map_or(Duration::ZERO, |since| PACE.saturating_sub(since));
    *last_watch = Some(now + pause);
    pause
}
