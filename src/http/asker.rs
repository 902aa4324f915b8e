//! Who asks, for the handlers: what they may do, and what they may see.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::StreamExt;
use futures_util::future::{Ready, ready};
use futures_util::stream;

use super::error::ApiError;
use super::state::HttpState;
use crate::access::Access;
use crate::actors::snapshot::AutoscalerRecord;
use crate::domain::access::{Caller, CallerName, Deed, Verb};
use crate::domain::autoscaler::WorkloadKind;
use crate::domain::namespaces::NamespaceScope;

/// How many questions of one request are on their way at once.
const AT_ONCE: usize = 8;

/// The caller of a request whom [`super::gate`] has let in.
#[derive(Clone)]
pub struct Asker {
    caller: Caller,
    access: Access,
}

impl FromRequest for Asker {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = request.extensions().get::<Caller>().cloned();
        let access = request.app_data::<Data<HttpState>>().map(|state| state.access.clone());
        // Whom nobody has let in is not here.
        ready(caller.zip(access).map(|(caller, access)| Self { caller, access }).ok_or_else(ApiError::unauthorized))
    }
}

impl Asker {
    /// A caller whom `access` knows.
    pub fn new(caller: Caller, access: Access) -> Self {
        Self { caller, access }
    }

    /// Who they are.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Their name, where callers have one.
    pub fn name(&self) -> Option<CallerName> {
        self.caller.name()
    }

    async fn may(&self, deed: &Deed) -> Result<bool, ApiError> {
        self.access.may(&self.caller, deed).await.map_err(|error| ApiError::authorization_unavailable(&error))
    }

    /// Makes sure that they may do all of this.
    pub async fn require(&self, deeds: impl IntoIterator<Item = Deed>) -> Result<(), ApiError> {
        for deed in deeds {
            if !self.may(&deed).await? {
                return Err(ApiError::forbidden(self.name().as_deref(), &deed));
            }
        }
        Ok(())
    }

    /// The namespaces whose autoscalers they may see, of those of `namespaces`.
    pub async fn scope(
        &self,
        namespaces: impl AsyncFnOnce() -> Result<BTreeSet<String>, ApiError>,
    ) -> Result<NamespaceScope, ApiError> {
        if self.may(&Deed::everywhere(Verb::List)).await? {
            return Ok(NamespaceScope::All);
        }
        let seen = stream::iter(namespaces().await?).map(async |namespace| {
            let may = self.may(&Deed::in_namespace(Verb::List, &namespace)).await?;
            Ok::<_, ApiError>(may.then_some(namespace))
        });
        let seen: Vec<_> = seen.buffer_unordered(AT_ONCE).collect().await;
        let seen: Result<BTreeSet<_>, _> = seen.into_iter().filter_map(Result::transpose).collect();
        Ok(NamespaceScope::Only(Arc::new(seen?)))
    }

    /// The autoscaler with this id, if they may see it. Whoever may not does not learn that it exists: what is asked first is
    /// the same whether it does or not.
    pub async fn seen(
        &self,
        id: &str,
        record: Option<Arc<AutoscalerRecord>>,
    ) -> Result<Arc<AutoscalerRecord>, ApiError> {
        let sees_all = self.may(&Deed::everywhere(Verb::Get)).await?;
        let record = record.ok_or_else(|| ApiError::autoscaler_not_found(id))?;
        if sees_all || self.may(&Deed::in_namespace(Verb::Get, &record.workload.namespace)).await? {
            Ok(record)
        } else {
            Err(ApiError::autoscaler_not_found(id))
        }
    }

    /// Makes sure that they may change this autoscaler, and what it scales.
    pub async fn require_change(&self, verb: Verb, record: &AutoscalerRecord) -> Result<(), ApiError> {
        let one = Deed::with_one(verb, &record.workload.namespace, &record.hpa_name);
        self.require([one, Deed::scale(&record.workload)]).await
    }

    /// Makes sure that they may put workloads under autoscaling; of which kind it will be is not known yet.
    pub async fn require_creation(&self, kinds: &[WorkloadKind], namespace: &str, name: &str) -> Result<(), ApiError> {
        let scaled =
            |kind: &WorkloadKind| Deed::Scale { kind: *kind, workload: Some((namespace.to_owned(), name.to_owned())) };
        let creation = Deed::in_namespace(Verb::Create, namespace);
        self.require(std::iter::once(creation).chain(kinds.iter().map(scaled))).await
    }
}
