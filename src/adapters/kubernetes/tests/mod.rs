//! The adapters against an API server whose answers the tests write.

mod events;
mod exporters;
mod hpas;
mod index;
mod lease;
mod lease_mode;
mod lease_watch;
mod leases;
mod metrics;
mod objects;
mod resolve;
mod revisions;
mod room;
mod scale;
mod scripted;
mod selected;
mod started;
mod store;
mod store_events;
mod watching;
