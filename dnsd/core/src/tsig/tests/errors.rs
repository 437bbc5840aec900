//! Requests and responses that are not to be believed, and what is said of them.

use super::*;
use crate::message::Rcode;
use crate::name::NameBuf;
use crate::tsig::record::{TsigData, find_tsig, read_time};

/// What became of a request, and the reply that it gets.
struct Exchange {
    reason: Reason,
    reply: Vec<u8>,
    verifier: ResponseVerifier,
}

/// Sends the query, signed with `client_key` and then changed, to a server with `server_key` whose clock is at `now`.
fn rejected(client_key: &Arc<Key>, server_key: &Arc<Key>, now: u64, change: impl FnOnce(&mut [u8])) -> Exchange {
    let (mut request, verifier) = signed_query(client_key);
    change(&mut request);
    let keys = Keys::new([Arc::clone(server_key)]);
    let rejected = verify_request(&request, tsig_at(&request), &keys, now).err().unwrap();
    let (mut reply, len) = response(rejected.rcode().0 as u8);
    let end = rejected.sign(&mut reply, len, now).unwrap();
    assert_eq!(end, len + rejected.room(), "the room is what it takes");
    reply.truncate(end);
    assert_eq!(server_key.last_used(), None);
    Exchange {
        reason: rejected.reason(),
        reply,
        verifier,
    }
}

/// The TSIG record of a reply: the key's name and the data.
fn record(reply: &[u8]) -> (NameBuf, TsigData<'_>) {
    let at = find_tsig(reply).unwrap().unwrap();
    let mut owner = NameBuf::root();
    let data = TsigData::read(reply, at, &mut owner).unwrap();
    (owner, data)
}

#[test]
fn rfc8945_5_2_1_an_unknown_key_is_badkey_unsigned() {
    let mine = sha256_key();
    let others = [
        key("other.example", Algorithm::HMAC_SHA256, b"a secret"),
        key("lan.example", Algorithm::HMAC_SHA512, b"a secret"),
    ];
    for other in others {
        let mut exchange = rejected(&mine, &other, NOW, |_| {});
        assert_eq!(exchange.reason, Reason::UnknownKey);
        assert_eq!(flags(&exchange.reply).rcode(), Rcode::NOTAUTH);
        let (owner, data) = record(&exchange.reply);
        assert_eq!(owner.as_name_ref(), *mine.name());
        assert_eq!(data.algorithm, Algorithm::HMAC_SHA256.name());
        assert_eq!((data.mac, data.verdict.error), (&[][..], TsigError::BADKEY));
        assert_eq!(data.verdict.other, []);
        let refused = ResponseError::Refused {
            error: TsigError::BADKEY,
            is_signed: false,
            server_time: None,
        };
        assert_eq!(exchange.verifier.verify(&exchange.reply, NOW), Err(refused));
    }
}

#[test]
fn rfc8945_5_2_2_another_secret_or_message_is_badsig_unsigned() {
    let mine = sha256_key();
    let other_secret = key("lan.example", Algorithm::HMAC_SHA256, b"another secret");
    for (server, change) in [(&other_secret, 0), (&sha256_key(), 1)] {
        let exchange = rejected(&mine, server, NOW, |request| request[HEADER_BYTES + 1] ^= change);
        assert_eq!(exchange.reason, Reason::BadMac);
        assert_eq!(flags(&exchange.reply).rcode(), Rcode::NOTAUTH);
        let (_, data) = record(&exchange.reply);
        assert_eq!((data.mac, data.verdict.error), (&[][..], TsigError::BADSIG));
    }
}

#[test]
fn rfc8945_5_2_3_another_clock_is_badtime_signed_with_both_times() {
    let mine = sha256_key();
    for server_time in [NOW - 301, NOW + 301] {
        let mut exchange = rejected(&mine, &sha256_key(), server_time, |_| {});
        let reason = Reason::OutOfTime {
            signed: NOW,
            fudge: 300,
        };
        assert_eq!(exchange.reason, reason);
        let (_, data) = record(&exchange.reply);
        assert_eq!((data.timers.signed, data.timers.fudge), (NOW, 300));
        assert_eq!(read_time(data.verdict.other), Some(server_time));
        let refused = ResponseError::Refused {
            error: TsigError::BADTIME,
            is_signed: true,
            server_time: Some(server_time),
        };
        assert_eq!(exchange.verifier.verify(&exchange.reply, NOW), Err(refused));
    }
}

#[test]
fn rfc8945_5_2_4_too_short_a_mac_is_badtrunc_signed() {
    let short = key("lan.example", "hmac-sha256-128".parse().unwrap(), b"a secret");
    let mut exchange = rejected(&short, &sha256_key(), NOW, |_| {});
    assert_eq!(exchange.reason, Reason::TooShort);
    let (_, data) = record(&exchange.reply);
    assert_eq!((data.mac.len(), data.verdict.error), (32, TsigError::BADTRUNC));
    let refused = ResponseError::Refused {
        error: TsigError::BADTRUNC,
        is_signed: true,
        server_time: None,
    };
    assert_eq!(exchange.verifier.verify(&exchange.reply, NOW), Err(refused));
}

#[test]
fn rfc8945_5_2_time_is_looked_at_after_the_mac_and_before_the_truncation() {
    let short = key("lan.example", "hmac-sha256-128".parse().unwrap(), b"a secret");
    let late = rejected(&short, &sha256_key(), NOW + 999, |_| {});
    assert_eq!(
        late.reason,
        Reason::OutOfTime {
            signed: NOW,
            fudge: 300
        }
    );
    let forged = rejected(&short, &sha256_key(), NOW + 999, |request| request[3] ^= 1);
    assert_eq!(forged.reason, Reason::BadMac);
}

#[test]
fn rfc8945_5_2_2_1_a_mac_of_a_length_that_none_may_have_is_formerr() {
    let mine = sha256_key();
    let (request, _) = signed_query(&mine);
    let at = tsig_at(&request);
    let mac_at = request.len() - 6 - 32;
    for mac_bytes in [0, 1, 10, 15, 33, 64] {
        let mut changed = [&request[..mac_at - 2], &[0, mac_bytes], &request[mac_at..mac_at + 32]].concat();
        changed.resize(mac_at + usize::from(mac_bytes), 7);
        changed.extend_from_slice(&request[mac_at + 32..]);
        let length_at = at + mine.name().as_wire().len() + 8;
        let length = (changed.len() - length_at - 2) as u16;
        changed[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());
        let keys = Keys::new([sha256_key()]);
        let rejected = verify_request(&changed, at, &keys, NOW).err().unwrap();
        assert_eq!(rejected.reason(), Reason::Malformed, "{mac_bytes}");
        assert_eq!((rejected.rcode(), rejected.room()), (Rcode::FORMERR, 0));
        let (mut reply, len) = response(1);
        assert_eq!(rejected.sign(&mut reply, len, NOW), Ok(len));
    }
}

#[test]
fn rfc8945_5_4_an_unsigned_response_is_not_taken_and_the_next_one_is() {
    let key = sha256_key();
    let (request, mut verifier) = signed_query(&key);
    let (unsigned, len) = response(0);
    assert_eq!(verifier.verify(&unsigned[..len], NOW), Err(ResponseError::Unsigned));
    assert_eq!(verifier.verify(&[0; 5], NOW), Err(ResponseError::Malformed));
    let keys = Keys::new([Arc::clone(&key)]);
    let Ok(mut signer) = verify_request(&request, tsig_at(&request), &keys, NOW) else {
        panic!("rejected");
    };
    let good = signed_response(&mut signer);
    assert_eq!(
        verifier.verify(&good, NOW + 301),
        Err(ResponseError::OutOfTime { signed: NOW })
    );
    assert!(verifier.verify(&good, NOW).is_ok());
}

#[test]
fn rfc8945_5_4_1_a_response_signed_with_another_key_is_not_taken() {
    let (_, mut verifier) = signed_query(&sha256_key());
    let other = key("other.example", Algorithm::HMAC_SHA256, b"a secret");
    let (request, _) = signed_query(&other);
    let Ok(mut signer) = verify_request(&request, tsig_at(&request), &Keys::new([other]), NOW) else {
        panic!("rejected");
    };
    let response = signed_response(&mut signer);
    assert_eq!(verifier.verify(&response, NOW), Err(ResponseError::OtherKey));
}

#[test]
fn rfc8945_4_3_1_a_response_to_another_request_is_not_taken() {
    let key = sha256_key();
    let keys = Keys::new([Arc::clone(&key)]);
    let (_, mut verifier) = signed_query(&key);
    let mut other = QUERY.to_vec();
    other[..2].copy_from_slice(b"\x43\x21");
    other.resize(512, 0);
    let (len, _) = sign_request(&key, &mut other, QUERY.len(), NOW).unwrap();
    let Ok(mut signer) = verify_request(&other[..len], QUERY.len(), &keys, NOW) else {
        panic!("rejected");
    };
    let response = signed_response(&mut signer);
    assert_eq!(verifier.verify(&response, NOW), Err(ResponseError::BadMac));
}
