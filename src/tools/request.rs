//! One HTTP request of a tool, and its answer.
//!
//! It tries once and decides nothing about trying again.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderName, HeaderValue};
use reqwest::{Client, Response, Url, redirect};
use sha2::{Digest, Sha256};

use super::target::{NotPublic, PublicOnly, is_public};
use super::{Failure, Returned, Secrets};
use crate::dialplan::tool::{Method, PrivateTargets, Request};
use crate::dialplan::{Tool, ToolCall};

/// The longest answer that is read, bytes.
const LONGEST: usize = 1 << 20;
/// To reach a server; a tool's own limit is usually shorter.
const CONNECT: Duration = Duration::from_secs(10);

/// Two, for a name may lead somewhere else for each request.
pub struct Clients {
    public: Client,
    anywhere: Client,
    secrets: Secrets,
}

impl Clients {
    pub fn new(secrets: Secrets) -> Result<Self, reqwest::Error> {
        let build = || {
            Client::builder()
                .user_agent(concat!("offhook/", env!("CARGO_PKG_VERSION")))
                // An address is fixed by the plan: a server may not send the request elsewhere.
                .redirect(redirect::Policy::none())
                .no_proxy()
                .connect_timeout(CONNECT)
        };
        Ok(Self {
            public: build().dns_resolver(PublicOnly).build()?,
            anywhere: build().build()?,
            secrets,
        })
    }

    pub async fn send(&self, tool: &Tool, call: &ToolCall) -> Result<Returned, Failure> {
        let Request::Http {
            method,
            url,
            headers,
            body,
            ..
        } = &tool.request
        else {
            return Err(Failure::NoGateway);
        };
        let secret = |name: &str| (self.secrets)(name);
        let value = |name: &str| call.value(name);
        let url = Url::parse(&url.fill(&secret, &value)?).map_err(|_| Failure::Address)?;
        let client = self.client(&url, &tool.private_targets)?;
        let mut request = client.request(verb(*method), url).header(ACCEPT, "application/json");
        for (name, template) in headers {
            let name = HeaderName::try_from(name.as_str()).map_err(|_| Failure::Address)?;
            let mut line = HeaderValue::try_from(template.line(&secret, &value)?).map_err(|_| Failure::Address)?;
            line.set_sensitive(true);
            request = request.header(name, line);
        }
        if let Some(key) = &call.idempotency {
            request = request.header("Idempotency-Key", header_of(key)?);
        }
        if let Some(body) = body.fill(call, &secret)? {
            request = request.json(&body);
        }
        let answer = request.send().await.map_err(told)?;
        let status = answer.status();
        if !status.is_success() {
            return Err(Failure::Status(status.as_u16()));
        }
        let bytes = whole(answer).await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            // 204, or a server that has nothing to say about what it did.
            return Ok(Returned::new());
        }
        let json = serde_json::from_slice(&bytes).map_err(|_| Failure::NotJson)?;
        Ok(tool.taken(&json))
    }

    /// A host that is an address is not resolved, and is checked here.
    fn client(&self, url: &Url, targets: &PrivateTargets) -> Result<&Client, Failure> {
        let host = url.host_str().ok_or(Failure::Address)?;
        let allowed = match targets {
            PrivateTargets::Refused => false,
            PrivateTargets::Allowed => true,
            PrivateTargets::Only(hosts) => hosts.iter().any(|one| one.eq_ignore_ascii_case(host)),
        };
        if allowed {
            return Ok(&self.anywhere);
        }
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        match address {
            Ok(address) if !is_public(address) => Err(Failure::Private { host: host.to_owned() }),
            Ok(_) | Err(_) => Ok(&self.public),
        }
    }
}

/// A key as it is, or, where it has letters that no header has (names, Mandarin), its digest.
fn header_of(key: &str) -> Result<HeaderValue, Failure> {
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

async fn whole(mut answer: Response) -> Result<Vec<u8>, Failure> {
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

fn verb(method: Method) -> reqwest::Method {
    match method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
        Method::Delete => reqwest::Method::DELETE,
    }
}
