//! Hashed owner names (RFC 5155 §5): the names under which NSEC3 records stand.
//!
//! Parameters are read from the NSEC3PARAM record of a zone's apex; the answer path hashes the names that a proof is
//! about, the zone's check looks at what a hash costs.

use data_encoding::BASE32_DNSSEC;
use sha1::{Digest, Sha1};

use crate::name::{NAME_BYTES_MAX, NameRef};
use crate::rrtype::Type;
use crate::zone::{RecordSet, Zone};

/// The only hash algorithm that is assigned (RFC 5155 §11).
const SHA1: u8 = 1;
const HASH_BYTES: usize = 20;
/// A hash in base32hex without padding: 160 bits, five in a letter.
const LABEL_BYTES: usize = 32;

/// The most extra rounds of a chain that is used: what RFC 5155 §10.3 allows with the longest keys. An answer needs three
/// hashes, and two dozen at the very most, so this bounds what one query costs, whoever wrote the zone, to a few
/// milliseconds.
pub const ITERATIONS_MAX: u16 = 2500;

/// How the names of one chain of NSEC3 records are hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters<'r> {
    /// Rounds after the first.
    pub iterations: u16,
    /// Appended in every round; at most 255 octets.
    pub salt: &'r [u8],
}

impl<'r> Parameters<'r> {
    /// Those of the zone's chain: the first NSEC3PARAM record that servers may use (RFC 5155 §4.1.2, §7.3).
    pub fn of(zone: &'r Zone) -> Option<Self> {
        let records = zone.apex().set(Type::NSEC3PARAM)?;
        records.rdatas().find_map(|rdata| {
            let (flags, parameters) = Self::read(rdata)?;
            (flags == 0 && parameters.iterations <= ITERATIONS_MAX).then_some(parameters)
        })
    }

    /// Reads what the data of NSEC3PARAM and NSEC3 records starts with (RFC 5155 §3.2, §4.2): the flags and the
    /// parameters. `None` when it is cut off or of an algorithm that nobody knows.
    pub fn read(rdata: &'r [u8]) -> Option<(u8, Self)> {
        let (&[algorithm, flags, high, low, salt_length], rest) = rdata.split_first_chunk()?;
        let parameters = Self {
            iterations: u16::from_be_bytes([high, low]),
            salt: rest.get(..usize::from(salt_length))?,
        };
        (algorithm == SHA1).then_some((flags, parameters))
    }

    /// Whether one of these NSEC3 records is of this chain.
    pub fn has_record_in(&self, nsec3: RecordSet<'_>) -> bool {
        let mut records = nsec3.rdatas();
        records.any(|rdata| Parameters::read(rdata).is_some_and(|(_, parameters)| parameters == *self))
    }

    /// The hash of a name.
    pub fn hash(&self, name: NameRef<'_>) -> [u8; HASH_BYTES] {
        let mut lowercase = [0; NAME_BYTES_MAX];
        let mut hash = self.round(name.lowercase_into(&mut lowercase));
        for _ in 0..self.iterations {
            hash = self.round(&hash);
        }
        hash
    }

    fn round(&self, octets: &[u8]) -> [u8; HASH_BYTES] {
        Sha1::new()
            .chain_update(octets)
            .chain_update(self.salt)
            .finalize()
            .into()
    }

    /// The owner of the NSEC3 record that matches `name`, in a zone of name `origin` (RFC 5155 §3); `None` when the
    /// origin leaves no room for a hash.
    pub fn owner<'w>(
        &self,
        name: NameRef<'_>,
        origin: NameRef<'_>,
        wire: &'w mut [u8; NAME_BYTES_MAX],
    ) -> Option<NameRef<'w>> {
        let length = 1 + LABEL_BYTES + origin.as_wire().len();
        let wire = wire.get_mut(..length)?;
        wire[0] = LABEL_BYTES as u8;
        BASE32_DNSSEC.encode_mut(&self.hash(name), &mut wire[1..=LABEL_BYTES]);
        wire[1 + LABEL_BYTES..].copy_from_slice(origin.as_wire());
        NameRef::from_wire(wire).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Name;

    fn owner(parameters: Parameters<'_>, name: &str) -> String {
        let (name, origin): (Name, Name) = (name.parse().unwrap(), "example".parse().unwrap());
        let mut wire = [0; NAME_BYTES_MAX];
        let owner = parameters.owner(name.as_name_ref(), origin.as_name_ref(), &mut wire);
        owner.unwrap().to_string()
    }

    #[test]
    fn rfc5155_appendix_a_the_hashes_of_the_example_zone() {
        let parameters = Parameters {
            iterations: 12,
            salt: b"\xaa\xbb\xcc\xdd",
        };
        for (name, label) in [
            ("example", "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom"),
            ("a.example", "35mthgpgcu1qg68fab165klnsnk3dpvl"),
            ("ai.example", "gjeqe526plbf1g8mklp59enfd789njgi"),
            ("ns1.example", "2t7b4g4vsa5smi47k61mv5bv1a22bojr"),
            ("ns2.example", "q04jkcevqvmu85r014c7dkba38o0ji5r"),
            ("w.example", "k8udemvp1j2f7eg6jebps17vp3n8i58h"),
            ("*.w.example", "r53bq7cc2uvmubfu5ocmm6pers9tk9en"),
            ("x.w.example", "b4um86eghhds6nea196smvmlo4ors995"),
            ("X.Y.W.Example", "2vptu5timamqttgl4luu9kg21e0aor3s"),
            ("xx.example", "t644ebqk9bibcna874givr6joj62mlhv"),
        ] {
            assert_eq!(owner(parameters, name), format!("{label}.example."), "{name}");
        }
    }

    #[test]
    fn rfc5155_4_2_parameters_that_are_cut_off_or_of_an_unknown_algorithm_are_none() {
        let rdata = b"\x01\x01\x00\x0a\x02\xab\xcd";
        let parameters = Parameters {
            iterations: 10,
            salt: b"\xab\xcd",
        };
        assert_eq!(Parameters::read(rdata), Some((1, parameters)));
        for length in 0..rdata.len() {
            assert_eq!(Parameters::read(&rdata[..length]), None);
        }
        assert_eq!(Parameters::read(b"\x02\x00\x00\x0a\x00"), None);
    }

    #[test]
    fn rfc5155_3_no_owner_where_the_origin_leaves_no_room() {
        let name = |labels: usize| Name::from_wire(&[b"\x01a".repeat(labels), vec![0]].concat()).unwrap();
        let parameters = Parameters {
            iterations: 0,
            salt: b"",
        };
        let mut wire = [0; NAME_BYTES_MAX];
        for (labels, fits) in [(110, true), (111, false)] {
            let origin = name(labels);
            let owner = parameters.owner(NameRef::ROOT, origin.as_name_ref(), &mut wire);
            assert_eq!(owner.is_some(), fits, "{labels}");
        }
    }
}
