//! `messages`: by which way text messages go out.

use super::Reader;
use super::campaigns::{address, network};
use crate::document::{Fields, Node};
use crate::tools::Sms;
use crate::tools::sms::{Format, Names};

/// `{sms: {url: "https://sms.example/messages", token: "${SMS_TOKEN}", from: "+4930123456"}}`
pub(super) fn read(all: &Fields<'_>, reader: &mut Reader<'_>) -> Option<Sms> {
    let fields = Fields::of(all.get("messages")?, "`messages`", &["sms"], reader.problems)?;
    let node = fields.need("sms", "`messages`", reader.problems)?;
    let known = ["url", "from", "token", "user", "format", "names", "allow_private"];
    let fields = Fields::of(node, "`sms`", &known, reader.problems)?;
    for name in ["url", "from"] {
        fields.need(name, "`sms`", reader.problems);
    }
    let network = network(&fields, reader);
    let url = address(&fields, network, reader);
    let mut said = |name: &str| {
        let text = fields.text(name, reader.problems)?;
        Some(reader.secret(&text, fields.place()))
    };
    let (from, user, token) = (said("from"), said("user"), said("token"));
    if user.is_some() && token.is_none() {
        let message = "`user` is without its password; write `token: \"${SMS_TOKEN}\"`";
        reader.problems.error(fields.place(), message);
    }
    let formats = [("json", Format::Json), ("form", Format::Form)];
    let format = fields.one_of("format", &formats, reader.problems);
    let names = fields.get("names").map(|node| names(node, reader));
    Some(Sms {
        url: url?,
        from: from?,
        token,
        user,
        format: format.unwrap_or(Format::Json),
        names: names.unwrap_or_default(),
        network,
    })
}

fn names(node: &Node, reader: &mut Reader<'_>) -> Names {
    let mut names = Names::default();
    let known = ["to", "from", "text", "key"];
    let Some(fields) = Fields::of(node, "`names`", &known, reader.problems) else {
        return names;
    };
    for (name, own) in [
        ("to", &mut names.to),
        ("from", &mut names.from),
        ("text", &mut names.text),
    ] {
        if let Some(text) = fields.text(name, reader.problems) {
            *own = text;
        }
    }
    names.key = fields.text("key", reader.problems);
    names
}

#[cfg(test)]
mod tests {
    use reqwest::Url;

    use super::super::tests::parse;
    use super::*;
    use crate::tools::Network;

    #[test]
    fn a_gateway_is_read() {
        assert_eq!(parse("{}").expect("a configuration").sms, None);
        let least = "messages: {sms: {url: \"https://sms.example/v1\", from: Acme}}";
        let known = Sms {
            url: Url::parse("https://sms.example/v1").expect("a URL"),
            from: "Acme".into(),
            token: None,
            user: None,
            format: Format::Json,
            names: Names::default(),
            network: Network::Public,
        };
        assert_eq!(parse(least).expect("a configuration").sms, Some(known));
        let all = "messages: {sms: {url: \"http://127.0.0.1:9000/send\", allow_private: true, from: \"+4930123456\", user: AC1, \
                   token: \"${PASSWORD}\", format: form, names: {to: To, from: From, text: Body, key: Ref}}}";
        let all = parse(all).expect("a configuration").sms.expect("a gateway");
        assert!(!format!("{all:?}").contains("secret"), "it is not shown");
        assert_eq!((all.format, all.network), (Format::Form, Network::Any));
        assert_eq!(
            (all.user.as_deref(), all.token.as_deref()),
            (Some("AC1"), Some("secret"))
        );
        assert_eq!((all.names.to.as_str(), all.names.key.as_deref()), ("To", Some("Ref")));
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (keys, told) in [
            ("from: a", "needs `url`"),
            ("url: \"https://sms.example\"", "needs `from`"),
            ("url: \"http://sms.example\", from: a", "allow_private"),
            ("url: sms.example, from: a", "such as https://"),
            ("url: \"https://sms.example\", from: a, user: b", "without its password"),
            (
                "url: \"https://sms.example\", from: a, format: xml",
                "`format` is `xml`",
            ),
            (
                "url: \"https://sms.example\", from: a, names: {too: b}",
                "did you mean `to`",
            ),
        ] {
            let problems = parse(&format!("messages: {{sms: {{{keys}}}}}\n")).expect_err(keys);
            assert!(
                problems.len() == 1 && problems[0].contains(told),
                "{keys}: {problems:?}"
            );
        }
    }
}
