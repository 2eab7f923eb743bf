//! `sip.tls`: what proves who we are on SIP over TLS, and whom we believe.

use std::path::{Path, PathBuf};

use crate::document::{Fields, Node, Problems};
use crate::sip::{Clients, Identity, Tls};

pub(super) fn read(tls: &mut Tls, node: &Node, problems: &mut Problems) {
    let known = ["certificate", "key", "authorities", "verify", "clients"];
    let Some(fields) = Fields::of(node, "`tls`", &known, problems) else {
        return;
    };
    let certificate = fields.text("certificate", problems).map(PathBuf::from);
    let key = fields.text("key", problems).map(PathBuf::from);
    match (certificate, key) {
        (Some(certificate), Some(key)) => tls.identity = Some(Identity { certificate, key }),
        (None, None) => {}
        _ => problems.error(
            fields.place(),
            "`certificate` and `key` go together: name both PEM files",
        ),
    }
    tls.authorities = fields.text("authorities", problems).map(PathBuf::from);
    tls.verify = fields.boolean("verify", problems).unwrap_or(tls.verify);
    if let Some(text) = fields.text("clients", problems) {
        match text.as_str() {
            "not asked" => tls.clients = Clients::NotAsked,
            "asked" => tls.clients = Clients::Asked,
            "required" => tls.clients = Clients::Required,
            _ => problems.error(
                fields.place(),
                format!("`clients: {text}` is unknown; write `not asked`, asked or required"),
            ),
        }
    }
    if tls.clients != Clients::NotAsked && tls.authorities.is_none() {
        let cure = "`clients` needs `authorities`: the PEM file of those who vouch for the clients' certificates";
        problems.error(fields.place(), cure);
    }
}

/// Names of files are relative to `folder`.
pub(super) fn settle(tls: &mut Tls, folder: &Path) {
    if let Some(identity) = &mut tls.identity {
        identity.certificate = folder.join(&identity.certificate);
        identity.key = folder.join(&identity.key);
    }
    tls.authorities = tls.authorities.as_ref().map(|file| folder.join(file));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::yaml;

    fn parsed(text: &str) -> (Tls, Vec<String>) {
        let mut problems = Problems::new("offhook.yaml");
        let mut tls = Tls::default();
        read(&mut tls, &yaml::parse(text).unwrap(), &mut problems);
        (tls, problems.into_vec().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn reads_what_proves_and_whom_to_believe() {
        let (mut tls, problems) =
            parsed("{certificate: a.pem, key: b.pem, authorities: c.pem, verify: false, clients: required}");
        settle(&mut tls, Path::new("/etc/offhook"));
        assert_eq!(problems, Vec::<String>::new());
        let file = |name: &str| PathBuf::from("/etc/offhook").join(name);
        assert_eq!(
            tls,
            Tls {
                identity: Some(Identity {
                    certificate: file("a.pem"),
                    key: file("b.pem")
                }),
                authorities: Some(file("c.pem")),
                verify: false,
                clients: Clients::Required,
            }
        );
    }

    #[test]
    fn says_what_is_missing() {
        for (text, what) in [
            ("{certificate: a.pem}", "go together"),
            ("{clients: asked}", "`clients` needs `authorities`"),
            ("{authorities: c.pem, clients: maybe}", "`clients: maybe` is unknown"),
        ] {
            let (_, problems) = parsed(text);
            assert!(
                problems.iter().any(|problem| problem.contains(what)),
                "{text}: {problems:?}"
            );
        }
    }
}
