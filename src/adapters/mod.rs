//! What stands behind the [`crate::ports`]: the only code that knows how the outside speaks.

pub mod dcgm;
pub mod kubernetes;
