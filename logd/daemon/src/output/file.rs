//! The output `file`: rendered lines come in from the pipeline, whole lines go out to files, many with one write(2).
//!
//! A [`LogFile`] owns the buffer of one path, so that two connections never cut each other's lines; the [`Store`] finds
//! it by its rendered path. A buffer is written when it holds [`WRITE_BYTES`], by whoever filled it, or when its oldest
//! line is `flush-interval` old, by a thread of the [`flusher`], or, when the budget is spent, by the same thread, largest first.
//!
//! # Where system calls block
//! Writes are made under the lock of that file's descriptor but not under the lock of its buffer: others go on appending. Each
//! file system ([`volume`]) has a thread that writes and another that waits for the device ([`sync`]), so one that hangs keeps its own
//! lines only, and its share of the budget; their senders are held back when that is spent.
//!
//! A write to the page cache takes microseconds, and it costs the least when who filled a buffer writes it, whose cache has it. That is
//! done where all outputs are files of one directory: nobody is served there whom a hanging write could keep for nothing. The control
//! socket, `/metrics` and signals are served by a runtime of their own (see [`crate::daemon`]).

mod budget;
mod drain;
mod flusher;
mod log_file;
mod new_files;
mod open;
mod output;
mod path;
mod rotation;
mod schedule;
mod settings;
mod space;
mod spare;
mod store;
mod sync;
mod trouble;
mod volume;

pub(crate) use flusher::Flusher;
pub(crate) use log_file::{Appended, LogFile};
pub(crate) use output::{FileOutput, Owner};
pub(crate) use rotation::{ArchiveTo, Archivist, Keep, Rotate, Tree};
pub(crate) use settings::{FileSettings, Sync};
pub(crate) use store::{Store, StoreLimits};
pub(crate) use volume::Layout;

/// A buffer this long is written at once: beyond 64 KiB a write costs no less per line.
const WRITE_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests;
