use core::fmt;

use jsonwebtoken::Algorithm;
use serde::Deserialize;

/// The one algorithm of a key (RFC 7518 §3.1, RFC 8037), spelled as in a token's `alg`.
///
/// There is no `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[non_exhaustive]
#[doc(alias = "alg")]
#[doc(alias = "algorithm confusion")]
pub enum KeyAlgorithm {
    /// HMAC with SHA-256; a secret of at least 32 bytes.
    #[serde(rename = "HS256")]
    Hs256,
    /// HMAC with SHA-384; a secret of at least 48 bytes.
    #[serde(rename = "HS384")]
    Hs384,
    /// HMAC with SHA-512; a secret of at least 64 bytes.
    #[serde(rename = "HS512")]
    Hs512,
    /// RSA PKCS #1 v1.5 with SHA-256; 2048 to 8192 bits.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSA PKCS #1 v1.5 with SHA-384; 2048 to 8192 bits.
    #[serde(rename = "RS384")]
    Rs384,
    /// RSA PKCS #1 v1.5 with SHA-512; 2048 to 8192 bits.
    #[serde(rename = "RS512")]
    Rs512,
    /// RSA-PSS with SHA-256; 2048 to 8192 bits.
    #[serde(rename = "PS256")]
    Ps256,
    /// RSA-PSS with SHA-384; 2048 to 8192 bits.
    #[serde(rename = "PS384")]
    Ps384,
    /// RSA-PSS with SHA-512; 2048 to 8192 bits.
    #[serde(rename = "PS512")]
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// ECDSA on P-384 with SHA-384.
    #[serde(rename = "ES384")]
    Es384,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl KeyAlgorithm {
    /// All that verify with a public key: what a key set may hold, unless it is configured otherwise.
    pub const PUBLIC: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// The algorithm of a name, where it is one of ours.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Hs256, Self::Hs384, Self::Hs512]
            .into_iter()
            .chain(Self::PUBLIC)
            .find(|algorithm| algorithm.as_str() == name)
    }

    /// The name that a token's `alg` must have, byte for byte.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Whether signer and verifier share one secret.
    #[must_use]
    pub const fn is_symmetric(self) -> bool {
        self.min_secret_len().is_some()
    }

    /// The length of the hash, for HMAC (RFC 7518 §3.2).
    pub(crate) const fn min_secret_len(self) -> Option<usize> {
        match self {
            Self::Hs256 => Some(32),
            Self::Hs384 => Some(48),
            Self::Hs512 => Some(64),
            _ => None,
        }
    }

    /// What kind of public key it verifies with.
    pub(crate) const fn public_key_kind(self) -> Option<&'static str> {
        match self {
            Self::Hs256 | Self::Hs384 | Self::Hs512 => None,
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512 => Some("RSA"),
            Self::Es256 => Some("P-256"),
            Self::Es384 => Some("P-384"),
            Self::EdDsa => Some("Ed25519"),
        }
    }

    pub(crate) const fn to_library(self) -> Algorithm {
        match self {
            Self::Hs256 => Algorithm::HS256,
            Self::Hs384 => Algorithm::HS384,
            Self::Hs512 => Algorithm::HS512,
            Self::Rs256 => Algorithm::RS256,
            Self::Rs384 => Algorithm::RS384,
            Self::Rs512 => Algorithm::RS512,
            Self::Ps256 => Algorithm::PS256,
            Self::Ps384 => Algorithm::PS384,
            Self::Ps512 => Algorithm::PS512,
            Self::Es256 => Algorithm::ES256,
            Self::Es384 => Algorithm::ES384,
            Self::EdDsa => Algorithm::EdDSA,
        }
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
