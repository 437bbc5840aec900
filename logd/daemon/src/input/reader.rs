//! Reading a connection: as much as there is into the thread's buffer, of which the connection keeps an incomplete frame only.

use std::io;

use tracing::debug;

use super::incomplete::Charge;
use super::sender::Sender;
use super::transport::{Ask, Chunk, Transport};
use crate::pipeline::Scratch;

/// An incomplete frame up to this is copied in front of what is read next; a longer one is read on where it stands.
const COPIED_BYTES_MAX: usize = 16 << 10;

/// A connection that is read.
pub(super) struct Reader {
    transport: Transport,
    /// The beginning of a frame whose end was not read yet.
    incomplete: Vec<u8>,
    /// What the budget was charged for it.
    charge: Charge,
    /// Nothing more comes, because its sender has said so and not because we went.
    ended: bool,
}

/// What a read came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// There may be more.
    Some,
    /// Nothing more at the moment.
    All,
    /// Nothing at the moment.
    Empty,
    /// The sender is done, or gone.
    End,
    /// All connections together have as much of frames whose end is missing as they may.
    TooMuch,
}

impl Reader {
    pub(super) fn new(transport: Transport, charge: Charge) -> Self {
        Self {
            transport,
            incomplete: Vec::new(),
            charge,
            ended: false,
        }
    }

    pub(super) fn transport(&self) -> &Transport {
        &self.transport
    }

    pub(super) fn transport_mut(&mut self) -> &mut Transport {
        &mut self.transport
    }

    /// Whether the sender has ended the stream.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Takes the incomplete frame, at the end.
    pub(super) fn take_incomplete(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.incomplete)
    }

    /// Reads what is there, once. `deliver` is given the incomplete frame with the new bytes behind it, and how many these are;
    /// it says how many bytes it has used.
    pub(super) fn read(
        &mut self,
        sender: &mut Sender,
        deliver: impl FnOnce(&mut Sender, &[u8], usize, &mut Scratch) -> usize,
    ) -> Read {
        let ask = if sender.stop.is_cancelled() {
            Ask::Socket
        } else {
            Ask::Runtime
        };
        Scratch::with(|scratch| {
            let mut buffer = if self.incomplete.len() > COPIED_BYTES_MAX {
                std::mem::take(&mut self.incomplete)
            } else {
                let mut buffer = std::mem::take(&mut scratch.read);
                buffer.clear();
                buffer.extend_from_slice(&self.incomplete);
                buffer
            };
            let before = buffer.len();
            let read = match self.transport.read(&mut buffer, ask) {
                Ok(Chunk { bytes: 0, .. }) => {
                    self.ended = true;
                    Read::End
                }
                Ok(Chunk { is_all: true, .. }) => Read::All,
                Ok(_) => Read::Some,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Read::Empty,
                Err(error) => {
                    debug!(peer = %sender.peer, %error, "connection lost");
                    Read::End
                }
            };
            let consumed = if buffer.len() > before {
                deliver(sender, &buffer, buffer.len() - before, scratch)
            } else {
                0
            };
            if before > COPIED_BYTES_MAX {
                buffer.drain(..consumed);
                if buffer.len() <= COPIED_BYTES_MAX {
                    buffer.shrink_to_fit();
                }
                self.incomplete = buffer;
            } else {
                self.incomplete.clear();
                self.incomplete.extend_from_slice(&buffer[consumed..]);
                scratch.read = buffer;
            }
            if self.incomplete.is_empty() && self.incomplete.capacity() > 0 {
                // An idle connection owns nothing.
                self.incomplete = Vec::new();
            }
            if self.charge.set(self.incomplete.capacity()) {
                read
            } else {
                Read::TooMuch
            }
        })
    }

    /// Ends the connection from our side, and counts one that was cut off.
    pub(super) fn end(&mut self, sender: &Sender) {
        if self.transport.is_cut_off() {
            sender.source.metrics.cut_off.increment(1);
        }
        self.transport.say_goodbye();
    }
}
