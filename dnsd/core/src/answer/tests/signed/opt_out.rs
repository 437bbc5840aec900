//! Opt-out (RFC 5155 §6): where unsigned delegations have no record, the closest ancestor that has one is looked for.

use super::*;

const PARAMETERS: &str = "1 0 0 -";
const APEX: &str = "@ SOA ns h 1 2 3 4 5\n@ NS ns\n@ DNSKEY 257 3 8 AwEAAg==\n@ NSEC3PARAM 1 0 0 -\nns A 192.0.2.1\n";
/// Twelve names, each below the next.
const CUT: &str = "l.k.j.i.h.g.f.e.d.c.b.a";

/// The delegation and `depth` of its ancestors below the apex have records, as if signed names were below those.
fn zones(depth: usize) -> Zones {
    let ancestors: Vec<&str> = (0..12).rev().take(depth).map(|n| &CUT[2 * n..]).collect();
    let names = [&["@", "ns"][..], &ancestors].concat();
    let chain = nsec3_chain("z", PARAMETERS, &names).replace(" NSEC3 1 0 ", " NSEC3 1 1 ");
    serve_signed("z", &format!("{APEX}{CUT} NS ns\n{chain}"))
}

fn owner(name: &str) -> String {
    format!("{}.z.", nsec3_owner("z", PARAMETERS, name))
}

#[test]
fn rfc5155_7_2_4_the_closest_provable_encloser_at_every_depth() {
    for depth in 0..12 {
        let encloser = if depth == 0 { "@" } else { &CUT[2 * (12 - depth)..] };
        let answered = ask_over(
            &zones(depth),
            Transport::Tcp,
            &query(&format!("{CUT}.z"), Type::DS).dnssec_ok(),
        );
        let text = sets(&answered);
        let expected = format!("NOERROR aa rd\nn {} NSEC3 +\n", owner(encloser));
        assert!(text.starts_with(&expected), "{depth}: {text}");
    }
    // With a record of its own nothing else is needed.
    assert_sets(
        &zones(12),
        query(&format!("{CUT}.z"), Type::DS),
        &format!("NOERROR aa rd\nn z. SOA +\nn {} NSEC3 +", owner(CUT)),
    );
}

#[test]
fn rfc5155_7_2_3_no_data_at_an_empty_non_terminal_above_nothing_but_unsigned_delegations() {
    let answered = ask_over(&zones(2), Transport::Tcp, &query("c.b.a.z", Type::A).dnssec_ok());
    let text = sets(&answered);
    let expected = format!("NOERROR aa rd\nn {} NSEC3 +\nn z. SOA +\n", owner("b.a"));
    assert!(text.starts_with(&expected), "{text}");
}

#[test]
fn rfc5155_7_2_2_name_error_below_an_empty_non_terminal_without_a_record() {
    let answered = ask_over(&zones(2), Transport::Tcp, &query("x.c.b.a.z", Type::A).dnssec_ok());
    let text = sets(&answered);
    let expected = format!("NXDOMAIN aa rd\nn z. SOA +\nn {} NSEC3 +\n", owner("b.a"));
    assert!(text.starts_with(&expected), "{text}");
}
