//! Reading the numbers and separators of a stamp.

/// What is left to read of a stamp.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes were read.
    pub(super) fn consumed(&self) -> usize {
        self.at
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    pub(super) fn skip(&mut self, count: usize) {
        self.at = (self.at + count).min(self.bytes.len());
    }

    /// Reads this byte, if it is next.
    #[inline]
    pub(super) fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Reads a number of `1..=digits_max` digits. More digits are left for the next read, where no separator will match.
    #[inline]
    pub(super) fn number(&mut self, digits_max: usize) -> Option<u32> {
        let mut value = 0;
        let mut digits = 0;
        while let Some(byte @ b'0'..=b'9') = self.peek()
            && digits < digits_max
        {
            value = value * 10 + u32::from(byte - b'0');
            digits += 1;
            self.at += 1;
        }
        (digits > 0).then_some(value)
    }

    /// Reads a number that has to lie between two others; both are below 100, and so it has two digits at most.
    #[inline]
    pub(super) fn number_in(&mut self, min: u8, max: u8) -> Option<u8> {
        let value = u8::try_from(self.number(2)?).ok()?;
        (min <= value && value <= max).then_some(value)
    }

    /// Reads `.` and the digits after it, if there is a dot: nanoseconds, and how many digits there were, 9 at most. What is
    /// finer than a nanosecond is read and left out.
    pub(super) fn fraction(&mut self) -> (u32, u8) {
        /// The nanoseconds of the last of so many digits.
        const UNITS: [u32; 10] = [
            1_000_000_000,
            100_000_000,
            10_000_000,
            1_000_000,
            100_000,
            10_000,
            1_000,
            100,
            10,
            1,
        ];
        if self.eat(b'.').is_none() {
            return (0, 0);
        }
        let mut value = 0;
        let mut digits = 0;
        while let Some(byte @ b'0'..=b'9') = self.peek() {
            if digits < UNITS.len() - 1 {
                value = value * 10 + u32::from(byte - b'0');
                digits += 1;
            }
            self.at += 1;
        }
        (value * UNITS[digits], digits as u8)
    }

    /// Whether a stamp can end here: before a space or at the end of the message.
    pub(super) fn at_end_of_word(&self) -> bool {
        matches!(self.peek(), None | Some(b' '))
    }
}
