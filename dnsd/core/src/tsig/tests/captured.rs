//! Messages that dig and named signed: they are verified, and signed again they are the same octets. `captured.txt` says how
//! they were made.

use data_encoding::HEXLOWER;

use super::*;
use crate::name::NameBuf;
use crate::tsig::mac::{MAC_BYTES_MAX, MacBytes};
use crate::tsig::record::{Timers, TsigData, find_tsig, read_time};

const CAPTURED: &str = include_str!("captured.txt");

/// A request and the messages of its response.
#[derive(Default)]
struct Exchange {
    request: Vec<u8>,
    response: Vec<Vec<u8>>,
}

fn captured(what: &str) -> Exchange {
    let mut exchange = Exchange::default();
    for line in CAPTURED.lines() {
        let mut words = line.split(' ');
        if words.next() != Some(what) {
            continue;
        }
        let direction = words.next().unwrap();
        let message = HEXLOWER.decode(words.next().unwrap().as_bytes()).unwrap();
        match direction {
            "request" => exchange.request = message,
            _ => exchange.response.push(message),
        }
    }
    exchange
}

/// The key that named had for an algorithm.
fn named_key(algorithm: &str) -> Arc<Key> {
    let octets: Vec<u8> = (1..=40).collect();
    key(&format!("{algorithm}.key"), algorithm.parse().unwrap(), &octets)
}

/// When a message was signed, and with which MAC.
fn signature(message: &[u8]) -> (Timers, MacBytes) {
    let at = find_tsig(message).unwrap().unwrap();
    let data = TsigData::read(message, at, &mut NameBuf::root()).unwrap();
    (data.timers, MacBytes::new(data.mac, MAC_BYTES_MAX))
}

/// The message as it was before it was signed, in a buffer with room behind it.
fn unsigned(message: &[u8]) -> (Vec<u8>, usize) {
    let mut unsigned = message.to_vec();
    strip(&mut unsigned, find_tsig(message).unwrap().unwrap());
    let len = unsigned.len();
    unsigned.resize(len + 512, 0);
    (unsigned, len)
}

/// Verifies both sides of an exchange and signs them anew.
fn check(what: &str, key: &Arc<Key>) {
    let exchange = captured(what);
    let (timers, mac) = signature(&exchange.request);
    let now = timers.signed;

    let (mut request, len) = unsigned(&exchange.request);
    let (end, mut verifier) = sign_request(key, &mut request, len, now).unwrap();
    assert_eq!(request[..end], exchange.request, "{what}: the request as dig signed it");
    let keys = Keys::new([Arc::clone(key)]);
    let Ok(mut signer) = verify_request(&exchange.request, len, &keys, now) else {
        panic!("{what}: dig's request is rejected");
    };

    let mut by_mac = ResponseVerifier::new(key, mac);
    for message in &exchange.response {
        for verifier in [&mut verifier, &mut by_mac] {
            let verified = verifier.verify(message, now);
            assert!(matches!(verified, Ok(Verified::Signed { .. })), "{what}: {verified:?}");
        }
        let (mut response, len) = unsigned(message);
        let end = signer.sign(&mut response, len, signature(message).0.signed).unwrap();
        assert_eq!(response[..end], *message, "{what}: the response as named signed it");
    }
    assert_eq!(verifier.finish(), Ok(()));
}

#[test]
fn rfc8945_6_dig_and_named_sign_as_we_do_with_every_algorithm() {
    for algorithm in Algorithm::ALL {
        let label = algorithm.to_string();
        check(&label, &named_key(&label));
    }
}

#[test]
fn rfc8945_5_2_2_1_dig_and_named_cut_macs_down_as_we_do() {
    for label in ["hmac-sha256-128", "hmac-sha1-80"] {
        check(label, &named_key(label));
    }
}

#[test]
fn rfc8945_5_3_1_named_signs_every_message_of_a_transfer_as_we_do() {
    assert_eq!(captured("axfr").response.len(), 4);
    check("axfr", &named_key("hmac-sha256"));
}

/// The reply of a server with named's key to what dig asked, signed when named signed it, and what dig makes of it.
fn check_rejected(what: &str, dig_key: &Arc<Key>, reason: Reason, refused: ResponseError) {
    let exchange = captured(what);
    let reply = &exchange.response[0];
    let at = find_tsig(reply).unwrap().unwrap();
    let data = TsigData::read(reply, at, &mut NameBuf::root()).unwrap();
    let now = read_time(data.verdict.other).unwrap_or(data.timers.signed);
    let keys = Keys::new([named_key("hmac-sha256")]);
    let rejected = verify_request(&exchange.request, tsig_at(&exchange.request), &keys, now)
        .err()
        .unwrap();
    assert_eq!(rejected.reason(), reason, "{what}");
    assert_eq!(flags(reply).rcode(), rejected.rcode(), "{what}");
    let (mut ours, len) = unsigned(reply);
    let end = rejected.sign(&mut ours, len, now).unwrap();
    assert_eq!(ours[..end], *reply, "{what}: the reply as named made it");
    let mut verifier = ResponseVerifier::new(dig_key, signature(&exchange.request).1);
    assert_eq!(verifier.verify(reply, now), Err(refused), "{what}");
}

fn refused(error: TsigError, is_signed: bool, server_time: Option<u64>) -> ResponseError {
    ResponseError::Refused {
        error,
        is_signed,
        server_time,
    }
}

#[test]
fn rfc8945_5_2_1_named_says_badkey_as_we_do() {
    let unknown = key("unknown.key", Algorithm::HMAC_SHA256, b"any");
    check_rejected(
        "badkey",
        &unknown,
        Reason::UnknownKey,
        refused(TsigError::BADKEY, false, None),
    );
}

#[test]
fn rfc8945_5_2_2_named_says_badsig_as_we_do() {
    let key = named_key("hmac-sha256");
    check_rejected("badsig", &key, Reason::BadMac, refused(TsigError::BADSIG, false, None));
}

#[test]
fn rfc8945_5_2_3_named_says_badtime_as_we_do() {
    let reason = Reason::OutOfTime {
        signed: 1_600_000_000,
        fudge: 300,
    };
    let refused = refused(TsigError::BADTIME, true, Some(1_795_387_188));
    check_rejected("badtime", &named_key("hmac-sha256"), reason, refused);
}

#[test]
fn rfc8945_5_2_4_named_says_badtrunc_as_we_do() {
    let key = named_key("hmac-sha256");
    check_rejected(
        "badtrunc",
        &key,
        Reason::TooShort,
        refused(TsigError::BADTRUNC, true, None),
    );
}
