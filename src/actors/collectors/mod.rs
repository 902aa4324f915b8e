//! Collectors own the metric caches that all autoscalers share: one request serves everyone who asks while it is
//! fresh.

pub mod gpu;
pub mod gpu_table;
pub mod resource;
mod rhythm;
pub mod shelf;
