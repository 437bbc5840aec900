//! DescribeSubnets.

use std::collections::BTreeMap;

use super::super::Client;
use super::super::error::Error;
use super::super::xml::Element;
use super::{Filter, form, tags};

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

impl Client {
    /// All subnets that pass all of the filters.
    ///
    /// # Errors
    /// When a page of the list can't be had.
    pub async fn subnets(&self, filters: &[Filter]) -> Result<Vec<Subnet>, Error> {
        self.listing(form("DescribeSubnets", filters), None, "DescribeSubnetsResponse", read)
            .await
    }
}

fn read(page: &Element) -> Result<Vec<Subnet>, Error> {
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
