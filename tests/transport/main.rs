//! What reaches the service before any handler does: bytes, handshakes, heads, names, and how much of each. Against the real
//! server on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

#[allow(dead_code)] // Shared with the API tests, which use more of it.
#[path = "../api/app.rs"]
mod app;
mod authority;
mod client;
mod headers;
mod http2;
mod limits;
mod names;
mod reload;
mod slow;
mod smuggling;
mod tls;
mod wire;
