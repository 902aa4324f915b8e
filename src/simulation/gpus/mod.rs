//! GPUs that are seen: the devices of the machines, who has which, how busy they are, and the DCGM exporters that show
//! it.
//!
//! ```text
//!   scheduler ──> devices      hands concrete devices to containers, and takes them back
//!   agenda ─────> collection   reads every so often what each device does (usage), as DCGM does it
//!   request ────> service ──> exporter ──> text   shows the last readings, with the pods that have the devices now
//! ```

mod collection;
mod devices;
mod exporter;
mod levers;
mod machine;
mod mig;
mod service;
mod text;
mod usage;

pub use self::exporter::ExporterFault;
pub use self::mig::{InvalidMigProfile, MigProfile};
pub use self::service::SimulatedExporters;

pub(super) use self::collection::Gpus;
pub(super) use self::devices::{Devices, Owner};
pub(super) use self::exporter::{DAEMON_SET, Exporter, PORT};
pub(super) use self::mig::resource;
