//! The running system: a [`registry`] that owns all autoscalers, one actor per autoscaler, and
//! [`collectors`] whose caches all autoscalers share. Nothing outside this folder names actix's actors.
//!
//! The rest of the service talks to a [`registry_handle::RegistryHandle`] and reads [`snapshot`]s, which the actors
//! publish: a read never waits for a busy autoscaler.

mod autoscaler;
pub mod brake;
pub mod collectors;
mod evaluation;
pub mod events;
pub mod fleet;
mod later;
pub mod leadership;
pub mod listing;
pub mod messages;
pub mod news;
#[cfg(test)]
mod paused;
pub mod preview;
mod readings;
pub mod registry;
pub mod registry_handle;
pub mod roster;
pub mod saving;
pub mod shared;
pub mod snapshot;
pub mod subscribers;
pub mod sums;
mod supervision;
mod timer;
pub mod turns;
