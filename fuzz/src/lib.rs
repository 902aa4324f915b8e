//! What the fuzz targets have in common: limits on the memory that one input may cost, and checks of what comes out.

pub mod api_server;
pub mod memory;
pub mod rules;
pub mod text;
