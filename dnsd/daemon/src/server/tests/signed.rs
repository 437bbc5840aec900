//! Requests that are signed.

use dnsd_core::acl::{Acl, Entry, Subject};
use dnsd_core::tsig::{Algorithm, Key, ResponseError, ResponseVerifier, Secret, TsigError, sign_request};

use super::access::{asked, shown, view_of};
use super::*;
use crate::server::responder::unix_seconds;

/// A configuration with the key that [`key`] makes.
pub(super) const WITH_KEY: &str =
    "[key.lan]\nalgorithm = \"hmac-sha256\"\nsecret = \"c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0IQ==\"\n";

pub(super) fn key(name: &str, secret: &[u8]) -> Arc<Key> {
    let secret = Secret::new(secret).unwrap();
    Arc::new(Key::new(&name.parse().unwrap(), Algorithm::HMAC_SHA256, &secret))
}

pub(super) fn known_key() -> Arc<Key> {
    key("lan", b"secret-secret-secret-secret!")
}

/// A list that lets in who signs with a key.
pub(super) fn who_signs_with(name: &str) -> Arc<Acl> {
    let subject = Subject::Key(name.parse().unwrap());
    Arc::new(Acl::new(vec![Entry {
        excludes: false,
        subject,
    }]))
}

pub(super) fn signed(request: &[u8], key: &Arc<Key>, now: u64) -> (Vec<u8>, ResponseVerifier) {
    let mut message = request.to_vec();
    message.resize(request.len() + key.room(), 0);
    let (length, verifier) = sign_request(key, &mut message, request.len(), now).unwrap();
    message.truncate(length);
    (message, verifier)
}

fn version(address: &str) -> ZoneState {
    let text = format!("$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns.other.\na A {address}\n");
    ZoneState::Loaded(Arc::new(zone("example.net", &text)))
}

#[test]
fn rfc8945_5_3_the_answer_to_a_signed_query_is_signed() {
    let shared = shared(WITH_KEY);
    let now = unix_seconds();
    let (request, mut verifier) = signed(&query(7, b'a'), &known_key(), now);
    let answer = asked(&shared, "192.0.2.9", &request);
    assert_eq!(shown(&answer), (0, Some(1)));
    assert!(verifier.verify(&answer, now).is_ok());
    verifier.finish().unwrap();
    let used = shared.serving.load().keys.iter().next().unwrap().last_used();
    assert!(used.is_some_and(|used| used >= now));
}

#[test]
fn a_key_chooses_the_view_and_opens_its_zones() {
    let shared = shared(WITH_KEY);
    let rules = |allow_query| config::Rules {
        allow_query,
        ..config::Rules::default()
    };
    let cloud = view_of(
        Some("cloud"),
        who_signs_with("lan"),
        version("192.0.2.3"),
        rules(who_signs_with("lan")),
    );
    let outside = view_of(
        None,
        Arc::new(Acl::any()),
        version("192.0.2.4"),
        rules(Arc::new(Acl::none())),
    );
    shared.set_views(&Views::new([cloud], outside));
    let (request, mut verifier) = signed(&query(7, b'a'), &known_key(), unix_seconds());
    let answer = asked(&shared, "192.0.2.9", &request);
    assert_eq!(shown(&answer), (0, Some(3)));
    assert!(verifier.verify(&answer, unix_seconds()).is_ok());
    assert_eq!(shown(&asked(&shared, "192.0.2.9", &query(7, b'a'))), (5, None));
}

#[test]
fn rfc8945_5_2_who_is_not_believed_gets_nothing_of_a_zone_and_is_counted() {
    let shared = shared(WITH_KEY);
    let now = unix_seconds();
    let cases = [
        (key("other", b"secret-secret-secret-secret!"), now, TsigError::BADKEY),
        (key("lan", b"another secret of the same name"), now, TsigError::BADSIG),
        (known_key(), now - 1000, TsigError::BADTIME),
    ];
    for (key, at, error) in cases {
        let (request, mut verifier) = signed(&query(7, b'a'), &key, at);
        let answer = asked(&shared, "192.0.2.9", &request);
        assert_eq!(shown(&answer), (9, None), "{error}");
        assert_eq!(answer[6..8], [0, 0]);
        match verifier.verify(&answer, at) {
            Err(ResponseError::Refused {
                error: told, is_signed, ..
            }) => assert_eq!((told, is_signed), (error, error == TsigError::BADTIME)),
            other => panic!("{other:?}"),
        }
    }
    let totals = shared.counters.totals(Transport::Udp);
    assert_eq!(totals.tsig_failures, [0, 1, 1, 1, 0]);
    assert_eq!(totals.by_rcode[9], 3);
}

#[test]
fn rfc8945_5_3_an_answer_that_does_not_fit_with_its_signature_is_only_its_question() {
    let shared = shared(WITH_KEY);
    let large: String = (0..28).map(|host| format!("a A 192.0.2.{host}\n")).collect();
    let large = zone("example.net", &format!("{ZONE}{large}"));
    serve_outside(
        &shared,
        Zones::new([("example.net".parse().unwrap(), ZoneState::Loaded(Arc::new(large)))]),
    );
    let whole = asked(&shared, "192.0.2.9", &query(7, b'a'));
    assert_eq!((whole[2] & 2, whole.len() <= 512), (0, true));
    let now = unix_seconds();
    let (request, mut verifier) = signed(&query(7, b'a'), &known_key(), now);
    let answer = asked(&shared, "192.0.2.9", &request);
    assert_eq!((answer[2] & 2, answer[6..8].to_vec()), (2, vec![0, 0]));
    assert!(answer.len() <= 512);
    assert!(verifier.verify(&answer, now).is_ok());
}
