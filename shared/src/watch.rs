//! Files that are read again when somebody edits them: which entries of which folders decide what a path means, the events from
//! these, and when an edit is over.

mod debounce;
mod points;
mod watcher;

pub use debounce::{Change, Debounce, Due};
pub use points::{DecidingEntries, deciding_entries};
pub use watcher::Watcher;
