//! TSIG, both sides of it.

use std::sync::{Arc, LazyLock};

use dnsd_core::message::{HEADER_BYTES, Header, Rcode, Request};
use dnsd_core::name::Name;
use dnsd_core::tsig::{Algorithm, Key, Keys, Reason, Secret, Verified, sign_request, strip, verify_request};

/// When the seeds that dig and named signed were signed.
const NOW: u64 = 1_795_387_186;

/// Those that named had for the seeds: the octets 1 to 40, with each algorithm and its name.
static KEYS: LazyLock<Vec<Arc<Key>>> = LazyLock::new(|| {
    let secret: Vec<u8> = (1..=40).collect();
    let secret = Secret::new(&secret).expect("a secret");
    let labels = Algorithm::ALL.map(|algorithm| algorithm.to_string());
    let truncated = ["hmac-sha256-128", "hmac-sha1-80"].map(ToOwned::to_owned);
    let labels = labels.into_iter().chain(truncated);
    labels
        .map(|label| {
            let name: Name = format!("{label}.key").parse().expect("a name");
            let algorithm = label.parse().expect("an algorithm");
            Arc::new(Key::new(&name, algorithm, &secret))
        })
        .collect()
});

/// A server takes any message as a request, signed as it says, and a client as the response to one of its own. Nothing but
/// what was signed is believed, replies to what isn't say what they must, and what is signed here is believed here. The first
/// octet picks the client's key and how much room there is.
pub fn tsig(data: &[u8]) {
    let [choice, message @ ..] = data else { return };
    let key = &KEYS[usize::from(*choice) % KEYS.len()];
    let short = usize::from(*choice >> 4);
    as_request(message, short);
    as_response(message, key);
    if Header::read(message).is_some_and(|header| header.additionals < u16::MAX) {
        round_trip(message, key);
    }
}

/// What a server does.
fn as_request(message: &[u8], short: usize) {
    let keys = Keys::new(KEYS.iter().cloned());
    let Some(header) = Header::read(message) else { return };
    let Ok(Request {
        tsig_at: Some(tsig_at), ..
    }) = Request::parse(header, message)
    else {
        return;
    };
    let mut stripped = message.to_vec();
    strip(&mut stripped, tsig_at);
    let len = stripped.len();
    let mut reply = stripped.clone();
    match verify_request(message, tsig_at, &keys, NOW) {
        Ok(mut signer) => {
            let room = signer.room();
            reply.resize(len + room.saturating_sub(short), 0xA5);
            let signed = signer.sign(&mut reply, len, NOW);
            check_signed(&reply, len, room, signed.ok(), short);
        }
        Err(rejected) => {
            let is_malformed = rejected.reason() == Reason::Malformed;
            assert_eq!(rejected.rcode() == Rcode::FORMERR, is_malformed);
            assert_eq!(rejected.error().is_none(), is_malformed);
            let room = rejected.room();
            reply.resize(len + room.saturating_sub(short), 0xA5);
            let signed = rejected.sign(&mut reply, len, NOW);
            check_signed(&reply, len, room, signed.ok(), if room == 0 { 0 } else { short });
        }
    }
}

/// A signature takes the room that it said, or leaves the message as it was.
fn check_signed(reply: &[u8], len: usize, room: usize, signed: Option<usize>, short: usize) {
    let before = Header::read(reply).expect("a header");
    if short == 0 {
        assert_eq!(signed, Some(len + room));
    } else {
        assert_eq!(signed, None, "{short} octets too few");
        assert!(reply[len..].iter().all(|&octet| octet == 0xA5));
    }
    assert!(before.additionals >= u16::from(signed.is_some() && room > 0));
}

/// What a client does: it has asked, and this is what comes.
fn as_response(message: &[u8], key: &Arc<Key>) {
    let mut query = [0; 512];
    let (_, mut verifier) = sign_request(key, &mut query, HEADER_BYTES, NOW).expect("there is room");
    assert!(verifier.verify(message, NOW).is_err(), "nobody can have signed that");
    assert!(verifier.finish().is_err());
}

/// What is signed is believed, by a server and as the reply by the client; and so is another message of a stream.
fn round_trip(message: &[u8], key: &Arc<Key>) {
    let mut request = message.to_vec();
    request.resize(message.len() + key.room(), 0);
    let (_, mut verifier) = sign_request(key, &mut request, message.len(), NOW).expect("there is room");
    let keys = Keys::new(KEYS.iter().cloned());
    let Ok(mut signer) = verify_request(&request, message.len(), &keys, NOW) else {
        panic!("our own signature isn't believed");
    };
    let mut stripped = request.clone();
    strip(&mut stripped, message.len());
    assert_eq!(stripped, message);
    for _ in 0..2 {
        let mut reply = message.to_vec();
        reply.resize(message.len() + signer.room(), 0);
        signer.sign(&mut reply, message.len(), NOW).expect("there is room");
        // A client reads the whole message to find the signature; what isn't one has none.
        let Ok(verified) = verifier.verify(&reply, NOW) else {
            return;
        };
        let tsig_at = message.len();
        assert_eq!(verified, Verified::Signed { tsig_at });
    }
    assert_eq!(verifier.finish(), Ok(()));
}
