//! TLS: what proves who we are, whom we believe, and the handshake either way.
//!
//! A peer that we connect to is believed when its certificate is for the name that was dialled (RFC 5922) and comes from an authority that
//! the system or the configuration names. A certificate that is renewed on the disk is taken for the next connection. It knows no SIP.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream as Client;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, ServerConfig, SignatureScheme,
};
use tokio_rustls::server::TlsStream as Server;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tracing::warn;

/// How SIP over TLS proves and believes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Who we are: to those who connect to us, and to servers that ask.
    pub identity: Option<Identity>,
    /// A PEM file of authorities that are believed beside the system's.
    pub authorities: Option<PathBuf>,
    /// Whether a server must prove that it is the one that was dialled. Off, anybody on the way can listen.
    pub verify: bool,
    /// Whether those who connect to us must prove who they are, by `authorities`.
    pub clients: Clients,
}

impl Default for Tls {
    fn default() -> Tls {
        Tls {
            identity: None,
            authorities: None,
            verify: true,
            clients: Clients::NotAsked,
        }
    }
}

/// PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Our certificate, and those between it and its authority.
    pub certificate: PathBuf,
    pub key: PathBuf,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clients {
    #[default]
    NotAsked,
    /// One who has a certificate must have a good one.
    Asked,
    Required,
}

/// Both ends of TLS, made from one configuration.
pub(in crate::sip) struct Ends {
    config: Tls,
    connector: TlsConnector,
    acceptor: Mutex<Option<(Option<SystemTime>, TlsAcceptor)>>,
}

impl Ends {
    /// Reads every file that the configuration names, so that what is wrong with one is said at the start.
    pub fn new(config: Tls) -> Result<Ends, String> {
        let connector = TlsConnector::from(Arc::new(client(&config)?));
        let acceptor = match &config.identity {
            Some(identity) => {
                let written = written(&identity.certificate);
                Some((written, TlsAcceptor::from(Arc::new(server(&config, identity)?))))
            }
            None => None,
        };
        Ok(Ends {
            config,
            connector,
            acceptor: Mutex::new(acceptor),
        })
    }

    pub fn can_accept(&self) -> bool {
        self.config.identity.is_some()
    }

    /// The handshake with one who connected to us.
    pub async fn accept(&self, stream: TcpStream) -> Result<Server<TcpStream>, String> {
        let acceptor = self.acceptor().ok_or("there is no certificate of ours")?;
        acceptor.accept(stream).await.map_err(|error| in_words(&error))
    }

    /// The handshake with one we connected to, who is to be `name`.
    pub async fn connect(&self, name: &str, stream: TcpStream) -> Result<Client<TcpStream>, String> {
        let name = match name.parse::<IpAddr>() {
            Ok(ip) => ServerName::from(ip),
            Err(_) => ServerName::try_from(name.to_owned()).map_err(|_| format!("`{name}` is no name for TLS"))?,
        };
        self.connector
            .connect(name, stream)
            .await
            .map_err(|error| in_words(&error))
    }

    fn acceptor(&self) -> Option<TlsAcceptor> {
        let identity = self.config.identity.as_ref()?;
        let mut kept = self.acceptor.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, acceptor) = kept.as_mut()?;
        let now = written(&identity.certificate);
        if now != *of {
            // Half of a renewal: the key follows in a moment, and the next connection looks again.
            match server(&self.config, identity) {
                Ok(config) => {
                    *acceptor = TlsAcceptor::from(Arc::new(config));
                    *of = now;
                }
                Err(error) => warn!(error, "the new certificate is not taken, the one before it goes on"),
            }
        }
        Some(acceptor.clone())
    }
}

fn written(file: &Path) -> Option<SystemTime> {
    std::fs::metadata(file).and_then(|about| about.modified()).ok()
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn client(config: &Tls) -> Result<ClientConfig, String> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match config.verify {
        true => builder.with_root_certificates(believed(config)?),
        false => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody(provider()))),
    };
    match &config.identity {
        None => Ok(builder.with_no_client_auth()),
        Some(identity) => {
            let (chain, key) = read(identity)?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| unfit(identity, &error))
        }
    }
}

fn server(config: &Tls, identity: &Identity) -> Result<ServerConfig, String> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match config.clients {
        Clients::NotAsked => builder.with_no_client_auth(),
        asked => {
            let roots = match &config.authorities {
                Some(file) => authorities(file)?,
                None => {
                    return Err(
                        "`clients` needs `authorities`: the PEM file of those who vouch for clients".to_owned(),
                    );
                }
            };
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
            let verifier = match asked {
                Clients::Required => verifier,
                Clients::Asked | Clients::NotAsked => verifier.allow_unauthenticated(),
            };
            builder.with_client_cert_verifier(verifier.build().map_err(|error| error.to_string())?)
        }
    };
    let (chain, key) = read(identity)?;
    builder
        .with_single_cert(chain, key)
        .map_err(|error| unfit(identity, &error))
}

/// The system's authorities and the configuration's.
fn believed(config: &Tls) -> Result<RootCertStore, String> {
    let mut roots = match &config.authorities {
        Some(file) => authorities(file)?,
        None => RootCertStore::empty(),
    };
    // A system without any has its say when a server cannot be verified.
    let (_, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    Ok(roots)
}

fn authorities(file: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        let added = roots.add(certificate);
        added.map_err(|error| format!("`{}` holds what is no authority: {error}", file.display()))?;
    }
    Ok(roots)
}

fn read(identity: &Identity) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let chain = certificates(&identity.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&identity.key)
        .map_err(|error| format!("`{}` holds no private key in PEM: {error}", identity.key.display()))?;
    Ok((chain, key))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let wrong = |why: String| format!("`{}` holds no certificate in PEM: {why}", file.display());
    let found: Result<Vec<_>, _> = match CertificateDer::pem_file_iter(file) {
        Ok(all) => all.collect(),
        Err(error) => return Err(wrong(error.to_string())),
    };
    match found {
        Ok(found) if found.is_empty() => Err(wrong("there is none".to_owned())),
        Ok(found) => Ok(found),
        Err(error) => Err(wrong(error.to_string())),
    }
}

/// Why a handshake failed, and the cure where there is one.
fn in_words(error: &std::io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::InvalidCertificate(wrong)) => distrust(wrong),
        Some(_) | None => error.to_string(),
    }
}

fn distrust(wrong: &CertificateError) -> String {
    match wrong {
        // A bad signature: one of that name is known, and this is another.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "its certificate is from an authority that is not known here; name that authority's PEM file in `sip.tls.authorities`"
                .to_owned()
        }
        CertificateError::NotValidForName => {
            "its certificate is for another name; dial the name that it is for, or have it made for this one".to_owned()
        }
        CertificateError::NotValidForNameContext { expected, presented } => format!(
            "its certificate is not for `{}` but for {}; dial the name that it is for, or have it made for this one",
            expected.to_str(),
            presented.join(", ")
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired; have it renewed, or set the clock of this machine if that is wrong".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet; see whether the clock of this machine is right".to_owned()
        }
        // rustls has no word of its own for it.
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "its certificate is that of an authority (CA:TRUE), and no server's; have it made with `basicConstraints=CA:FALSE` (`openssl req -x509 \
             -addext basicConstraints=CA:FALSE`) and named in `sip.tls.authorities`"
                .to_owned()
        }
        other => format!("its certificate is not believed: {other}"),
    }
}

fn unfit(identity: &Identity, error: &Error) -> String {
    let (certificate, key) = (identity.certificate.display(), identity.key.display());
    format!("`{certificate}` and `{key}` do not go together: {error}")
}

/// Believes every server: what `verify: false` asks for. That it has the key of the certificate it shows is still seen to.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
