//! The dnsd.toml that is being made.

use ballast_shared::toml_file;
pub(super) use ballast_shared::toml_file::{Element, Value, bare_or_quoted, quoted};

/// Where a table stands among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// The keys of no table.
    Top,
    Listen,
    Control,
    QueryLog,
    RateLimit,
    Acl,
    Key,
    Remote,
    Forward,
    /// Zones, and views with their zones.
    Zone,
}

/// The whole file.
#[derive(Debug, Default)]
pub(super) struct Document(toml_file::Document<Rank>);

/// A table.
pub(super) type Section = toml_file::Section<Rank>;

impl Document {
    /// The table of this name; it is made if it isn't there.
    pub(super) fn section(&mut self, rank: Rank, header: &str) -> &mut Section {
        self.0.section(rank, header)
    }

    /// Adds comments that belong to no table, behind the tables of this rank so far.
    pub(super) fn remark(&mut self, rank: Rank, above: Vec<String>) {
        self.0.remark(rank, above);
    }

    /// The keys of no table.
    pub(super) fn top(&mut self) -> &mut Section {
        self.section(Rank::Top, "")
    }
}

impl std::fmt::Display for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
