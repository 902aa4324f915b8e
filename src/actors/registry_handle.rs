//! How the rest of the service talks to the registry: plain asynchronous calls with a time limit for what changes something,
//! and looks at the [`Listing`] for what reads.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::dev::ToEnvelope;
use actix::prelude::*;
use futures_util::StreamExt;
use tokio::sync::Semaphore;

use super::listing::{Aggregate, List, Listing, Page};
use super::messages::{
    Create, CreateError, Created, Delete, Drain, GetUsage, Probe, SetPaused, StoreSays, Update, UpdateError,
};
use super::news::News;
use super::registry::Registry;
use super::snapshot::{AutoscalerRecord, ScaleTotals};
use crate::clock::Stopwatch;
use crate::domain::access::CallerName;
use crate::domain::autoscaler::{RequestedAutoscaler, ScalingRules};
use crate::domain::namespaces::NamespaceScope;
use crate::instruments::Instruments;
use crate::ports::store::{StoreError, StoreEvents};

/// The registry did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// It has too much to do.
    #[error("the service is busy; try again in a moment")]
    Busy,
    /// It has ended.
    #[error("the service is stopping")]
    Stopped,
    /// The autoscalers are still being read, and who is not known may exist all the same.
    #[error("it is not known yet which autoscalers there are; /readyz says why")]
    NotSynced,
}

impl From<MailboxError> for RegistryError {
    fn from(error: MailboxError) -> Self {
        match error {
            MailboxError::Timeout => Self::Busy,
            MailboxError::Closed => Self::Stopped,
        }
    }
}

/// How many requests may wait for the registry at once. (A mailbox's own bound does not hold for senders who wait.)
const AT_ONCE: usize = 1024;

/// How often a change is made anew when others change the same autoscaler at the same time.
pub const CHANGE_TRIES: usize = 20;

/// The way to the registry.
pub struct RegistryHandle {
    address: Addr<Registry>,
    usage: Recipient<GetUsage>,
    instruments: Arc<Instruments>,
    listing: Arc<Listing>,
    totals: Arc<ScaleTotals>,
    synced: Arc<AtomicBool>,
    time_limit: Duration,
    free: Semaphore,
}

impl RegistryHandle {
    /// Starts a registry on this thread.
    pub fn start(registry: Registry, time_limit: Duration) -> Self {
        let (usage, instruments, synced) = (registry.usage(), registry.instruments(), registry.synced());
        let (listing, totals) = (registry.listing(), registry.totals());
        let (address, free) = (registry.start(), Semaphore::new(AT_ONCE));
        Self { address, usage, instruments, listing, totals, synced, time_limit, free }
    }

    /// Makes the registry follow what a store tells, until that or the registry ends.
    pub async fn follow(&self, mut events: StoreEvents) {
        while let Some(event) = events.next().await {
            if self.address.send(StoreSays(event)).await.is_err() {
                return;
            }
        }
    }

    /// Whether all autoscalers are known.
    pub fn is_synced(&self) -> bool {
        self.synced.load(Ordering::Relaxed)
    }

    /// How many requests wait for the registry at present.
    pub fn waiting(&self) -> usize {
        AT_ONCE.saturating_sub(self.free.available_permits())
    }

    /// Sees how long a message waits for the registry at present, and counts it.
    pub async fn probe(&self) -> Result<(), RegistryError> {
        let begun = Stopwatch::start();
        let answer = self.ask(Probe).await;
        self.instruments.registry_answered(begun.elapsed());
        answer
    }

    async fn ask<M>(&self, message: M) -> Result<M::Result, RegistryError>
    where
        M: Message + Send + 'static,
        M::Result: Send,
        Registry: Handler<M>,
        Context<Registry>: ToEnvelope<Registry, M>,
    {
        self.require_synced()?;
        let _place = self.free.try_acquire().map_err(|_| RegistryError::Busy)?;
        Ok(self.address.send(message).timeout(self.time_limit).await?)
    }

    fn require_synced(&self) -> Result<(), RegistryError> {
        if self.is_synced() { Ok(()) } else { Err(RegistryError::NotSynced) }
    }

    /// What readers find.
    fn listing(&self) -> Result<&Listing, RegistryError> {
        self.require_synced()?;
        // What has ended follows nothing any more.
        if self.address.connected() { Ok(&self.listing) } else { Err(RegistryError::Stopped) }
    }

    /// Counts what happens to the autoscalers.
    pub fn news(&self) -> &News {
        self.listing.news()
    }

    /// Asks for something that does not depend on what others want: if they change the autoscaler at the same time, it is
    /// asked for anew.
    async fn ask_until_unchanged<M, T>(&self, message: impl Fn() -> M) -> Result<M::Result, RegistryError>
    where
        M: Message<Result = Result<T, StoreError>> + Send + 'static,
        T: Send + 'static,
        Registry: Handler<M>,
        Context<Registry>: ToEnvelope<Registry, M>,
    {
        for _ in 1..CHANGE_TRIES {
            match self.ask(message()).await? {
                Err(StoreError::Changed) => {}
                answer => return Ok(answer),
            }
        }
        self.ask(message()).await
    }

    /// Whether the registry and the collector live. Without one of them the service can only be restarted.
    pub fn is_alive(&self) -> bool {
        self.address.connected() && self.usage.connected()
    }

    /// Puts a workload under autoscaling. `by` is who wants it, if that is known; so in what follows.
    pub async fn create(
        &self,
        requested: RequestedAutoscaler,
        by: Option<CallerName>,
    ) -> Result<Result<Created, CreateError>, RegistryError> {
        self.ask(Create { requested, by }).await
    }

    /// Gives an autoscaler other rules, provided that it still has the expected ones.
    pub async fn update(
        &self,
        id: &str,
        expected: Arc<ScalingRules>,
        rules: ScalingRules,
        by: Option<CallerName>,
    ) -> Result<Result<Arc<AutoscalerRecord>, UpdateError>, RegistryError> {
        self.ask(Update { id: id.to_owned(), expected, rules, by }).await
    }

    /// Pauses an autoscaler, or resumes it; `None` when it does not exist.
    pub async fn set_paused(
        &self,
        record: &AutoscalerRecord,
        paused: bool,
        by: Option<CallerName>,
    ) -> Result<Result<Option<Arc<AutoscalerRecord>>, StoreError>, RegistryError> {
        self.ask_until_unchanged(|| SetPaused {
            id: record.id.clone(),
            object: record.object.clone(),
            paused,
            by: by.clone(),
        })
        .await
    }

    /// Looks one autoscaler up.
    pub fn get(&self, id: &str) -> Result<Option<Arc<AutoscalerRecord>>, RegistryError> {
        Ok(self.listing()?.get(id))
    }

    /// Looks many autoscalers up.
    pub fn list(&self, list: &List) -> Result<Page, RegistryError> {
        Ok(self.listing()?.list(list))
    }

    /// Stops an autoscaler and forgets it; the answer is whether it existed. Nothing is scaled afterwards.
    pub async fn delete(
        &self,
        record: &AutoscalerRecord,
        by: Option<CallerName>,
    ) -> Result<Result<bool, StoreError>, RegistryError> {
        self.ask_until_unchanged(|| Delete { id: record.id.clone(), object: record.object.clone(), by: by.clone() })
            .await
    }

    /// Figures over the autoscalers of these namespaces.
    pub fn aggregate(&self, scope: &NamespaceScope) -> Result<Aggregate, RegistryError> {
        Ok(self.listing()?.aggregate(scope, &self.totals))
    }

    /// The namespaces in which there are autoscalers.
    pub fn namespaces(&self) -> Result<BTreeSet<String>, RegistryError> {
        Ok(self.listing()?.namespaces())
    }

    /// Finishes what is in hand and starts nothing more.
    pub async fn drain(&self) -> Result<(), RegistryError> {
        // Without a place: however busy the service is, it must be able to stop.
        Ok(self.address.send(Drain).timeout(self.time_limit).await?)
    }
}
