//! One file in, one checked value out.
//!
//! `offhook.yaml` belongs to whoever runs the machine: addresses, trunks, limits, secrets. What the bot says belongs to the
//! dial plan. Every knob says what it trades; a secret is written `${NAME}` and comes from the environment.

pub mod access;
mod api;
pub mod busy;
pub mod campaigns;
mod tls;
pub mod media;
mod messages;
mod trunk;
mod openid;
mod outbound;
mod overload;
mod web;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use self::access::Access;
pub use self::api::{ApiKey, May};
pub use self::busy::Busy;
pub use self::campaigns::Campaigns;
pub use self::media::{Media, Srtp};
pub use self::openid::{Claim, OpenId};
pub use self::overload::Overload;
pub use self::web::Web;
use crate::audio::clean::Cleaning;
pub use crate::dialogue::model::Secret;
use crate::dialogue::model::{Format, Server};
use crate::document::yaml::Node;
use crate::document::{Fields, Place, Problem, Problems, Severity, read, yaml};
use crate::language::Language;
use crate::sip::{Admit, Listen, Outbound, Tls, Transport, Trunk, is_private};
use crate::speech::server::Server as SpeechServer;
use crate::tools::Sms;

#[derive(Clone, Debug)]
pub struct Config {
    pub sip: Sip,
    /// Where calls may go.
    pub outbound: Outbound,
    pub rtp: Rtp,
    /// The dial plan, relative to the file.
    pub plan: PathBuf,
    /// Records and recordings, relative to the file.
    pub data: PathBuf,
    pub calls: Calls,
    pub inference: Inference,
    /// Language models in the order of trying; none: the grounded manager alone.
    pub models: Vec<Server>,
    /// Where people sign in; none: nowhere.
    pub web: Option<Web>,
    /// Programs that may ask for something, at the address of `web`.
    pub api: Vec<ApiKey>,
    pub campaigns: Campaigns,
    /// By which way text messages go; none: a plan's fail.
    pub sms: Option<Sms>,
}

#[derive(Clone, Debug)]
pub struct Sip {
    pub listen: Vec<Listen>,
    /// The address that others reach us by; unset: the one listened on.
    pub advertised: Option<IpAddr>,
    pub tls: Tls,
    pub trunks: Vec<Trunk>,
    pub access: Access,
}

impl Sip {
    /// Whether calls are taken from the whole world.
    pub fn is_open(&self) -> bool {
        let addresses = self.listen.iter().map(|listen| listen.address.ip());
        let reached = addresses.chain(self.advertised).any(|ip| !is_private(ip));
        self.access.admit == Admit::Anyone && reached
    }
}

#[derive(Clone, Debug)]
pub struct Rtp {
    /// Where sound comes to: one of a family, and a call's is of that which its other end speaks.
    pub addresses: Vec<IpAddr>,
    pub ports: RangeInclusive<u16>,
    /// Without a packet for so long a call is ended.
    pub timeout: Duration,
}

#[derive(Clone, Debug)]
pub struct Calls {
    /// Served at once. More: longer gaps for all.
    pub most: usize,
    pub busy: Busy,
    pub overload: Overload,
    pub longest: Duration,
    pub record: Recordings,
    pub media: Media,
    /// What is taken out of callers' sound before it is heard and recorded.
    pub cleaning: Cleaning,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recordings {
    Kept,
    No,
}

#[derive(Clone, Debug)]
pub struct Inference {
    /// Decodes and voices at once, each on one thread; more than cores makes each slower, but where servers do the work.
    pub threads: usize,
    /// Recognisers that are asked before the local one.
    pub ears: Vec<SpeechServer>,
    /// Voices that are asked before the local ones, and the names of their voices.
    pub mouths: Vec<(SpeechServer, BTreeMap<Language, String>)>,
}

/// A caller waits for the words, and for the voice, and no longer than for the local ones.
const EAR: Duration = Duration::from_millis(1500);
const MOUTH: Duration = Duration::from_millis(2500);
const SIP_PORT: u16 = 5060;
/// A model that says nothing for so long is passed over: the caller hears silence meanwhile.
const FIRST_TOKEN: Duration = Duration::from_secs(2);
/// For the whole answer.
const TOTAL: Duration = Duration::from_secs(8);

impl Default for Config {
    fn default() -> Self {
        let loopback = IpAddr::from([127, 0, 0, 1]);
        let address = SocketAddr::new(loopback, SIP_PORT);
        let listen = [Transport::Udp, Transport::Tcp]
            .map(|transport| Listen { transport, address })
            .to_vec();
        Self {
            sip: Sip {
                listen,
                advertised: None,
                tls: Tls::default(),
                trunks: Vec::new(),
                access: Access::default(),
            },
            outbound: outbound::standard(),
            rtp: Rtp {
                addresses: vec![loopback],
                ports: 20_000..=20_999,
                timeout: Duration::from_secs(20),
            },
            plan: PathBuf::from("dialplans/support.yaml"),
            data: PathBuf::from("data"),
            calls: Calls {
                most: 8,
                busy: Busy::default(),
                overload: Overload::default(),
                longest: Duration::from_secs(3600),
                record: Recordings::Kept,
                media: Media::default(),
                cleaning: Cleaning::default(),
            },
            inference: Inference {
                threads: std::thread::available_parallelism().map_or(2, usize::from),
                ears: Vec::new(),
                mouths: Vec::new(),
            },
            models: Vec::new(),
            web: None,
            api: Vec::new(),
            campaigns: Campaigns::default(),
            sms: None,
        }
    }
}

const KEYS: [&str; 12] = [
    "sip",
    "outbound",
    "rtp",
    "plan",
    "data",
    "calls",
    "inference",
    "models",
    "web",
    "api",
    "campaigns",
    "messages",
];

impl Config {
    /// Reads and checks `path`, with everything that is wrong in it.
    pub fn load(path: &Path) -> Result<Self, Vec<Problem>> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|e| {
            let message = format!("cannot be read: {e}; name the configuration with -c");
            vec![Problem {
                file: file.clone(),
                line: 1,
                column: 1,
                severity: Severity::Error,
                message,
            }]
        })?;
        let environment = |name: &str| std::env::var(name).ok();
        let mut config = Self::parse(&text, &file, &environment)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        config.plan = folder.join(&config.plan);
        config.data = folder.join(&config.data);
        tls::settle(&mut config.sip.tls, folder);
        Ok(config)
    }

    /// What is permitted, and may not be what was meant.
    pub fn cautions(&self) -> Vec<&'static str> {
        let open = "whoever reaches the SIP port may call: `sip.admit` is `anyone`; write `listed`, and your PBX or provider into `sip.addresses`";
        let told = "`calls.srtp` is required, but SIP comes without TLS: the keys are told in the clear, and who reads them hears the calls; write a `tls` or `wss` into `sip.listen`";
        let secure = self.sip.listen.iter().any(|listen| listen.transport.is_secure());
        let in_clear = self.calls.media.srtp == Srtp::Required && !secure;
        let all = [self.sip.is_open().then_some(open), in_clear.then_some(told)];
        all.into_iter().flatten().collect()
    }

    /// Reads `text`; `environment` gives the values of `${NAME}`.
    pub fn parse(text: &str, file: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, Vec<Problem>> {
        let mut problems = Problems::new(file);
        let mut config = Self::default();
        match yaml::parse(text) {
            Ok(root) => config.read(&root, environment, &mut problems),
            Err(malformed) => problems.error(malformed.place, malformed.reason),
        }
        let told = |any: &IpAddr| config.sip.advertised.is_some_and(|ip| ip.is_ipv4() == any.is_ipv4());
        if config.rtp.addresses.iter().any(|ip| ip.is_unspecified() && !told(ip)) {
            let message = "`rtp.address` is every address, which no caller can be told: set `sip.advertised` to the one that they reach";
            problems.error(Place { line: 1, column: 1 }, message);
        }
        if problems.has_errors() {
            Err(problems.into_vec())
        } else {
            Ok(config)
        }
    }

    fn read(&mut self, root: &Node, environment: &dyn Fn(&str) -> Option<String>, problems: &mut Problems) {
        let Some(fields) = Fields::of(root, "the configuration", &KEYS, problems) else {
            return;
        };
        let mut reader = Reader { environment, problems };
        if let Some(node) = fields.get("sip") {
            reader.sip(node, &mut self.sip);
        }
        if let Some(node) = fields.get("outbound") {
            self.outbound = outbound::read(node, &mut reader);
        }
        if let Some(node) = fields.get("rtp") {
            reader.rtp(node, &mut self.rtp);
        }
        if let Some(node) = fields.get("calls") {
            reader.calls(node, &mut self.calls);
        }
        if let Some(node) = fields.get("inference") {
            reader.inference(node, &mut self.inference);
        }
        if let Some(node) = fields.get("models") {
            let items = read::list(node, "models", reader.problems);
            self.models = items.iter().filter_map(|node| reader.model(node)).collect();
        }
        if let Some(node) = fields.get("web") {
            self.web = Some(web::web(node, &mut reader));
        }
        self.api = api::read(&fields, &mut reader);
        self.campaigns.read(&fields, self.calls.most, &mut reader);
        self.sms = messages::read(&fields, &mut reader);
        if let Some(plan) = fields.text("plan", reader.problems) {
            self.plan = PathBuf::from(plan);
        }
        if let Some(data) = fields.text("data", reader.problems) {
            self.data = PathBuf::from(data);
        }
    }
}

struct Reader<'a> {
    environment: &'a dyn Fn(&str) -> Option<String>,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn sip(&mut self, node: &Node, sip: &mut Sip) {
        let known = [["listen", "advertised", "tls", "trunks"].as_slice(), &access::KEYS].concat();
        let Some(fields) = Fields::of(node, "`sip`", &known, self.problems) else {
            return;
        };
        sip.access.read(&fields, self);
        if let Some(node) = fields.get("listen") {
            sip.listen = read::texts(node, "listen", self.problems)
                .iter()
                .filter_map(|text| self.listen(text, node.place))
                .collect();
        }
        sip.advertised = self.parsed(&fields, "advertised", "an IP address");
        if let Some(node) = fields.get("tls") {
            tls::read(&mut sip.tls, node, self.problems);
        }
        if let Some(listen) = sip.listen.iter().find(|listen| listen.transport.is_secure())
            && sip.tls.identity.is_none()
        {
            self.problems.error(
                fields.place(),
                format!(
                    "`listen` has {}, which needs a certificate; write `tls: {{certificate: cert.pem, key: key.pem}}`",
                    listen.transport
                ),
            );
        }
        if let Some(node) = fields.get("trunks") {
            let items = read::list(node, "trunks", self.problems);
            sip.trunks = items.iter().filter_map(|node| self.trunk(node)).collect();
        }
    }

    /// `udp:127.0.0.1:5060`
    fn listen(&mut self, text: &str, place: Place) -> Option<Listen> {
        let parts = text.split_once(':').and_then(|(transport, address)| {
            Some(Listen {
                transport: Transport::named(transport)?,
                address: address.parse().ok()?,
            })
        });
        if parts.is_none() {
            self.problems.error(
                place,
                format!("`{text}` is nothing to listen on; write `udp:127.0.0.1:5060`, or tcp, tls, ws or wss before such an address; IPv6 as `tcp:[::1]:5060`"),
            );
        }
        parts
    }

    fn trunk(&mut self, node: &Node) -> Option<Trunk> {
        let known = [
            "name",
            "server",
            "transport",
            "username",
            "password",
            "from_user",
            "register",
        ];
        let known = [known.as_slice(), trunk::KEYS].concat();
        let fields = Fields::of(node, "a trunk", &known, self.problems)?;
        let [name, server] = ["name", "server"].map(|key| self.needed(&fields, key));
        // A trunk that knows us by our address asks for neither.
        let known_by_name = ["username", "password", "register"]
            .iter()
            .any(|key| fields.get(key).is_some());
        let [username, password] = ["username", "password"].map(|key| {
            if known_by_name {
                self.needed(&fields, key)
            } else {
                Some(String::new())
            }
        });
        let transport = match fields.text("transport", self.problems) {
            None => Transport::Udp,
            Some(text) => Transport::named(&text).unwrap_or_else(|| {
                self.problems.error(
                    fields.place(),
                    format!("`transport: {text}` is unknown; write udp, tcp, tls, ws or wss"),
                );
                Transport::Udp
            }),
        };
        let register = fields.duration("register", self.problems);
        let from_user = fields.text("from_user", self.problems);
        let policies = trunk::policies(&fields, self.problems);
        Some(Trunk {
            name: name?,
            server: server?,
            username: username?,
            password: password?,
            transport,
            from_user,
            register,
            ..policies
        })
    }

    fn rtp(&mut self, node: &Node, rtp: &mut Rtp) {
        let Some(fields) = Fields::of(node, "`rtp`", &["address", "ports", "timeout"], self.problems) else {
            return;
        };
        if let Some(node) = fields.get("address") {
            rtp.addresses = self.addresses(node);
        }
        if let Some(text) = fields.text("ports", self.problems) {
            let range = text
                .split_once('-')
                .and_then(|(a, b)| Some(a.trim().parse().ok()?..=b.trim().parse().ok()?));
            match range {
                Some(range) if *range.start() >= 1024 && holds_a_pair(&range) => rtp.ports = range,
                _ => self.problems.error(
                    fields.place(),
                    format!("`ports: {text}` is no range with an even port and the next; write `20000-20999`"),
                ),
            }
        }
        if let Some(timeout) = fields.duration("timeout", self.problems) {
            rtp.timeout = timeout;
        }
    }

    /// One, or one of each family.
    fn addresses(&mut self, node: &Node) -> Vec<IpAddr> {
        let mut addresses: Vec<IpAddr> = Vec::new();
        for text in read::texts(node, "address", self.problems) {
            match text.parse::<IpAddr>() {
                Ok(ip) if addresses.iter().any(|other| other.is_ipv4() == ip.is_ipv4()) => {
                    let family = if ip.is_ipv4() { "IPv4" } else { "IPv6" };
                    self.problems.error(
                        node.place,
                        format!("`address` has two {family} addresses; a caller is told one"),
                    );
                }
                Ok(ip) => addresses.push(ip),
                Err(_) => self
                    .problems
                    .error(node.place, format!("`address: {text}` should be an IP address")),
            }
        }
        if addresses.is_empty() {
            self.problems.error(
                node.place,
                "`address` names none, and no call would have sound; write `192.0.2.10`",
            );
        }
        addresses
    }

    fn calls(&mut self, node: &Node, calls: &mut Calls) {
        let known = [
            "most",
            "busy",
            "overload",
            "longest",
            "record",
            "echo_canceller",
            "noise_suppression",
        ];
        let known = [&known[..], &media::KEYS].concat();
        let Some(fields) = Fields::of(node, "`calls`", &known, self.problems) else {
            return;
        };
        if let Some(most) = fields.count("most", 1..=10_000, self.problems) {
            calls.most = most as usize;
        }
        if let Some(node) = fields.get("busy") {
            calls.busy.read(node, self.problems);
        }
        if let Some(node) = fields.get("overload") {
            calls.overload.read(node, self);
        }
        if let Some(longest) = fields.duration("longest", self.problems) {
            calls.longest = longest;
        }
        calls.media.read(&fields, self.problems);
        let cleaning = &mut calls.cleaning;
        for (name, wanted) in [
            ("echo_canceller", &mut cleaning.echo),
            ("noise_suppression", &mut cleaning.noise),
        ] {
            *wanted = fields.boolean(name, self.problems).unwrap_or(*wanted);
        }
        if let Some(record) = fields.boolean("record", self.problems) {
            calls.record = if record { Recordings::Kept } else { Recordings::No };
        }
    }

    fn inference(&mut self, node: &Node, inference: &mut Inference) {
        let known = ["threads", "recognisers", "voices"];
        let Some(fields) = Fields::of(node, "`inference`", &known, self.problems) else {
            return;
        };
        if let Some(threads) = fields.count("threads", 1..=256, self.problems) {
            inference.threads = threads as usize;
        }
        if let Some(node) = fields.get("recognisers") {
            let items = read::list(node, "recognisers", self.problems);
            inference.ears = items.iter().filter_map(|node| self.ear(node)).collect();
        }
        if let Some(node) = fields.get("voices") {
            let items = read::list(node, "voices", self.problems);
            inference.mouths = items.iter().filter_map(|node| self.mouth(node)).collect();
        }
    }

    fn ear(&mut self, node: &Node) -> Option<SpeechServer> {
        let known = ["url", "model", "api_key", "timeout"];
        let fields = Fields::of(node, "a recogniser", &known, self.problems)?;
        self.speech_server(&fields, EAR)
    }

    fn mouth(&mut self, node: &Node) -> Option<(SpeechServer, BTreeMap<Language, String>)> {
        let known = ["url", "model", "api_key", "timeout", "names"];
        let fields = Fields::of(node, "a voice", &known, self.problems)?;
        let server = self.speech_server(&fields, MOUTH)?;
        let names = fields.need("names", "a voice", self.problems)?;
        let names = Fields::of(names, "`names`", &Language::ALL.map(Language::code), self.problems)?;
        let named = Language::ALL.into_iter().filter_map(|language| {
            let name = names.text(language.code(), self.problems)?;
            Some((language, name))
        });
        Some((server, named.collect()))
    }

    fn speech_server(&mut self, fields: &Fields<'_>, timeout: Duration) -> Option<SpeechServer> {
        let (base_url, model) = (self.url(fields), self.needed(fields, "model"));
        let api_key = fields
            .text("api_key", self.problems)
            .map(|text| self.secret(&text, fields.place()));
        Some(SpeechServer {
            base_url: base_url?,
            model: model?,
            api_key,
            timeout: fields.duration("timeout", self.problems).unwrap_or(timeout),
        })
    }

    fn url(&mut self, fields: &Fields<'_>) -> Option<String> {
        let url = self.needed(fields, "url")?;
        if !url.starts_with("http://") && !url.starts_with("https://") {
            self.problems.error(
                fields.place(),
                format!("`url: {url}` should begin with http:// or https://"),
            );
        }
        Some(url)
    }

    fn model(&mut self, node: &Node) -> Option<Server> {
        let known = ["url", "model", "api_key", "first_token", "total"];
        let fields = Fields::of(node, "a model", &known, self.problems)?;
        let (url, model) = (self.url(&fields), self.needed(&fields, "model"));
        let api_key = fields
            .text("api_key", self.problems)
            .map(|text| self.secret(&text, fields.place()));
        Some(Server {
            base_url: url?,
            model: model?,
            api_key: api_key.map(Secret::new),
            first_token: fields.duration("first_token", self.problems).unwrap_or(FIRST_TOKEN),
            total: fields.duration("total", self.problems).unwrap_or(TOTAL),
            format: Format::Schema,
        })
    }

    fn needed(&mut self, fields: &Fields<'_>, name: &str) -> Option<String> {
        let node = fields.need(name, "it", self.problems)?;
        let text = read::text(node, name, self.problems)?;
        Some(self.secret(&text, node.place))
    }

    fn parsed<T: std::str::FromStr>(&mut self, fields: &Fields<'_>, name: &str, right: &str) -> Option<T> {
        let text = fields.text(name, self.problems)?;
        let value = text.parse().ok();
        if value.is_none() {
            self.problems
                .error(fields.place(), format!("`{name}: {text}` should be {right}"));
        }
        value
    }

    /// `${NAME}` is taken from the environment.
    fn secret(&mut self, text: &str, place: Place) -> String {
        let Some(name) = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) else {
            return text.to_owned();
        };
        (self.environment)(name).unwrap_or_else(|| {
            self.problems.error(
                place,
                format!("the environment has no `{name}`; set it before starting"),
            );
            String::new()
        })
    }
}

/// A call takes an even port for sound and the next for reports.
fn holds_a_pair(ports: &RangeInclusive<u16>) -> bool {
    *ports.end() > ports.start().saturating_add(ports.start() % 2)
}

#[cfg(test)]
mod tests;
