//! How much an answer says beyond what was asked for.

/// BIND's `minimal-responses`: what positive answers leave out. Referrals and negative answers have only what they need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MinimalResponses {
    /// Nothing is left out.
    No,
    /// The zone's name servers.
    NoAuth,
    /// The zone's name servers, for clients that ask for recursion: those are stubs, while who asks each server itself
    /// may want to know the others.
    #[default]
    NoAuthRecursive,
    /// The zone's name servers, and the addresses of hosts that the answer names.
    Yes,
}

impl MinimalResponses {
    /// Whether a positive answer has the zone's name servers.
    pub fn name_servers(self, recursion_desired: bool) -> bool {
        match self {
            Self::No => true,
            Self::NoAuthRecursive => !recursion_desired,
            Self::NoAuth | Self::Yes => false,
        }
    }

    /// Whether a positive answer has the addresses of the hosts that it names.
    pub fn additional(self) -> bool {
        self != Self::Yes
    }
}
