//! What Prometheus sees of the service, and what it makes of it: the metrics, the alerts, the dashboard, and a real
//! Prometheus that reads them all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

#[path = "../api/app.rs"]
#[allow(dead_code, reason = "shared with the tests of the API, which need more of it")]
mod app;
mod dashboard;
mod documentation;
mod exposition;
mod files;
mod rules;
mod scraping;
mod server;
mod text;
