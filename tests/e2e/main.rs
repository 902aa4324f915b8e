//! The service on a real Kubernetes control plane: real API server, controllers, scheduler and metrics-server, real
//! HTTP. The pods' usage is set through KWOK, and what the service does is judged by the cluster and its audit log.
//!
//! One control plane serves the whole run; each test has a namespace of its own. The test command passes the control
//! plane's binary in the variable `TESTBED`; without it the tests build it themselves, which takes a while once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod access;
mod accounts;
mod api;
#[allow(dead_code, reason = "the reliability tests need more of it")]
mod audit;
#[allow(dead_code, reason = "the reliability tests need more of it")]
mod cluster;
mod creation;
mod dashboard;
mod definitions;
mod deletion;
mod faults;
mod gpu;
mod hand_over;
mod hpa_arithmetic;
mod hpa_side_by_side;
mod manifests;
mod objects;
mod permissions;
mod proxy;
mod role;
mod scaling;
mod secrets;
#[allow(dead_code, reason = "the reliability tests need more of it")]
mod service;
mod steady_state;
mod waiting;
#[allow(dead_code, reason = "the reliability tests need more of it")]
mod workload;
