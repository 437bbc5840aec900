//! Looking ahead changes no answer, whatever the requests of a batch are.

use proptest::prelude::*;

use super::*;

const HOSTS: &str = "@ SOA ns h 1 2 3 4 60\n@ NS ns\nns A 192.0.2.1\n*.w A 192.0.2.2\nd NS ns.d\nns.d A 192.0.2.3";

fn requests() -> impl Strategy<Value = Vec<u8>> {
    let question = "(www|ns|d|w|a)\\.(w|d|x)\\.example|example|\\.|other\\.net"
        .prop_map(|name: String| query(&name.replace("..", "."), Type::A).octets());
    prop_oneof![4 => question, 1 => prop::collection::vec(any::<u8>(), 0..40)]
}

/// What a request gets: with the name from the batch, or without one.
fn answered(zones: &Zones, request: &[u8], name: Option<&SearchName>) -> Option<Vec<u8>> {
    let mut out = [0; 512];
    match answer_ready(
        zones,
        &Settings::default(),
        &client(Transport::Udp),
        request,
        name,
        &mut out,
    ) {
        Outcome::Reply(reply) => Some(out[..reply.len].to_vec()),
        Outcome::Deferred(_) | Outcome::Drop(_) => None,
    }
}

proptest! {
    #[test]
    fn a_batch_gets_the_answers_that_its_requests_get_alone(
        batches in prop::collection::vec(prop::collection::vec(requests(), 0..70), 1..3),
    ) {
        let failed = ("failed.example".parse().unwrap(), ZoneState::Failed);
        // Kept over batches and zones, as a thread keeps it.
        let mut ahead = LookAhead::new();
        for zones in [Zones::default(), serve(&[("example", HOSTS)]), Zones::new([failed])] {
            for requests in &batches {
                ahead.look(&zones, requests.iter().map(Vec::as_slice));
                for (place, request) in requests.iter().enumerate() {
                    let alone = answered(&zones, request, None);
                    prop_assert_eq!(answered(&zones, request, ahead.name(place)), alone);
                }
            }
        }
    }
}

#[test]
fn a_batch_that_was_cleared_has_no_names() {
    let mut ahead = LookAhead::new();
    let request = query("www.example", Type::A).octets();
    ahead.look(&Zones::default(), [request.as_slice()].into_iter());
    assert!(ahead.name(0).is_some());
    assert!(ahead.name(1).is_none() && ahead.name(70).is_none());
    ahead.clear();
    assert!(ahead.name(0).is_none());
}
