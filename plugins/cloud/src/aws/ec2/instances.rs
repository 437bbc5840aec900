//! DescribeInstances.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::super::Client;
use super::super::error::{Error, Malformed};
use super::super::operation::Operation;
use super::super::xml::Element;
use super::{Filter, form, seconds_of, tags};

/// Ids that one call may name by a filter.
const IDS_MAX: usize = 200;

/// A machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Instance {
    /// "i-…".
    pub id: String,
    /// "pending", "running", "shutting-down", "terminated", "stopping", "stopped".
    pub state: String,
    /// "m5.large".
    pub kind: Option<String>,
    /// The availability zone.
    pub zone: Option<String>,
    /// The virtual network.
    pub vpc: Option<String>,
    /// The subnet.
    pub subnet: Option<String>,
    /// Whether it is a spot instance.
    pub is_spot: bool,
    /// "ebs" or "instance-store".
    pub root_device: Option<String>,
    /// When it was started last, in seconds since 1970.
    pub launched: Option<i64>,
    /// Its addresses; the primary private one comes first.
    pub addresses: Vec<InstanceAddress>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// An address of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstanceAddress {
    /// The address.
    pub ip: IpAddr,
    /// When the interface that it is on came to the machine, in seconds since 1970.
    pub attached: Option<i64>,
    /// Whether it is one of the outside, which is lent: it is taken back when the machine is stopped, and an elastic one may
    /// be given to another machine at any time.
    pub is_public: bool,
}

impl Client {
    /// All instances that pass all of the filters, those that ended in the past hour among them.
    ///
    /// # Errors
    /// When a page of the list can't be had.
    pub async fn instances(&self, filters: &[Filter]) -> Result<Vec<Instance>, Error> {
        let form = form(Operation::DescribeInstances, filters);
        self.listing(form, Some(self.inner.page_instances), "DescribeInstancesResponse", read)
            .await
    }

    /// Those of these instances that there are, in no order. An id that there is no instance of is no error, other than where
    /// EC2 is asked for an id outright.
    ///
    /// # Errors
    /// When a page of the list can't be had.
    pub async fn instances_by_id(&self, ids: &[String], filters: &[Filter]) -> Result<Vec<Instance>, Error> {
        let mut found = Vec::new();
        for ids in ids.chunks(IDS_MAX) {
            let mut filters = filters.to_vec();
            filters.push(Filter::new("instance-id", ids.iter().cloned()));
            found.extend(self.instances(&filters).await?);
        }
        Ok(found)
    }
}

fn read(page: &Element) -> Result<Vec<Instance>, Error> {
    let mut instances = Vec::new();
    for reservation in page.need_list("reservationSet", "item")? {
        for instance in reservation.need_list("instancesSet", "item")? {
            instances.push(read_instance(instance)?);
        }
    }
    Ok(instances)
}

fn read_instance(element: &Element) -> Result<Instance, Malformed> {
    let placement = element.child("placement");
    Ok(Instance {
        id: element.need_text("instanceId")?,
        state: element.need("instanceState")?.need_text("name")?,
        kind: element.string_of("instanceType"),
        zone: placement.and_then(|placement| placement.string_of("availabilityZone")),
        vpc: element.string_of("vpcId"),
        subnet: element.string_of("subnetId"),
        is_spot: element.text_of("instanceLifecycle") == Some("spot"),
        root_device: element.string_of("rootDeviceType"),
        launched: seconds_of(element, "launchTime"),
        addresses: read_addresses(element)?,
        tags: tags(element),
    })
}

/// Those of its interfaces, with what is theirs in public; and what it says of itself where it has no interfaces to speak of,
/// as on Eucalyptus without a VPC.
fn read_addresses(element: &Element) -> Result<Vec<InstanceAddress>, Malformed> {
    const PRIVATE: bool = false;
    const PUBLIC: bool = true;
    let mut addresses: Vec<InstanceAddress> = Vec::new();
    let mut push = |text: Option<&str>, attached, is_public| -> Result<(), Malformed> {
        let Some(text) = text else { return Ok(()) };
        let ip: IpAddr = text.parse().map_err(|_| Malformed::Wrong("an address"))?;
        if !addresses.iter().any(|address| address.ip == ip) {
            addresses.push(InstanceAddress {
                ip,
                attached,
                is_public,
            });
        }
        Ok(())
    };
    let public_of = |element: &Element| {
        element
            .child("association")
            .and_then(|public| public.string_of("publicIp"))
    };
    let attached_of = |interface: &Element| seconds_of(interface.child("attachment")?, "attachTime");
    let interfaces: Vec<&Element> = element.list("networkInterfaceSet", "item").collect();
    // What it says of itself is the primary interface's.
    let primary = interfaces.iter().find(|interface| {
        let attachment = interface.child("attachment");
        attachment.and_then(|attachment| attachment.text_of("deviceIndex")) == Some("0")
    });
    let attached = primary.and_then(|interface| attached_of(interface));
    push(element.text_of("privateIpAddress"), attached, PRIVATE)?;
    push(element.text_of("ipAddress"), attached, PUBLIC)?;
    for interface in interfaces {
        let attached = attached_of(interface);
        push(interface.text_of("privateIpAddress"), attached, PRIVATE)?;
        for address in interface.list("privateIpAddressesSet", "item") {
            push(address.text_of("privateIpAddress"), attached, PRIVATE)?;
            push(public_of(address).as_deref(), attached, PUBLIC)?;
        }
        push(public_of(interface).as_deref(), attached, PUBLIC)?;
        for address in interface.list("ipv6AddressesSet", "item") {
            push(address.text_of("ipv6Address"), attached, PRIVATE)?;
        }
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn page(instance: &str) -> Result<Vec<Instance>, Error> {
        let text = format!(
            "<DescribeInstancesResponse><reservationSet><item><instancesSet><item>{instance}</item></instancesSet></item></reservationSet></DescribeInstancesResponse>"
        );
        read(&Element::read(text.as_bytes(), "DescribeInstancesResponse").unwrap())
    }

    #[test]
    fn an_instance_has_the_addresses_of_all_its_interfaces() {
        let instances = page(
            "<instanceId>i-1</instanceId><instanceState><code>16</code><name>running</name></instanceState>
             <privateIpAddress>10.0.0.5</privateIpAddress><ipAddress>192.0.2.1</ipAddress><launchTime>2026-01-01T00:00:00.000Z</launchTime>
             <instanceLifecycle>spot</instanceLifecycle><rootDeviceType>ebs</rootDeviceType>
             <tagSet><item><key>Name</key><value>a</value></item><item><key>empty</key><value/></item></tagSet>
             <networkInterfaceSet>
               <item><privateIpAddress>10.0.1.6</privateIpAddress><attachment><deviceIndex>1</deviceIndex><attachTime>2026-01-02T00:00:00Z</attachTime></attachment></item>
               <item><privateIpAddress>10.0.0.5</privateIpAddress><attachment><deviceIndex>0</deviceIndex><attachTime>2026-01-01T00:00:01Z</attachTime></attachment>
                 <association><publicIp>192.0.2.1</publicIp></association>
                 <privateIpAddressesSet><item><privateIpAddress>10.0.0.5</privateIpAddress></item><item><privateIpAddress>10.0.0.9</privateIpAddress></item></privateIpAddressesSet>
                 <ipv6AddressesSet><item><ipv6Address>2001:db8::5</ipv6Address></item></ipv6AddressesSet></item>
             </networkInterfaceSet>",
        )
        .unwrap();
        let addresses: Vec<(String, Option<i64>)> = instances[0]
            .addresses
            .iter()
            .map(|address| (address.ip.to_string(), address.attached))
            .collect();
        let (first, second) = (Some(1_767_225_601), Some(1_767_312_000));
        let expected = [
            ("10.0.0.5", first),
            ("192.0.2.1", first),
            ("10.0.1.6", second),
            ("10.0.0.9", first),
            ("2001:db8::5", first),
        ];
        assert_eq!(addresses, expected.map(|(ip, attached)| (ip.to_owned(), attached)));
        assert!(instances[0].is_spot);
        assert_eq!(instances[0].launched, Some(1_767_225_600));
        assert_eq!(instances[0].tags["empty"], "");
    }

    #[test]
    fn an_answer_without_what_it_has_to_have_is_no_shorter_list() {
        let empty = Element::read(b"<DescribeInstancesResponse/>", "DescribeInstancesResponse").unwrap();
        assert_eq!(read(&empty), Err(Malformed::Missing("reservationSet").into()));
        assert_eq!(page(""), Err(Malformed::Missing("instanceId").into()));
        assert_eq!(
            page("<instanceId>i-1</instanceId>"),
            Err(Malformed::Missing("instanceState").into())
        );
        let wrong =
            "<instanceId>i-1</instanceId><instanceState><name>running</name></instanceState><ipAddress>x</ipAddress>";
        assert_eq!(page(wrong), Err(Malformed::Wrong("an address").into()));
    }

    proptest! {
        #[test]
        fn no_tree_does_harm(text in "(<(reservationSet|instancesSet|item|instanceId|ipAddress|networkInterfaceSet|attachment)>|</[a-z]{1,3}>|x){0,30}") {
            if let Ok(tree) = Element::read_any(format!("<R>{text}</R>").as_bytes()) {
                let _ = read(&tree);
                let _ = read_instance(&tree);
            }
        }
    }
}
