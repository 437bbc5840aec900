//! The output `file`: rendered lines come in from the pipeline, whole lines go out to files, many with one write(2).
//!
//! A [`LogFile`] owns the buffer of one path, so that two connections never cut each other's lines; the [`Store`] finds
//! it by its rendered path. A buffer is written when it holds [`WRITE_BYTES`], by whoever filled it, or when its oldest
//! line is `flush-interval` old, by the thread of the [`flusher`], or, when the budget of the process is spent, by the same
//! thread, largest first.
//!
//! # Where system calls block
//! A write to the page cache takes microseconds and is made by the task at hand, under the lock of that file's descriptor
//! but not under the lock of its buffer: others go on appending. Whatever waits for a device (fdatasync) is left to the
//! flusher's thread. A file system that hangs therefore takes with it that thread and in time the threads of the inputs,
//! not the control socket, `/metrics` and signals, which are served by a runtime of their own (see [`crate::daemon`]).

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
mod space;
mod spare;
mod store;
mod trouble;

pub(crate) use flusher::Flusher;
pub(crate) use log_file::{Appended, LogFile};
pub(crate) use output::{FileOutput, FileSettings, Owner, Sync};
pub(crate) use rotation::{Archivist, Keep, Rotate, Tree};
pub(crate) use store::{Store, StoreLimits};

/// A buffer this long is written at once: beyond 64 KiB a write costs no less per line.
const WRITE_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests;
