//! `cloudd inventory --networks | --volumes [--json]`

use std::io::{self, BufWriter, Write};
use std::path::Path;

use ballast_shared::exit::Exit;
use ballast_shared::varlink::{self, ClientError};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Kind, Listing, Resource};
use crate::commands::{exit_of, print_table};
use crate::config;
use crate::control::INTERFACE;

/// A resource, and whose it is.
#[derive(Serialize)]
struct Shown<'a> {
    provider: &'a str,
    #[serde(flatten)]
    resource: &'a Resource,
}

/// Shows what the running daemon knows of.
#[must_use]
pub fn run(path: &Path, kind: Kind, json: bool) -> Exit {
    let mut all: Vec<(Listing, Vec<Resource>)> = Vec::new();
    let method = format!("{}.Resources", INTERFACE.name);
    let parameters = Map::from_iter([("kind".to_owned(), Value::from(kind.name()))]);
    let asked = varlink::call_more(&config::control_socket(path), &method, parameters, |mut reply| {
        let listing = serde_json::from_value(reply.remove("listing").unwrap_or_default()).map_err(io::Error::other)?;
        let Some(listing): Option<Listing> = listing else {
            return Ok(());
        };
        let resources = reply.remove("resources").unwrap_or_default();
        let resources: Vec<Resource> = serde_json::from_value(resources).map_err(io::Error::other)?;
        match all.last_mut().filter(|(last, _)| *last == listing) {
            Some((_, before)) => before.extend(resources),
            None => all.push((listing, resources)),
        }
        Ok(())
    });
    if let Err(error) = asked {
        return exit_of(&error);
    }
    for (
        Listing {
            provider,
            problem,
            listed_at,
        },
        _,
    ) in &all
    {
        if let Some(problem) = problem {
            eprintln!("provider {provider}: {problem}");
        } else if listed_at.is_none() {
            eprintln!("provider {provider}: not listed yet");
        }
    }
    if all.is_empty() {
        let name = kind.name();
        eprintln!("no provider looks at {name}: [provider.NAME.aws] {name}-interval says that one does, and how often");
    }
    let mut out = BufWriter::new(io::stdout().lock());
    match print(&mut out, &all, json).and_then(|()| out.flush()) {
        Ok(()) => Exit::Ok,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Ok,
        Err(error) => exit_of(&ClientError::Io(error)),
    }
}

fn print(out: &mut impl Write, all: &[(Listing, Vec<Resource>)], json: bool) -> io::Result<()> {
    let shown = all.iter().flat_map(|(listing, resources)| {
        let provider = listing.provider.as_str();
        resources.iter().map(move |resource| Shown { provider, resource })
    });
    if json {
        for one in shown {
            serde_json::to_writer(&mut *out, &one)?;
            writeln!(out)?;
        }
        return Ok(());
    }
    let rows = shown.map(|Shown { provider, resource }| {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
        let listed = |texts: &[String]| match texts.is_empty() {
            true => "-".to_owned(),
            false => texts.join(","),
        };
        let size = resource
            .size_gib
            .map_or_else(|| "-".into(), |size| format!("{size}GiB"));
        [
            provider.to_owned(),
            resource.kind.clone(),
            resource.id.clone(),
            or_dash(&resource.name),
            or_dash(&resource.vpc),
            or_dash(&resource.zone),
            or_dash(&resource.state),
            size,
            listed(&resource.cidrs),
            listed(&resource.of),
            listed(&resource.routes),
        ]
    });
    let columns = [
        "PROVIDER", "KIND", "ID", "NAME", "VPC", "ZONE", "STATE", "SIZE", "CIDRS", "OF", "ROUTES",
    ];
    print_table(out, columns, rows)
}
