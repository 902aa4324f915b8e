//! The adapters against an API server whose answers the tests write.

mod index;
mod metrics;
mod objects;
mod resolve;
mod scale;
mod scripted;
