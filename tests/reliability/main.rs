//! The service on a real Kubernetes control plane while things break: processes are killed and frozen with signals, the API
//! server and what is behind it go away, answers are lost, clocks jump. The API server's audit log is the judge of every
//! action.
//!
//! Each test has namespaces, a Lease and accounts of its own, and its services see no other namespaces. What a test has
//! measured it says in a line that begins with `RELIABILITY`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

#[path = "../e2e/api.rs"]
#[allow(dead_code)]
mod api;
#[path = "../e2e/audit.rs"]
#[allow(dead_code)]
mod audit;
#[path = "../e2e/cluster.rs"]
#[allow(dead_code)]
mod cluster;
#[path = "../e2e/service.rs"]
#[allow(dead_code)]
mod service;
#[path = "../e2e/workload.rs"]
#[allow(dead_code)]
mod workload;

mod clocks;
mod control_plane;
mod disk;
mod fault_proxy;
mod faults;
mod fights;
mod fleet;
mod judge;
mod kills;
mod leadership;
mod lifecycle;
mod manifests;
mod readme;
mod report;
mod rivals;
mod scene;
mod standby;
mod thousand;
mod upgrade;
mod waiting;
