//! Who sees which zones.

use dnsd_core::acl::{Acl, Entry, Subject};

use super::*;
use crate::server::views::{Kind, ZoneInfo};
use crate::zones::key::ZoneKey;

fn networks(allowed: &[&str]) -> Arc<Acl> {
    let entry = |network: &&str| Entry {
        excludes: false,
        subject: Subject::Network(network.parse().unwrap()),
    };
    Arc::new(Acl::new(allowed.iter().map(entry).collect()))
}

/// A view with one version of example.net, which these may ask for.
fn view(name: Option<&str>, match_clients: Arc<Acl>, address: &str, allow_query: Arc<Acl>) -> View {
    let text = format!("$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns.other.\na A {address}\n");
    let origin: dnsd_core::name::Name = "example.net".parse().unwrap();
    let zones = Zones::new([(origin.clone(), ZoneState::Loaded(Arc::new(zone("example.net", &text))))]);
    let rules = config::Rules {
        allow_query,
        ..config::Rules::default()
    };
    let key = ZoneKey {
        view: name.map(Into::into),
        name: origin,
    };
    let info = ZoneInfo::new(key.clone(), rules.into(), Kind::Primary);
    View::new(key.view, match_clients, zones, [Arc::new(info)].into())
}

/// The response code and the last octet of the address that a client gets.
fn asked(shared: &Shared, client: &str, request: &[u8]) -> (u8, Option<u8>) {
    let mut out = [0; 512];
    let responder = shared.responder(Transport::Udp);
    let length = responder
        .begin_batch()
        .answer(client.parse().unwrap(), request, &mut out);
    let answer = &out[..length.unwrap()];
    let address = answer.windows(4).find_map(|octets| octets.strip_prefix(&[192, 0, 2]));
    (answer[3] & 0x0F, address.map(|last| last[0]))
}

#[test]
fn clients_of_a_view_get_its_version_of_a_zone() {
    let shared = shared("");
    let everybody = || Arc::new(Acl::any());
    let cloud = [view(
        Some("cloud"),
        networks(&["10.0.0.0/24"]),
        "192.0.2.1",
        everybody(),
    )];
    let outside = view(None, everybody(), "192.0.2.2", everybody());
    shared.set_views(&Views::new(cloud, outside));
    assert_eq!(asked(&shared, "10.0.0.7", &query(1, b'a')), (0, Some(1)));
    assert_eq!(asked(&shared, "::ffff:10.0.0.7", &query(1, b'a')), (0, Some(1)));
    assert_eq!(asked(&shared, "10.0.1.7", &query(1, b'a')), (0, Some(2)));
}

#[test]
fn who_may_not_ask_is_refused_whether_the_name_exists_or_not() {
    let shared = shared("");
    let zone = view(None, Arc::new(Acl::any()), "192.0.2.1", networks(&["10.0.0.0/24"]));
    shared.set_views(&Views::new([], zone));
    assert_eq!(asked(&shared, "10.0.0.7", &query(1, b'a')), (0, Some(1)));
    let refused = |label| {
        let mut out = [0; 512];
        let length = shared.responder(Transport::Udp).begin_batch().answer(
            "10.0.1.7".parse().unwrap(),
            &query(1, label),
            &mut out,
        );
        out[..length.unwrap()].to_vec()
    };
    let (there, missing) = (refused(b'a'), refused(b'x'));
    assert_eq!((there[3] & 0x0F, there[7], there.len()), (5, 0, query(1, b'a').len()));
    assert_eq!(there[..12], missing[..12]);
    assert_eq!(shared.counters.totals(Transport::Udp).by_rcode[5], 2);
}
