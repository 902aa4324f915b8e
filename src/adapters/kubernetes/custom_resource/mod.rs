//! The custom resource that an autoscaler is an object of: `WorkloadAutoscaler`.

mod change;
mod crd;
mod object;
mod rules;
mod spec;
mod state;
mod status;
mod time;

pub(super) use self::change::changed;
pub use self::object::ID;
pub(super) use self::object::{Found, NoAutoscaler, created};
pub(super) use self::spec::WorkloadAutoscaler;
pub(super) use self::status::written;

#[cfg(test)]
mod tests;

/// The API version of the objects.
pub const API_VERSION: &str = "ai-storage.io/v1alpha1";

/// The kind of the objects.
pub const KIND: &str = "WorkloadAutoscaler";

/// The first line of the definition as a file.
const COMMENT: &str = "# The custom resource in which autoscalers are kept, as `ai-storage-orchestrator crd` prints it: not to be edited.\n";

/// The definition of the custom resource as YAML, as `kubectl apply` takes it.
pub fn manifest() -> Result<String, String> {
    let definition = serde_saphyr::to_string(&crd::custom_resource_definition()).map_err(|error| error.to_string())?;
    Ok(format!("{COMMENT}{definition}"))
}
