//! The logd.toml that is being made.

use ballast_shared::toml_file;
pub(super) use ballast_shared::toml_file::{Element, Value, bare_or_quoted};

/// Where a table stands among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// The keys of no table.
    Top,
    Process,
    Input,
    Template,
    Default,
    Output,
    Rule,
}

/// The whole file.
pub(super) type Document = toml_file::Document<Rank>;
