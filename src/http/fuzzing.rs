//! Ways in for the fuzz targets: what a request's body goes through, without a server around it. Only there with
//! `--cfg fuzzing`.

use std::time::Duration;

use super::body::{merge_patch, parse};
use super::error::ApiError;
use super::wire::{CreateRequest, EvaluateRequest, SpecBody, patched_rules};
use crate::domain::autoscaler::{RequestedAutoscaler, ScalingRules, WorkloadRef};
use crate::domain::validation::{TargetRange, validate};

/// The autoscaler that the body of `POST /autoscaling` asks for; otherwise what the client is told.
pub fn create(body: &[u8]) -> Result<RequestedAutoscaler, String> {
    let request: CreateRequest = parse(body).map_err(|error| error.to_string())?;
    validate(&request.into()).map_err(|error| ApiError::from(error).to_string())
}

/// The rules after `PATCH /autoscaling/:id` with this body; otherwise what the client is told.
pub fn patch(workload: &WorkloadRef, rules: &ScalingRules, body: &[u8]) -> Result<ScalingRules, String> {
    let patch = merge_patch(body).map_err(|error| error.to_string())?;
    patched_rules(workload, rules, &patch).map_err(|error| ApiError::from(error).to_string())
}

/// The definition of an autoscaler as the API shows it.
pub fn definition(workload: &WorkloadRef, rules: &ScalingRules) -> Vec<u8> {
    serde_json::to_vec(&SpecBody::new(workload, rules)).unwrap_or_default()
}

/// The answer to `POST /autoscaling/evaluate` with this body; otherwise what the client is told.
pub fn evaluate(body: &[u8]) -> Result<Vec<u8>, String> {
    /// The default of `metrics.max_age_seconds`.
    const MAX_AGE: Duration = Duration::from_secs(90);
    let document: EvaluateRequest = parse(body).map_err(|error| error.to_string())?;
    let what_if = document.what_if(TargetRange::Guide, MAX_AGE).map_err(|error| ApiError::from(error).to_string())?;
    serde_json::to_vec(&what_if.decide()).map_err(|error| error.to_string())
}
