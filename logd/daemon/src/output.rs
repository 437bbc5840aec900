//! Where messages go: rendered lines into [`file`]s, or rendered records through a [`queue`] to the worker of a [`queued`] output.

pub(crate) mod file;
mod held_back;
pub(crate) mod queue;
pub(crate) mod queued;
mod receipt;
mod settlement;

pub(crate) use held_back::HeldBack;
pub(crate) use receipt::Receipt;
pub(crate) use settlement::Standing;

/// What a full output does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhenFull {
    /// Hold back the network inputs that write to it.
    Block,
    /// Drop what is new, and count it.
    Drop,
}
