use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, AGE, CACHE_CONTROL, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;

use super::{AddressError, ConnectJwksError, FetchedJwks, JwksFetcher, address};
use crate::JsonProblem;
use crate::jwks::jwks_error::MAX_DOCUMENT_LEN;
use crate::verify::json::{Json, parse_object};

/// Fetches a key set over HTTPS: from an address, or from where the issuer says that it is.
///
/// No redirect is followed, no proxy is used, and nothing but JSON under the status 200 of at most 64 KiB
/// is accepted.
#[doc(alias = "jwks_uri")]
pub struct HttpsJwks {
    name: String,
    target: Target,
    allow_http: bool,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
}

enum Target {
    KeySet(Uri),
    /// The issuer by its name, and where it says where its key set is.
    Issuer(String, Uri),
}

impl HttpsJwks {
    /// The key set at this address.
    #[must_use]
    pub fn at(url: impl Into<String>) -> HttpsJwksBuilder {
        HttpsJwksBuilder::new(url.into(), false)
    }

    /// The key set of this issuer, which says where it is at `{issuer}/.well-known/openid-configuration`
    /// (OpenID Connect Discovery 1.0 §4). What is said there must be by this issuer, byte for byte, and
    /// name an `https` address. It is asked again at each fetch.
    ///
    /// # Security
    ///
    /// The address may be on any host: the issuer chooses which server this machine connects to, also inside your
    /// network (SSRF). Nothing of an answer is used but its keys, and nothing is logged but its status. If that is too
    /// much for an issuer that is not your own, use [`at`](Self::at).
    #[must_use]
    #[doc(alias = "OpenID Connect")]
    #[doc(alias = "well-known")]
    pub fn discover(issuer: impl Into<String>) -> HttpsJwksBuilder {
        HttpsJwksBuilder::new(issuer.into(), true)
    }

    async fn discovered(&self, issuer: &str, discovery: &Uri) -> Result<Uri, FetchJwksError> {
        let document = parse_object(&self.get(discovery).await?.document).map_err(FetchJwksError::Discovery)?;
        if document.get("issuer").and_then(Json::as_text) != Some(issuer) {
            return Err(FetchJwksError::AnotherIssuer);
        }
        let jwks_uri = document.get("jwks_uri").and_then(Json::as_text).unwrap_or_default();
        address::parse(jwks_uri, self.allow_http).map_err(FetchJwksError::KeySetAddress)
    }

    async fn get(&self, uri: &Uri) -> Result<FetchedJwks, FetchJwksError> {
        let request = Request::get(uri)
            .header(ACCEPT, "application/json")
            .header(ACCEPT_ENCODING, "identity")
            .header(USER_AGENT, concat!("tenancy-jwt/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new())
            .map_err(|_| FetchJwksError::Body)?;
        let response = self.client.request(request).await;
        let response = response.map_err(|error| FetchJwksError::Connect(ConnectJwksError::new(&error)))?;
        let (parts, body) = response.into_parts();
        if parts.status != StatusCode::OK {
            return Err(FetchJwksError::Status(parts.status.as_u16()));
        }
        if !is_json(&parts.headers) {
            return Err(FetchJwksError::NotJson);
        }
        let body = Limited::new(body, MAX_DOCUMENT_LEN).collect().await;
        let body = body.map_err(|error| match error.is::<LengthLimitError>() {
            true => FetchJwksError::TooLong,
            false => FetchJwksError::Body,
        })?;
        let fetched = FetchedJwks::new(body.to_bytes().into());
        Ok(match freshness(&parts.headers) {
            Some(freshness) => fetched.with_max_age(freshness),
            None => fetched,
        })
    }
}

impl JwksFetcher for HttpsJwks {
    type Error = FetchJwksError;

    fn name(&self) -> &str {
        &self.name
    }

    async fn fetch(&self) -> Result<FetchedJwks, FetchJwksError> {
        match &self.target {
            Target::KeySet(uri) => self.get(uri).await,
            Target::Issuer(issuer, discovery) => {
                let uri = self.discovered(issuer, discovery).await?;
                self.get(&uri).await
            }
        }
    }
}

impl fmt::Debug for HttpsJwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpsJwks")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// `application/json`, or a type built on it such as `application/jwk-set+json`.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(content_type)) = headers.get(CONTENT_TYPE).map(|value| value.to_str()) else {
        return false;
    };
    let media_type = content_type.split(';').next().unwrap_or_default();
    let media_type = media_type.trim().to_ascii_lowercase();
    let subtype = media_type.strip_prefix("application/");
    subtype.is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json"))
}

/// How long the answer stays fresh: its `max-age`, less what has passed of it in caches on the way (RFC 9111
/// §4.2).
fn freshness(headers: &HeaderMap) -> Option<Duration> {
    let age = headers.get(AGE).and_then(|age| age.to_str().ok()?.trim().parse().ok());
    let age = Duration::from_secs(age.unwrap_or_default());
    Some(max_age(headers)?.saturating_sub(age))
}

fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let fields = headers.get_all(CACHE_CONTROL).iter();
    let mut directives = fields
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    directives.find_map(|directive| {
        let (name, seconds) = directive.trim().split_once('=')?;
        let seconds = seconds.trim_matches('"').parse().ok()?;
        name.eq_ignore_ascii_case("max-age")
            .then_some(Duration::from_secs(seconds))
    })
}

/// Configures a [`HttpsJwks`] before it is built.
#[derive(Clone, Debug)]
pub struct HttpsJwksBuilder {
    address: String,
    is_issuer: bool,
    roots: Option<Vec<u8>>,
    allow_http: bool,
}

impl HttpsJwksBuilder {
    const fn new(address: String, is_issuer: bool) -> Self {
        Self {
            address,
            is_issuer,
            roots: None,
            allow_http: false,
        }
    }

    /// Trusts servers by these certificates, as PEM, and no others. Default: the system's.
    #[must_use]
    pub fn with_root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots = Some(pem.into());
        self
    }

    /// Fetches from `http` addresses, too: for tests on one machine.
    ///
    /// # Security
    ///
    /// Anybody on the way can choose the keys, and with them whose tokens are accepted.
    #[must_use]
    pub const fn dangerously_allow_http(mut self) -> Self {
        self.allow_http = true;
        self
    }

    /// Checks the address, and prepares the client.
    ///
    /// # Errors
    ///
    /// Fails if the address is not valid or not `https`, if there is no certificate to trust, or in the TLS library.
    pub fn build(self) -> Result<HttpsJwks, HttpsJwksError> {
        let target = if self.is_issuer {
            let discovery = address::of_discovery(&self.address, self.allow_http)?;
            Target::Issuer(self.address.clone(), discovery)
        } else {
            Target::KeySet(address::parse(&self.address, self.allow_http)?)
        };
        let roots = match self.roots {
            Some(pem) => given_roots(&pem)?,
            None => system_roots()?,
        };
        let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(HttpsJwksError::Tls)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls);
        let connector = match self.allow_http {
            true => connector.https_or_http(),
            false => connector.https_only(),
        };
        if self.allow_http {
            tracing::warn!(source = self.address, "a key set may be fetched without encryption");
        }
        Ok(HttpsJwks {
            name: self.address,
            target,
            allow_http: self.allow_http,
            // Fetches are minutes apart: a connection kept would be a stale one.
            client: Client::builder(TokioExecutor::new())
                .pool_max_idle_per_host(0)
                .build(connector.enable_http1().build()),
        })
    }
}

fn given_roots(pem: &[u8]) -> Result<RootCertStore, HttpsJwksError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| HttpsJwksError::Roots)?;
        roots.add(certificate).map_err(HttpsJwksError::Tls)?;
    }
    some(roots)
}

fn system_roots() -> Result<RootCertStore, HttpsJwksError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    some(roots)
}

fn some(roots: RootCertStore) -> Result<RootCertStore, HttpsJwksError> {
    if roots.is_empty() {
        return Err(HttpsJwksError::Roots);
    }
    Ok(roots)
}

/// Why a client cannot be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HttpsJwksError {
    /// An address that nothing is fetched from.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// No certificate to trust.
    #[error("failed to read the root certificates: there is none, or one is not PEM")]
    Roots,
    /// A certificate that cannot be used.
    #[error("{0}")]
    Tls(rustls::Error),
}

/// Why a key set was not fetched. It never holds anything that the server says.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FetchJwksError {
    /// No connection, or none that is trusted.
    #[error("failed to connect to the server: {0}")]
    Connect(ConnectJwksError),
    /// Any status but 200. A redirect is not followed.
    #[error("the server answered with the status {0}")]
    Status(u16),
    /// Another type of content.
    #[error("the answer's `Content-Type` is not JSON")]
    NotJson,
    /// More than 64 KiB.
    #[error("the answer is longer than {MAX_DOCUMENT_LEN} bytes")]
    TooLong,
    /// An answer that breaks off.
    #[error("failed to read the answer to its end")]
    Body,
    /// A discovery document that is no JSON object with each name once.
    #[error("the discovery document {0}")]
    Discovery(JsonProblem),
    /// A discovery document of another issuer.
    #[error("the discovery document is of another issuer")]
    AnotherIssuer,
    /// A `jwks_uri` that nothing is fetched from.
    #[error("the discovery document's `jwks_uri`: {0}")]
    KeySetAddress(AddressError),
}
