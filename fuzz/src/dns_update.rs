//! Dynamic updates.

use std::sync::LazyLock;

use dnsd_core::message::{HEADER_BYTES, Header, Opcode, Rcode, Request};
use dnsd_core::name::Name;
use dnsd_core::rdata;
use dnsd_core::rrtype::{Class, Type};
use dnsd_core::update::Update;
use dnsd_core::zone::{Zone, ZoneBuilder};

const RECORDS: &str = "@ SOA ns h 5 2 3 4 5
@ NS ns
ns A 192.0.2.1
www A 192.0.2.10
mail MX 10 www
alias CNAME www
x.empty TXT x
sub NS ns.sub
ns.sub A 192.0.2.3";

static ZONE: LazyLock<Zone> = LazyLock::new(|| {
    let origin: Name = "example".parse().expect("a name");
    let mut builder = ZoneBuilder::new(origin.clone());
    for line in RECORDS.lines() {
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().expect("owner, type and data").as_bytes();
        let owner = Name::parse(word(), Some(&origin)).expect("a name");
        let rtype = Type::parse(word()).expect("a type");
        let data = rdata::parse(rtype, word(), Some(&origin)).expect("data of the type");
        builder.add(owner.as_name_ref(), Class::IN, 60, rtype, &data, None);
    }
    builder.finish().expect("the zone is right").zone
});

/// Whatever an update holds, it is refused with a code of RFC 2136, or makes a newer version of the zone that its delta makes
/// too and that takes further updates.
pub fn dns_update(data: &[u8]) {
    let Some(header) = Header::read(data).filter(|header| header.flags.opcode() == Opcode::UPDATE) else {
        return;
    };
    let Ok(request) = Request::parse(header, data) else {
        return;
    };
    let update = match Update::read(&request, data) {
        Ok(update) => update,
        Err(error) => {
            let _ = error.to_string();
            assert!(matches!(error.rcode(), Rcode::FORMERR | Rcode::NOTAUTH));
            return;
        }
    };
    let mut response = [0; 512];
    let len = update.write_response(Rcode::NOERROR, None, &mut response);
    assert_eq!(len, Some(HEADER_BYTES + request.question.wire.len()));
    match update.apply(&ZONE) {
        Ok(None) => {}
        Ok(Some(changed)) => {
            assert!(changed.zone.serial().is_after(ZONE.serial()));
            let (from, to) = (changed.delta.from(), changed.delta.to());
            assert_eq!((from, to), (ZONE.serial(), changed.zone.serial()));
            let by_delta = changed.delta.apply(&ZONE).expect("it is of this zone");
            assert_eq!(records(&by_delta), records(&changed.zone));
            let _ = update.apply(&changed.zone);
        }
        Err(error) => {
            let _ = error.to_string();
            assert_ne!(error.rcode(), Rcode::NOERROR);
        }
    }
}

fn records(zone: &Zone) -> Vec<(Name, Vec<u8>)> {
    let sets = |node: dnsd_core::zone::Node<'_>| {
        let wire = node.sets().flat_map(|set| set.wire().to_vec());
        (node.name().to_name(), wire.collect())
    };
    zone.nodes().map(sets).collect()
}
