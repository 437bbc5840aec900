//! What a spool stands on.

/// Files of one spool: segments by the number of their first record, and one for the position.
pub trait Disk {
    /// What it refuses with.
    type Error;

    /// Whether it refused because it is full: then something that is given up makes room. Any other reason may pass by itself.
    fn has_no_room(error: &Self::Error) -> bool;

    /// Whether it refused because what stands at a place can't be read. Any other reason may pass by itself, and so may this one.
    fn is_damaged(error: &Self::Error) -> bool;

    /// The segments that are there, in any order.
    ///
    /// # Errors
    /// When the disk refuses; as everywhere below.
    fn segments(&mut self) -> Result<Vec<u64>, Self::Error>;

    /// Writes all of these octets at a place of a segment, which is its end. One that is written to from its start is made, or
    /// emptied if it is there.
    ///
    /// # Errors
    /// Some of the octets may have been written then.
    fn append(&mut self, segment: u64, at: u64, bytes: &[u8]) -> Result<(), Self::Error>;

    /// Reads octets from a place of a segment, as many as there are and fit.
    ///
    /// # Errors
    /// As above.
    fn read(&mut self, segment: u64, at: u64, into: &mut [u8]) -> Result<usize, Self::Error>;

    /// How long a segment is.
    ///
    /// # Errors
    /// As above.
    fn length(&mut self, segment: u64) -> Result<u64, Self::Error>;

    /// Shortens a segment.
    ///
    /// # Errors
    /// As above.
    fn cut(&mut self, segment: u64, length: u64) -> Result<(), Self::Error>;

    /// Makes a segment survive a power cut.
    ///
    /// # Errors
    /// As above.
    fn sync(&mut self, segment: u64) -> Result<(), Self::Error>;

    /// Removes a segment.
    ///
    /// # Errors
    /// As above.
    fn remove(&mut self, segment: u64) -> Result<(), Self::Error>;

    /// Keeps what is no segment of ours for an administrator, under a name that [`Disk::segments`] passes over.
    ///
    /// # Errors
    /// As above.
    fn set_aside(&mut self, segment: u64) -> Result<(), Self::Error>;

    /// What the file of the position holds; nothing, if it is not there.
    ///
    /// # Errors
    /// As above.
    fn position(&mut self) -> Result<Vec<u8>, Self::Error>;

    /// Writes over a part of the file of the position.
    ///
    /// # Errors
    /// As above.
    fn write_position(&mut self, at: u64, bytes: &[u8]) -> Result<(), Self::Error>;
}
