//! AI Storage Orchestrator: autoscales Kubernetes workloads by CPU, memory and GPU, and explains every decision.

pub mod clock;
