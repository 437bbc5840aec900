//! The machine under a clock of ours.
