//! BIND's documented cases, and a list against an evaluator that goes through it entry by entry.

use proptest::prelude::*;

use super::*;

fn entry(text: &str) -> Entry {
    let (text, excludes) = match text.strip_prefix('!') {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let subject = match text {
        "any" => Subject::Any,
        "localhost" => Subject::Localhost,
        "localnets" => Subject::Localnets,
        _ => match text.strip_prefix("key:") {
            Some(name) => Subject::Key(name.parse().unwrap()),
            None => Subject::Network(text.parse().or_else(|_| text.parse().map(IpAddr::into)).unwrap()),
        },
    };
    Entry { excludes, subject }
}

fn acl(entries: &[&str]) -> Acl {
    Acl::new(entries.iter().map(|text| entry(text)).collect())
}

fn list(excludes: bool, entries: &[&str]) -> Entry {
    let subject = Subject::List {
        name: "inner".into(),
        acl: Arc::new(acl(entries)),
    };
    Entry { excludes, subject }
}

/// The machine of these tests has two addresses.
fn local() -> LocalNetworks {
    LocalNetworks::new(["127.0.0.1/8", "192.0.2.7/24"].map(|interface| interface.parse().unwrap()))
}

fn decide(acl: &Acl, address: &str, key: Option<&str>) -> Decision {
    let key: Option<Name> = key.map(|key| key.parse().unwrap());
    let who = Who::new(address.parse().unwrap(), key.as_ref().map(Name::as_name_ref));
    let decision = acl.decide(&who, &local());
    assert_eq!(acl.allows(&who, &local()), decision.allowed);
    decision
}

fn allowed(acl: &Acl, address: &str) -> bool {
    decide(acl, address, None).allowed
}

#[test]
fn the_first_entry_that_matches_decides_and_is_named() {
    let admins = acl(&["!192.168.42.9", "192.168.42.0/24", "192.168.150.0/27"]);
    let decided = |address| {
        let decision = decide(&admins, address, None);
        (decision.allowed, decision.entry)
    };
    assert_eq!(decided("192.168.42.9"), (false, Some(0)));
    assert_eq!(decided("192.168.42.10"), (true, Some(1)));
    assert_eq!(decided("192.168.150.31"), (true, Some(2)));
    assert_eq!(decided("192.168.150.32"), (false, None));
    assert_eq!(decided("2001:db8::1"), (false, None));
}

#[test]
fn bind_an_exclusion_behind_its_network_is_useless() {
    let useless = acl(&["192.0.2.0/24", "!192.0.2.13"]);
    assert!(allowed(&useless, "192.0.2.13"));
    assert_eq!(useless.unreachable(), [(1, Unreachable::Covered)]);
}

#[test]
fn bind_a_negated_list_within_a_list_asks_for_address_and_key() {
    let both = Acl::new(vec![list(true, &["!10.0.0.0/8", "any"]), entry("key:example")]);
    assert!(decide(&both, "10.1.2.3", Some("EXAMPLE")).allowed);
    assert!(!decide(&both, "10.1.2.3", None).allowed);
    assert!(!decide(&both, "10.1.2.3", Some("other")).allowed);
    assert!(!decide(&both, "192.0.2.1", Some("example")).allowed);
    assert_eq!(decide(&both, "192.0.2.1", Some("example")).entry, Some(0));
    assert_eq!(both.unreachable(), []);
}

#[test]
fn bind_whom_a_list_refuses_its_entry_does_not_match() {
    // Refused by the inner list and negated by the outer is not allowed, and goes on to the next entry.
    let twice = Acl::new(vec![list(true, &["!10.0.0.1", "10.0.0.0/8"]), entry("10.0.0.1")]);
    assert_eq!(decide(&twice, "10.0.0.1", None).entry, Some(1));
    assert!(!allowed(&twice, "10.0.0.2"));
    let plain = Acl::new(vec![list(false, &["!10.0.0.1", "10.0.0.0/8"]), entry("10.0.0.1")]);
    assert!(allowed(&plain, "10.0.0.1"));
    assert!(!allowed(&Acl::new(vec![list(true, &[])]), "10.0.0.1"));
}

#[test]
fn rfc4291_2_5_5_2_a_mapped_address_is_its_ipv4_address() {
    let ipv4 = acl(&["!10.0.0.1", "10.0.0.0/8"]);
    assert!(allowed(&ipv4, "::ffff:10.0.0.2"));
    assert!(!allowed(&ipv4, "::ffff:10.0.0.1"));
    assert!(!allowed(&acl(&["::/0"]), "::ffff:10.0.0.2"));
    assert!(!allowed(&acl(&["::/0"]), "10.0.0.2"));
    assert!(allowed(&acl(&["::/0"]), "::1"));
    assert!(allowed(&acl(&["any"]), "::ffff:10.0.0.2"));
}

#[test]
fn a_remote_is_its_address_and_one_of_its_keys() {
    let remote = |keys: &[&str]| {
        let subject = Subject::Remote(RemoteSubject {
            name: "ns2".into(),
            addresses: ["172.16.1.1", "2001:db8::2"].map(|text| text.parse().unwrap()).into(),
            keys: keys.iter().map(|key| key.parse().unwrap()).collect(),
        });
        Acl::new(vec![Entry {
            excludes: false,
            subject,
        }])
    };
    assert!(allowed(&remote(&[]), "172.16.1.1") && allowed(&remote(&[]), "2001:db8::2"));
    assert!(!allowed(&remote(&["old", "new"]), "172.16.1.1"));
    for key in ["old", "NEW"] {
        assert!(decide(&remote(&["old", "new"]), "172.16.1.1", Some(key)).allowed);
    }
    assert!(!decide(&remote(&["old"]), "172.16.1.2", Some("old")).allowed);
}

#[test]
fn localhost_is_every_address_of_the_machine_and_localnets_their_networks() {
    let (hosts, networks) = (acl(&["localhost"]), acl(&["localnets"]));
    assert!(allowed(&hosts, "127.0.0.1") && allowed(&hosts, "::ffff:192.0.2.7"));
    assert!(!allowed(&hosts, "192.0.2.8") && !allowed(&hosts, "127.0.0.2"));
    assert!(allowed(&networks, "192.0.2.8") && allowed(&networks, "127.0.0.2"));
    assert!(!allowed(&networks, "192.0.3.8"));
}

#[test]
fn a_list_that_begins_with_any_or_none_or_is_empty_is_decided_at_once() {
    assert_eq!((Acl::any().always(), Acl::none().always()), (Some(true), Some(false)));
    assert_eq!(acl(&["!any", "10.0.0.1"]).always(), Some(false));
    assert_eq!(acl(&["10.0.0.1", "any"]).always(), None);
}

#[test]
fn what_can_never_match_is_found() {
    let unreachable = |entries| Acl::new(entries).unreachable();
    let covered = Unreachable::Covered;
    let plain = |texts: &[&str]| acl(texts).unreachable();
    assert_eq!(plain(&["any", "10.0.0.0/8", "key:k"]), [(1, covered), (2, covered)]);
    assert_eq!(plain(&["10.0.0.0/9", "10.128.0.0/9", "10.0.0.0/8"]), [(2, covered)]);
    assert_eq!(plain(&["0.0.0.0/0", "::/0", "localnets"]), [(2, covered)]);
    assert_eq!(
        plain(&["key:k", "!key:K", "localhost", "localhost"]),
        [(1, covered), (3, covered)]
    );
    assert_eq!(
        plain(&["key:k", "10.0.0.0/8", "!10.0.0.1", "localnets"]),
        [(2, covered)]
    );
    assert_eq!(plain(&["10.0.0.1", "10.0.0.0/8", "key:k"]), []);
    let nobody = Unreachable::MatchesNobody;
    assert_eq!(unreachable(vec![list(false, &["!any", "10.0.0.1"])]), [(0, nobody)]);
    assert_eq!(
        unreachable(vec![list(false, &["key:k", "10.0.0.1"]), entry("10.0.0.1")]),
        [(1, covered)]
    );
    assert_eq!(
        unreachable(vec![list(false, &["!key:k", "10.0.0.1"]), entry("10.0.0.1")]),
        []
    );
}

#[test]
fn entries_are_shown_as_they_are_written() {
    for text in [
        "!any",
        "10.0.0.1",
        "10.0.0.0/8",
        "2001:db8::/32",
        "!key:k.",
        "localhost",
        "localnets",
    ] {
        assert_eq!(entry(text).to_string(), text);
    }
    assert_eq!(list(true, &[]).to_string(), "!inner");
}

/// Few addresses and networks, so that they meet; and those around the IPv4 addresses.
fn addresses() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        (0..8_u8).prop_map(|last| IpAddr::from([10, 0, 0, last])),
        (0..8_u16).prop_map(|last| IpAddr::from([0, 0, 0, 0, 0, 0xFFFF, 0x0A00, last])),
        (0..4_u16).prop_map(|last| IpAddr::from([0, 0, 0, 0, 0, 0xFFFE, 0, last])),
        Just(IpAddr::from([0xFF; 16])),
    ]
}

fn subjects() -> impl Strategy<Value = Subject> {
    let key = || prop_oneof!["a", "b"].prop_map(|name| name.parse::<Name>().unwrap());
    let network = (addresses(), 0..=128_u8).prop_map(|(address, length)| {
        let length = if address.is_ipv4() { length % 33 } else { length };
        IpNet::new(address, length).unwrap().trunc()
    });
    let remote = (
        prop::collection::vec(addresses(), 1..3),
        prop::collection::vec(key(), 0..2),
    );
    let leaf = prop_oneof![
        1 => Just(Subject::Any),
        6 => network.prop_map(Subject::Network),
        1 => key().prop_map(Subject::Key),
        1 => Just(Subject::Localhost),
        1 => Just(Subject::Localnets),
        1 => remote.prop_map(|(addresses, keys)| Subject::Remote(RemoteSubject {
            name: "r".into(),
            addresses: addresses.into(),
            keys: keys.into(),
        })),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        entries(inner).prop_map(|entries| Subject::List {
            name: "l".into(),
            acl: Arc::new(Acl::new(entries)),
        })
    })
}

fn entries(subjects: impl Strategy<Value = Subject>) -> impl Strategy<Value = Vec<Entry>> {
    let entry = (any::<bool>(), subjects).prop_map(|(excludes, subject)| Entry { excludes, subject });
    prop::collection::vec(entry, 0..6)
}

/// The same, entry by entry.
fn naive(entries: &[Entry], address: IpAddr, key: Option<&Name>) -> Option<usize> {
    entries.iter().position(|entry| match &entry.subject {
        Subject::Any => true,
        Subject::Network(network) => is_in(*network, address),
        Subject::Key(name) => key == Some(name),
        Subject::Localhost => ["127.0.0.1", "192.0.2.7"].contains(&address.to_canonical().to_string().as_str()),
        Subject::Localnets => ["127.0.0.0/8", "192.0.2.0/24"]
            .iter()
            .any(|net| is_in(net.parse().unwrap(), address)),
        Subject::Remote(remote) => {
            let is_there = |own: &IpAddr| own.to_canonical() == address.to_canonical();
            remote.addresses.iter().any(is_there)
                && (remote.keys.is_empty() || key.is_some_and(|key| remote.keys.contains(key)))
        }
        Subject::List { acl, .. } => {
            naive(acl.entries(), address, key).is_some_and(|index| !acl.entries()[index].excludes)
        }
    })
}

fn is_in(network: IpNet, address: IpAddr) -> bool {
    let is_mapped = network.addr().is_ipv6() && network.addr().to_canonical().is_ipv4() && network.prefix_len() >= 96;
    let network = match is_mapped {
        true => IpNet::new(network.addr().to_canonical(), network.prefix_len() - 96).unwrap(),
        false => network,
    };
    network.contains(&address.to_canonical())
}

proptest! {
    #[test]
    fn a_list_decides_as_its_entries_do(
        entries in entries(subjects()),
        address in addresses(),
        key in prop::option::of(prop_oneof!["a", "b", "c"]),
    ) {
        let key: Option<Name> = key.map(|key| key.parse().unwrap());
        let acl = Acl::new(entries.clone());
        let who = Who::new(address, key.as_ref().map(Name::as_name_ref));
        let decision = acl.decide(&who, &local());
        let expected = naive(&entries, address, key.as_ref());
        prop_assert_eq!(decision.entry, expected);
        prop_assert_eq!(decision.allowed, expected.is_some_and(|index| !entries[index].excludes));
        prop_assert_eq!(acl.allows(&who, &local()), decision.allowed);
        // What is said never to match doesn't.
        let never: Vec<usize> = acl.unreachable().into_iter().map(|(index, _)| index).collect();
        prop_assert!(!decision.entry.is_some_and(|index| never.contains(&index)));
    }
}
