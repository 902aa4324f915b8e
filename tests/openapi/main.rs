//! The API's description against the running service: it is up to date, it names every method, a fuzzer finds nothing that
//! it does not say, and the examples in the documents do what it says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

#[allow(dead_code)] // Shared with the API tests, which use more of it.
#[path = "../api/app.rs"]
mod app;
mod contract;
mod document;
mod examples;
mod fuzzing;
mod methods;
mod page;
