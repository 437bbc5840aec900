//! Where messages go.

pub(crate) mod file;
