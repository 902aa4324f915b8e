//! GPUs: exporters that listen at their pods' addresses, as real ones do, and show the devices of their nodes.

mod capacity;
mod exporter;
mod exporters;
mod faults;
mod moving;
mod nodes;
mod scaling;
mod scraping;
mod stage;
mod text;
