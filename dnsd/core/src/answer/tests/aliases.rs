//! CNAME and DNAME (RFC 1034 §3.6.2, RFC 6672).

use super::*;

const ZONE: &str = "
@ SOA ns h 1 2 3 4 60
@ NS ns
ns A 192.0.2.1
one CNAME two
two CNAME three
three A 192.0.2.3
out CNAME www.other
into CNAME www.child
child NS ns.child
ns.child A 192.0.2.4
self CNAME self
ping CNAME pong
pong CNAME ping
d DNAME target
d TXT here
x.target A 192.0.2.5
y.target CNAME three
far DNAME other.
round DNAME round.round
";

fn zones() -> Zones {
    let other = "@ SOA ns h 1 2 3 4 60\n@ NS ns\nns A 192.0.2.8\nwww A 192.0.2.9";
    serve(&[("e", ZONE), ("other.e", other)])
}

#[test]
fn rfc1034_3_6_2_a_chain_of_aliases_is_followed() {
    assert_answer(
        &zones(),
        &query("one.e", Type::A),
        "NOERROR aa rd
         a one.e. 3600 CNAME two.e.
         a two.e. 3600 CNAME three.e.
         a three.e. 3600 A 192.0.2.3",
    );
}

#[test]
fn an_alias_into_another_zone_is_not_followed_even_if_that_one_is_ours() {
    assert_answer(
        &zones(),
        &query("out.e", Type::A),
        "NOERROR aa rd\na out.e. 3600 CNAME www.other.e.",
    );
}

#[test]
fn rfc1034_4_3_2_an_alias_into_a_delegation_ends_in_a_referral() {
    // AA is about the alias, which is ours.
    assert_answer(
        &zones(),
        &query("into.e", Type::A),
        "NOERROR aa rd
         a into.e. 3600 CNAME www.child.e.
         n child.e. 3600 NS ns.child.e.
         x ns.child.e. 3600 A 192.0.2.4",
    );
}

#[test]
fn an_alias_of_itself_is_told_once_and_is_a_servers_failure() {
    assert_answer(
        &zones(),
        &query("self.e", Type::A),
        "SERVFAIL aa rd\na self.e. 3600 CNAME self.e.",
    );
    assert_answer(
        &zones(),
        &query("ping.e", Type::A),
        "SERVFAIL aa rd
         a ping.e. 3600 CNAME pong.e.
         a pong.e. 3600 CNAME ping.e.",
    );
    assert_answer(
        &zones(),
        &query("self.e", Type::CNAME),
        "NOERROR aa rd\na self.e. 3600 CNAME self.e.",
    );
}

#[test]
fn a_long_chain_is_cut_where_bind_cuts_it() {
    let chain: String = (0..30).map(|n| format!("c{n} CNAME c{}\n", n + 1)).collect();
    let text = format!("@ SOA ns h 1 2 3 4 60\n@ NS ns\nns A 192.0.2.1\n{chain}c30 A 192.0.2.2");
    let zones = serve(&[("e", &text)]);
    let text = ask(&zones, &query("c0.e", Type::A));
    assert!(
        text.starts_with("SERVFAIL aa rd\n") && text.ends_with("a c11.e. 3600 CNAME c12.e.\n"),
        "{text}"
    );
    let text = ask(&zones, &query("c19.e", Type::A));
    assert!(
        text.starts_with("NOERROR aa rd\n") && text.ends_with("a c30.e. 3600 A 192.0.2.2\n"),
        "{text}"
    );
}

#[test]
fn rfc6672_3_1_a_dname_makes_a_cname() {
    assert_answer(
        &zones(),
        &query("x.d.e", Type::A),
        "NOERROR aa rd
         a d.e. 3600 DNAME target.e.
         a x.d.e. 3600 CNAME x.target.e.
         a x.target.e. 3600 A 192.0.2.5",
    );
    assert_answer(
        &zones(),
        &query("y.d.e", Type::A),
        "NOERROR aa rd
         a d.e. 3600 DNAME target.e.
         a y.d.e. 3600 CNAME y.target.e.
         a y.target.e. 3600 CNAME three.e.
         a three.e. 3600 A 192.0.2.3",
    );
}

#[test]
fn rfc6672_2_3_the_owner_of_a_dname_is_not_redirected() {
    assert_answer(
        &zones(),
        &query("d.e", Type::TXT),
        "NOERROR aa rd\na d.e. 3600 TXT here",
    );
    assert_answer(
        &zones(),
        &query("d.e", Type::A),
        "NOERROR aa rd\nn e. 60 SOA ns.e. h.e. 1 2 3 4 60",
    );
    assert_answer(
        &zones(),
        &query("d.e", Type::DNAME),
        "NOERROR aa rd\na d.e. 3600 DNAME target.e.",
    );
}

#[test]
fn rfc6672_3_1_a_redirection_to_a_name_that_is_not_there() {
    assert_answer(
        &zones(),
        &query("no.d.e", Type::A),
        "NXDOMAIN aa rd
         a d.e. 3600 DNAME target.e.
         a no.d.e. 3600 CNAME no.target.e.
         n e. 60 SOA ns.e. h.e. 1 2 3 4 60",
    );
}

#[test]
fn the_cname_that_a_dname_makes_can_be_asked_for() {
    assert_answer(
        &zones(),
        &query("x.d.e", Type::CNAME),
        "NOERROR aa rd
         a d.e. 3600 DNAME target.e.
         a x.d.e. 3600 CNAME x.target.e.",
    );
}

#[test]
fn rfc6672_2_2_a_name_that_becomes_too_long_is_yxdomain() {
    let label = "a".repeat(60);
    let text = format!("@ SOA ns h 1 2 3 4 60\n@ NS ns\nns A 192.0.2.1\nlong DNAME {label}.{label}.{label}");
    let zones = serve(&[("e", &text)]);
    let fits = format!("{}.long.e", "b".repeat(63));
    assert!(ask(&zones, &query(&fits, Type::A).edns(1232)).starts_with("NXDOMAIN aa rd\n"));
    let expected = format!("YXDOMAIN aa rd\na long.e. 3600 DNAME {label}.{label}.{label}.e.");
    assert_answer(&zones, &query(&format!("ccccc.{fits}"), Type::A), &expected);
}

#[test]
fn a_dname_into_itself_ends() {
    let text = ask(&zones(), &query("x.round.e", Type::A));
    assert!(text.starts_with("SERVFAIL aa rd\n"), "{text}");
    assert_eq!(text.matches(" DNAME ").count(), 1, "{text}");
    assert_eq!(text.matches(" CNAME ").count(), 12, "{text}");
}

#[test]
fn rfc6672_3_1_a_dname_that_leads_to_itself_is_in_the_answer_once() {
    let zones = serve(&[("e", "@ SOA ns h 1 2 3 4 60\n@ NS ns\nns A 192.0.2.1\nd DNAME @\n")]);
    assert_answer(
        &zones,
        &query("d.d.e", Type::DNAME),
        "NOERROR aa rd
         a d.e. 3600 DNAME e.
         a d.d.e. 3600 CNAME d.e.",
    );
}
