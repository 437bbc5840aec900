//! Whole exchanges: a request is signed and verified, its response too.

mod captured;
mod errors;
mod properties;
mod streams;

use std::sync::Arc;

use super::*;
use crate::message::{Flags, HEADER_BYTES, Header, Request};

/// When everything happens.
const NOW: u64 = 1_700_000_000;

/// A query for www.example. IN A.
const QUERY: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\0\0\x01\0\x01";

fn key(name: &str, algorithm: Algorithm, secret: &[u8]) -> Arc<Key> {
    let secret = Secret::new(secret).unwrap();
    Arc::new(Key::new(&name.parse().unwrap(), algorithm, &secret))
}

fn sha256_key() -> Arc<Key> {
    key("lan.example", Algorithm::HMAC_SHA256, b"a secret")
}

/// Where the TSIG record of a request is, as the answer path finds it.
fn tsig_at(request: &[u8]) -> usize {
    let header = Header::read(request).unwrap();
    Request::parse(header, request).unwrap().tsig_at.unwrap()
}

/// The query signed with `key`, and what verifies its response.
fn signed_query(key: &Arc<Key>) -> (Vec<u8>, ResponseVerifier) {
    let mut request = QUERY.to_vec();
    request.resize(QUERY.len() + key.room(), 0);
    let (len, verifier) = sign_request(key, &mut request, QUERY.len(), NOW).unwrap();
    assert_eq!(len, request.len(), "the room is what it takes");
    (request, verifier)
}

/// A response to the query with `rcode`, and room behind it.
fn response(rcode: u8) -> (Vec<u8>, usize) {
    let mut response = QUERY.to_vec();
    response[2..4].copy_from_slice(&[0x84, rcode]);
    response.resize(QUERY.len() + 512, 0);
    (response, QUERY.len())
}

/// The response to the query, signed.
fn signed_response(signer: &mut ResponseSigner) -> Vec<u8> {
    let (mut response, len) = response(0);
    let end = signer.sign(&mut response, len, NOW).unwrap();
    assert_eq!(end, len + signer.room(), "the room is what it takes");
    response.truncate(end);
    response
}

#[test]
fn rfc8945_5_a_request_and_its_response_are_verified_with_every_algorithm() {
    let truncated = ["hmac-md5-80", "hmac-sha1-80", "hmac-sha256-128", "hmac-sha512-256"];
    let truncated = truncated.into_iter().map(|text| text.parse().unwrap());
    for algorithm in Algorithm::ALL.into_iter().chain(truncated) {
        let key = key("lan.example", algorithm, b"a secret");
        let (request, mut verifier) = signed_query(&key);
        let keys = Keys::new([Arc::clone(&key)]);
        let Ok(mut signer) = verify_request(&request, tsig_at(&request), &keys, NOW) else {
            panic!("{algorithm}: rejected");
        };
        let response = signed_response(&mut signer);
        let expected = Ok(Verified::Signed { tsig_at: QUERY.len() });
        assert_eq!(verifier.verify(&response, NOW), expected, "{algorithm}");
        assert_eq!(verifier.finish(), Ok(()));
        assert_eq!(key.last_used(), Some(NOW));
    }
}

#[test]
fn the_message_without_its_signature_is_the_one_that_was_signed() {
    let (mut request, _) = signed_query(&sha256_key());
    let at = tsig_at(&request);
    strip(&mut request, at);
    assert_eq!(request, QUERY);
}

#[test]
fn rfc8945_4_3_2_a_forwarder_may_change_the_id() {
    let key = sha256_key();
    let keys = Keys::new([Arc::clone(&key)]);
    let (mut request, mut verifier) = signed_query(&key);
    request[..2].copy_from_slice(b"\xAB\xCD");
    let Ok(mut signer) = verify_request(&request, tsig_at(&request), &keys, NOW) else {
        panic!("rejected");
    };
    let (mut response, len) = response(0);
    response[..2].copy_from_slice(b"\xAB\xCD");
    let end = signer.sign(&mut response, len, NOW).unwrap();
    // What the client gets has its own id again.
    response[..2].copy_from_slice(&QUERY[..2]);
    assert!(verifier.verify(&response[..end], NOW).is_ok());
}

#[test]
fn rfc8945_5_2_2_1_a_truncated_mac_is_taken_where_the_key_allows_it() {
    let whole = sha256_key();
    let short = key("lan.example", "hmac-sha256-128".parse().unwrap(), b"a secret");
    // A whole MAC is more than is asked for, and the reply has as much.
    let (request, mut verifier) = signed_query(&whole);
    let Ok(mut signer) = verify_request(&request, tsig_at(&request), &Keys::new([Arc::clone(&short)]), NOW) else {
        panic!("rejected");
    };
    let response = signed_response(&mut signer);
    assert!(verifier.verify(&response, NOW).is_ok());
    // One that is cut down is less.
    let (request, _) = signed_query(&short);
    let keys = Keys::new([whole]);
    let rejected = verify_request(&request, tsig_at(&request), &keys, NOW).err().unwrap();
    assert_eq!(rejected.reason(), Reason::TooShort);
}

#[test]
fn rfc8945_5_1_a_compressed_key_name_is_read() {
    let key = key("example", Algorithm::HMAC_SHA256, b"a secret");
    let (request, _) = signed_query(&key);
    let at = tsig_at(&request);
    let owner_bytes = key.name().as_wire().len();
    let compressed = [&request[..at], b"\xC0\x10", &request[at + owner_bytes..]].concat();
    assert!(verify_request(&compressed, at, &Keys::new([key]), NOW).is_ok());
}

#[test]
fn no_room_for_the_signature_leaves_the_message_as_it_was() {
    let key = sha256_key();
    let mut buffer = QUERY.to_vec();
    buffer.resize(QUERY.len() + key.room() - 1, 0);
    let before = buffer.clone();
    assert!(sign_request(&key, &mut buffer, QUERY.len(), NOW).is_err());
    assert_eq!(buffer, before);
    assert!(sign_request(&key, &mut buffer[..HEADER_BYTES - 1], HEADER_BYTES - 1, NOW).is_err());
}

#[test]
fn rfc8945_4_2_times_of_48_bits_are_signed_and_verified() {
    let key = sha256_key();
    let keys = Keys::new([Arc::clone(&key)]);
    let now = (1 << 48) - 1;
    let mut request = QUERY.to_vec();
    request.resize(512, 0);
    let (len, _) = sign_request(&key, &mut request, QUERY.len(), now).unwrap();
    assert!(verify_request(&request[..len], QUERY.len(), &keys, now - 300).is_ok());
}

/// The flags of a message.
fn flags(message: &[u8]) -> Flags {
    Header::read(message).unwrap().flags
}
