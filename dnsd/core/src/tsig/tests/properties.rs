//! What holds for any message, key and change on the way.

use proptest::prelude::*;

use super::*;

fn algorithm() -> impl Strategy<Value = Algorithm> {
    (0..Algorithm::ALL.len(), any::<prop::sample::Index>()).prop_map(|(index, cut)| {
        let whole = Algorithm::ALL[index];
        let least = whole.mac_bytes_min();
        let bytes = least + cut.index(whole.whole_mac_bytes() - least + 1);
        whole.truncated(bytes as u16 * 8).unwrap()
    })
}

/// A query whose name, type and flags are any, and the room for its signature.
fn query() -> impl Strategy<Value = Vec<u8>> {
    let label = prop::collection::vec(any::<u8>(), 1..20);
    let labels = prop::collection::vec(label, 0..5);
    (any::<[u8; 2]>(), any::<[u8; 2]>(), labels, any::<[u8; 4]>()).prop_map(|(id, flags, labels, fields)| {
        let mut query = [&id[..], &flags, &[0, 1, 0, 0, 0, 0, 0, 0]].concat();
        for label in labels {
            query.push(label.len() as u8);
            query.extend_from_slice(&label);
        }
        query.push(0);
        query.extend_from_slice(&fields);
        query
    })
}

fn signed(query: &[u8], key: &Arc<Key>) -> (Vec<u8>, ResponseVerifier) {
    let mut request = query.to_vec();
    request.resize(query.len() + key.room(), 0);
    let (_, verifier) = sign_request(key, &mut request, query.len(), NOW).unwrap();
    (request, verifier)
}

/// Whether a change of this bit is none to the signature: another id, or another case of a letter in the names of the key
/// and its algorithm (RFC 8945 §4.3.2, §4.3.3).
fn is_free(original: &[u8], tsig_at: usize, key: &Key, bit: usize) -> bool {
    let at = bit / 8;
    let key_name = tsig_at..tsig_at + key.name().as_wire().len();
    let algorithm_at = key_name.end + 10;
    let algorithm = algorithm_at..algorithm_at + key.algorithm().name().as_wire().len();
    let is_case = bit % 8 == 5 && original[at].is_ascii_alphabetic();
    at < 2 || is_case && (key_name.contains(&at) || algorithm.contains(&at))
}

proptest! {
    #[test]
    fn what_is_signed_is_verified(query in query(), algorithm in algorithm(), secret in prop::collection::vec(any::<u8>(), 1..200)) {
        let key = key("Lan.example", algorithm, &secret);
        let (request, mut verifier) = signed(&query, &key);
        let Ok(mut signer) = verify_request(&request, query.len(), &Keys::new([key]), NOW) else {
            panic!("rejected");
        };
        let mut response = request.clone();
        strip(&mut response, query.len());
        prop_assert_eq!(&response, &query);
        response.resize(query.len() + signer.room(), 0);
        let end = signer.sign(&mut response, query.len(), NOW).unwrap();
        prop_assert_eq!(verifier.verify(&response[..end], NOW), Ok(Verified::Signed { tsig_at: query.len() }));
    }

    #[test]
    fn any_flipped_bit_is_refused(query in query(), algorithm in algorithm(), bit in any::<prop::sample::Index>()) {
        let key = key("lan.example", algorithm, b"a secret");
        let (request, mut verifier) = signed(&query, &key);
        let keys = Keys::new([Arc::clone(&key)]);
        let Ok(mut signer) = verify_request(&request, query.len(), &keys, NOW) else {
            panic!("rejected");
        };
        let mut response = query.clone();
        response.resize(query.len() + signer.room(), 0);
        signer.sign(&mut response, query.len(), NOW).unwrap();

        let bit = bit.index(request.len() * 8);
        let mut changed = request.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let is_free = is_free(&request, query.len(), &key, bit);
        prop_assert_eq!(verify_request(&changed, query.len(), &keys, NOW).is_ok(), is_free);
        let mut changed = response.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(verifier.verify(&changed, NOW).is_ok(), is_free);
    }

    #[test]
    fn bytes_are_no_signature(request in prop::collection::vec(any::<u8>(), 0..200), at in 0_usize..220) {
        let (_, mut verifier) = signed(QUERY, &sha256_key());
        prop_assert!(verify_request(&request, at, &Keys::new([sha256_key()]), NOW).is_err());
        prop_assert!(verifier.verify(&request, NOW).is_err());
    }
}
