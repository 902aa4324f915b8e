//! Hears of changes to the Lease that are not to wait for the next look at it.

use std::sync::Arc;

use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client};

use super::super::watch::Follower;
use super::super::watched::Watched;
use super::Shared;
use super::record::{holder, wanted_mode};
use crate::ports::ClusterError;

/// Ends the candidate's pause when the Lease says something that is not known yet: who holds it, or which mode is wanted;
/// for who stands by that it was renewed, from which it counts how long it has to wait. A watch may be late, so nothing is
/// decided by it; the candidate looks at the Lease itself.
pub(super) struct Watching {
    shared: Arc<Shared>,
}

impl Watching {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    fn hear(&self, lease: Option<&Lease>) {
        let is_news = {
            let claim = self.shared.claim.borrow();
            let mode = lease.and_then(wanted_mode);
            lease.and_then(holder) != claim.holder.as_deref() || (mode.is_some() && mode != claim.mode)
        };
        if is_news || !self.shared.leads() {
            self.shared.wake.notify_one();
        }
    }
}

impl Follower for Watching {
    type Object = Lease;
    type List = Option<Lease>;
    type Table = ();

    fn watched(&self) -> &Watched<()> {
        &self.shared.watched
    }

    fn objects(&self, client: Client) -> Api<Lease> {
        Api::namespaced(client, &self.shared.settings.namespace)
    }

    fn name(&self) -> Option<&str> {
        Some(&self.shared.settings.name)
    }

    fn gather(list: &mut Option<Lease>, lease: Lease) -> Result<(), ClusterError> {
        *list = Some(lease);
        Ok(())
    }

    async fn listed(&self, list: Option<Lease>) {
        self.hear(list.as_ref());
    }

    async fn changed(&self, lease: Lease) -> Result<(), ClusterError> {
        self.hear(Some(&lease));
        Ok(())
    }

    async fn deleted(&self, _: Lease) -> Result<(), ClusterError> {
        self.hear(None);
        Ok(())
    }
}
