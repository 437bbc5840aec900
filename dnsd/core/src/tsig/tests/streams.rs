//! Responses of several messages (RFC 8945 §5.3.1).

use super::*;
use crate::tsig::digest::Digest;
use crate::tsig::record::{Timers, TsigData, Verdict};

/// A message of a stream; `number` tells them apart.
fn message(number: u8) -> Vec<u8> {
    let mut message = response(0).0[..QUERY.len()].to_vec();
    message[HEADER_BYTES + 1] = number;
    message
}

/// A stream's two ends, after the request.
fn stream() -> (ResponseSigner, ResponseVerifier) {
    let key = sha256_key();
    let (request, verifier) = signed_query(&key);
    let Ok(signer) = verify_request(&request, tsig_at(&request), &Keys::new([key]), NOW) else {
        panic!("rejected");
    };
    (signer, verifier)
}

fn sign(signer: &mut ResponseSigner, number: u8) -> Vec<u8> {
    let mut buffer = message(number);
    let len = buffer.len();
    buffer.resize(len + signer.room(), 0);
    signer.sign(&mut buffer, len, NOW).unwrap();
    buffer
}

#[test]
fn rfc8945_5_3_1_every_message_is_signed_over_the_one_before() {
    let (mut signer, mut verifier) = stream();
    let messages: Vec<_> = (0..5).map(|number| sign(&mut signer, number)).collect();
    for message in &messages {
        assert!(matches!(verifier.verify(message, NOW), Ok(Verified::Signed { .. })));
    }
    assert_eq!(verifier.finish(), Ok(()));
}

#[test]
fn rfc8945_5_3_1_a_message_left_out_or_sent_twice_or_too_early_is_found() {
    let (mut signer, mut verifier) = stream();
    let messages: Vec<_> = (0..3).map(|number| sign(&mut signer, number)).collect();
    assert_eq!(verifier.verify(&messages[1], NOW), Err(ResponseError::BadMac));
    assert!(verifier.verify(&messages[0], NOW).is_ok());
    assert_eq!(verifier.verify(&messages[0], NOW), Err(ResponseError::BadMac));
    assert_eq!(verifier.verify(&messages[2], NOW), Err(ResponseError::BadMac));
    assert!(verifier.verify(&messages[1], NOW).is_ok());
}

/// A later message that is signed over those without a signature in front of it, as servers do that sign a part only.
fn sign_over(prior_mac: &[u8], unsigned: &[Vec<u8>], number: u8) -> Vec<u8> {
    let key = sha256_key();
    let mut buffer = message(number);
    let len = buffer.len();
    let timers = Timers::new(NOW, 300);
    let mut digest = Digest::new(&key);
    digest.prior_mac(prior_mac);
    for message in unsigned {
        digest.unsigned_message(message);
    }
    digest.unsigned_message(&buffer);
    digest.timers(timers);
    let mac = digest.finish().finish(32);
    let record = TsigData {
        algorithm: key.algorithm().name(),
        timers,
        mac: mac.as_bytes(),
        original_id: 0x1234,
        verdict: Verdict::GOOD,
    };
    buffer.resize(512, 0);
    let end = record.append(key.name().as_name_ref(), &mut buffer, len).unwrap();
    buffer.truncate(end);
    buffer
}

/// The MAC of a message that ends with a TSIG record without other data.
fn mac_of(message: &[u8]) -> &[u8] {
    &message[message.len() - 38..message.len() - 6]
}

#[test]
fn rfc8945_5_3_1_up_to_99_messages_between_may_be_unsigned() {
    let (mut signer, mut verifier) = stream();
    let first = sign(&mut signer, 0);
    verifier.verify(&first, NOW).unwrap();
    let unsigned: Vec<_> = (1..=99).map(message).collect();
    for message in &unsigned {
        assert_eq!(verifier.verify(message, NOW), Ok(Verified::NotYet));
    }
    assert_eq!(verifier.verify(&message(100), NOW), Err(ResponseError::TooManyUnsigned));
    let last = sign_over(mac_of(&first), &unsigned, 101);
    assert!(matches!(verifier.verify(&last, NOW), Ok(Verified::Signed { .. })));
    // The count starts anew.
    assert_eq!(verifier.verify(&message(102), NOW), Ok(Verified::NotYet));
    assert_eq!(verifier.finish(), Err(ResponseError::Unsigned));
}

#[test]
fn rfc8945_5_3_1_a_change_in_an_unsigned_message_is_found_by_the_next_signature() {
    let (mut signer, mut verifier) = stream();
    let first = sign(&mut signer, 0);
    verifier.verify(&first, NOW).unwrap();
    verifier.verify(&message(2), NOW).unwrap();
    let last = sign_over(mac_of(&first), &[message(1)], 3);
    assert_eq!(verifier.verify(&last, NOW), Err(ResponseError::BadMac));
}

#[test]
fn rfc8945_5_3_1_a_stream_of_nothing_is_not_complete() {
    let (_, verifier) = stream();
    assert_eq!(verifier.finish(), Err(ResponseError::Unsigned));
}
