//! Who knows what machines there are. Each provider has a task that hands in what it knows, and says when it can't.

pub mod static_file;
