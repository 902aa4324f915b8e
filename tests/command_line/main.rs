//! The binary as people and scripts run it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

mod documents;
mod import;
mod people;
mod service;
mod watching;
