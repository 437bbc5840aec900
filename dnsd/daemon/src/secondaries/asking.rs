//! A primary is asked for a zone's SOA record.

use std::io;

use dnsd_core::message::{Flags, Header, Rcode};
use dnsd_core::name::Name;
use dnsd_core::secondary::{SoaAnswer, Transport, read_soa_answer, write_soa_query};

use crate::remotes::{AskError, Means, Place};

/// Octets of a question for the longest name.
const QUERY_BYTES_MAX: usize = 272;

/// What a primary said.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// What it means for the zone.
    pub(super) answer: SoaAnswer,
    /// The answer's code.
    pub(super) rcode: Rcode,
    /// Whether the primary says that it has the zone.
    pub(super) is_authoritative: bool,
}

/// Asks, and waits for the answer: who asks has the clock.
pub(super) async fn ask(place: &Place, origin: &Name, transport: Transport) -> Result<Asked, AskError> {
    let origin = origin.as_name_ref();
    let means = match transport {
        Transport::Udp => Means::Udp,
        Transport::Tcp => Means::Tcp,
    };
    let write = |id| {
        let mut query = vec![0; QUERY_BYTES_MAX];
        let len = write_soa_query(id, origin, &mut query).expect("there is room for any name");
        query.truncate(len);
        query
    };
    let read = |id, message: &[u8]| {
        let answer = read_soa_answer(id, origin, message)?;
        let flags = Header::read(message)?.flags;
        Some(Asked {
            answer,
            rcode: flags.rcode(),
            is_authoritative: flags.contains(Flags::AA),
        })
    };
    match place.ask(means, write, read).await {
        // Nobody takes datagrams there: what a truncated answer leads to is right for that, too.
        Err(AskError::Io(error))
            if means == Means::Udp
                && place.remote.tls.is_none()
                && error.kind() == io::ErrorKind::ConnectionRefused =>
        {
            Ok(Asked {
                answer: SoaAnswer::Truncated,
                rcode: Rcode::NOERROR,
                is_authoritative: false,
            })
        }
        asked => asked,
    }
}
