//! A machine as a plugin describes it (`plugins/interfaces/io.ballast.Inventory1.varlink`), and what is asked of the
//! description before a name, an address or a label of it becomes a part of a DNS name or of a path.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Octets of an id.
const ID_BYTES_MAX: usize = 128;
/// Octets of a text: a name, a group, the value of a label.
const TEXT_BYTES_MAX: usize = 255;
/// Octets of a label's name.
const LABEL_NAME_BYTES_MAX: usize = 128;
/// Addresses of a host, and its labels.
const ENTRIES_MAX: usize = 64;

/// A host as it stands on the wire and in a snapshot: nothing has been looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireHost {
    /// What no other host ever has.
    pub id: String,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its addresses.
    #[serde(default)]
    pub addresses: Vec<WireAddress>,
    /// The availability zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The auto-scaling group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The virtual network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<String>,
    /// The subnet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet: Option<String>,
    /// The machine's type, as the cloud calls it.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "type")]
    pub kind: Option<String>,
    /// "spot" or "on-demand".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<String>,
    /// "instance-store" or "ebs".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_device: Option<String>,
    /// "pending", "running", "stopping" or "stopped".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Its labels: a cloud's tags.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// An address as it stands on the wire.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireAddress {
    /// In presentation form.
    pub address: String,
    /// Seconds since 1970; none: since ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<i64>,
    /// The first second at which it is the host's no more; none: it is still.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<i64>,
}

/// A host in which nothing can be wrong any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// What no other host ever has: letters, digits, "-", "_" and ".", the first of them a letter or digit.
    pub id: Arc<str>,
    /// Its name: any text, as all that follow.
    pub name: Option<Box<str>>,
    /// Its addresses, in the plugin's order.
    pub addresses: Vec<Address>,
    /// The availability zone.
    pub zone: Option<Box<str>>,
    /// The auto-scaling group.
    pub group: Option<Box<str>>,
    /// The virtual network.
    pub vpc: Option<Box<str>>,
    /// The subnet.
    pub subnet: Option<Box<str>>,
    /// The machine's type, as the cloud calls it.
    pub kind: Option<Box<str>>,
    /// How it is paid for.
    pub lifecycle: Option<Lifecycle>,
    /// What it started from.
    pub root_device: Option<RootDevice>,
    /// What it is doing.
    pub state: Option<HostState>,
    /// Its labels, by name.
    pub labels: BTreeMap<Box<str>, Box<str>>,
}

/// An address, and when it was the host's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// An address in IPv6 that stands for one in IPv4 is that one.
    pub ip: IpAddr,
    /// Seconds since 1970; none: since ever.
    pub valid_from: Option<i64>,
    /// The first second at which it is the host's no more; none: it is still.
    pub valid_until: Option<i64>,
}

impl Address {
    /// Whether it was the host's at this time, in seconds since 1970.
    #[must_use]
    pub fn is_valid_at(&self, time: i64) -> bool {
        self.valid_from.is_none_or(|from| from <= time) && self.valid_until.is_none_or(|until| time < until)
    }
}

/// A text of a few known ones.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$of])* $variant),* }

        impl $name {
            /// As it stands on the wire.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            fn read(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

words! {
    /// How a machine is paid for.
    Lifecycle {
        /// By the price of the hour, and taken away when others pay more.
        Spot = "spot",
        /// By the list.
        OnDemand = "on-demand",
    }
}

words! {
    /// What a machine's root file system is on.
    RootDevice {
        /// A disk of the machine it runs on, which ends with it.
        InstanceStore = "instance-store",
        /// A volume.
        Ebs = "ebs",
    }
}

words! {
    /// What a machine is doing.
    HostState {
        /// It is being started.
        Pending = "pending",
        /// It runs.
        Running = "running",
        /// It is being stopped.
        Stopping = "stopping",
        /// It is stopped and can be started again.
        Stopped = "stopped",
    }
}

/// What is wrong with a host's description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostError {
    /// The host's id, as far as it can be shown.
    pub id: String,
    /// The field: "addresses".
    pub field: &'static str,
    /// What it should be.
    pub wanted: &'static str,
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "host {}: {} is not {}", self.id, self.field, self.wanted)
    }
}

impl std::error::Error for HostError {}

impl TryFrom<WireHost> for Host {
    type Error = HostError;

    fn try_from(wire: WireHost) -> Result<Self, HostError> {
        let shown: String = wire.id.chars().take(64).flat_map(char::escape_debug).collect();
        let wrong = |field, wanted| HostError {
            id: shown.clone(),
            field,
            wanted,
        };
        let text = |field, value: Option<String>| match value {
            None => Ok(None),
            // No text at all says as much as no field.
            Some(value) if value.is_empty() => Ok(None),
            Some(value) if is_text(&value) => Ok(Some(value.into_boxed_str())),
            Some(_) => Err(wrong(field, TEXT)),
        };
        if !is_id(&wire.id) {
            return Err(wrong(
                "id",
                "1 to 128 letters, digits, \"-\", \"_\" and \".\", the first a letter or digit",
            ));
        }
        if wire.addresses.len() > ENTRIES_MAX {
            return Err(wrong("addresses", "a list of at most 64"));
        }
        if wire.labels.len() > ENTRIES_MAX {
            return Err(wrong("labels", "a map of at most 64"));
        }
        let addresses = wire.addresses.iter().map(|address| {
            read_address(address).ok_or_else(|| {
                wrong(
                    "addresses",
                    "a list of IP addresses, each valid from a time until a later one",
                )
            })
        });
        let addresses = addresses.collect::<Result<_, _>>()?;
        let labels = wire.labels.into_iter().map(|(name, value)| {
            let is_name = !name.is_empty() && name.len() <= LABEL_NAME_BYTES_MAX && is_text(&name);
            match is_name && is_text(&value) {
                true => Ok((name.into_boxed_str(), value.into_boxed_str())),
                false => Err(wrong(
                    "labels",
                    "a map from names of 1 to 128 octets to texts of at most 255, without control characters",
                )),
            }
        });
        let labels = labels.collect::<Result<_, _>>()?;
        let word = |field, wanted, value: Option<String>, is_known: bool| match value {
            Some(_) if !is_known => Err(wrong(field, wanted)),
            _ => Ok(()),
        };
        let lifecycle = wire.lifecycle.as_deref().and_then(Lifecycle::read);
        word(
            "lifecycle",
            "\"spot\" or \"on-demand\"",
            wire.lifecycle,
            lifecycle.is_some(),
        )?;
        let root_device = wire.root_device.as_deref().and_then(RootDevice::read);
        word(
            "rootDevice",
            "\"instance-store\" or \"ebs\"",
            wire.root_device,
            root_device.is_some(),
        )?;
        let state = wire.state.as_deref().and_then(HostState::read);
        word(
            "state",
            "\"pending\", \"running\", \"stopping\" or \"stopped\"",
            wire.state,
            state.is_some(),
        )?;
        Ok(Self {
            name: text("name", wire.name)?,
            addresses,
            zone: text("zone", wire.zone)?,
            group: text("group", wire.group)?,
            vpc: text("vpc", wire.vpc)?,
            subnet: text("subnet", wire.subnet)?,
            kind: text("type", wire.kind)?,
            lifecycle,
            root_device,
            state,
            labels,
            id: wire.id.into(),
        })
    }
}

impl From<&Host> for WireHost {
    fn from(host: &Host) -> Self {
        let text = |value: &Option<Box<str>>| value.as_deref().map(str::to_owned);
        Self {
            id: host.id.to_string(),
            name: text(&host.name),
            addresses: host.addresses.iter().map(WireAddress::from).collect(),
            zone: text(&host.zone),
            group: text(&host.group),
            vpc: text(&host.vpc),
            subnet: text(&host.subnet),
            kind: text(&host.kind),
            lifecycle: host.lifecycle.map(|word| word.as_str().to_owned()),
            root_device: host.root_device.map(|word| word.as_str().to_owned()),
            state: host.state.map(|word| word.as_str().to_owned()),
            labels: host
                .labels
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect(),
        }
    }
}

impl From<&Address> for WireAddress {
    fn from(address: &Address) -> Self {
        Self {
            address: address.ip.to_string(),
            valid_from: address.valid_from,
            valid_until: address.valid_until,
        }
    }
}

const TEXT: &str = "a text of at most 255 octets without control characters";

fn is_text(text: &str) -> bool {
    text.len() <= TEXT_BYTES_MAX && !text.contains(char::is_control)
}

/// Whether a text can be a host's id. It is a path component as it stands, and a DNS label if it has no dot.
#[must_use]
pub fn is_id(id: &str) -> bool {
    id.len() <= ID_BYTES_MAX
        && id.starts_with(|first: char| first.is_ascii_alphanumeric())
        && id
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn read_address(wire: &WireAddress) -> Option<Address> {
    let ip: IpAddr = wire.address.parse().ok()?;
    let is_ordered = match (wire.valid_from, wire.valid_until) {
        (Some(from), Some(until)) => from < until,
        _ => true,
    };
    is_ordered.then(|| Address {
        ip: ip.to_canonical(),
        valid_from: wire.valid_from,
        valid_until: wire.valid_until,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire() -> WireHost {
        serde_json::from_str(
            r#"{"id": "i-0a1b", "name": "web 1", "type": "m5.large", "zone": "eu-west-1a", "lifecycle": "spot", "rootDevice": "ebs",
                "state": "running", "labels": {"Name": "web"}, "later": 1,
                "addresses": [{"address": "10.0.0.7", "validFrom": 10, "validUntil": 20}, {"address": "2001:db8::7"}]}"#,
        )
        .unwrap()
    }

    #[test]
    fn a_host_comes_off_the_wire_and_goes_back() {
        let host = Host::try_from(wire()).unwrap();
        assert_eq!(host.addresses[0].ip, "10.0.0.7".parse::<IpAddr>().unwrap());
        assert_eq!(host.lifecycle, Some(Lifecycle::Spot));
        assert_eq!(WireHost::from(&host), wire());
        let back: WireHost = serde_json::from_value(serde_json::to_value(wire()).unwrap()).unwrap();
        assert_eq!(back, wire());
    }

    #[test]
    fn an_address_is_a_hosts_from_a_time_until_another() {
        let host = Host::try_from(wire()).unwrap();
        let [first, second] = host.addresses[..] else { panic!() };
        let valid = |time| (first.is_valid_at(time), second.is_valid_at(time));
        assert_eq!(
            [valid(9), valid(10), valid(19), valid(20)],
            [(false, true), (true, true), (true, true), (false, true)]
        );
    }

    #[test]
    fn what_could_do_harm_is_refused() {
        let refused = |change: fn(&mut WireHost)| {
            let mut host = wire();
            change(&mut host);
            Host::try_from(host).unwrap_err().field
        };
        for id in ["", ".", "..", "-x", "a/b", "a\0b", "ä", " a"] {
            let host = WireHost {
                id: id.into(),
                ..wire()
            };
            assert_eq!(Host::try_from(host).unwrap_err().field, "id", "{id:?}");
        }
        assert_eq!(refused(|host| host.id = "x".repeat(129)), "id");
        assert_eq!(refused(|host| host.name = Some("a\nb".into())), "name");
        assert_eq!(refused(|host| host.group = Some("x".repeat(256))), "group");
        assert_eq!(
            refused(|host| host.addresses[0].address = "10.0.0.0/8".into()),
            "addresses"
        );
        assert_eq!(refused(|host| host.addresses[0].valid_from = Some(20)), "addresses");
        assert_eq!(
            refused(|host| host.addresses = vec![host.addresses[0].clone(); 65]),
            "addresses"
        );
        assert_eq!(refused(|host| host.lifecycle = Some("lent".into())), "lifecycle");
        assert_eq!(refused(|host| host.state = Some("terminated".into())), "state");
        assert_eq!(
            refused(|host| drop(host.labels.insert(String::new(), "x".into()))),
            "labels"
        );
        assert_eq!(
            refused(|host| drop(host.labels.insert("x".into(), "a\u{7f}".into()))),
            "labels"
        );
        assert_eq!(
            refused(|host| host.labels = (0..65).map(|n| (n.to_string(), String::new())).collect()),
            "labels"
        );
    }
}
