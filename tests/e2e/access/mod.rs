//! Who may do what: real users of a real cluster with real roles, through the service and beside it. The tables are in
//! `docs/access.md`.

mod admission;
mod audiences;
mod authors;
mod callers;
mod client;
mod costs;
mod documentation;
mod escalation;
mod leaks;
mod matrix;
mod objects;
mod outage;
mod people;
mod questions;
mod revocation;
mod stage;
mod streams;

use super::waiting;
