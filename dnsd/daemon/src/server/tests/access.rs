//! Who sees which zones.

use dnsd_core::acl::{Acl, Entry, Subject};

use super::*;
use crate::server::views::{Kind, ZoneInfo};
use crate::zones::key::ZoneKey;

pub(super) fn networks(allowed: &[&str]) -> Arc<Acl> {
    let entry = |network: &&str| Entry {
        excludes: false,
        subject: Subject::Network(network.parse().unwrap()),
    };
    Arc::new(Acl::new(allowed.iter().map(entry).collect()))
}

/// A view of one zone, example.net.
pub(super) fn view_of(name: Option<&str>, match_clients: Arc<Acl>, state: ZoneState, rules: config::Rules) -> View {
    let origin: dnsd_core::name::Name = "example.net".parse().unwrap();
    let key = ZoneKey {
        view: name.map(Into::into),
        name: origin.clone(),
    };
    let info = ZoneInfo::new(key.clone(), rules.into(), Kind::Primary);
    View::new(
        key.view,
        match_clients,
        Zones::new([(origin, state)]),
        [Arc::new(info)].into(),
    )
}

/// A view with one version of example.net, which these may ask for.
fn view(name: Option<&str>, match_clients: Arc<Acl>, address: &str, allow_query: Arc<Acl>) -> View {
    let text = format!("$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns.other.\na A {address}\n");
    let rules = config::Rules {
        allow_query,
        ..config::Rules::default()
    };
    let state = ZoneState::Loaded(Arc::new(zone("example.net", &text)));
    view_of(name, match_clients, state, rules)
}

/// What a client is sent over UDP.
pub(super) fn asked(shared: &Shared, client: &str, request: &[u8]) -> Vec<u8> {
    let mut out = [0; 4096];
    let responder = shared.responder(Transport::Udp);
    match answer(&responder, client.parse().unwrap(), request, &mut out) {
        Answer::Reply(length) => out[..length].to_vec(),
        _ => panic!("no reply"),
    }
}

/// The response code and the last octet of the address in an answer.
pub(super) fn shown(answer: &[u8]) -> (u8, Option<u8>) {
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
    assert_eq!(shown(&asked(&shared, "10.0.0.7", &query(1, b'a'))), (0, Some(1)));
    assert_eq!(shown(&asked(&shared, "::ffff:10.0.0.7", &query(1, b'a'))), (0, Some(1)));
    assert_eq!(shown(&asked(&shared, "10.0.1.7", &query(1, b'a'))), (0, Some(2)));
}

#[test]
fn who_may_not_ask_is_refused_whether_the_name_exists_or_not() {
    let shared = shared("");
    let zone = view(None, Arc::new(Acl::any()), "192.0.2.1", networks(&["10.0.0.0/24"]));
    shared.set_views(&Views::new([], zone));
    assert_eq!(shown(&asked(&shared, "10.0.0.7", &query(1, b'a'))), (0, Some(1)));
    let refused = |label| asked(&shared, "10.0.1.7", &query(1, label));
    let (there, missing) = (refused(b'a'), refused(b'x'));
    assert_eq!((there[3] & 0x0F, there[7], there.len()), (5, 0, query(1, b'a').len()));
    assert_eq!(there[..12], missing[..12]);
    assert_eq!(shared.counters.totals(Transport::Udp).by_rcode[5], 2);
}
