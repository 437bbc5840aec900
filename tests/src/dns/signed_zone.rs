//! Zones to be signed: some of everything that a proof is made for (RFC 4035 §3.1, RFC 5155 §7.2), with hosts and cuts by
//! chance between, so that each seed has another order of names and hashes.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::generate::Generator;
use super::message::Record;
use super::name::Name;
use super::rtype;
use super::sign::{Denial, sign};

/// What a child zone has: a name that is there, one that stands for others, and one in between.
const CHILD: &str =
    "$TTL 300\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 192.0.2.153\n*.wild A 192.0.2.154\n";

/// A zone that was signed, and two that it delegates, one of which was.
#[derive(Debug, Clone)]
pub struct Family {
    /// Origins and master files; the parent's is the first.
    pub zones: Vec<(String, PathBuf)>,
    /// The DNSKEY record to trust (flags, protocol, algorithm, key).
    pub key: String,
}

impl Family {
    /// Makes the zones from a seed. The files are left in a directory.
    ///
    /// # Panics
    /// When they can't be signed.
    #[must_use]
    pub fn new(directory: &Path, origin: &str, generator: &mut Generator, denial: Denial) -> Self {
        let signed_child = format!("child.{origin}");
        let child = sign(directory, &signed_child, CHILD, denial);
        let unsigned_child = format!("unsigned.{origin}");
        let unsigned = directory.join(&unsigned_child);
        std::fs::write(&unsigned, CHILD).expect("a file");
        let parent = sign(directory, origin, &(generator.zone_to_sign() + &child.ds), denial);
        Self {
            zones: vec![
                (origin.to_owned(), parent.file),
                (signed_child, child.file),
                (unsigned_child, unsigned),
            ],
            key: parent.key,
        }
    }
}

/// What every zone has. Names with a dot at the end are in nobody's zone here.
const FIXED: &str = r#"$TTL 300
@             SOA   ns hostmaster 1 3600 600 86400 60
              NS    ns
              NS    ns.other.example.
              MX    10 mail
              MX    20 mail.other.example.
              TXT   "apex"
              CAA   0 issue "ca.example"
ns            A     192.0.2.53
              AAAA  2001:db8::53
mail          A     192.0.2.25
_25._tcp.mail TLSA  3 1 1 00000000000000000000000000000000000000000000000000000000000000aa
Mixed.Case    A     192.0.2.1
_sip._tcp     SRV   1 2 5060 ns
              SRV   1 2 5061 mixed.case
naptr         NAPTR 1 2 "s" "SIP+D2T" "" _sip._tcp

; wildcards, at several depths, and what stands in their way
*.wild            A     192.0.2.2
                  TXT   "wild"
                  MX    10 mail
exists.wild       TXT   "exists"
a.ent.wild        A     192.0.2.3
*.alias           CNAME mail
*.into            CNAME x.wild
*.b.c.nest        TXT   "deep"
*.c.nest          TXT   "less deep"
a.*.inside        A     192.0.2.4
*.beside          TXT   "beside"
insecure.beside   NS    ns.other.example.
secure.beside     NS    ns.other.example.
                  DS    1 13 2 0000000000000000000000000000000000000000000000000000000000000001

; empty non-terminals
b.c.d.e.f     TXT   "deep"
x.y.b.c.d.e.f A     192.0.2.5

; aliases
alias1        CNAME mail
alias2        CNAME alias1
to-wild       CNAME some.thing.wild
to-into       CNAME thing.into
to-none       CNAME nothing.here
to-blocked    CNAME below.exists.wild
to-empty      CNAME c.d.e.f
to-cut        CNAME host.secure
to-insecure   CNAME host.insecure
to-apex       CNAME @
to-dname      CNAME b.dname
away          CNAME www.other.example.
circle1       CNAME circle2
circle2       CNAME circle1
dname         DNAME c.d.e.f
              A     192.0.2.6
dname-away    DNAME other.example.
dname-none    DNAME nothing.here
dname-wild    DNAME wild
dname-long    DNAME aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb

; cuts, what stands below them, and name servers wherever they can be
secure            NS    ns.secure
                  NS    ns.other.example.
                  DS    2 13 2 0000000000000000000000000000000000000000000000000000000000000002
                  DS    3 13 4 000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000
ns.secure         A     192.0.2.7
                  AAAA  2001:db8::7
host.secure       A     192.0.2.8
deeper.secure     NS    ns.deeper.secure
ns.deeper.secure  A     192.0.2.9
*.secure          TXT   "below a cut"
insecure          NS    ns.insecure
ns.insecure       A     192.0.2.10
host.insecure     A     192.0.2.11
*.insecure        A     192.0.2.12
elsewhere         NS    ns.other.example.
in-zone           NS    mail
sibling           NS    ns.insecure
i.e.only          NS    ns.other.example.
i.e.both          NS    ns.other.example.
h.e.both          A     192.0.2.13
s.e.secured       NS    ns.other.example.
                  DS    4 13 2 0000000000000000000000000000000000000000000000000000000000000004
child             NS    ns.child
ns.child          A     192.0.2.153
unsigned          NS    ns.unsigned
ns.unsigned       A     192.0.2.153

; names that are hard to sort, to print or to keep
dot\.ted      A     192.0.2.14
space\032d    A     192.0.2.15
\000          A     192.0.2.16
\000.\000     A     192.0.2.17
\255\254      A     192.0.2.18
\255.\255\254 A     192.0.2.19
z\000         A     192.0.2.20
z             A     192.0.2.21
Z.z           A     192.0.2.22
\@            A     192.0.2.23
aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc TXT "long"
"#;

impl Generator {
    /// The master file of a zone to be signed.
    fn zone_to_sign(&mut self) -> String {
        let mut text = FIXED.to_owned();
        // The first fits into 1232 octets without its signature, the second doesn't, the third not even into 4096.
        for (owner, strings) in [("large", 11), ("larger", 14), ("largest", 50)] {
            for number in 0..strings {
                writeln!(text, "{owner} TXT \"{number:0>90}\"").expect("a string takes it");
            }
        }
        for number in 0..self.below(30) + 10 {
            let label = self.label();
            let line = match self.below(6) {
                0 => format!("{label} NS ns.other.example."),
                1 => format!("{label} NS ns.{label}\nns.{label} A 192.0.2.{number}"),
                2 => format!("{label} NS ns.other.example.\n{label} DS {number} 13 2 {number:064x}"),
                3 => format!("{label}.{} A 192.0.2.{number}", self.label()),
                4 => format!("*.{label} TXT \"{number}\""),
                _ => format!("{label} A 192.0.2.{number}"),
            };
            writeln!(text, "{line}").expect("a string takes it");
        }
        text
    }

    /// A label that is in no zone yet, in all likelihood.
    fn label(&mut self) -> String {
        let length = self.below(8) + 5;
        (0..length)
            .map(|_| char::from(b'a' + u8::try_from(self.below(26)).expect("a letter's number")))
            .collect()
    }

    /// What to ask of a signed zone: every name that it has, empty ones and owners of NSEC3 records included, for what it has
    /// and for what decides how an answer is made up; and names beside and below each, which are not there or come of
    /// wildcards and aliases.
    pub fn questions_of_signed(&mut self, records: &[Record], origin: &Name) -> Vec<(Name, u16)> {
        let mut existing = BTreeSet::new();
        for record in records {
            let ancestors = std::iter::successors(Some(record.owner.clone()), Name::parent);
            existing.extend(ancestors.take_while(|name| Some(name) != origin.parent().as_ref()));
        }
        let mut questions = Vec::new();
        for name in &existing {
            let owned = records.iter().filter(|record| &record.owner == name);
            let mut types: BTreeSet<u16> = owned.map(|record| record.rtype).collect();
            let hashed = types.contains(&rtype::NSEC3);
            types.extend([rtype::A, rtype::DS]);
            if !hashed {
                types.extend([rtype::NS, rtype::SOA, rtype::CNAME, rtype::NSEC, rtype::NSEC3]);
                types.extend([rtype::RRSIG, rtype::ANY, rtype::PRIVATE]);
            }
            questions.extend(types.iter().map(|&rtype| (name.clone(), rtype)));
            questions.push((name.in_other_case(), rtype::A));
            for number in 0..if hashed { 1 } else { 4 } {
                let near = match number {
                    0 => name.child(self.label().as_bytes()),
                    1 => name.child(b"*"),
                    2 => name.child(b"b").and_then(|child| child.child(self.label().as_bytes())),
                    _ => name
                        .parent()
                        .filter(|_| name != origin)
                        .and_then(|parent| parent.child(self.label().as_bytes())),
                };
                let types = [rtype::A, rtype::TXT, rtype::DS];
                questions.extend(
                    near.into_iter()
                        .flat_map(|name| types.map(|rtype| (name.clone(), rtype))),
                );
            }
        }
        // A name that grows too long when dname-long's is replaced (RFC 6672 §2.2).
        let long = [&[b'x'; 63][..], &[b'y'; 63], b"dname-long"];
        let name = long
            .iter()
            .rev()
            .fold(origin.clone(), |name, label| name.child(label).expect("a name"));
        questions.extend([rtype::A, rtype::CNAME].map(|rtype| (name.clone(), rtype)));
        questions
    }
}
