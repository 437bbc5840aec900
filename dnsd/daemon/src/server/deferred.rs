//! What takes more to answer than zones in memory.
//!
//! Nothing is transferred, updated or forwarded by any configuration yet, and there are no keys: these are the replies of a
//! server that allows none of it.

use dnsd_core::answer::{Client, Deferred, Outcome, Settings, answer_code, answer_generally};
use dnsd_core::message::Rcode;
use dnsd_core::zones::Zones;

/// Answers what was deferred.
pub(super) fn answer(
    zones: &Zones,
    settings: &Settings,
    client: &Client,
    request: &[u8],
    deferred: Deferred,
    out: &mut [u8],
) -> Outcome {
    let rcode = match deferred {
        Deferred::Signed { tsig_at } => return answer_unsigned(zones, settings, client, &request[..tsig_at], out),
        // No zone of ours has a primary elsewhere.
        Deferred::Notify => Rcode::NOTAUTH,
        Deferred::Transfer | Deferred::Update | Deferred::Forward(_) => Rcode::REFUSED,
    };
    answer_code(settings, client, request, rcode, out)
}

/// Answers a request as if its signature had not been there. `request` ends where it began.
fn answer_unsigned(zones: &Zones, settings: &Settings, client: &Client, request: &[u8], out: &mut [u8]) -> Outcome {
    /// Where the header has the number of additional records.
    const ADDITIONALS_AT: usize = 10;
    let mut request = request.to_vec();
    if let Some(additionals) = request[ADDITIONALS_AT..].first_chunk_mut::<2>() {
        *additionals = u16::from_be_bytes(*additionals).saturating_sub(1).to_be_bytes();
    }
    match answer_generally(zones, settings, client, &request, out) {
        Outcome::Deferred(deferred) => answer(zones, settings, client, &request, deferred, out),
        outcome => outcome,
    }
}
