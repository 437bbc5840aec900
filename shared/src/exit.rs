//! How the programs end: the codes of sysexits.h, which service managers and scripts know.

use std::process::ExitCode;

/// Why a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: all went well.
    Ok,
    /// 1: all went well, and what was asked for shows a difference, as with diff(1) and cmp(1).
    Differs,
    /// 64, EX_USAGE: the command line was wrong.
    Usage,
    /// 69, EX_UNAVAILABLE: something it needs is not there, such as the running daemon or a port.
    Unavailable,
    /// 71, EX_OSERR: the system refused something, such as changing the user.
    Os,
    /// 74, EX_IOERR: reading or writing failed.
    Io,
    /// 78, EX_CONFIG: the configuration is wrong.
    Config,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Ok => 0,
            Exit::Differs => 1,
            Exit::Usage => 64,
            Exit::Unavailable => 69,
            Exit::Os => 71,
            Exit::Io => 74,
            Exit::Config => 78,
        })
    }
}
