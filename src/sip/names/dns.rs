//! The DNS, as [`locate`](super::locate) asks it; the system's own resolver where the DNS does not know an address. The
//! only file that names the DNS library.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use tracing::warn;

use super::locate::{Names, Naptr, Srv};

/// For one question to one server; each is asked twice.
const TIMEOUT: Duration = Duration::from_secs(1);

pub(super) struct Dns {
    /// Absent where the system's configuration cannot be read.
    resolver: Option<TokioResolver>,
    /// Nobody else was named, so the system may know what the DNS does not.
    by_system: bool,
}

impl Dns {
    /// Of these servers; of the system's where there are none.
    pub fn new(servers: &[SocketAddr]) -> Dns {
        let builder = match servers {
            [] => TokioResolver::builder_tokio(),
            servers => {
                let servers = servers.iter().map(|server| {
                    let at = |mut connection: ConnectionConfig| {
                        connection.port = server.port();
                        connection
                    };
                    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(at);
                    NameServerConfig::new(server.ip(), true, connections.to_vec())
                });
                let config = ResolverConfig::from_name_servers(servers.collect());
                Ok(TokioResolver::builder_with_config(
                    config,
                    TokioRuntimeProvider::default(),
                ))
            }
        };
        let built = builder.and_then(|mut builder| {
            builder.options_mut().timeout = TIMEOUT;
            builder.options_mut().attempts = 2;
            builder.build()
        });
        if let Err(error) = &built {
            warn!(%error, "the DNS is not asked for NAPTR and SRV");
        }
        Dns {
            resolver: built.ok(),
            by_system: servers.is_empty(),
        }
    }

    async fn records<T>(&self, name: &str, kind: RecordType, read: impl Fn(&RData) -> Option<T>) -> Vec<T> {
        let Some(resolver) = &self.resolver else {
            return Vec::new();
        };
        // With its dot: no name of ours belongs under the system's domain.
        let name = format!("{}.", name.trim_end_matches('.'));
        match resolver.lookup(name, kind).await {
            Ok(found) => found.answers().iter().filter_map(|record| read(&record.data)).collect(),
            Err(_) => Vec::new(),
        }
    }
}

#[async_trait::async_trait]
impl Names for Dns {
    async fn naptr(&self, name: &str) -> Vec<Naptr> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.records(name, RecordType::NAPTR, |data| match data {
            RData::NAPTR(rule) => Some(Naptr {
                order: rule.order,
                preference: rule.preference,
                flags: text(&rule.flags),
                service: text(&rule.services),
                replacement: plain(&rule.replacement.to_string()),
            }),
            _ => None,
        })
        .await
    }

    async fn srv(&self, name: &str) -> Vec<Srv> {
        self.records(name, RecordType::SRV, |data| match data {
            RData::SRV(server) => Some(Srv {
                priority: server.priority,
                weight: server.weight,
                port: server.port,
                target: plain(&server.target.to_string()),
            }),
            _ => None,
        })
        .await
    }

    /// IPv4 first: of two ways to one server it is the one that is there.
    async fn addresses(&self, name: &str) -> Vec<IpAddr> {
        let mut addresses: Vec<IpAddr> = match &self.resolver {
            Some(resolver) => match resolver.lookup_ip(name).await {
                Ok(found) => found.iter().collect(),
                Err(_) => Vec::new(),
            },
            None => Vec::new(),
        };
        if addresses.is_empty() && self.by_system {
            let found = tokio::net::lookup_host((name, 0)).await;
            addresses.extend(found.into_iter().flatten().map(|address| address.ip()));
        }
        addresses.sort_by_key(IpAddr::is_ipv6);
        addresses
    }
}

fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_owned()
}
