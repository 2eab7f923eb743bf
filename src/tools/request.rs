//! One HTTP request of a tool, and its answer.
//!
//! It tries once and decides nothing about trying again.

use reqwest::Url;
use reqwest::header::{ACCEPT, HeaderName, HeaderValue};

use super::clients::{Clients, Network, ask, header_of};
use super::{Failure, Returned, Secrets, Sms};
use crate::dialplan::tool::{Method, PrivateTargets, Request};
use crate::dialplan::{Tool, ToolCall};

/// The ways that tools go.
pub struct Ways {
    pub clients: Clients,
    pub secrets: Secrets,
    /// By which text messages go.
    pub sms: Option<Sms>,
}

impl Ways {
    pub async fn send(&self, tool: &Tool, call: &ToolCall) -> Result<Returned, Failure> {
        let secret = |name: &str| (self.secrets)(name);
        let value = |name: &str| call.value(name);
        let (method, url, headers, body) = match &tool.request {
            Request::Http {
                method,
                url,
                headers,
                body,
                ..
            } => (method, url, headers, body),
            Request::Sms { to, .. } => {
                let gateway = self.sms.as_ref().ok_or(Failure::NoGateway)?;
                let (to, text) = (to.line(&secret, &value)?, call.message.as_ref());
                let text = text.map_or("", |message| message.text.as_str());
                let answer = gateway.send(&self.clients, &to, text, call.idempotency.as_deref());
                return Ok(tool.taken(&answer.await?));
            }
            Request::Email { .. } => return Err(Failure::NoMail),
        };
        let url = Url::parse(&url.fill(&secret, &value)?).map_err(|_| Failure::Address)?;
        let client = self.clients.to(&url, network(&url, &tool.private_targets))?;
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
        let bytes = ask(request).await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            // 204, or a server that has nothing to say about what it did.
            return Ok(Returned::new());
        }
        let json = serde_json::from_slice(&bytes).map_err(|_| Failure::NotJson)?;
        Ok(tool.taken(&json))
    }
}

fn network(url: &Url, targets: &PrivateTargets) -> Network {
    let named = |hosts: &[String]| {
        let host = url.host_str().unwrap_or_default();
        hosts.iter().any(|one| one.eq_ignore_ascii_case(host))
    };
    match targets {
        PrivateTargets::Refused => Network::Public,
        PrivateTargets::Allowed => Network::Any,
        PrivateTargets::Only(hosts) if named(hosts) => Network::Any,
        PrivateTargets::Only(_) => Network::Public,
    }
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
