//! Which metric means what, and which values cannot be.
