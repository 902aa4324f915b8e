//! Who may do what: real users of a real cluster with real roles, through the service and beside it. The tables are in
//! `docs/access.md`.

mod callers;
mod client;
mod matrix;
mod objects;
mod questions;
mod stage;
mod waiting;
