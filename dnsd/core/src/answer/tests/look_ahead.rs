//! Looking ahead reads only, whatever the requests of a batch are.

use proptest::prelude::*;

use super::*;

const HOSTS: &str = "@ SOA ns h 1 2 3 4 60\n@ NS ns\nns A 192.0.2.1\n*.w A 192.0.2.2\nd NS ns.d\nns.d A 192.0.2.3";

fn requests() -> impl Strategy<Value = Vec<u8>> {
    let question = "(www|ns|d|w|a)\\.(w|d|x)\\.example|example|\\.|other\\.net"
        .prop_map(|name: String| query(&name.replace("..", "."), Type::A).octets());
    prop_oneof![4 => question, 1 => prop::collection::vec(any::<u8>(), 0..40)]
}

proptest! {
    #[test]
    fn any_batch_is_looked_at(requests in prop::collection::vec(requests(), 0..70)) {
        let failed = ("failed.example".parse().unwrap(), ZoneState::Failed);
        for zones in [Zones::default(), serve(&[("example", HOSTS)]), Zones::new([failed])] {
            look_ahead(&zones, requests.iter().map(Vec::as_slice));
        }
    }
}
