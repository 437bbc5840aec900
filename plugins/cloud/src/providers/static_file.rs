//! Machines that somebody writes down, in a file that is read again when it is edited:
//!
//! ```toml
//! [host."i-0a1b2c3d"]
//! name = "web-1"
//! addresses = ["10.0.0.7", { address = "10.0.0.9", valid-from = 1790000000 }]
//! group = "web"
//! labels = { Name = "web", role = "frontend" }
//! ```
//!
//! The other keys are those of a host in `io.ballast.Inventory1`, in kebab-case: `zone`, `vpc`, `subnet`, `type`, `lifecycle`,
//! `root-device`, `state`.

mod follow;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ballast_shared::config::{Diagnostics, FromValue, Table, Value};
use ballast_shared::plugin::host::{Host, WireAddress, WireHost};

pub use follow::follow;

use crate::inventory::Listing;

/// What a file says, and the files that it includes, itself among them; an error is the text to show, with every place.
///
/// # Errors
/// When the file can't be read or says something that is no host.
pub fn read(path: &Path) -> Result<(Listing, Vec<PathBuf>), (String, Vec<PathBuf>)> {
    let diagnostics = Diagnostics::new();
    let mut hosts = Vec::new();
    ballast_shared::config::load(path, &diagnostics, &mut |root| {
        for (id, value) in root.table("host").iter().flat_map(Table::entries) {
            let Some(table) = value.table() else { continue };
            let wire = read_host(&table, id.name);
            match Host::try_from(wire) {
                Ok(host) => hosts.push((id.span, host)),
                Err(error) => diagnostics.error(id.span, error.to_string()),
            }
        }
    });
    let mut places = BTreeMap::new();
    for (span, host) in &hosts {
        if let Some(first) = places.insert(host.id.clone(), *span) {
            let first = diagnostics.place(first);
            diagnostics.error(*span, format!("host {} is there already, at {first}", host.id));
        }
    }
    let files = diagnostics.files();
    if diagnostics.has_errors() {
        return Err((diagnostics.to_string(), files));
    }
    Ok((Listing::new(hosts.into_iter().map(|(_, host)| host)), files))
}

fn read_host(table: &Table<'_>, id: String) -> WireHost {
    let addresses = table.optional::<Vec<AddressKey>>("addresses").unwrap_or_default();
    let labels = table.table("labels").map(|labels| {
        let entries = labels.entries().into_iter();
        let texts = entries.filter_map(|(name, value)| Some((name.name, String::from_value(value)?)));
        texts.collect::<BTreeMap<_, _>>()
    });
    WireHost {
        id,
        name: table.optional("name"),
        addresses: addresses.into_iter().map(|address| address.0).collect(),
        zone: table.optional("zone"),
        group: table.optional("group"),
        vpc: table.optional("vpc"),
        subnet: table.optional("subnet"),
        kind: table.optional("type"),
        lifecycle: table.optional("lifecycle"),
        root_device: table.optional("root-device"),
        state: table.optional("state"),
        labels: labels.unwrap_or_default(),
    }
}

/// An address alone, or with its times.
struct AddressKey(WireAddress);

impl FromValue for AddressKey {
    fn from_value(value: Value<'_>) -> Option<Self> {
        if value.is_string() {
            let address = value.string()?.to_owned();
            return Some(Self(WireAddress {
                address,
                ..WireAddress::default()
            }));
        }
        let table = value.table()?;
        let (valid_from, valid_until) = (table.optional("valid-from"), table.optional("valid-until"));
        Some(Self(WireAddress {
            address: table.required("address")?,
            valid_from,
            valid_until,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Listing, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("inventory.toml");
        std::fs::write(&path, text).unwrap();
        let read = read(&path).map(|(listing, _)| listing).map_err(|(said, _)| said);
        read.map_err(|said| said.replace(&format!("{}/", dir.path().display()), ""))
    }

    #[test]
    fn a_host_has_what_the_interface_knows() {
        let listing = read_text(
            r#"
            [host."i-1"]
            name = "web-1"
            addresses = ["10.0.0.7", { address = "2001:db8::7", valid-from = 10, valid-until = 20 }]
            zone = "eu-west-1a"
            group = "web"
            vpc = "vpc-1"
            subnet = "subnet-1"
            type = "m5.large"
            lifecycle = "spot"
            root-device = "ebs"
            state = "running"
            labels = { Name = "web" }
            [host."i-2"]
            "#,
        );
        let first = WireHost {
            id: "i-1".into(),
            name: Some("web-1".into()),
            addresses: vec![
                WireAddress {
                    address: "10.0.0.7".into(),
                    ..WireAddress::default()
                },
                WireAddress {
                    address: "2001:db8::7".into(),
                    valid_from: Some(10),
                    valid_until: Some(20),
                },
            ],
            zone: Some("eu-west-1a".into()),
            group: Some("web".into()),
            vpc: Some("vpc-1".into()),
            subnet: Some("subnet-1".into()),
            kind: Some("m5.large".into()),
            lifecycle: Some("spot".into()),
            root_device: Some("ebs".into()),
            state: Some("running".into()),
            labels: BTreeMap::from([("Name".into(), "web".into())]),
        };
        let second = WireHost {
            id: "i-2".into(),
            ..WireHost::default()
        };
        let hosts = [first, second].map(|wire| Host::try_from(wire).unwrap());
        assert_eq!(listing.unwrap(), Listing::new(hosts));
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once_with_its_place() {
        let said = read_text(
            "[host.a]\naddresses = [\"10.0.0.300\"]\n[host.b]\nnmae = \"x\"\n[host.\"../c\"]\n[host.d]\nlabels = { a = 1 }\n",
        )
        .unwrap_err();
        let places: Vec<&str> = said.lines().filter(|line| line.starts_with("inventory.toml")).collect();
        assert_eq!(
            places,
            [
                "inventory.toml:1:7: host a: addresses is not a list of IP addresses, each valid from a time until a later one",
                "inventory.toml:4:1: unknown key `nmae`",
                "inventory.toml:5:7: host ../c: id is not 1 to 128 letters, digits, \"-\", \"_\" and \".\", the first a letter or digit",
                "inventory.toml:7:16: expected a string, found a number",
            ],
            "{said}"
        );
    }

    #[test]
    fn a_host_is_there_once_in_all_files() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("inventory.toml");
        std::fs::write(&path, "include = [\"more/*.toml\"]\n[host.a]\n").unwrap();
        std::fs::create_dir(dir.path().join("more")).unwrap();
        let more = dir.path().join("more/1.toml");
        std::fs::write(&more, "[host.b]\n").unwrap();
        let (listing, files) = read(&path).unwrap();
        assert_eq!((listing.len(), files), (2, vec![path.clone(), more.clone()]));
        std::fs::write(&more, "[host.a]\n").unwrap();
        let (said, _) = read(&path).unwrap_err();
        assert!(said.contains("host a is there already"), "{said}");
    }
}
