//! How much one master file may ask for.

/// The limits of one reading, included files and generated records counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Files open at once, the first one included. A file that includes itself ends here; honest nesting is shallow.
    pub open_files_max: usize,
    /// Files opened by `$INCLUDE` in all: bounds a tree of files that include each other several times.
    pub includes_max: usize,
    /// Records made by `$GENERATE` in all: one line can ask for two thousand million. A /8 reverse zone fits.
    pub generated_max: u64,
    /// Errors reported before the reader gives up: nobody reads more of them.
    pub errors_max: usize,
    /// Warnings kept; further ones are dropped.
    pub warnings_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            open_files_max: 16,
            includes_max: 10_000,
            generated_max: 1 << 24,
            errors_max: 100,
            warnings_max: 100,
        }
    }
}
