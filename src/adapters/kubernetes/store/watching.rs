//! Tells of every change of the objects.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use tokio::sync::mpsc::{Sender, channel};

use super::failure::explained;
use crate::adapters::kubernetes::custom_resource::{Found, NoAutoscaler};
use crate::adapters::kubernetes::watch::Follower;
use crate::adapters::kubernetes::watched::Watched;
use crate::ports::ClusterError;
use crate::ports::store::{StoreEvent, StoreEvents, StoredAutoscaler};

/// So many events wait for who reads them; then the watch waits, too.
const WAITING: usize = 64;

/// What is told, and whether it is all there is to tell. Nothing of the objects is kept here.
pub(in super::super) struct Watching {
    watched: Arc<Watched<()>>,
    events: Sender<StoreEvent>,
}

impl Watching {
    pub(in super::super) fn new() -> (Self, StoreEvents) {
        let (events, mut told) = channel(WAITING);
        let told = stream::poll_fn(move |context| told.poll_recv(context)).boxed();
        (Self { watched: Arc::new(Watched::of::<Found>()), events }, told)
    }

    /// Whether what was told is all there is, for who does not tell it himself.
    pub(in super::super) fn watched(&self) -> Arc<Watched<()>> {
        self.watched.clone()
    }

    async fn tell(&self, event: StoreEvent) {
        // Nobody listens any more when the service ends.
        let _ = self.events.send(event).await;
    }
}

/// One object that makes no sense ends the watch: without it, nobody may say what there is.
fn read(object: Found) -> Result<StoredAutoscaler, ClusterError> {
    object.stored().map_err(|error: NoAutoscaler| ClusterError::Unavailable(error.to_string()))
}

impl Follower for Watching {
    type Object = Found;
    type List = Vec<StoredAutoscaler>;
    type Table = ();

    fn watched(&self) -> &Watched<()> {
        &self.watched
    }

    fn gather(list: &mut Self::List, object: Found) -> Result<(), ClusterError> {
        if !object.is_ending() {
            list.push(read(object)?);
        }
        Ok(())
    }

    async fn listed(&self, list: Self::List) {
        self.tell(StoreEvent::Listed(list)).await;
    }

    async fn changed(&self, object: Found) -> Result<(), ClusterError> {
        if object.is_ending() {
            return self.deleted(object).await;
        }
        self.tell(StoreEvent::Changed(Box::new(read(object)?))).await;
        Ok(())
    }

    async fn deleted(&self, object: Found) -> Result<(), ClusterError> {
        self.tell(StoreEvent::Deleted(read(object)?.object)).await;
        Ok(())
    }

    fn explain(error: ClusterError) -> ClusterError {
        explained(error)
    }
}
