//! HTTP to where a request may go: the public network, or anywhere where somebody named it. It knows no tools.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Client, RequestBuilder, Url, redirect};
use sha2::{Digest, Sha256};

use super::Failure;
use super::target::{NotPublic, PublicOnly, is_public};

/// The longest answer that is read, bytes.
const LONGEST: usize = 1 << 20;
/// To reach a server; a request's own limit is usually shorter.
const CONNECT: Duration = Duration::from_secs(10);

/// Where a request may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    Public,
    /// This machine and private networks too.
    Any,
}

/// Two, for a name may lead somewhere else for each request.
pub struct Clients {
    public: Client,
    anywhere: Client,
}

impl Clients {
    pub fn new() -> Result<Self, reqwest::Error> {
        let build = || {
            Client::builder()
                .user_agent(concat!("offhook/", env!("CARGO_PKG_VERSION")))
                // An address is fixed by the plan or the configuration: a server may not send the request elsewhere.
                .redirect(redirect::Policy::none())
                .no_proxy()
                .connect_timeout(CONNECT)
        };
        Ok(Self {
            public: build().dns_resolver(PublicOnly).build()?,
            anywhere: build().build()?,
        })
    }

    /// Whoever may ask `url`. A host that is an address is not resolved, and is checked here.
    pub fn to(&self, url: &Url, network: Network) -> Result<&Client, Failure> {
        let host = url.host_str().ok_or(Failure::Address)?;
        if network == Network::Any {
            return Ok(&self.anywhere);
        }
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        match address {
            Ok(address) if !is_public(address) => Err(Failure::Private { host: host.to_owned() }),
            Ok(_) | Err(_) => Ok(&self.public),
        }
    }
}

/// An idempotency key as it is, or, where it has letters that no header has (names, Mandarin), its digest.
pub fn header_of(key: &str) -> Result<HeaderValue, Failure> {
    let hex = || {
        Sha256::digest(key)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    HeaderValue::try_from(key)
        .or_else(|_| HeaderValue::try_from(hex()))
        .map_err(|_| Failure::NoKey)
}

/// What is answered to `request`, where the status says that it was done.
pub async fn ask(request: RequestBuilder) -> Result<Vec<u8>, Failure> {
    let mut answer = request.send().await.map_err(told)?;
    let status = answer.status();
    if !status.is_success() {
        return Err(Failure::Status(status.as_u16()));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(told)? {
        if bytes.len() + chunk.len() > LONGEST {
            return Err(Failure::TooLong);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Without the address, which may hold secrets.
fn told(error: reqwest::Error) -> Failure {
    let host = error.url().and_then(Url::host_str).unwrap_or_default().to_owned();
    let mut source: Option<&dyn std::error::Error> = Some(&error);
    let mut innermost = String::new();
    while let Some(one) = source {
        if one.is::<NotPublic>() {
            return Failure::Private { host };
        }
        innermost = one.to_string();
        source = one.source();
    }
    if error.is_connect() {
        return Failure::Unreachable(innermost);
    }
    if error.is_builder() {
        return Failure::Address;
    }
    // The outermost message of the library names the address; the innermost says what happened.
    Failure::Lost(innermost)
}
