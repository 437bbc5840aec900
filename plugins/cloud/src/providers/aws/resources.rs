//! Networks and volumes, for those who ask what there is.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Config;
use super::listing::apart;
use super::told::{NobodyListens, Told};
use crate::aws::ec2::{Address, Attachment, Filter, Gateway, RouteTable, Snapshot, Subnet, Volume, Vpc};
use crate::aws::{Client, Error};
use crate::resources::{Kind, Resource};

/// A listing that takes longer than this is given up.
const LISTING: Duration = Duration::from_secs(5 * 60);

/// Lists what a kind has again and again, until nobody listens any more; never, where no interval is set.
pub(super) async fn run(client: &Client, config: &Config, kind: Kind, interval: Option<Duration>, told: &Told) {
    let Some(interval) = interval else {
        return std::future::pending().await;
    };
    loop {
        let next = Instant::now() + apart(interval);
        let client = client.until(Instant::now() + LISTING);
        let listed = match kind {
            Kind::Networks => networks(&client, config).await,
            Kind::Volumes => volumes(&client).await,
        };
        if let Err(NobodyListens) = told.resources(kind, listed).await {
            return;
        }
        sleep_until(next.max(Instant::now() + interval / 10)).await;
    }
}

/// Those of the networks that the provider's machines are in, as far as these are narrowed to some.
async fn networks(client: &Client, config: &Config) -> Result<Vec<Resource>, Error> {
    let of_vpc = |name: &str| -> Vec<Filter> {
        let vpcs = config.filters.iter().filter(|filter| filter.name == "vpc-id");
        vpcs.map(|filter| Filter::new(name, filter.values.clone())).collect()
    };
    let filters = of_vpc("vpc-id");
    let mut all: Vec<Resource> = Vec::new();
    all.extend(client.vpcs(&filters).await?.into_iter().map(of_a_vpc));
    all.extend(client.subnets(&filters).await?.into_iter().map(of_a_subnet));
    let gateways = client.gateways(&of_vpc("attachment.vpc-id")).await?;
    all.extend(gateways.into_iter().map(of_a_gateway));
    all.extend(client.route_tables(&filters).await?.into_iter().map(of_a_table));
    // An address is of no network while no machine has it.
    all.extend(client.addresses(&[]).await?.into_iter().map(of_an_address));
    Ok(all)
}

async fn volumes(client: &Client) -> Result<Vec<Resource>, Error> {
    let mut all: Vec<Resource> = client.volumes(&[]).await?.into_iter().map(of_a_volume).collect();
    all.extend(client.snapshots(&[]).await?.into_iter().map(of_a_snapshot));
    Ok(all)
}

fn begun(kind: &str, id: String, mut tags: BTreeMap<String, String>) -> Resource {
    Resource {
        kind: kind.to_owned(),
        id,
        name: tags.remove("Name"),
        ..Resource::default()
    }
}

fn of_a_vpc(vpc: Vpc) -> Resource {
    Resource {
        state: vpc.state,
        cidrs: vpc.cidrs,
        ..begun("vpc", vpc.id, vpc.tags)
    }
}

fn of_a_subnet(subnet: Subnet) -> Resource {
    Resource {
        vpc: subnet.vpc,
        zone: Some(subnet.zone),
        cidrs: subnet.cidr.into_iter().collect(),
        ..begun("subnet", subnet.id, subnet.tags)
    }
}

fn of_a_gateway(gateway: Gateway) -> Resource {
    Resource {
        vpc: gateway.vpcs.into_iter().next(),
        ..begun("internet-gateway", gateway.id, gateway.tags)
    }
}

fn of_a_table(table: RouteTable) -> Resource {
    let routes = table.routes.into_iter().map(|route| {
        let words = [
            Some(route.destination),
            route.by,
            route.state.filter(|state| state != "active"),
        ];
        words.into_iter().flatten().collect::<Vec<_>>().join(" ")
    });
    let main = table.is_main.then(|| "main".to_owned());
    Resource {
        vpc: table.vpc,
        of: main.into_iter().chain(table.subnets).collect(),
        routes: routes.collect(),
        ..begun("route-table", table.id, table.tags)
    }
}

fn of_an_address(address: Address) -> Resource {
    let of = address.instance.map(|instance| match address.private {
        Some(private) => format!("{instance} {private}"),
        None => instance,
    });
    Resource {
        of: of.into_iter().collect(),
        ..begun("address", address.ip.to_string(), address.tags)
    }
}

fn of_a_volume(volume: Volume) -> Resource {
    let attached = volume.attachments.into_iter().map(|attachment| {
        let Attachment {
            instance,
            device,
            state,
        } = attachment;
        let words = [Some(instance), device, state.filter(|state| state != "attached")];
        words.into_iter().flatten().collect::<Vec<_>>().join(" ")
    });
    Resource {
        state: Some(volume.state),
        zone: volume.zone,
        of: attached.collect(),
        size_gib: Some(volume.size_gib),
        ..begun("volume", volume.id, volume.tags)
    }
}

fn of_a_snapshot(snapshot: Snapshot) -> Resource {
    Resource {
        state: Some(snapshot.state),
        of: snapshot.volume.into_iter().collect(),
        size_gib: snapshot.size_gib,
        ..begun("snapshot", snapshot.id, snapshot.tags)
    }
}
