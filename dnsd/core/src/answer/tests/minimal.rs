//! What positive answers leave out, and which names a wildcard or a DNAME stands for.

use super::*;

const ZONE: &str = "
@ SOA ns h 1 2 3 4 60
@ NS ns
ns A 192.0.2.1
mail A 192.0.2.2
mx MX 1 mail
alias CNAME x.deep.wild
*.wild A 192.0.2.3
old DNAME new
new A 192.0.2.4
sub NS ns.sub
ns.sub A 192.0.2.5
";

fn answers(minimal_responses: MinimalResponses, query: &Query) -> String {
    let settings = Settings {
        minimal_responses,
        ..Settings::default()
    };
    ask_with(&serve(&[("e", ZONE)]), &settings, Transport::Udp, &query.octets()).text()
}

#[test]
fn answers_leave_out_what_they_are_told_to() {
    use MinimalResponses::{No, NoAuth, NoAuthRecursive, Yes};
    let answer = "a mx.e. 3600 MX 1 mail.e.\n";
    let servers = "n e. 3600 NS ns.e.\n";
    let mail = "x mail.e. 3600 A 192.0.2.2\n";
    let server = "x ns.e. 3600 A 192.0.2.1\n";
    for (minimal, recursive, iterative) in [
        (No, vec![servers, mail, server], vec![servers, mail, server]),
        (NoAuth, vec![mail], vec![mail]),
        (NoAuthRecursive, vec![mail], vec![servers, mail, server]),
        (Yes, vec![], vec![]),
    ] {
        let asked = answers(minimal, &query("mx.e", Type::MX));
        assert_eq!(
            asked,
            format!("NOERROR aa rd\n{answer}{}", recursive.concat()),
            "{minimal:?}"
        );
        let asked = answers(minimal, &query("mx.e", Type::MX).norec());
        assert_eq!(
            asked,
            format!("NOERROR aa\n{answer}{}", iterative.concat()),
            "{minimal:?}"
        );
    }
}

#[test]
fn referrals_and_negative_answers_have_what_they_need_however_minimal() {
    let referral = "NOERROR rd\nn sub.e. 3600 NS ns.sub.e.\nx ns.sub.e. 3600 A 192.0.2.5\n";
    assert_eq!(answers(MinimalResponses::Yes, &query("www.sub.e", Type::A)), referral);
    let negative = answers(MinimalResponses::Yes, &query("no.e", Type::A));
    assert!(negative.contains("n e. 60 SOA "), "{negative}");
}

#[test]
fn a_reply_says_which_part_of_the_name_could_be_any_other() {
    let zones = serve(&[("e", ZONE)]);
    let free_bytes = |name: &str| {
        let answered = ask_over(&zones, Transport::Udp, &query(name, Type::A));
        answered.reply.free_bytes
    };
    assert_eq!(free_bytes("ns.e"), 0);
    assert_eq!(free_bytes("random.wild.e"), 7);
    assert_eq!(free_bytes("a.bc.wild.e"), 2 + 3);
    assert_eq!(free_bytes("random.old.e"), 7);
    // Below a delegation, on the plain path and on the general one.
    assert_eq!(free_bytes("sub.e"), 0);
    assert_eq!(free_bytes("random.sub.e"), 7);
    let any = ask_over(&zones, Transport::Udp, &query("random.sub.e", Type::ANY));
    assert_eq!(any.reply.free_bytes, 7);
    // What an alias stands for is the zone's choice and not the client's.
    assert_eq!(free_bytes("alias.e"), 0);
    assert_eq!(free_bytes("random.e"), 0);
}
