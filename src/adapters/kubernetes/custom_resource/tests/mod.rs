//! The custom resource.
