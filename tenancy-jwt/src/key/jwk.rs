//! A key as JSON (RFC 7517, RFC 7518 §6, RFC 8037 §2).

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, RsaPublicKeyComponents,
    VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use secrecy::SecretSlice;
use secrecy::zeroize::Zeroizing;
use thiserror::Error;

use crate::issuer::issuer_name::IssuerName;
use crate::verify::json::{Json, Object, parse_object};
use crate::{JsonProblem, KeyAlgorithm, KeyProblem, VerificationKey};

/// Members that only the signer may know, of all key types that are registered.
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "priv"];
/// The types of keys with a public half that are registered, and the members that make up that half.
const PUBLIC_TYPES: [&str; 4] = ["RSA", "EC", "OKP", "AKP"];
const PUBLIC_MEMBERS: [&str; 6] = ["n", "e", "crv", "x", "y", "pub"];

impl VerificationKey {
    /// A key as one JWK (RFC 7517 §4). Its algorithm is its `alg`, or else the first of `accepted` that
    /// fits its kind, and must be one of `accepted`.
    ///
    /// Of the members that say where a certificate is (`x5c`, `x5u`), and of unknown ones, none is used. One
    /// that no standard names is: a key with an `issuer` verifies tokens of that `iss` only. `{tenantid}`
    /// stands in it for any one tenant. Microsoft's key sets are shared by issuers, and tell them apart so.
    ///
    /// # Errors
    ///
    /// No JSON object with each name once, another kind of key, `use` or `key_ops` for anything but
    /// signatures, a private key, a secret `k` in a public key, an algorithm that is not accepted, numbers
    /// that are no such key, RSA under 2048 or over 8192 bits or with the fingerprint of ROCA, a secret
    /// shorter than the hash, a `kid` that is empty or over 128 bytes.
    pub fn from_jwk(jwk: &[u8], accepted: &[KeyAlgorithm]) -> Result<Self, JwkProblem> {
        read(parse_object(jwk).map_err(JwkProblem::Json)?, accepted)
    }
}

/// The key that a JWK stands for, and the issuer that it is for, where it says so.
pub(crate) fn read(jwk: Object, accepted: &[KeyAlgorithm]) -> Result<VerificationKey, JwkProblem> {
    const PLACEHOLDER: &str = "{tenantid}";
    let issuer = match text(&jwk, "issuer")? {
        None => None,
        Some(template) if template.contains(PLACEHOLDER) => {
            Some(IssuerName::template(template, PLACEHOLDER).ok_or(JwkProblem::Member("issuer"))?)
        }
        Some(issuer) => Some(IssuerName::exact(issuer.to_owned())),
    };
    Ok(read_key(jwk, accepted)?.publish_for(issuer))
}

fn read_key(mut jwk: Object, accepted: &[KeyAlgorithm]) -> Result<VerificationKey, JwkProblem> {
    if jwk.keys().any(|name| holds_private_key(name)) {
        return Err(JwkProblem::PrivateKey);
    }
    check_purpose(&jwk)?;
    let kid = text(&jwk, "kid")?.map(str::to_owned);
    let kind = Kind::of(&jwk)?;
    if jwk.contains_key("k") && !matches!(kind, Kind::Secret) {
        return Err(JwkProblem::PrivateKey);
    }
    let algorithm = kind.algorithm(text(&jwk, "alg")?, accepted)?;
    let kid = kid.as_deref();
    let key = match kind {
        Kind::Rsa => return rsa(kid, algorithm, &jwk),
        Kind::Secret => return secret(kid, algorithm, &mut jwk),
        Kind::P256 => DecodingKey::from_ec_der(&point::<32>(&jwk, &ECDSA_P256_SHA256_FIXED)?),
        Kind::P384 => DecodingKey::from_ec_der(&point::<48>(&jwk, &ECDSA_P384_SHA384_FIXED)?),
        Kind::Ed25519 => DecodingKey::from_ed_der(&checked(number::<32>(&jwk, "x")?, &ED25519)?),
    };
    VerificationKey::new(kid, algorithm, key).map_err(|error| JwkProblem::Key(error.problem()))
}

/// Whether a member of this name is part of a private key, in a key of whatever kind.
pub(crate) fn holds_private_key(name: &str) -> bool {
    PRIVATE_MEMBERS.contains(&name)
}

/// Whether a member of this name, or a `kty` of this value, is a secret's, which verifies and signs.
pub(crate) fn is_of_secret(name: &str, kty: Option<&str>) -> bool {
    name == "k" || kty == Some("oct")
}

/// Whether a member of this name, or a `kty` of this value, is a public key's.
pub(crate) fn holds_public_key(name: &str, kty: Option<&str>) -> bool {
    PUBLIC_MEMBERS.contains(&name) || kty.is_some_and(|kty| PUBLIC_TYPES.contains(&kty))
}

/// RFC 7517 §4.2 and §4.3: a key for something else is none for signatures.
fn check_purpose(jwk: &Object) -> Result<(), JwkProblem> {
    if text(jwk, "use")?.is_some_and(|purpose| purpose != "sig") {
        return Err(JwkProblem::NotForSignatures);
    }
    match jwk.get("key_ops") {
        None => Ok(()),
        Some(Json::List(operations)) if operations.iter().any(|one| one.as_text() == Some("verify")) => Ok(()),
        Some(Json::List(_)) => Err(JwkProblem::NotForSignatures),
        Some(_) => Err(JwkProblem::Member("key_ops")),
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
    Secret,
}

impl Kind {
    fn of(jwk: &Object) -> Result<Self, JwkProblem> {
        let kty = text(jwk, "kty")?.ok_or(JwkProblem::Member("kty"))?;
        let crv = || text(jwk, "crv")?.ok_or(JwkProblem::Member("crv"));
        match kty {
            "RSA" => Ok(Self::Rsa),
            "oct" => Ok(Self::Secret),
            "EC" => match crv()? {
                "P-256" => Ok(Self::P256),
                "P-384" => Ok(Self::P384),
                _ => Err(JwkProblem::UnknownCurve),
            },
            "OKP" => match crv()? {
                "Ed25519" => Ok(Self::Ed25519),
                _ => Err(JwkProblem::UnknownCurve),
            },
            _ => Err(JwkProblem::UnknownType),
        }
    }

    /// The key's one algorithm.
    fn algorithm(self, alg: Option<&str>, accepted: &[KeyAlgorithm]) -> Result<KeyAlgorithm, JwkProblem> {
        let Some(alg) = alg else {
            let fitting = accepted.iter().find(|algorithm| self.fits(**algorithm));
            return fitting.copied().ok_or(JwkProblem::NotAccepted);
        };
        let algorithm = KeyAlgorithm::named(alg).ok_or(JwkProblem::UnknownAlgorithm)?;
        if !self.fits(algorithm) {
            return Err(JwkProblem::WrongAlgorithm { algorithm });
        }
        if accepted.contains(&algorithm) {
            Ok(algorithm)
        } else {
            Err(JwkProblem::NotAccepted)
        }
    }

    fn fits(self, algorithm: KeyAlgorithm) -> bool {
        let kind = match self {
            Self::Rsa => Some("RSA"),
            Self::P256 => Some("P-256"),
            Self::P384 => Some("P-384"),
            Self::Ed25519 => Some("Ed25519"),
            Self::Secret => None,
        };
        algorithm.public_key_kind() == kind
    }
}

fn rsa(kid: Option<&str>, algorithm: KeyAlgorithm, jwk: &Object) -> Result<VerificationKey, JwkProblem> {
    let components = RsaPublicKeyComponents {
        n: bytes(jwk, "n")?,
        e: bytes(jwk, "e")?,
    };
    // The same bytes as in a PEM file, so that the same checks hold for them.
    let der: PublicKeyX509Der<'_> = components.as_der().map_err(|_| JwkProblem::NoSuchKey)?;
    VerificationKey::public_der(kid, algorithm, der.as_ref()).map_err(|error| match error.problem() {
        KeyProblem::Unreadable => JwkProblem::NoSuchKey,
        problem => JwkProblem::Key(problem),
    })
}

fn secret(kid: Option<&str>, algorithm: KeyAlgorithm, jwk: &mut Object) -> Result<VerificationKey, JwkProblem> {
    let Some(Json::Text(text)) = jwk.remove("k") else {
        return Err(JwkProblem::Member("k"));
    };
    let text = Zeroizing::new(text);
    let secret: SecretSlice<u8> = decode(&text, "k")?.into();
    VerificationKey::hmac(kid, algorithm, &secret).map_err(|error| JwkProblem::Key(error.problem()))
}

/// The uncompressed point (SEC 1 §2.3.3), known to lie on the curve.
fn point<const SIZE: usize>(
    jwk: &Object,
    algorithm: &'static dyn VerificationAlgorithm,
) -> Result<Vec<u8>, JwkProblem> {
    let (x, y) = (number::<SIZE>(jwk, "x")?, number::<SIZE>(jwk, "y")?);
    checked([&[4], x.as_slice(), &y].concat(), algorithm)
}

fn checked(key: Vec<u8>, algorithm: &'static dyn VerificationAlgorithm) -> Result<Vec<u8>, JwkProblem> {
    match ParsedPublicKey::new(algorithm, &key) {
        Ok(_) => Ok(key),
        Err(_) => Err(JwkProblem::NoSuchKey),
    }
}

/// A number of the curve: all its bytes, leading zeros too (RFC 7518 §6.2.1.2).
fn number<const SIZE: usize>(jwk: &Object, member: &'static str) -> Result<Vec<u8>, JwkProblem> {
    let number = bytes(jwk, member)?;
    if number.len() == SIZE {
        Ok(number)
    } else {
        Err(JwkProblem::Member(member))
    }
}

fn bytes(jwk: &Object, member: &'static str) -> Result<Vec<u8>, JwkProblem> {
    decode(text(jwk, member)?.unwrap_or_default(), member)
}

/// RFC 7515 §2: one text for the same bytes, and never none.
fn decode(text: &str, member: &'static str) -> Result<Vec<u8>, JwkProblem> {
    match URL_SAFE_NO_PAD.decode(text) {
        Ok(bytes) if !bytes.is_empty() => Ok(bytes),
        _ => Err(JwkProblem::Member(member)),
    }
}

/// A member that has to be a string, where it is there.
pub(crate) fn text<'j>(jwk: &'j Object, member: &'static str) -> Result<Option<&'j str>, JwkProblem> {
    let value = jwk.get(member);
    let text = value.map(|value| value.as_text().ok_or(JwkProblem::Member(member)));
    text.transpose()
}

/// Why a JWK is no key to verify tokens with. It never holds anything that the JWK says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JwkProblem {
    /// No JSON object with each name once.
    #[error("the key {0}")]
    Json(JsonProblem),
    /// A member that is missing, or not what it has to be.
    #[error("`{0}` is missing or malformed")]
    Member(&'static str),
    /// A `kty` that is not understood.
    #[error("its `kty` is none of `RSA`, `EC`, `OKP` and `oct`")]
    UnknownType,
    /// A `crv` that is not understood.
    #[error("its `crv` is none of `P-256`, `P-384` and `Ed25519`, or not of its `kty`")]
    UnknownCurve,
    /// An `alg` that is not understood.
    #[error("its `alg` is not a known algorithm")]
    UnknownAlgorithm,
    /// An `alg` of another kind of key.
    #[error("its `alg` is {algorithm}, which needs another kind of key")]
    WrongAlgorithm {
        /// What it says.
        algorithm: KeyAlgorithm,
    },
    /// An algorithm that is not configured.
    #[error("its algorithm is not accepted")]
    NotAccepted,
    /// A key for encryption, or to sign with.
    #[error("its `use` or `key_ops` is not to verify signatures")]
    NotForSignatures,
    /// A private key, or a public one with a secret `k` in it: anybody who reads it can sign.
    #[error("it is a private key, or has a secret in it")]
    PrivateKey,
    /// A point that is not on its curve, or numbers that are no RSA key.
    #[error("its numbers are no key of its kind")]
    NoSuchKey,
    /// Several keys, and no name to choose this one by.
    #[error("it has no `kid`, and there are several keys")]
    NoKid,
    /// Another key of the set has the same `kid` and algorithm, and is not the same key: a token cannot choose between
    /// them, so that none of them is used.
    #[error("another key of the set has its `kid` and its algorithm, and differs from it")]
    Ambiguous,
    /// A key that cannot be used.
    #[error("{0}")]
    Key(KeyProblem),
}
