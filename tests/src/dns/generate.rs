//! Small zones made by chance, and questions that are near to what is in them.
//!
//! The names are of few labels from few letters, so that they meet: names below aliases and cuts, wildcards beside what
//! they would match, empty non-terminals. The same seed makes the same zone and the same questions on every machine.

use std::fmt::Write;

use super::name::Name;
use super::rtype;

const LABELS: [&str; 5] = ["a", "b", "c", "d", "*"];
/// Names have up to so many labels below the zone's.
const DEPTH_MAX: usize = 4;
const RECORDS_MAX: u64 = 40;

/// A source of numbers that look random (xorshift64*).
pub struct Generator(u64);

impl Generator {
    /// One for each seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // The state may not be zero, and small seeds must not stay alike.
        let mut generator = Self((seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        for _ in 0..8 {
            generator.next();
        }
        generator
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(super) fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[usize::try_from(self.below(of.len() as u64)).expect("an index")]
    }

    /// Labels below the zone's name, `@` for none.
    fn owner(&mut self, asterisks: bool) -> String {
        let labels = if asterisks {
            &LABELS[..]
        } else {
            &LABELS[..LABELS.len() - 1]
        };
        let depth = usize::try_from(self.below(DEPTH_MAX as u64) + 1).expect("a small number");
        let picked: Vec<&str> = (0..depth).map(|_| self.pick(labels)).collect();
        picked.join(".")
    }

    /// Where a record points to: mostly into the zone.
    fn target(&mut self) -> String {
        match self.below(8) {
            0 => "www.elsewhere.example.".to_owned(),
            1 => "@".to_owned(),
            _ => self.owner(false),
        }
    }

    /// A zone's master file. CNAME and DNAME stand alone at their names, and NS not at wildcards, so that both servers load
    /// it.
    pub fn zone(&mut self) -> String {
        let mut text = "$TTL 300\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 192.0.2.53\n".to_owned();
        let mut taken: Vec<(String, &str)> = Vec::new();
        for number in 0..self.below(RECORDS_MAX) + 5 {
            let kind = self.pick(&["A", "A", "TXT", "MX", "CNAME", "CNAME", "DNAME", "NS", "NS", "DS"]);
            let owner = self.owner(kind != "NS" && kind != "DS");
            let alone = |kind: &str| kind == "CNAME";
            let conflicts = |(other, used): &(String, &str)| {
                *other == owner && (alone(kind) || alone(used) || (kind == "DNAME" && *used == "DNAME"))
            };
            // A name with both NS and DNAME is a contradiction that each server resolves in its own way.
            let contradicts = |(other, used): &(String, &str)| {
                *other == owner && matches!((kind, *used), ("NS" | "DS", "DNAME") | ("DNAME", "NS" | "DS"))
            };
            if taken.iter().any(|entry| conflicts(entry) || contradicts(entry)) {
                continue;
            }
            let data = match kind {
                "A" => format!("192.0.2.{number}"),
                "TXT" => format!("\"{number}\""),
                "MX" => format!("{number} {}", self.target()),
                "DS" => format!("{number} 8 2 {number:064x}"),
                _ => self.target(),
            };
            writeln!(text, "{owner} {kind} {data}").expect("a string takes it");
            taken.push((owner, kind));
        }
        text
    }

    /// A name in or near a zone of this origin, and a type.
    pub fn question(&mut self, origin: &Name) -> (Name, u16) {
        let owner = match self.below(10) {
            0 => String::new(),
            1 => format!("absent.{}.", self.owner(true)),
            2 => "ns.".to_owned(),
            _ => format!("{}.", self.owner(true)),
        };
        let name = Name::of(&format!("{owner}{origin}"));
        let rtype = self.pick(&[
            &rtype::A,
            &rtype::A,
            &rtype::TXT,
            &rtype::MX,
            &rtype::CNAME,
            &rtype::DNAME,
            &rtype::NS,
            &rtype::DS,
            &rtype::SOA,
            &rtype::AAAA,
        ]);
        (name, *rtype)
    }
}
