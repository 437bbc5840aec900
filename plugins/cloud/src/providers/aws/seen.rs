//! Which addresses machines have had, and when: EC2 says what a machine has now, and when it was started, but not since when
//! an address has been its own.

use std::collections::HashMap;
use std::net::IpAddr;

use ballast_shared::plugin::host::WireAddress;

use crate::aws::ec2::Instance;

/// An address that a machine has no more is told for so long, in seconds: by then what it sent with it has arrived.
const ENDED_KEPT: i64 = 3600;
/// Addresses that are told of a machine: the most that a host may have.
const ADDRESSES_MAX: usize = 64;

/// The addresses of all machines that were seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    machines: HashMap<String, Machine>,
}

#[derive(Debug)]
struct Machine {
    /// When it was looked at last.
    looked: i64,
    addresses: Vec<Had>,
}

#[derive(Debug)]
struct Had {
    ip: IpAddr,
    from: Option<i64>,
    until: Option<i64>,
}

impl Seen {
    /// The addresses of a machine that is looked at now, in seconds since 1970; those that it has lost are behind the others.
    pub(super) fn addresses(&mut self, instance: &Instance, now: i64) -> Vec<WireAddress> {
        let before = self.machines.remove(&instance.id);
        let looked = before.as_ref().map(|machine| machine.looked);
        let mut had = before.map(|machine| machine.addresses).unwrap_or_default();
        let mut addresses = Vec::with_capacity(instance.addresses.len());
        for address in &instance.addresses {
            if let Some(place) = had.iter().position(|had| had.ip == address.ip && had.until.is_none()) {
                addresses.push(had.swap_remove(place));
                continue;
            }
            // A private address is the interface's; a public one is given at each start.
            let given = match address.is_public {
                true => instance.launched.max(address.attached),
                false => address.attached.or(instance.launched),
            };
            addresses.push(Had {
                ip: address.ip,
                // It did not have it when it was looked at last.
                from: given.max(looked),
                until: None,
            });
        }
        had.sort_by_key(|had| std::cmp::Reverse(had.until.unwrap_or(i64::MAX)));
        for mut lost in had {
            let until = *lost.until.get_or_insert(now);
            // One that came and went within a second is none.
            if until > now - ENDED_KEPT && lost.from.is_none_or(|from| from < until) {
                addresses.push(lost);
            }
        }
        addresses.truncate(ADDRESSES_MAX);
        let told = addresses.iter().map(|had| WireAddress {
            address: had.ip.to_string(),
            valid_from: had.from,
            valid_until: had.until,
        });
        let told = told.collect();
        self.machines
            .insert(instance.id.clone(), Machine { looked: now, addresses });
        told
    }

    /// A machine is gone.
    pub(super) fn forget(&mut self, id: &str) {
        self.machines.remove(id);
    }

    /// All machines are gone but those that this is true of.
    pub(super) fn retain(&mut self, is_there: impl Fn(&str) -> bool) {
        self.machines.retain(|id, _| is_there(id));
    }
}

#[cfg(test)]
mod tests {
    use ballast_shared::plugin::host::{Host, WireHost};
    use proptest::prelude::*;

    use super::*;
    use crate::aws::ec2::InstanceAddress;

    fn instance(launched: i64, addresses: &[(u8, Option<i64>, bool)]) -> Instance {
        let address = |(last, attached, is_public): &(u8, Option<i64>, bool)| InstanceAddress {
            ip: IpAddr::from([10, 0, 0, *last]),
            attached: *attached,
            is_public: *is_public,
        };
        Instance {
            id: "i-1".into(),
            launched: Some(launched),
            addresses: addresses.iter().map(address).collect(),
            ..Instance::default()
        }
    }

    fn told(seen: &mut Seen, instance: &Instance, now: i64) -> Vec<(String, Option<i64>, Option<i64>)> {
        let addresses = seen.addresses(instance, now).into_iter();
        addresses
            .map(|address| {
                (
                    address.address.replace("10.0.0.", ""),
                    address.valid_from,
                    address.valid_until,
                )
            })
            .collect()
    }

    #[test]
    fn an_address_is_a_machines_since_it_was_started_or_the_interface_came() {
        let mut seen = Seen::default();
        let instance = instance(100, &[(1, Some(50), false), (2, None, false), (3, Some(50), true)]);
        let expected = [(1, 50), (2, 100), (3, 100)].map(|(last, from)| (last.to_string(), Some(from), None));
        assert_eq!(told(&mut seen, &instance, 200), expected);
    }

    #[test]
    fn an_address_that_comes_later_is_a_machines_since_the_last_look() {
        let mut seen = Seen::default();
        told(&mut seen, &instance(100, &[(1, None, false)]), 200);
        let with_elastic = instance(100, &[(1, None, false), (9, None, true)]);
        let expected = [("1".to_owned(), Some(100), None), ("9".to_owned(), Some(200), None)];
        assert_eq!(told(&mut seen, &with_elastic, 260), expected);
        assert_eq!(told(&mut seen, &with_elastic, 320), expected, "and stays so");
    }

    #[test]
    fn an_address_that_was_lost_is_told_with_its_end_for_a_while() {
        let mut seen = Seen::default();
        told(&mut seen, &instance(100, &[(1, None, false), (9, None, true)]), 200);
        let without = instance(100, &[(1, None, false)]);
        let expected = [
            ("1".to_owned(), Some(100), None),
            ("9".to_owned(), Some(100), Some(260)),
        ];
        assert_eq!(told(&mut seen, &without, 260), expected);
        assert_eq!(told(&mut seen, &without, 260 + ENDED_KEPT - 1), expected);
        assert_eq!(told(&mut seen, &without, 260 + ENDED_KEPT), expected[..1]);
    }

    #[test]
    fn an_address_that_comes_back_is_another_time() {
        let mut seen = Seen::default();
        let (with, without) = (instance(100, &[(9, None, true)]), instance(100, &[]));
        told(&mut seen, &with, 200);
        told(&mut seen, &without, 260);
        let expected = [
            ("9".to_owned(), Some(260), None),
            ("9".to_owned(), Some(100), Some(260)),
        ];
        assert_eq!(told(&mut seen, &with, 320), expected);
    }

    proptest! {
        #[test]
        fn what_is_told_can_be_taken(looks in prop::collection::vec((0i64..5000, prop::collection::vec((any::<u8>(), prop::option::of(0i64..9000), any::<bool>()), 0..70)), 0..12)) {
            let mut seen = Seen::default();
            let mut now = 0;
            for (later, addresses) in looks {
                now += later;
                let addresses = seen.addresses(&instance(10, &addresses), now);
                let host = WireHost { id: "i-1".into(), addresses, ..WireHost::default() };
                prop_assert!(Host::try_from(host).is_ok());
            }
        }
    }
}
