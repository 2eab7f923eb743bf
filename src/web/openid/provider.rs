//! The OpenID provider: where browsers are sent, and what it says of who comes back (OpenID Connect Core 1.0, authorization code flow with PKCE).
//!
//! It knows no browser and no account: it is given what a browser brought, and says by which name that is proven.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use jiff::SignedDuration;
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreIdTokenClaims, CoreIdTokenVerifier,
    CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreTokenResponse, CoreUserInfoClaims,
};
use openidconnect::{
    AsyncHttpClient, AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken,
    EndUserEmail, EndUserUsername, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IssuerUrl,
    Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope,
    SignatureVerificationError, TokenResponse,
};
use reqwest::{Client, redirect};
use tokio::sync::Semaphore;

use super::errand::Errand;
use super::known::{Known, Source};
use crate::clock;
use crate::config::{Claim, OpenId};
use crate::store::people;

/// For one answer.
const ANSWER: Duration = Duration::from_secs(5);
/// For all that must be asked for somebody to be sent there, or to come in.
const ALL: Duration = Duration::from_secs(12);
/// Bytes of an answer.
const LONGEST: usize = 256 * 1024;
/// Clocks differ.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);
/// Those by which nobody but the provider can sign.
const SIGNATURES: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// Why nobody is proven; in words for the log.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("the OpenID provider does not answer as it should: {0}")]
    Down(String),
    #[error("what the OpenID provider said is not good: {0}")]
    Refused(String),
    #[error("the OpenID provider gives no name: {0}")]
    Nameless(String),
}

type Endpoints =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

pub struct Provider {
    issuer: IssuerUrl,
    config: OpenId,
    http: Http,
    known: Mutex<Known<CoreProviderMetadata>>,
    /// It is asked about itself by one at a time.
    turn: Semaphore,
}

impl Provider {
    /// Asks nothing yet: the provider may be down when the bot starts.
    pub fn new(config: &OpenId) -> Result<Self, String> {
        let http = Client::builder()
            .user_agent(concat!("offhook/", env!("CARGO_PKG_VERSION")))
            // A secret goes where it was meant to go.
            .redirect(redirect::Policy::none())
            .no_proxy()
            .timeout(ANSWER)
            .build();
        Ok(Self {
            issuer: IssuerUrl::new(config.issuer.clone()).map_err(|e| format!("`issuer`: {e}"))?,
            config: config.clone(),
            http: Http(http.map_err(|e| chain(&e))?),
            known: Mutex::default(),
            turn: Semaphore::new(1),
        })
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// Where the browser of `errand` is sent, to come back to `back`.
    pub async fn way(&self, errand: &Errand, back: &str) -> Result<String, Failure> {
        in_time(self.find_way(errand, back)).await
    }

    /// The name, as [`people::name`] writes it, of whoever brought `code` to `back`.
    pub async fn prove(&self, errand: &Errand, code: String, back: &str) -> Result<String, Failure> {
        in_time(self.redeem(errand, code, back)).await
    }

    async fn find_way(&self, errand: &Errand, back: &str) -> Result<String, Failure> {
        let metadata = self.metadata(None).await?;
        let client = self.client(&metadata, back)?;
        if !OpenId::is_private(client.auth_uri().url()) {
            let told = format!(
                "it would have people sign in without TLS, at {}",
                client.auth_uri().as_str()
            );
            return Err(Failure::Down(told));
        }
        let (state, nonce) = (CsrfToken::new(errand.state()), Nonce::new(errand.nonce()));
        let verifier = PkceCodeVerifier::new(errand.verifier());
        let request = client.authorize_url(CoreAuthenticationFlow::AuthorizationCode, move || state, move || nonce);
        let request = match self.config.claim {
            Claim::PreferredUsername => request.add_scope(Scope::new("profile".into())),
            Claim::Email => request.add_scope(Scope::new("email".into())),
            Claim::Subject => request,
        };
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
        let (url, _, _) = request.set_pkce_challenge(challenge).url();
        Ok(url.into())
    }

    async fn redeem(&self, errand: &Errand, code: String, back: &str) -> Result<String, Failure> {
        let metadata = self.metadata(None).await?;
        let client = self.client(&metadata, back)?;
        let request = client.exchange_code(AuthorizationCode::new(code));
        let request = request.map_err(|e| Failure::Down(e.to_string()))?;
        let request = request.set_pkce_verifier(PkceCodeVerifier::new(errand.verifier()));
        let answer = request.request_async(&self.http).await.map_err(|e| match e {
            RequestTokenError::ServerResponse(told) => Failure::Refused(told.to_string()),
            other => Failure::Down(chain(&other)),
        })?;
        let none = || Failure::Refused("it came without an ID token".into());
        let token = answer.id_token().ok_or_else(none)?;
        let nonce = Nonce::new(errand.nonce());
        let lacking = ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey);
        let mut claims = token.claims(&verifier(&client), &nonce);
        if claims.as_ref().is_err_and(|e| *e == lacking) {
            // The provider may have new keys since it was asked.
            let renewed = self.metadata(Some(&metadata)).await?;
            claims = token.claims(&verifier(&self.client(&renewed, back)?), &nonce);
        }
        let claims = claims.map_err(|e| Failure::Refused(chain(&e)))?;
        self.named(&client, &answer, claims).await
    }

    /// The claim that is a name here: of the ID token, or else of what the provider tells beside it (section 5.3).
    async fn named(
        &self,
        client: &Endpoints,
        answer: &CoreTokenResponse,
        claims: &CoreIdTokenClaims,
    ) -> Result<String, Failure> {
        let (claim, subject) = (self.config.claim, claims.subject());
        let told = match claim {
            Claim::Subject => Some(subject.to_string()),
            Claim::PreferredUsername => username(claims.preferred_username()),
            Claim::Email => email(claims.email(), claims.email_verified())?,
        };
        let told = match told {
            Some(told) => told,
            None => {
                let request = client.user_info(answer.access_token().clone(), Some(subject.clone()));
                let request = request.map_err(|e| Failure::Nameless(e.to_string()))?;
                let more: Result<CoreUserInfoClaims, _> = request.request_async(&self.http).await;
                let more = more.map_err(|e| Failure::Down(chain(&e)))?;
                let told = match claim {
                    Claim::Subject => None,
                    Claim::PreferredUsername => username(more.preferred_username()),
                    Claim::Email => email(more.email(), more.email_verified())?,
                };
                let none = || Failure::Nameless(format!("{claim:?} is told neither in the ID token nor beside it"));
                told.ok_or_else(none)?
            }
        };
        // Subjects that differ in case are two people (section 2); who gives out names and addresses tells those apart.
        let same = |name: &String| claim != Claim::Subject || *name == told;
        let name = people::name(&told).filter(same);
        name.ok_or_else(|| Failure::Nameless(format!("{told:?} cannot be a name here")))
    }

    fn client(&self, metadata: &CoreProviderMetadata, back: &str) -> Result<Endpoints, Failure> {
        let id = ClientId::new(self.config.client_id.clone());
        let secret = self.config.client_secret.as_ref();
        let secret = secret.map(|secret| ClientSecret::new(secret.reveal().to_owned()));
        let back = RedirectUrl::new(back.to_owned()).map_err(|e| Failure::Down(format!("{back}: {e}")))?;
        let known = metadata.token_endpoint_auth_methods_supported();
        let takes = |method| known.is_some_and(|known| known.contains(&method));
        let in_body = takes(CoreClientAuthMethod::ClientSecretPost) && !takes(CoreClientAuthMethod::ClientSecretBasic);
        let client = CoreClient::from_provider_metadata(metadata.clone(), id, secret).set_redirect_uri(back);
        Ok(client.set_auth_type(if in_body {
            AuthType::RequestBody
        } else {
            AuthType::BasicAuth
        }))
    }

    /// Its endpoints and keys; others than `lacking`, where that is told.
    async fn metadata(
        &self,
        lacking: Option<&Arc<CoreProviderMetadata>>,
    ) -> Result<Arc<CoreProviderMetadata>, Failure> {
        if let Source::Memory(metadata) = self.known().source(lacking, clock::now()) {
            return Ok(metadata);
        }
        let _turn = self.turn.acquire().await;
        // Who had the turn before may have asked.
        match self.known().source(lacking, clock::now()) {
            Source::Memory(metadata) => return Ok(metadata),
            Source::Nowhere if lacking.is_some() => {
                return Err(Failure::Refused(
                    "it is signed with a key that the provider did not publish".into(),
                ));
            }
            Source::Nowhere => return Err(Failure::Down("it did not a moment ago".into())),
            Source::Provider => {}
        }
        match CoreProviderMetadata::discover_async(self.issuer.clone(), &self.http).await {
            Ok(metadata) => Ok(self.known().said(metadata, clock::now())),
            Err(e) => {
                self.known().failed(clock::now());
                Err(Failure::Down(chain(&e)))
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known<CoreProviderMetadata>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Issuer, audience, signature, time and nonce (section 3.1.3.7).
fn verifier(client: &Endpoints) -> CoreIdTokenVerifier<'_> {
    let now = clock::wall();
    let now = SystemTime::from(now.checked_sub(LEEWAY).unwrap_or(now));
    let verifier = client.id_token_verifier().set_allowed_algs(SIGNATURES);
    // What is for others too might have come here from one of them.
    verifier
        .set_other_audience_verifier_fn(|_| false)
        .set_time_fn(move || now.into())
}

fn username(told: Option<&EndUserUsername>) -> Option<String> {
    told.map(|name| name.to_string())
}

fn email(told: Option<&EndUserEmail>, verified: Option<bool>) -> Result<Option<String>, Failure> {
    match (told, verified) {
        (None, _) => Ok(None),
        (Some(email), Some(true)) => Ok(Some(email.to_string())),
        (Some(email), _) => {
            let told = format!("{:?} is not verified (`email_verified`)", email.as_str());
            Err(Failure::Nameless(told))
        }
    }
}

async fn in_time<T>(asked: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let answered = tokio::time::timeout(ALL, asked).await;
    answered.unwrap_or_else(|_| Err(Failure::Down(format!("it takes longer than {} s", ALL.as_secs()))))
}

/// An error with all its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(one) = source {
        told = format!("{told}: {one}");
        source = one.source();
    }
    told
}

/// Requests of the library, through the client that all of the bot has.
struct Http(Client);

#[derive(Debug, thiserror::Error)]
enum Unanswered {
    #[error("{0} is neither reached by TLS nor on this machine")]
    InTheClear(String),
    #[error("the answer is longer than {LONGEST} bytes")]
    Long,
    #[error(transparent)]
    Lost(#[from] reqwest::Error),
}

impl Http {
    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, Unanswered> {
        let request = reqwest::Request::try_from(request)?;
        if !OpenId::is_private(request.url()) {
            let host = request.url().host_str().unwrap_or_default().to_owned();
            return Err(Unanswered::InTheClear(host));
        }
        let mut answer = self.0.execute(request).await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if bytes.len().saturating_add(chunk.len()) > LONGEST {
                return Err(Unanswered::Long);
            }
            bytes.extend_from_slice(&chunk);
        }
        let mut whole = HttpResponse::new(bytes);
        *whole.status_mut() = answer.status();
        *whole.headers_mut() = answer.headers().clone();
        Ok(whole)
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = Unanswered;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Unanswered>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.ask(request))
    }
}
