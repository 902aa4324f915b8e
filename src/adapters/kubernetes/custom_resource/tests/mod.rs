//! The custom resource: its definition, and what is read of what was written.

mod changes;
mod definition;
mod objects;
mod specs;
mod statuses;
