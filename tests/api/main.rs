//! The whole service over HTTP, on a simulated cluster whose clock runs fast.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod app;
mod faults;
mod form;
mod guide;
mod lists;
mod scaling;
mod validation;
