//! The zones that are served: the same text in every run, written out in full (absolute names, a class and a TTL in every
//! record), so that no server has less to read than another.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

/// What a zone holds beside its apex. The names are made of a letter and a number, so a query for any of them can be made
/// from the counts alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The zone's name, without the dot at its end.
    pub origin: &'static str,
    /// `hN`, each with an A and an AAAA record.
    pub hosts: u32,
    /// `cN`, each the CNAME of a host.
    pub aliases: u32,
    /// `mN`, each with an MX record that names a host.
    pub exchanges: u32,
    /// `tN`, each with a TXT record.
    pub texts: u32,
    /// `*.wN`, each with an A record.
    pub wildcards: u32,
    /// `dN`, each delegated to two name servers below it, with glue.
    pub delegations: u32,
}

/// The zone of the mix: 100,000 hosts.
pub const HOSTS: Layout = Layout {
    origin: "bench.example",
    hosts: 100_000,
    aliases: 5_000,
    exchanges: 2_000,
    texts: 2_000,
    wildcards: 20,
    delegations: 200,
};

/// The zone of 1,000,000 records.
pub const MILLION: Layout = Layout {
    origin: "million.example",
    hosts: 400_000,
    aliases: 100_000,
    exchanges: 45_000,
    texts: 45_000,
    wildcards: 1_995,
    delegations: 2_000,
};

/// A zone of 1,000 records, as a firm edits by hand.
pub const THOUSAND: Layout = Layout {
    origin: "thousand.example",
    hosts: 400,
    aliases: 100,
    exchanges: 45,
    texts: 40,
    wildcards: 2,
    delegations: 2,
};

/// How many small zones are loaded together.
pub const SMALL_ZONES: u32 = 10_000;

/// Records at the apex and of its name servers, the same in all zones.
const APEX_RECORDS: u32 = 5;

impl Layout {
    /// How many records the zone has.
    #[must_use]
    pub fn records(&self) -> u32 {
        APEX_RECORDS
            + 2 * self.hosts
            + self.aliases
            + self.exchanges
            + self.texts
            + self.wildcards
            + 4 * self.delegations
    }

    /// The zone as a master file, with this serial.
    #[must_use]
    pub fn text(&self, serial: u32) -> String {
        self.edited(serial, &[])
    }

    /// The zone as a master file after some edits: each has given so many hosts another address, all over the zone, and none
    /// that an edit before it had.
    ///
    /// # Panics
    /// When an edit is of no hosts, or of more than there are.
    #[must_use]
    pub fn edited(&self, serial: u32, edits: &[u32]) -> String {
        // A little more than a record is long on average.
        let mut text = String::with_capacity(self.records() as usize * 56);
        self.write(&mut text, serial, edits).expect("a string takes everything");
        text
    }

    fn write(&self, text: &mut String, serial: u32, edits: &[u32]) -> std::fmt::Result {
        let z = self.origin;
        write_apex(text, z, serial)?;
        // An edit changes each host whose number has this remainder, which is another one for each edit.
        let edits: Vec<(u32, u32)> = (0..).zip(edits).map(|(n, hosts)| (n, self.hosts / hosts)).collect();
        assert!(
            edits.iter().all(|&(n, step)| n < step),
            "an edit is of some of the hosts"
        );
        for n in 0..self.hosts {
            let edit = edits.iter().find(|&&(edit, step)| n % step == edit);
            let address = edit.map_or_else(|| ipv4(n), |&(edit, _)| edited_ipv4(n, edit));
            writeln!(text, "h{n:06}.{z}. 300 IN A {address}")?;
            writeln!(text, "h{n:06}.{z}. 300 IN AAAA {}", ipv6(n))?;
        }
        let hosts_per_alias = self.hosts.checked_div(self.aliases).unwrap_or(0);
        for n in 0..self.aliases {
            writeln!(text, "c{n:06}.{z}. 300 IN CNAME h{:06}.{z}.", n * hosts_per_alias)?;
        }
        for n in 0..self.exchanges {
            writeln!(text, "m{n:06}.{z}. 300 IN MX 10 h{n:06}.{z}.")?;
        }
        for n in 0..self.texts {
            writeln!(text, "t{n:06}.{z}. 300 IN TXT \"v=spf1 ip4:{} -all\"", ipv4(n))?;
        }
        for n in 0..self.wildcards {
            writeln!(text, "*.w{n:04}.{z}. 300 IN A {}", ipv4(n))?;
        }
        for n in 0..self.delegations {
            for server in ["ns1", "ns2"] {
                writeln!(text, "d{n:04}.{z}. 3600 IN NS {server}.d{n:04}.{z}.")?;
                writeln!(text, "{server}.d{n:04}.{z}. 3600 IN A {}", ipv4(n))?;
            }
        }
        Ok(())
    }
}

/// The name of a small zone, without the dot at its end.
#[must_use]
pub fn small_origin(n: u32) -> String {
    format!("z{n:05}.example")
}

/// A small zone as a master file: ten records, as of a firm with a web and a mail server.
#[must_use]
pub fn small_text(n: u32, serial: u32) -> String {
    let mut text = String::with_capacity(600);
    write_small(&mut text, n, serial).expect("a string takes everything");
    text
}

fn write_small(text: &mut String, n: u32, serial: u32) -> std::fmt::Result {
    let z = small_origin(n);
    write_apex(text, &z, serial)?;
    writeln!(text, "{z}. 3600 IN MX 10 mail.{z}.")?;
    writeln!(text, "{z}. 3600 IN TXT \"v=spf1 mx -all\"")?;
    writeln!(text, "www.{z}. 300 IN A {}", ipv4(n))?;
    writeln!(text, "www.{z}. 300 IN AAAA {}", ipv6(n))?;
    writeln!(text, "mail.{z}. 300 IN A {}", ipv4(n))
}

fn write_apex(text: &mut String, z: &str, serial: u32) -> std::fmt::Result {
    writeln!(
        text,
        "{z}. 3600 IN SOA ns1.{z}. hostmaster.{z}. {serial} 7200 900 1209600 300"
    )?;
    for (server, address) in [("ns1", "192.0.2.1"), ("ns2", "192.0.2.2")] {
        writeln!(text, "{z}. 3600 IN NS {server}.{z}.")?;
        writeln!(text, "{server}.{z}. 3600 IN A {address}")?;
    }
    Ok(())
}

fn ipv4(n: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(10 << 24 | n)
}

/// What an edit makes of a host's address.
fn edited_ipv4(n: u32, edit: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits((11 + edit) << 24 | n)
}

fn ipv6(n: u32) -> Ipv6Addr {
    let [high, low] = [n >> 16, n & 0xFFFF];
    Ipv6Addr::new(0x2001, 0xDB8, high as u16, 0, 0, 0, 0, low as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: Layout = Layout {
        origin: "few.example",
        hosts: 10,
        aliases: 5,
        exchanges: 2,
        texts: 2,
        wildcards: 3,
        delegations: 2,
    };

    #[test]
    fn a_zone_has_a_line_for_each_record() {
        assert_eq!(FEW.text(1).lines().count(), FEW.records() as usize);
        assert_eq!(small_text(7, 1).lines().count(), 10);
    }

    #[test]
    fn the_million_is_a_million_and_the_thousand_a_thousand() {
        assert_eq!(MILLION.records(), 1_000_000);
        assert_eq!(THOUSAND.records(), 1000);
    }

    #[test]
    fn only_the_serial_differs_between_two_versions() {
        let (first, second) = (FEW.text(1), FEW.text(2));
        let different: Vec<&str> = first
            .lines()
            .zip(second.lines())
            .filter(|(a, b)| a != b)
            .map(|(a, _)| a)
            .collect();
        assert_eq!(
            different,
            ["few.example. 3600 IN SOA ns1.few.example. hostmaster.few.example. 1 7200 900 1209600 300"]
        );
    }

    #[test]
    fn an_edit_changes_so_many_hosts_and_leaves_those_of_the_edits_before() {
        let different = |a: &str, b: &str| a.lines().zip(b.lines()).filter(|(a, b)| a != b).count();
        let versions = [
            THOUSAND.text(1),
            THOUSAND.edited(1, &[100]),
            THOUSAND.edited(1, &[100, 10]),
        ];
        assert_eq!(different(&versions[0], &versions[1]), 100);
        assert_eq!(different(&versions[1], &versions[2]), 10);
    }

    #[test]
    fn a_zone_without_aliases_divides_by_nothing() {
        let none = Layout { aliases: 0, ..FEW };
        assert_eq!(none.text(1).lines().count(), none.records() as usize);
    }
}
