//! The position: which record is the first that no target has. It is written over in turns in two slots, so that a write that is
//! interrupted leaves the one before it.

const MAGIC: &[u8; 4] = b"BLQP";
const VERSION: u16 = 1;

/// Of a slot.
pub const POSITION_BYTES: usize = 28;

/// Slots are in sectors of their own: a disk writes a sector whole or not at all.
const SLOT_PLACES: [u64; 2] = [0, 512];

/// What a slot says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The greater, the newer.
    pub generation: u64,
    /// The number of the first record that no target has.
    pub position: u64,
}

impl Position {
    /// Where in the file it is written.
    pub(super) fn place(self) -> u64 {
        SLOT_PLACES[(self.generation % 2) as usize]
    }

    pub(super) fn encode(self) -> [u8; POSITION_BYTES] {
        let mut slot = [0; POSITION_BYTES];
        slot[..4].copy_from_slice(MAGIC);
        slot[4..6].copy_from_slice(&VERSION.to_be_bytes());
        slot[8..16].copy_from_slice(&self.generation.to_be_bytes());
        slot[16..24].copy_from_slice(&self.position.to_be_bytes());
        let checksum = crc32fast::hash(&slot[..24]);
        slot[24..].copy_from_slice(&checksum.to_be_bytes());
        slot
    }

    /// The newest that a file has.
    #[must_use]
    pub fn newest(file: &[u8]) -> Option<Self> {
        let slots = SLOT_PLACES.iter().filter_map(|place| {
            let slot = file.get(*place as usize..)?.first_chunk::<POSITION_BYTES>()?;
            Self::decode(slot)
        });
        slots.max_by_key(|position| position.generation)
    }

    fn decode(slot: &[u8; POSITION_BYTES]) -> Option<Self> {
        let (content, checksum) = slot.split_last_chunk::<4>()?;
        let is_whole = crc32fast::hash(content) == u32::from_be_bytes(*checksum);
        let is_known = content.starts_with(MAGIC) && content[4..6] == VERSION.to_be_bytes();
        (is_whole && is_known).then_some(())?;
        Some(Self {
            generation: u64::from_be_bytes(*content[8..].first_chunk()?),
            position: u64::from_be_bytes(*content[16..].first_chunk()?),
        })
    }
}
