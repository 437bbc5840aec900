//! Who is asked for a name: /etc/hosts first, then the servers, as hosts do it ("files dns" of nsswitch.conf).

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::{NameServerConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::xfer::{DnsHandle as _, FirstAnswer as _};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::{DnsRequest, DnsRequestOptions, Message, Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{NameServerPool, PoolContext, TlsConfig};
use logd_core::host_name::host_name;
use tokio::task::spawn_blocking;
use tracing::debug;

/// Where hosts(5) are.
const HOSTS: &str = "/etc/hosts";

/// How long a server has for one answer.
const SERVER_MAX: Duration = Duration::from_secs(2);

/// How often a question is asked that nobody answers: a datagram may be lost. [`super::LOOKUP_MAX`] ends it in any case.
const TRIES: usize = 3;

/// What fits into a UDP message without fragments (RFC 9715 §3.1).
const UDP_PAYLOAD_BYTES: u16 = 1232;

/// Names of one address that are looked at. More than one is seldom of use, and each takes a question.
const NAMES_MAX: usize = 4;

/// Asks for names. The pool of servers rather than a resolver of the library's: that has a cache of its own, and answers for
/// 127.0.0.0/8 itself.
pub(super) struct Resolver {
    servers: NameServerPool<TokioRuntimeProvider>,
}

/// What came of a lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// This name, which is good for so long.
    Name { name: String, ttl: Duration },
    /// The address has no name.
    Nothing,
    /// It has one that is another's, or no host's at all.
    Unconfirmed,
    /// Nobody has answered whether it has one, or whether that is its own.
    Failed,
}

impl Answer {
    /// What it comes to with one more name that is not the address's: what could not be asked stays open.
    fn or_unconfirmed(self) -> Self {
        match self {
            Self::Failed => Self::Failed,
            _ => Self::Unconfirmed,
        }
    }
}

impl Resolver {
    pub(super) fn new(servers: &[SocketAddr]) -> Self {
        let servers = servers.iter().map(|address| {
            let mut server = NameServerConfig::udp_and_tcp(address.ip());
            for connection in &mut server.connections {
                connection.port = address.port();
            }
            server
        });
        let mut options = ResolverOpts::default();
        options.timeout = SERVER_MAX;
        options.edns_payload_len = UDP_PAYLOAD_BYTES;
        options.max_active_requests = super::LIMITS.turns;
        let tls = TlsConfig::new().expect("without TLS there is nothing to be set up");
        let context = Arc::new(PoolContext::new(options, tls));
        Self {
            servers: NameServerPool::from_config(servers, context, TokioRuntimeProvider::default()),
        }
    }

    /// The name of an address.
    pub(super) async fn look_up(&self, address: IpAddr) -> Answer {
        // The pool of blocking threads ends with the runtime only.
        let hosts = spawn_blocking(|| fs::read(HOSTS)).await;
        let hosts = hosts
            .map_err(io::Error::other)
            .and_then(|read| read)
            .unwrap_or_else(|error| {
                debug!(%error, "{HOSTS} is not looked at");
                Vec::new()
            });
        if let Some(name) = name_in(&hosts, address) {
            // The file may change at any time.
            return Answer::Name {
                name,
                ttl: Duration::ZERO,
            };
        }
        let pointers = match self.ask(&Name::from(address), RecordType::PTR).await {
            Ok(pointers) => pointers,
            Err(NetError::Dns(DnsError::NoRecordsFound(_))) => return Answer::Nothing,
            Err(error) => {
                debug!(%address, %error, "no answer to a reverse lookup");
                return Answer::Failed;
            }
        };
        let ttl_s = pointers.answers.iter().map(|record| record.ttl).min().unwrap_or(0);
        let targets = pointers.answers.iter().filter_map(|record| match &record.data {
            RData::PTR(target) => Some(&target.0),
            _ => None,
        });
        let mut answer = Answer::Nothing;
        for target in targets.take(NAMES_MAX) {
            let Some(name) = host_name(&target.to_ascii()) else {
                answer = answer.or_unconfirmed();
                continue;
            };
            match self.leads_to(target, address).await {
                Ok(true) => {
                    let ttl = Duration::from_secs(u64::from(ttl_s));
                    return Answer::Name { name, ttl };
                }
                Ok(false) => answer = answer.or_unconfirmed(),
                Err(error) => {
                    debug!(%address, %name, %error, "no answer to where a name leads");
                    answer = Answer::Failed;
                }
            }
        }
        answer
    }

    /// Whether the address is one of this name's. Only an answer says that it is not: a server that fails now has said yes before.
    async fn leads_to(&self, name: &Name, address: IpAddr) -> Result<bool, NetError> {
        let rtype = match address {
            IpAddr::V4(_) => RecordType::A,
            IpAddr::V6(_) => RecordType::AAAA,
        };
        match self.ask(name, rtype).await {
            Ok(found) => Ok(found
                .answers
                .iter()
                .any(|record| record.data.ip_addr() == Some(address))),
            // It has none, or does not exist.
            Err(NetError::Dns(DnsError::NoRecordsFound(_))) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn ask(&self, name: &Name, rtype: RecordType) -> Result<Message, NetError> {
        let mut options = DnsRequestOptions::default();
        options.use_edns = true;
        options.edns_payload_len = UDP_PAYLOAD_BYTES;
        let mut tries = 0;
        loop {
            let request = DnsRequest::from_query(Query::query(name.clone(), rtype), options);
            tries += 1;
            match self.servers.send(request).first_answer().await {
                Ok(response) => {
                    let response = DnsError::from_response(response)?;
                    return match response.response_code {
                        ResponseCode::NoError | ResponseCode::NXDomain => Ok(response.into_message()),
                        // One that the library does not know is no answer either.
                        code => Err(DnsError::ResponseCode(code).into()),
                    };
                }
                // Somebody has answered, or nobody will.
                Err(error @ NetError::Dns(_)) => return Err(error),
                Err(error) if tries == TRIES => return Err(error),
                Err(error) => debug!(%name, %error, "asked again"),
            }
        }
    }
}

/// The first name of an address in a text of hosts(5). A comment in another encoding than UTF-8 spoils no line but its own.
fn name_in(hosts: &[u8], address: IpAddr) -> Option<String> {
    String::from_utf8_lossy(hosts).lines().find_map(|line| {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let is_of = words.next()?.parse() == Ok(address);
        is_of.then(|| host_name(words.next()?)).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_of_a_line_of_hosts_is_taken() {
        let hosts = b"127.0.0.1 localhost\n\
                     # 192.0.2.1 not-this\n\
                     # caf\xe9\n\
                     192.0.2.1\tWeb1.example.net web1 # the first\n\
                     192.0.2.1 other\n\
                     2001:db8::1 web6\n";
        let named = |address: &str| name_in(hosts, address.parse().unwrap());
        assert_eq!(named("192.0.2.1").as_deref(), Some("web1.example.net"));
        assert_eq!(named("2001:db8:0::1").as_deref(), Some("web6"));
        assert_eq!(named("192.0.2.2"), None);
    }
}
