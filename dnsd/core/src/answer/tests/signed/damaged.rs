//! Zones whose chain isn't whole are served with what there is.

use proptest::prelude::*;

use super::*;

/// An apex, a chain of which the tests take parts away, and what makes looking for NSEC records long.
fn nsec_zone(text: &str) -> Zones {
    let apex = "@ SOA ns h 1 2 3 4 5\n@ NS ns\n@ DNSKEY 257 3 8 AwEAAg==\n@ NSEC a NS SOA RRSIG NSEC DNSKEY\n";
    serve_signed("e", &format!("{apex}{text}"))
}

fn proofs(zones: &Zones, name: &str) -> Vec<String> {
    let answered = ask_over(zones, Transport::Tcp, &query(name, Type::A).dnssec_ok());
    let text = sets(&answered);
    let owner = |line: &str| Some(line.strip_prefix("n ")?.strip_suffix(" NSEC +")?.to_owned());
    text.lines().filter_map(owner).collect()
}

#[test]
fn any_number_of_names_below_a_cut_is_left_in_one_step() {
    let glue: String = (0..1000).map(|n| format!("n{n}.m{n}.a A 192.0.2.1\n")).collect();
    let zones = nsec_zone(&format!(
        "a NS ns\na NSEC ns NS RRSIG NSEC\n{glue}ns A 192.0.2.1\nns NSEC @ A RRSIG NSEC"
    ));
    assert_eq!(proofs(&zones, "b.e"), ["e.", "a.e."]);
}

#[test]
fn the_longest_chain_of_empty_non_terminals_is_stepped_over() {
    let leaf = format!("{}b", "b.".repeat(120));
    let zones = nsec_zone(&format!(
        "a A 192.0.2.1\na NSEC {leaf} A RRSIG NSEC\n{leaf} A 192.0.2.1\n{leaf} NSEC @ A RRSIG NSEC"
    ));
    let deepest_empty = format!("{}b.e", "b.".repeat(119));
    assert_eq!(proofs(&zones, &deepest_empty), ["a.e."]);
}

#[test]
fn a_chain_that_is_missing_for_long_is_given_up() {
    let hosts: String = (0..1000).map(|n| format!("h{n:04} A 192.0.2.1\n")).collect();
    let zones = nsec_zone(&format!("a A 192.0.2.1\na NSEC z A RRSIG NSEC\n{hosts}z A 192.0.2.1"));
    assert_eq!(proofs(&zones, "b.e"), ["e.", "a.e."]);
    assert_eq!(proofs(&zones, "h0999x.e"), ["e."]);
    // A name without a record of its own isn't denied by its neighbour's.
    assert!(proofs(&zones, "z.e").is_empty());
    let answered = ask_over(&zones, Transport::Tcp, &query("z.e", Type::MX).dnssec_ok());
    assert_eq!(sets(&answered), "NOERROR aa rd\nn e. SOA +");
}

#[test]
fn a_zone_without_keys_proves_nothing() {
    let zones = serve_signed("e", "@ SOA ns h 1 2 3 4 5\n@ NS ns\n@ NSEC @ NS SOA RRSIG NSEC");
    assert_sets(&zones, query("x.e", Type::A), "NXDOMAIN aa rd\nn e. SOA +");
}

/// The zone of RFC 5155 with some of its lines and its signatures missing, never the first, the SOA.
fn damaged_zone() -> impl Strategy<Value = Zones> {
    let text = format!("{}{}", rfc5155::ZONE, signatures("example", rfc5155::ZONE));
    let count = text.lines().count();
    prop::collection::vec(prop::bool::weighted(0.8), count).prop_map(move |kept| {
        let lines = text.lines().zip(&kept).enumerate();
        let lines = lines.filter(|(n, (_, kept))| *n == 0 || **kept);
        let text: Vec<&str> = lines.map(|(_, (line, _))| line).collect();
        serve(&[("example", &text.join("\n"))])
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn holes_in_a_chain_are_no_harm(
        zones in damaged_zone(),
        labels in prop::collection::vec("[abcwxyz*]|ns1|xx|0p9mhaveqvm6t7vbl5lop2u3t2rp3tom", 0..5),
        qtype in prop::sample::select(vec![Type::A, Type::DS, Type::ANY, Type::NSEC3, Type::RRSIG, Type::MX]),
    ) {
        let name = format!("{}.example", labels.join("."));
        let name = name.trim_start_matches('.');
        let answered = ask_over(&zones, Transport::Udp, &query(name, qtype).dnssec_ok());
        // The reply can be read, and no record is there twice.
        let text = answered.text();
        let mut lines: Vec<&str> = text.lines().skip(1).map(|line| &line[2..]).collect();
        let count = lines.len();
        lines.sort_unstable();
        lines.dedup();
        prop_assert_eq!(lines.len(), count, "{}", text);
    }
}
