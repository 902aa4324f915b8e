//! The HTTP server: the guide's API under `/api/v1`, and what an operator needs beside it.
//!
//! It checks what comes in, asks the registry, and writes the answer. It decides nothing.

mod asker;
mod body;
mod client_certificate;
mod connection;
mod counted;
mod error;
mod followers;
#[cfg(fuzzing)]
pub mod fuzzing;
mod gate;
mod head;
mod http2;
pub(crate) mod json;
mod kept;
mod openapi;
mod origin;
mod pace;
mod places;
mod protection;
mod pulse;
mod refusal;
mod routes;
mod server;
mod server_sent;
mod site;
mod slices;
mod state;
mod tls;
pub(crate) mod wire;

pub use followers::Followers;
pub use kept::KeptAnswers;
pub use openapi::document;
pub use origin::{AllowedHost, Names, Reach};
pub use pace::{Pace, Rate};
pub use pulse::beat;
pub use server::{HttpServerSettings, serve};
pub use state::HttpState;
pub use tls::{Tls, TlsError, TlsFiles};
pub use wire::{InvalidRequest, requested_autoscaler};
