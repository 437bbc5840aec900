//! PRI: facility and severity (RFC 5424 §6.2.1), their numbers and the names rsyslog knows them by.

/// Facility and severity of a message, as the number that stands between `<` and `>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pri(u8);

impl Pri {
    /// The highest PRI there is: facility 23 (local7), severity 7 (debug).
    pub const MAX: u8 = 191;

    /// What RFC 3164 §4.3.3 gives a message without a PRI: user.notice.
    pub const DEFAULT: Self = Self(13);

    /// How many values there are: the size of a table indexed by [`Pri::index`].
    pub const COUNT: usize = Self::MAX as usize + 1;

    /// The PRI of this number, if there is one.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number <= Self::MAX { Some(Self(number)) } else { None }
    }

    /// 0 (kern) to 23 (local7).
    #[must_use]
    pub const fn facility(self) -> u8 {
        self.0 >> 3
    }

    /// 0 (emerg) to 7 (debug).
    #[must_use]
    pub const fn severity(self) -> u8 {
        self.0 & 7
    }

    /// The number itself, 0 to 191.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The number as an index, below [`Pri::COUNT`].
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}
