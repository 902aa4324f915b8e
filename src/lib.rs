//! AI Storage Orchestrator: autoscales Kubernetes workloads by CPU, memory and GPU, and explains every decision.
//!
//! One way leads through it: a request reaches the [`http`] server, which lets in who may ([`access`]) and asks the registry
//! ([`actors`]); the registry runs one autoscaler actor per workload; that actor observes the workload through the [`ports`], which the
//! [`adapters`] implement, lets [`domain::decision::decide`] decide, and scales. [`app`] joins the parts;
//! [`simulation`] is a cluster in this process for when there is no other; [`what_if`] decides without any.
//!
//! ```text
//! http -> actors: registry -> autoscaler -> domain::decide
//!                                 |  ^
//!                    ports: scale v  | workloads, pods, usage
//!                          adapters::kubernetes -> API server | simulation
//! ```

pub mod access;
pub mod actors;
pub mod adapters;
pub mod app;
pub mod cli;
pub mod clock;
pub mod domain;
pub mod gpu_readings;
pub mod http;
pub mod instruments;
pub mod logger;
pub mod plain_text;
pub mod ports;
pub mod settings;
pub mod simulation;
pub mod telemetry;
pub mod what_if;
