use core::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256K1_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    ParsedPublicKey, VerificationAlgorithm,
};
use jsonwebtoken::DecodingKey;
// Named, not taken from the process: a default can be missing, and then it panics.
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use secrecy::{ExposeSecret, SecretSlice};
use thiserror::Error;

use crate::issuer::issuer_name::IssuerName;
use crate::key::roca;
use crate::verify::header::MAX_KID_LEN;
use crate::{KeyAlgorithm, TokenError};

/// A key that tokens are verified with. It has one algorithm, and is known to fit it.
///
/// # Security
///
/// `Debug` shows neither secret nor key; a secret's bytes are zeroed on drop.
pub struct VerificationKey {
    kid: Option<String>,
    algorithm: KeyAlgorithm,
    issuers: Vec<String>,
    /// Whom its key set publishes it for, where it says so.
    published_for: Option<IssuerName>,
    key: DecodingKey,
}

impl VerificationKey {
    /// A secret that is shared with the issuer: for `HS256`, `HS384` and `HS512`.
    ///
    /// # Errors
    ///
    /// A secret shorter than the hash, another algorithm, a `kid` that is empty or over 128 bytes.
    pub fn hmac(kid: Option<&str>, algorithm: KeyAlgorithm, secret: &SecretSlice<u8>) -> Result<Self, KeyError> {
        let refuse = |problem| KeyError::new(kid, problem);
        let required = algorithm
            .min_secret_len()
            .ok_or_else(|| refuse(KeyProblem::NotSymmetric { algorithm }))?;
        let secret = secret.expose_secret();
        if secret.len() < required {
            return Err(refuse(KeyProblem::SecretTooShort {
                algorithm,
                length: secret.len(),
                required,
            }));
        }
        Self::new(kid, algorithm, DecodingKey::from_secret(secret))
    }

    /// An issuer's public key as one PEM block: `PUBLIC KEY`, or `RSA PUBLIC KEY` for RSA.
    ///
    /// # Errors
    ///
    /// An algorithm of a secret; no PEM, several blocks, a private key or a certificate; a key of
    /// another kind or curve than the algorithm's; RSA under 2048 or over 8192 bits, or with the
    /// fingerprint of ROCA (CVE-2017-15361); a `kid` that is empty or over 128 bytes.
    pub fn public_pem(kid: Option<&str>, algorithm: KeyAlgorithm, pem: &[u8]) -> Result<Self, KeyError> {
        if algorithm.is_symmetric() {
            return Err(KeyError::new(kid, KeyProblem::NotAsymmetric { algorithm }));
        }
        let der = read_pem(pem).map_err(|problem| KeyError::new(kid, problem))?;
        Self::public_der(kid, algorithm, &der)
    }

    /// The bytes of a PEM block, known to be a key of the algorithm's kind.
    pub(crate) fn public_der(kid: Option<&str>, algorithm: KeyAlgorithm, der: &[u8]) -> Result<Self, KeyError> {
        let refuse = |problem| KeyError::new(kid, problem);
        let required = algorithm
            .public_key_kind()
            .ok_or_else(|| refuse(KeyProblem::NotAsymmetric { algorithm }))?;
        let found = PublicKeyKind::of(der).ok_or_else(|| refuse(KeyProblem::Unreadable))?;
        if found.name() != required {
            return Err(refuse(KeyProblem::WrongKind {
                algorithm,
                found: found.name(),
                required,
            }));
        }
        let key = match found {
            PublicKeyKind::Rsa { modulus } => {
                check_modulus(&modulus).map_err(refuse)?;
                DecodingKey::from_rsa_der(der)
            }
            PublicKeyKind::Ed25519 => DecodingKey::from_ed_der(der),
            PublicKeyKind::Curve(_) => DecodingKey::from_ec_der(der),
        };
        Self::new(kid, algorithm, key)
    }

    pub(crate) fn new(kid: Option<&str>, algorithm: KeyAlgorithm, key: DecodingKey) -> Result<Self, KeyError> {
        if kid.is_some_and(|kid| kid.is_empty() || kid.len() > MAX_KID_LEN) {
            return Err(KeyError::new(None, KeyProblem::InvalidKid));
        }
        Ok(Self {
            kid: kid.map(str::to_owned),
            algorithm,
            issuers: Vec::new(),
            published_for: None,
            key,
        })
    }

    /// Says whose key it is. Call it again for another issuer. Default: the only issuer's.
    ///
    /// Where several issuers are configured every key must say so, or one issuer could sign in
    /// the name of another (RFC 8725 §3.8).
    #[must_use]
    pub fn with_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuers.push(issuer.into());
        self
    }

    /// The name by which tokens choose this key.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The one algorithm that tokens under this key may have.
    #[must_use]
    pub const fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    pub(crate) fn issuers(&self) -> &[String] {
        &self.issuers
    }

    pub(crate) fn publish_for(self, issuer: Option<IssuerName>) -> Self {
        Self {
            published_for: issuer,
            ..self
        }
    }

    pub(crate) fn is_published_for(&self, iss: Option<&str>) -> bool {
        let names = |issuer: &IssuerName| iss.is_some_and(|iss| issuer.is(iss));
        self.published_for.as_ref().is_none_or(names)
    }

    /// Whether tokens cannot choose between the two: a token names a `kid` and an algorithm.
    pub(crate) fn is_chosen_like(&self, other: &Self) -> bool {
        self.kid == other.kid && self.algorithm == other.algorithm
    }

    /// Whether it makes no difference which of the two verifies a token: both have the same name, algorithm, numbers
    /// or secret, and issuers.
    pub(crate) fn is_copy_of(&self, other: &Self) -> bool {
        // Each of our keys is bytes to the library, a secret or DER. What is not is nobody's copy.
        let bytes = (self.key.try_get_as_bytes(), other.key.try_get_as_bytes());
        matches!(bytes, (Ok(ours), Ok(theirs)) if ours == theirs)
            && self.is_chosen_like(other)
            && self.published_for == other.published_for
            && self.issuers == other.issuers
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), TokenError> {
        (DEFAULT_PROVIDER.verifier_factory)(&self.algorithm.to_library(), &self.key)
            .map_err(|_| TokenError::InvalidSignature)?
            .verify(message, signature)
            .map_err(|_| TokenError::InvalidSignature)
    }
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerificationKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .field("issuers", &self.issuers)
            .finish_non_exhaustive()
    }
}

/// The bytes of the one block, which must be a public key.
fn read_pem(pem: &[u8]) -> Result<Vec<u8>, KeyProblem> {
    let mut blocks = pem::parse_many(pem).map_err(|_| KeyProblem::NotPem)?.into_iter();
    let (Some(block), None) = (blocks.next(), blocks.next()) else {
        return Err(KeyProblem::NotPem);
    };
    match block.tag() {
        "PUBLIC KEY" | "RSA PUBLIC KEY" => Ok(block.into_contents()),
        _ => Err(KeyProblem::NotPublic),
    }
}

enum PublicKeyKind {
    Rsa { modulus: Vec<u8> },
    Curve(&'static str),
    Ed25519,
}

impl PublicKeyKind {
    /// What the cryptographic library reads in `der`, the bytes that it will verify with.
    fn of(der: &[u8]) -> Option<Self> {
        // It also takes bare points, which are no ASN.1 sequence or no longer than 32 bytes.
        if der.first() != Some(&0x30) || der.len() <= 32 {
            return None;
        }
        if let Ok((modulus, _)) = (DEFAULT_PROVIDER.key_utils.rsa_pub_components_from_public_key)(der) {
            return Some(Self::Rsa { modulus });
        }
        let curves: [(&'static str, &'static dyn VerificationAlgorithm); 4] = [
            ("P-256", &ECDSA_P256_SHA256_FIXED),
            ("P-384", &ECDSA_P384_SHA384_FIXED),
            ("P-521", &ECDSA_P521_SHA512_FIXED),
            ("secp256k1", &ECDSA_P256K1_SHA256_FIXED),
        ];
        curves
            .into_iter()
            .find(|(_, algorithm)| ParsedPublicKey::new(*algorithm, der).is_ok())
            .map(|(name, _)| Self::Curve(name))
            .or_else(|| ParsedPublicKey::new(&ED25519, der).is_ok().then_some(Self::Ed25519))
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Rsa { .. } => "RSA",
            Self::Curve(name) => name,
            Self::Ed25519 => "Ed25519",
        }
    }
}

/// Large enough, not too large to be used, and not made by the library whose keys can be factored.
fn check_modulus(modulus: &[u8]) -> Result<(), KeyProblem> {
    let bits = bits(modulus);
    if !(2048..=8192).contains(&bits) {
        return Err(KeyProblem::RsaSize { bits });
    }
    if roca::has_fingerprint(modulus) {
        return Err(KeyProblem::RocaModulus);
    }
    Ok(())
}

/// The length of a big-endian number.
fn bits(number: &[u8]) -> usize {
    let mut digits = number.iter().skip_while(|digit| **digit == 0);
    digits.next().map_or(0, |first| {
        digits.count() * 8 + (u8::BITS - first.leading_zeros()) as usize
    })
}

/// A key that cannot be used: which, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyError {
    kid: Option<String>,
    problem: KeyProblem,
}

impl KeyError {
    fn new(kid: Option<&str>, problem: KeyProblem) -> Self {
        Self {
            kid: kid.map(str::to_owned),
            problem,
        }
    }

    /// The key's name, if it has one.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// What is wrong with it.
    #[must_use]
    pub const fn problem(&self) -> KeyProblem {
        self.problem
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kid {
            Some(kid) => write!(f, "key `{kid}`: {}", self.problem),
            None => write!(f, "{}", self.problem),
        }
    }
}

impl core::error::Error for KeyError {}

/// What is wrong with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyProblem {
    /// A `kid` that is empty or over 128 bytes.
    #[error("a `kid` is 1 to {MAX_KID_LEN} bytes")]
    InvalidKid,
    /// A secret for an algorithm that wants a public key.
    #[error("{algorithm} verifies with a public key, not with a secret")]
    NotSymmetric {
        /// The key's algorithm.
        algorithm: KeyAlgorithm,
    },
    /// A public key for an algorithm that wants a secret.
    #[error("{algorithm} verifies with a secret, not with a public key")]
    NotAsymmetric {
        /// The key's algorithm.
        algorithm: KeyAlgorithm,
    },
    /// A secret shorter than the hash (RFC 7518 §3.2).
    #[error("the secret has {length} bytes, {algorithm} needs at least {required}")]
    SecretTooShort {
        /// The key's algorithm.
        algorithm: KeyAlgorithm,
        /// The length of the secret, in bytes.
        length: usize,
        /// The least length, in bytes.
        required: usize,
    },
    /// Anything but one PEM block.
    #[error("expected exactly one PEM block")]
    NotPem,
    /// A private key, a certificate or the like.
    #[error("expected a PEM block `PUBLIC KEY` or `RSA PUBLIC KEY`, found one with another label")]
    NotPublic,
    /// Bytes that are no public key that is known here.
    #[error("the PEM block is no RSA, P-256, P-384 or Ed25519 public key")]
    Unreadable,
    /// A key of another kind or curve.
    #[error("the key is {found}, {algorithm} needs {required}")]
    WrongKind {
        /// The key's algorithm.
        algorithm: KeyAlgorithm,
        /// What the key is.
        found: &'static str,
        /// What it has to be.
        required: &'static str,
    },
    /// An RSA key that is too small to be safe, or too large to be used.
    #[error("the RSA key has {bits} bits, 2048 to 8192 are accepted")]
    RsaSize {
        /// The length of the modulus.
        bits: usize,
    },
    /// An RSA key with the fingerprint of a library whose private keys can be computed from the public ones.
    #[error("the RSA key has the fingerprint of ROCA (CVE-2017-15361), its private half can be computed")]
    RocaModulus,
}
