//! When a log file is rotated by time, and what a rotated file is called.
//!
//! The daemon has the clock and the file system; here is the arithmetic: where the periods of `every` begin in a time zone, and
//! the suffix that a rotated file gets and is recognised by.

mod every;
mod name;

pub use every::{Every, EveryError};
pub use name::{Compression, Rotated, TEMPORARY, When, rotated_name};
