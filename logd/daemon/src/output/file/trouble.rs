//! Why lines could not be written, and whether waiting helps.

use std::fmt;

use nix::errno::Errno;

use super::open::OpenError;

/// Why a batch could not be written.
pub(super) enum Trouble {
    /// There will be room again, or the device will come back: the lines are kept.
    Passing(Cause),
    /// Nothing that waiting helps against: the lines are dropped, and the path is left alone for a while.
    Lasting(Cause),
}

/// What the system said, or our own limit.
pub(super) enum Cause {
    /// The system said so.
    File(OpenError),
    /// There is room, but less than shall be left.
    MinFree,
    /// Somebody deletes the file as fast as it is made.
    Deleted,
}

impl Trouble {
    /// Which of the two an error is.
    pub(super) fn of(error: OpenError) -> Self {
        let passing = matches!(
            error,
            OpenError::System(
                Errno::ENOSPC
                    | Errno::EDQUOT
                    | Errno::EIO
                    | Errno::EROFS
                    | Errno::EMFILE
                    | Errno::ENFILE
                    | Errno::ENOMEM
                    | Errno::ESTALE
                    | Errno::EAGAIN
                    | Errno::EINTR
                    // Of network file systems whose server is away.
                    | Errno::ETIMEDOUT
                    | Errno::EHOSTDOWN
                    | Errno::EHOSTUNREACH
                    | Errno::ENOTCONN
            )
        );
        if passing {
            Self::Passing(Cause::File(error))
        } else {
            Self::Lasting(Cause::File(error))
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::MinFree => f.write_str("less than min-free is left on the file system"),
            Self::Deleted => f.write_str("the file is deleted as soon as it is written"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_server_that_is_away_passes_and_a_refusal_does_not() {
        let passes = |errno| matches!(Trouble::of(OpenError::System(errno)), Trouble::Passing(_));
        for errno in [
            Errno::ENOSPC,
            Errno::EINTR,
            Errno::ETIMEDOUT,
            Errno::EHOSTDOWN,
            Errno::ENOTCONN,
        ] {
            assert!(passes(errno), "{errno}");
        }
        for errno in [Errno::EACCES, Errno::ELOOP, Errno::ENOTDIR, Errno::ENAMETOOLONG] {
            assert!(!passes(errno), "{errno}");
        }
    }
}
