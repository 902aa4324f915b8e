//! What NVIDIA's DCGM exporters say of the GPUs of their nodes.

mod devices;
mod exposition;
pub mod fixed;
mod labels;
mod readings;
pub mod scraper;
mod values;

pub use devices::read_devices;
pub use exposition::{Fault, Skipped};
