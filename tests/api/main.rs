//! The whole service over HTTP, on a simulated cluster whose clock runs fast.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod access;
mod app;
mod changing;
mod decisions;
mod evaluate;
mod faults;
mod form;
mod gpu;
mod guide;
mod insight;
mod kept;
mod lists;
mod mode;
mod pausing;
mod scaling;
mod stream;
mod users;
mod validation;
