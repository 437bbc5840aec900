//! What the daemon makes up at its start and nobody else knows.

use std::fmt;
use std::io;

/// Random values that stay the same until the daemon ends: clients keep their cookies and accounts over a reload.
pub(super) struct Secrets {
    /// What cookies are made with when the configuration has no secret.
    pub(super) cookie: [u8; 16],
    /// What accounts of the rate limit are found by.
    pub(super) rate_limit_seed: [u8; 16],
}

impl Secrets {
    /// Asks the system for them.
    pub(super) fn from_system() -> io::Result<Self> {
        let mut secrets = Self {
            cookie: [0; 16],
            rate_limit_seed: [0; 16],
        };
        getrandom::fill(&mut secrets.cookie)?;
        getrandom::fill(&mut secrets.rate_limit_seed)?;
        Ok(secrets)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}
