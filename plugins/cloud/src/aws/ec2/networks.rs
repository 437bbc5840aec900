//! DescribeVpcs, DescribeSubnets, DescribeInternetGateways, DescribeRouteTables and DescribeAddresses.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::super::Client;
use super::super::error::{Error, Malformed};
use super::super::operation::Operation;
use super::super::xml::Element;
use super::{Filter, form, tags};

/// A virtual network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vpc {
    /// "vpc-…".
    pub id: String,
    /// "pending" or "available".
    pub state: Option<String>,
    /// Its addresses: "10.0.0.0/16", the first one first; and IPv6 ones.
    pub cidrs: Vec<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// "subnet-…".
    pub id: String,
    /// The virtual network that it is in.
    pub vpc: Option<String>,
    /// The availability zone that it is in.
    pub zone: String,
    /// Its addresses: "10.0.1.0/24".
    pub cidr: Option<String>,
    /// How many of them are free.
    pub free: Option<u32>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A gateway to the internet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// "igw-…".
    pub id: String,
    /// The virtual networks that it is attached to: one, or none.
    pub vpcs: Vec<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A table of routes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteTable {
    /// "rtb-…".
    pub id: String,
    /// The virtual network that it is of.
    pub vpc: Option<String>,
    /// The subnets that are said to use it.
    pub subnets: Vec<String>,
    /// Whether all other subnets use it.
    pub is_main: bool,
    /// The routes.
    pub routes: Vec<Route>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Where to: "0.0.0.0/0".
    pub destination: String,
    /// By what: "local", or the id of a gateway, a machine, an interface …
    pub by: Option<String>,
    /// "active" or "blackhole".
    pub state: Option<String>,
}

/// A public address that is the account's until it is given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub ip: IpAddr,
    /// "eipalloc-…", where it is one of a virtual network.
    pub allocation: Option<String>,
    /// The machine that has it.
    pub instance: Option<String>,
    /// Which of the machine's addresses it stands for.
    pub private: Option<IpAddr>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl Client {
    /// All virtual networks that pass all of the filters.
    ///
    /// # Errors
    /// When a page of the list can't be had.
    pub async fn vpcs(&self, filters: &[Filter]) -> Result<Vec<Vpc>, Error> {
        let form = form(Operation::DescribeVpcs, filters);
        self.listing(form, None, "DescribeVpcsResponse", read_vpcs).await
    }

    /// All subnets that pass all of the filters.
    ///
    /// # Errors
    /// When a page of the list can't be had.
    pub async fn subnets(&self, filters: &[Filter]) -> Result<Vec<Subnet>, Error> {
        let form = form(Operation::DescribeSubnets, filters);
        self.listing(form, None, "DescribeSubnetsResponse", read_subnets).await
    }

    /// All gateways to the internet that pass all of the filters.
    ///
    /// # Errors
    /// When a page of the list can't be had.
    pub async fn gateways(&self, filters: &[Filter]) -> Result<Vec<Gateway>, Error> {
        let form = form(Operation::DescribeInternetGateways, filters);
        self.listing(form, None, "DescribeInternetGatewaysResponse", read_gateways)
            .await
    }

    /// All tables of routes that pass all of the filters.
    ///
    /// # Errors
    /// When a page of the list can't be had.
    pub async fn route_tables(&self, filters: &[Filter]) -> Result<Vec<RouteTable>, Error> {
        let form = form(Operation::DescribeRouteTables, filters);
        self.listing(form, None, "DescribeRouteTablesResponse", read_tables)
            .await
    }

    /// All addresses of the account's that pass all of the filters. EC2 gives them in one answer.
    ///
    /// # Errors
    /// When the list can't be had.
    pub async fn addresses(&self, filters: &[Filter]) -> Result<Vec<Address>, Error> {
        let form = form(Operation::DescribeAddresses, filters);
        self.listing(form, None, "DescribeAddressesResponse", read_addresses)
            .await
    }
}

fn read_vpcs(page: &Element) -> Result<Vec<Vpc>, Error> {
    let vpcs = page.need_list("vpcSet", "item")?.map(|vpc| {
        let mut cidrs: Vec<String> = vpc.string_of("cidrBlock").into_iter().collect();
        let more = vpc
            .list("cidrBlockAssociationSet", "item")
            .map(|cidr| cidr.string_of("cidrBlock"));
        let ipv6 = vpc
            .list("ipv6CidrBlockAssociationSet", "item")
            .map(|cidr| cidr.string_of("ipv6CidrBlock"));
        for cidr in more.chain(ipv6).flatten() {
            if !cidrs.contains(&cidr) {
                cidrs.push(cidr);
            }
        }
        Ok(Vpc {
            id: vpc.need_text("vpcId")?,
            state: vpc.string_of("state"),
            cidrs,
            tags: tags(vpc),
        })
    });
    vpcs.collect()
}

fn read_subnets(page: &Element) -> Result<Vec<Subnet>, Error> {
    let subnets = page.need_list("subnetSet", "item")?.map(|subnet| {
        Ok(Subnet {
            id: subnet.need_text("subnetId")?,
            vpc: subnet.string_of("vpcId"),
            zone: subnet.need_text("availabilityZone")?,
            cidr: subnet.string_of("cidrBlock"),
            free: subnet
                .text_of("availableIpAddressCount")
                .and_then(|count| count.parse().ok()),
            tags: tags(subnet),
        })
    });
    subnets.collect()
}

fn read_gateways(page: &Element) -> Result<Vec<Gateway>, Error> {
    let gateways = page.need_list("internetGatewaySet", "item")?.map(|gateway| {
        Ok(Gateway {
            id: gateway.need_text("internetGatewayId")?,
            vpcs: texts(gateway, "attachmentSet", "vpcId"),
            tags: tags(gateway),
        })
    });
    gateways.collect()
}

fn read_tables(page: &Element) -> Result<Vec<RouteTable>, Error> {
    let tables = page.need_list("routeTableSet", "item")?.map(|table| {
        let routes: Result<_, Malformed> = table.list("routeSet", "item").map(read_route).collect();
        let mut associations = table.list("associationSet", "item");
        Ok(RouteTable {
            id: table.need_text("routeTableId")?,
            vpc: table.string_of("vpcId"),
            subnets: texts(table, "associationSet", "subnetId"),
            is_main: associations.any(|association| association.text_of("main") == Some("true")),
            routes: routes?,
            tags: tags(table),
        })
    });
    tables.collect()
}

fn read_route(route: &Element) -> Result<Route, Malformed> {
    const DESTINATIONS: [&str; 3] = [
        "destinationCidrBlock",
        "destinationIpv6CidrBlock",
        "destinationPrefixListId",
    ];
    const BY: [&str; 10] = [
        "gatewayId",
        "natGatewayId",
        "transitGatewayId",
        "vpcPeeringConnectionId",
        "egressOnlyInternetGatewayId",
        "localGatewayId",
        "carrierGatewayId",
        "coreNetworkArn",
        // A machine's route has both, and a machine has a name.
        "instanceId",
        "networkInterfaceId",
    ];
    let first = |names: &[&str]| names.iter().find_map(|name| route.string_of(name));
    Ok(Route {
        destination: first(&DESTINATIONS).ok_or(Malformed::Missing("destinationCidrBlock"))?,
        by: first(&BY),
        state: route.string_of("state"),
    })
}

fn read_addresses(page: &Element) -> Result<Vec<Address>, Error> {
    let addresses = page.need_list("addressesSet", "item")?.map(|address| {
        let private = address.text_of("privateIpAddress").map(str::parse).transpose();
        Ok(Address {
            ip: address
                .need_text("publicIp")?
                .parse()
                .map_err(|_| Malformed::Wrong("publicIp"))?,
            allocation: address.string_of("allocationId"),
            instance: address.string_of("instanceId"),
            private: private.map_err(|_| Malformed::Wrong("privateIpAddress"))?,
            tags: tags(address),
        })
    });
    addresses.collect()
}

/// The texts of this name in the items of a list.
fn texts(element: &Element, list: &str, name: &str) -> Vec<String> {
    element
        .list(list, "item")
        .filter_map(|item| item.string_of(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tree(text: &str) -> Element {
        Element::read(format!("<R>{text}</R>").as_bytes(), "R").unwrap()
    }

    #[test]
    fn routes_lead_by_what_there_is() {
        let text = "<routeTableSet><item><routeTableId>rtb-1</routeTableId><vpcId>vpc-1</vpcId>
            <routeSet>
              <item><destinationCidrBlock>10.0.0.0/16</destinationCidrBlock><gatewayId>local</gatewayId><state>active</state></item>
              <item><destinationIpv6CidrBlock>::/0</destinationIpv6CidrBlock><instanceId>i-1</instanceId><networkInterfaceId>eni-1</networkInterfaceId></item>
            </routeSet>
            <associationSet><item><main>true</main></item><item><subnetId>subnet-1</subnetId><main>false</main></item></associationSet>
            </item></routeTableSet>";
        let tables = read_tables(&tree(text)).unwrap();
        let routes: Vec<(&str, Option<&str>)> = tables[0]
            .routes
            .iter()
            .map(|route| (route.destination.as_str(), route.by.as_deref()))
            .collect();
        assert_eq!(routes, [("10.0.0.0/16", Some("local")), ("::/0", Some("i-1"))]);
        assert_eq!(
            (tables[0].is_main, &tables[0].subnets[..]),
            (true, &["subnet-1".to_owned()][..])
        );
        let lost = text.replace("destinationCidrBlock", "x");
        assert_eq!(
            read_tables(&tree(&lost)),
            Err(Malformed::Missing("destinationCidrBlock").into())
        );
    }

    #[test]
    fn an_address_is_one() {
        let read = |ip: &str| {
            read_addresses(&tree(&format!(
                "<addressesSet><item><publicIp>{ip}</publicIp><allocationId>eipalloc-1</allocationId><instanceId/></item></addressesSet>"
            )))
        };
        let addresses = read("192.0.2.1").unwrap();
        assert_eq!((addresses[0].instance.as_deref(), addresses[0].private), (None, None));
        assert_eq!(read("x"), Err(Malformed::Wrong("publicIp").into()));
    }

    #[test]
    fn a_network_has_each_of_its_blocks_once() {
        let text = "<vpcSet><item><vpcId>vpc-1</vpcId><cidrBlock>10.0.0.0/16</cidrBlock>
            <cidrBlockAssociationSet><item><cidrBlock>10.0.0.0/16</cidrBlock></item><item><cidrBlock>10.1.0.0/16</cidrBlock></item></cidrBlockAssociationSet>
            <ipv6CidrBlockAssociationSet><item><ipv6CidrBlock>2001:db8::/56</ipv6CidrBlock></item></ipv6CidrBlockAssociationSet></item></vpcSet>";
        let vpcs = read_vpcs(&tree(text)).unwrap();
        assert_eq!(vpcs[0].cidrs, ["10.0.0.0/16", "10.1.0.0/16", "2001:db8::/56"]);
    }

    proptest! {
        #[test]
        fn no_tree_does_harm(text in "(<(vpcSet|subnetSet|routeTableSet|addressesSet|internetGatewaySet|item|vpcId|publicIp|routeSet)>|</[a-z]{1,3}>|x){0,30}") {
            if let Ok(tree) = Element::read_any(format!("<R>{text}</R>").as_bytes()) {
                let _ = (read_vpcs(&tree), read_subnets(&tree), read_gateways(&tree), read_tables(&tree), read_addresses(&tree));
            }
        }
    }
}
