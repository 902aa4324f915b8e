//! The adapters against an API server whose answers the tests write.

mod exporters;
mod hpas;
mod index;
mod metrics;
mod objects;
mod resolve;
mod revisions;
mod room;
mod scale;
mod scripted;
mod selected;
mod store;
mod store_events;
mod watching;
