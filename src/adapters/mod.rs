//! What stands behind the [`crate::ports`]: the only code that knows how the outside speaks.

pub mod causes;
pub mod dcgm;
pub mod destinations;
pub mod kubernetes;
pub mod memory;
pub mod outgoing;

/// How the service calls itself to whom it asks.
const AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));
