//! The binary as people and scripts run it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

mod access;
mod answering;
mod custom_resource;
mod documents;
mod hostile;
mod import;
mod people;
mod secrets;
mod service;
mod tls;
mod watching;
