//! The actors on a scripted cluster, with a paused clock: every test runs on one thread, and no test waits.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cluster;
mod objects;
mod stage;
mod telemetry;

mod changes;
mod changing;
mod crashes;
mod creation;
mod decisions;
mod deletion;
mod draining;
mod failures;
mod keeping;
mod listing;
mod many;
mod observing;
mod replicas;
mod scaling;
mod sharing;
mod ticks;
mod turns;
