//! What one container is, and what it requests.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Container;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::domain::quantity::Amount;

/// A native sidecar: an init container that runs as long as the pod.
pub(super) fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

/// A container's request. Where only a limit is set, the API server has made it the request as well.
pub(super) fn requested(container: &Container, resource: &str) -> Option<Amount> {
    listed(container.resources.as_ref()?.requests.as_ref(), resource)
}

/// The amount of `resource` in a list of quantities, if it is there and can be read.
pub(super) fn listed(quantities: Option<&BTreeMap<String, Quantity>>, resource: &str) -> Option<Amount> {
    amount(resource, quantities?.get(resource)?)
}

/// What cannot be read is not there. What can be read but cannot be is left for the domain to judge.
pub(super) fn amount(resource: &str, quantity: &Quantity) -> Option<Amount> {
    let parsed = quantity.0.parse();
    parsed.inspect_err(|error| log::debug!("ignoring the amount {:?} of {resource}: {error}", quantity.0)).ok()
}
