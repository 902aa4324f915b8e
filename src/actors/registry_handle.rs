//! How the rest of the service talks to the registry: plain asynchronous calls with a time limit.

use std::sync::Arc;
use std::time::Duration;

use actix::dev::ToEnvelope;
use actix::prelude::*;

use super::messages::{Aggregate, Create, CreateError, Created, Delete, Drain, Get, GetAggregate, List, Page};
use super::registry::Registry;
use super::snapshot::AutoscalerRecord;
use crate::domain::autoscaler::RequestedAutoscaler;

/// The registry did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// It has too much to do.
    #[error("the service is busy; try again in a moment")]
    Busy,
    /// It has ended.
    #[error("the service is stopping")]
    Stopped,
}

impl From<MailboxError> for RegistryError {
    fn from(error: MailboxError) -> Self {
        match error {
            MailboxError::Timeout => Self::Busy,
            MailboxError::Closed => Self::Stopped,
        }
    }
}

/// Share one handle; each clone would have a slot of its own in the registry's mailbox.
pub struct RegistryHandle {
    address: Addr<Registry>,
    time_limit: Duration,
}

impl RegistryHandle {
    /// Starts a registry on this thread.
    pub fn start(registry: Registry, time_limit: Duration) -> Self {
        Self { address: registry.start(), time_limit }
    }

    async fn ask<M>(&self, message: M) -> Result<M::Result, RegistryError>
    where
        M: Message + Send + 'static,
        M::Result: Send,
        Registry: Handler<M>,
        Context<Registry>: ToEnvelope<Registry, M>,
    {
        Ok(self.address.send(message).timeout(self.time_limit).await?)
    }

    /// Puts a workload under autoscaling.
    pub async fn create(&self, requested: RequestedAutoscaler) -> Result<Result<Created, CreateError>, RegistryError> {
        self.ask(Create(requested)).await
    }

    /// Looks one autoscaler up.
    pub async fn get(&self, id: &str) -> Result<Option<Arc<AutoscalerRecord>>, RegistryError> {
        self.ask(Get(id.to_owned())).await
    }

    /// Looks many autoscalers up.
    pub async fn list(&self, list: List) -> Result<Page, RegistryError> {
        self.ask(list).await
    }

    /// Stops an autoscaler and forgets it; the answer is whether it existed. Nothing is scaled afterwards.
    pub async fn delete(&self, id: &str) -> Result<bool, RegistryError> {
        self.ask(Delete(id.to_owned())).await
    }

    /// Figures over all autoscalers.
    pub async fn aggregate(&self) -> Result<Aggregate, RegistryError> {
        self.ask(GetAggregate).await
    }

    /// Finishes what is in hand and starts nothing more.
    pub async fn drain(&self) -> Result<(), RegistryError> {
        self.ask(Drain).await
    }
}
