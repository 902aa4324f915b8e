//! The HTTP server: the guide's API under `/api/v1`, and what an operator needs beside it.
//!
//! It checks what comes in, asks the registry, and writes the answer. It decides nothing.

mod body;
mod counted;
mod error;
#[cfg(fuzzing)]
pub mod fuzzing;
mod gate;
pub(crate) mod json;
mod openapi;
mod pulse;
mod routes;
mod server;
mod server_sent;
mod state;
pub(crate) mod wire;

pub use openapi::document;
pub use pulse::beat;
pub use server::{HttpServerSettings, serve};
pub use state::HttpState;
pub use wire::{InvalidRequest, requested_autoscaler};
