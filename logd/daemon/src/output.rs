//! Where messages go: rendered lines into [`file`]s, or rendered records through a [`queue`] to the worker of a [`queued`] output.

pub(crate) mod fields;
pub(crate) mod file;
mod held_back;
pub(crate) mod queue;
pub(crate) mod queued;
mod receipt;
mod settlement;
pub(crate) mod spool;

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

/// What becomes of messages that an output has no room for, and that it would hold their sender back for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// The sender waits.
    Waits,
    /// It waits together with senders to other files, as on a socket for datagrams: not for a file that is behind. What is too much for
    /// that one is dropped and counted.
    WaitsWithOthers,
    /// The sender is a program of this machine, or its kernel, and never waits: what there is no room for is dropped and counted,
    /// and nobody who appends for it is in a system call that a file system can keep. It may use a reserve that others have not.
    NeverWaits,
}
