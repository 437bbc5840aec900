//! Lists of clients: what they name, and what is said of entries that never decide.

use std::net::IpAddr;

use dnsd_core::acl::{Acl, LocalNetworks, Who};

use super::{Bench, config, errors};

fn allows(acl: &Acl, address: &str) -> bool {
    let address: IpAddr = address.parse().unwrap();
    acl.allows(&Who::new(address, None), &LocalNetworks::default())
}

#[test]
fn a_zone_has_the_lists_of_its_view_and_a_view_those_of_the_top() {
    let (config, printed) = Bench::new(&[]).load(
        "allow-query = [\"10.0.0.1\"]\nallow-transfer = [\"10.0.0.2\"]\n\
         [zone.\"a\".primary]\nfile = \"f\"\n\
         [zone.\"b\".primary]\nfile = \"f\"\nallow-query = [\"10.0.0.3\"]\n\
         [view.v]\nallow-query = [\"10.0.0.4\"]\n[view.v.zone.\"a\".primary]\nfile = \"f\"\n",
    );
    let config = config.unwrap_or_else(|| panic!("{printed}"));
    let outside = |index: usize| &config.zones.primaries[index].settings.rules;
    assert!(allows(&outside(0).allow_query, "10.0.0.1") && !allows(&outside(0).allow_query, "10.0.0.3"));
    assert!(allows(&outside(1).allow_query, "10.0.0.3") && !allows(&outside(1).allow_query, "10.0.0.1"));
    assert!(allows(&outside(1).allow_transfer, "10.0.0.2"));
    let inside = &config.views[0].zones.primaries[0].settings.rules;
    assert!(allows(&inside.allow_query, "10.0.0.4") && !allows(&inside.allow_query, "10.0.0.1"));
    assert!(allows(&inside.allow_transfer, "10.0.0.2"));
}

#[test]
fn without_a_list_everybody_may_ask_and_nobody_anything_else() {
    let config = config("[zone.\"a\".primary]\nfile = \"f\"\n");
    let rules = &config.zones.primaries[0].settings.rules;
    assert_eq!(rules.allow_query.always(), Some(true));
    for list in [&rules.allow_transfer, &rules.allow_notify, &rules.allow_update] {
        assert_eq!(list.always(), Some(false));
    }
}

#[test]
fn names_in_lists_are_looked_up_and_the_nearest_is_named() {
    let text = "[acl]\ncloud-vms = [\"10.0.0.0/24\"]\n[remote.ns2]\naddress = \"172.16.1.1\"\n\
                [key.LAN]\nalgorithm = \"hmac-sha256\"\nsecret = \"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U=\"\n\
                [zone.\"a\".primary]\nfile = \"f\"\n";
    let printed = errors(&format!(
        "{text}allow-query = [\"cloud-vm\", \"ns3\", \"key:LAM\", \"localhosts\"]\n"
    ));
    let places: Vec<&str> = printed
        .lines()
        .filter(|line| line.starts_with("dnsd.toml") && !line.contains("warning"))
        .collect();
    assert_eq!(
        places,
        [
            "dnsd.toml:10:17: no list and no remote is called `cloud-vm`",
            "dnsd.toml:10:29: no list and no remote is called `ns3`",
            "dnsd.toml:10:36: no key is called `LAM`",
            "dnsd.toml:10:47: no list and no remote is called `localhosts`",
        ],
        "{printed}"
    );
    for help in ["\"cloud-vms\"", "\"ns2\"", "\"LAN\"", "\"localhost\""] {
        assert!(printed.contains(&format!("did you mean {help}?")), "{printed}");
    }
}

#[test]
fn lists_that_hold_each_other_are_an_error_that_shows_the_circle() {
    assert_eq!(
        errors("[acl]\na = [\"b\"]\nb = [\"10.0.0.1\", \"c\"]\nc = [\"!b\"]\n"),
        "dnsd.toml:4:7: the list b holds itself: b → c → b\n    c = [\"!b\"]\n          ^^\n"
    );
    assert!(errors("[acl]\na = [\"a\"]\n").contains("the list a holds itself: a → a"));
}

#[test]
fn an_entry_that_never_decides_is_warned_of() {
    let (config, printed) = Bench::new(&[]).load(
        "[acl]\nnobody = []\nlan = [\"192.168.42.0/24\", \"!192.168.42.9\"]\n\
         [zone.\"a\".primary]\nfile = \"f\"\nallow-query = [\"any\", \"lan\"]\nallow-update = [\"nobody\"]\n",
    );
    assert!(config.is_some());
    let never = "warning: this entry never decides: ";
    for expected in [
        format!("dnsd.toml:3:28: {never}whoever it matches is matched by one before it\n"),
        format!("dnsd.toml:6:24: {never}whoever it matches is matched by one before it\n"),
        format!("dnsd.toml:7:18: {never}it is a list that allows nobody\n"),
    ] {
        assert!(printed.contains(&expected), "{expected}{printed}");
    }
}

#[test]
fn a_name_is_of_one_thing_and_the_built_in_lists_stay() {
    let printed = errors(
        "[acl]\nany = []\nns2 = []\n\"2\" = []\n[remote.ns2]\naddress = \"172.16.1.1\"\n[remote.localhost]\naddress = \"127.0.0.1\"\n",
    );
    for expected in [
        "dnsd.toml:2:1: `any` is a list that is always there",
        "dnsd.toml:3:1: `ns2` is a remote already, at dnsd.toml:5:9",
        "dnsd.toml:4:1: not a name of a list",
        "dnsd.toml:7:9: `localhost` is a list that is always there",
    ] {
        assert!(printed.contains(expected), "{expected}\n{printed}");
    }
}

#[test]
fn a_network_of_a_list_has_no_bits_behind_its_prefix() {
    let printed = errors("allow-query = [\"10.0.0.5/8\", \"10.0.0.300\"]\n");
    assert!(
        printed.contains("dnsd.toml:1:16: bits are set behind the network's prefix\n")
            && printed.contains("did you mean \"10.0.0.0/8\" or \"10.0.0.5\"?")
            && printed.contains("dnsd.toml:1:30: not an entry of a list of clients\n"),
        "{printed}"
    );
}

#[test]
fn lists_within_lists_end() {
    let lists: String = (0..40).map(|n| format!("l{n} = [\"l{}\"]\n", n + 1)).collect();
    assert!(errors(&format!("[acl]\n{lists}l40 = []\n")).contains("lists within lists more than 32 deep"));
}
