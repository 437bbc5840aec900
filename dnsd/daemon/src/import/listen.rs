//! `listen-on` and `listen-on-v6`: where questions are taken.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use dnsd_core::named_conf::{Block, Part, Statement};

use super::Import;
use super::targets::port;
use super::toml::{Rank, Value};

/// RFC 1035 §4.2.
const PORT: u16 = 53;
/// RFC 7858 §3.1.
const TLS_PORT: u16 = 853;
/// RFC 8484 has that of HTTPS.
const HTTPS_PORT: u16 = 443;

/// The statements, each with whether it is about IPv6: what they come to is known when all were read.
#[derive(Debug, Default)]
pub(super) struct Listen<'b> {
    pub(super) dns: Vec<(&'b Statement, bool)>,
}

/// What a list of addresses comes to.
enum Addresses {
    None,
    All,
    /// Those that the machine has, each by itself.
    Interfaces,
    Some(Vec<IpAddr>),
}

/// What is listened on at a port.
struct OfPort {
    port: u16,
    v4: Addresses,
    v6: Addresses,
}

impl OfPort {
    fn add(&mut self, is_v6: bool, more: Addresses) {
        let known = if is_v6 { &mut self.v6 } else { &mut self.v4 };
        match (known, more) {
            (_, Addresses::None) | (Addresses::All, _) | (Addresses::Interfaces, Addresses::Some(_)) => {}
            (Addresses::Some(known), Addresses::Some(more)) => known.extend(more),
            (known, more) => *known = more,
        }
    }

    /// With all addresses in place of each by itself, which listeners with TLS can't have.
    fn without_interfaces(self) -> Self {
        let wide = |addresses| match addresses {
            Addresses::Interfaces => Addresses::All,
            addresses => addresses,
        };
        Self {
            port: self.port,
            v4: wide(self.v4),
            v6: wide(self.v6),
        }
    }
}

/// A listener with TLS.
struct Encrypted<'b> {
    /// The first of its statements.
    statement: &'b Statement,
    /// The name of its certificate.
    tls: String,
    is_https: bool,
    of_port: OfPort,
}

/// The entry of a port; it is made if it isn't there.
fn of_port(ports: &mut Vec<OfPort>, port: u16) -> &mut OfPort {
    let at = ports.iter().position(|known| known.port == port).unwrap_or_else(|| {
        ports.push(OfPort {
            port,
            v4: Addresses::None,
            v6: Addresses::None,
        });
        ports.len() - 1
    });
    &mut ports[at]
}

impl<'b> Import<'b> {
    /// `[listen]`. Without statements it is all addresses, in both servers.
    pub(super) fn write_listen(&mut self) {
        let statements = std::mem::take(&mut self.listen.dns);
        let default_port = self
            .scope
            .find("port")
            .and_then(|port| port.word(1)?.text.parse().ok())
            .unwrap_or(PORT);
        let mut above = Vec::new();
        let mut dns: Vec<OfPort> = Vec::new();
        let mut encrypted: Vec<Encrypted<'b>> = Vec::new();
        // A family that no statement is about is listened on everywhere.
        for is_v6 in [false, true] {
            if !statements.iter().any(|(_, about_v6)| *about_v6 == is_v6) {
                of_port(&mut dns, default_port).add(is_v6, Addresses::All);
            }
        }
        for (statement, is_v6) in statements {
            above.extend(self.comments(statement));
            let Some(block) = statement.block() else { continue };
            let Some(addresses) = self.addresses(block, is_v6) else {
                above.extend(self.lost(
                    statement,
                    "write the addresses into [listen], or \"interfaces:53\" for each of the machine's",
                ));
                continue;
            };
            if let Some(tls) = statement.after("tls").filter(|tls| !tls.is("none")) {
                let name = tls.text.clone();
                let of_port = self.encrypted_port(&mut encrypted, statement, &name);
                of_port.add(is_v6, addresses);
                continue;
            }
            if statement.after("http").is_some() || statement.after("proxy").is_some() {
                above.extend(self.lost(statement, "HTTP without TLS and PROXY are not served"));
                continue;
            }
            let port = port(statement).unwrap_or(default_port);
            of_port(&mut dns, port).add(is_v6, addresses);
        }
        let mut entries = self.entries_of_ports(dns);
        if entries.is_empty() {
            let why = "nothing of named's is left for DNS over UDP and TCP, which dnsd always serves: on a loopback address only";
            above.extend(self.lost_of_listen(why));
            entries.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), default_port).to_string());
        }
        for listener in encrypted {
            self.encrypted(listener);
        }
        if entries == [all(PORT)] {
            self.document.top().comment(above);
        } else {
            let section = self.document.section(Rank::Listen, "listen");
            section.set(above, "dns", Value::texts(entries));
        }
    }

    fn entries_of_ports(&mut self, ports: Vec<OfPort>) -> Vec<String> {
        let mut entries = Vec::new();
        for OfPort { port, v4, v6 } in ports {
            match (v4, v6) {
                (Addresses::All, Addresses::All) => entries.push(all(port)),
                (Addresses::All | Addresses::Interfaces, Addresses::All | Addresses::Interfaces) => {
                    entries.push(format!("interfaces:{port}"));
                }
                (v4, v6) => {
                    entries.extend(self.of_family(v4, port, "0.0.0.0"));
                    entries.extend(self.of_family(v6, port, "[::]"));
                }
            }
        }
        entries
    }

    fn of_family(&mut self, addresses: Addresses, port: u16, any: &str) -> Vec<String> {
        match addresses {
            Addresses::None => Vec::new(),
            Addresses::Some(addresses) => {
                let each = addresses
                    .into_iter()
                    .map(|address| SocketAddr::new(address, port).to_string());
                each.collect()
            }
            // All of IPv6 is all of IPv4 too, which the other statement restricts.
            Addresses::All | Addresses::Interfaces if any == "[::]" => {
                let why = "named listens on all IPv6 addresses beside single IPv4 ones, or none; here the IPv6 addresses have to be \
                           named";
                let above = self.lost_of_listen(why);
                self.document.section(Rank::Listen, "listen").comment(above);
                Vec::new()
            }
            Addresses::All | Addresses::Interfaces => vec![format!("{any}:{port}")],
        }
    }

    /// What is lost of all the statements together; returns the comment for it.
    fn lost_of_listen(&mut self, why: &str) -> Vec<String> {
        self.is_whole = false;
        if let Some(place) = self.listen_place() {
            self.lost_part(place, why);
        }
        vec![format!("NOT CARRIED OVER: {why}")]
    }

    fn listen_place(&self) -> Option<dnsd_core::named_conf::Place> {
        let statement = self
            .scope
            .find("listen-on-v6")
            .or_else(|| self.scope.find("listen-on"))?;
        Some(statement.place)
    }

    /// What a list comes to; `None` when that depends on the addresses that the machine has.
    fn addresses(&self, block: &Block, is_v6: bool) -> Option<Addresses> {
        let mut some = Vec::new();
        for statement in &block.statements {
            let [Part::Word(word)] = &statement.parts[..] else {
                return None;
            };
            match word.text.to_ascii_lowercase().as_str() {
                "any" => return Some(Addresses::All),
                "none" => break,
                "localhost" => return Some(Addresses::Interfaces),
                text => match text.parse() {
                    Ok(address) => some.push(address),
                    Err(_) => some.extend(self.addresses_of_acl(&word.text)?),
                },
            }
        }
        // `listen-on` is about addresses of IPv4 only, whatever its list names.
        some.retain(|address: &IpAddr| address.is_ipv6() == is_v6);
        Some(if some.is_empty() {
            Addresses::None
        } else {
            Addresses::Some(some)
        })
    }

    fn addresses_of_acl(&self, name: &str) -> Option<Vec<IpAddr>> {
        let mut acls = self.whole.all("acl");
        let acl = acls.find(|acl| acl.word(1).is_some_and(|word| word.is(name)))?;
        let address = |statement: &Statement| match &statement.parts[..] {
            [Part::Word(word)] => word.text.parse().ok(),
            _ => None,
        };
        acl.block()?.statements.iter().map(address).collect()
    }

    /// The entry of `listen-on port 853 tls NAME { … };`, with `http NAME` for DoH: one for both families.
    fn encrypted_port<'e>(
        &self,
        listeners: &'e mut Vec<Encrypted<'b>>,
        statement: &'b Statement,
        tls: &str,
    ) -> &'e mut OfPort {
        let is_https = statement.after("http").is_some();
        let port = port(statement).unwrap_or(if is_https { HTTPS_PORT } else { TLS_PORT });
        let is_same =
            |known: &Encrypted<'_>| known.tls == tls && known.is_https == is_https && known.of_port.port == port;
        let at = listeners.iter().position(is_same).unwrap_or_else(|| {
            listeners.push(Encrypted {
                statement,
                tls: tls.to_owned(),
                is_https,
                of_port: OfPort {
                    port,
                    v4: Addresses::None,
                    v6: Addresses::None,
                },
            });
            listeners.len() - 1
        });
        &mut listeners[at].of_port
    }

    fn encrypted(&mut self, listener: Encrypted<'b>) {
        let statement = listener.statement;
        let block = self.tls_block(&listener.tls);
        let file = |name| self.tls_file(block?, name);
        let clients = file("ca-file");
        let (Some(certificate), Some(key)) = (file("cert-file"), file("key-file")) else {
            let above = self.lost(statement, "dnsd takes a certificate and its key from files");
            self.document.section(Rank::Listen, "listen").comment(above);
            return;
        };
        let addresses = self.entries_of_ports(vec![listener.of_port.without_interfaces()]);
        if addresses.is_empty() {
            return;
        }
        let mut table = vec![
            ("address", Value::texts(addresses)),
            ("certificate", certificate),
            ("key", key),
        ];
        table.extend(clients.map(|clients| ("client-ca", clients)));
        let table = Value::Inline(table);
        let name = if listener.is_https { "https" } else { "tls" };
        let section = self.document.section(Rank::Listen, "listen");
        if section.has(name) {
            let above = self.lost(
                statement,
                "one table for each kind of listener: add the addresses to it",
            );
            self.document.section(Rank::Listen, "listen").comment(above);
        } else {
            section.set(Vec::new(), name, table);
        }
    }
}

/// All addresses of both families.
fn all(port: u16) -> String {
    SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port).to_string()
}
