//! What NVIDIA's DCGM exporters say of the GPUs of their nodes.

mod devices;
mod exposition;
mod values;

pub use devices::read_devices;
pub use exposition::{Fault, Skipped};
pub use values::Preference;
