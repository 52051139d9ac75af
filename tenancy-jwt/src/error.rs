use core::fmt;

use tenancy_core::names::ParseError;
use thiserror::Error;

use crate::KeyAlgorithm;
use crate::limits::MAX_TOKEN_LEN;

/// Why a token is refused: for the operator. The client learns no more than `invalid_token`.
///
/// It never holds the token nor anything that the token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// More than 8 KiB.
    #[error("the token is longer than {MAX_TOKEN_LEN} bytes")]
    TooLong,
    /// Anything but three non-empty base64url parts, without padding and white space.
    #[error("the token is not three non-empty base64url parts without padding")]
    NotCompact,
    /// A part whose last letter carries bits that stand for nothing (RFC 4648 §3.5).
    #[error("a part of the token is not canonical base64url")]
    NotCanonical,
    /// A header that is no JSON object with each name once.
    #[error("the token's header {0}")]
    MalformedHeader(JsonProblem),
    /// `alg` is missing or no string.
    #[error("the header's `alg` is missing or no string")]
    MalformedAlgorithm,
    /// There are keys of the token's `kid`, and none of them is for its `alg`.
    #[error("the header's `alg` is not `{expected}`, the algorithm of its key")]
    WrongAlgorithm {
        /// What the key is for, or the first of the keys of this `kid`.
        expected: KeyAlgorithm,
    },
    /// No key of the issuer may have this `alg`, and there are no keys yet.
    #[error("the header's `alg` is not one that the issuer's keys may have")]
    UnacceptedAlgorithm,
    /// `crit` is there: extensions that must be understood, and none is (RFC 7515 §4.1.11).
    #[error("the header has `crit`, and no extension is understood")]
    CriticalExtension,
    /// `typ` is missing, no string, or another than the configured one.
    #[error("the header's `typ` is not the configured one")]
    WrongType,
    /// `kid` is no string of at most 128 bytes.
    #[error("the header's `kid` is no string of at most 128 bytes")]
    MalformedKid,
    /// No configured key has this `kid`. A key configured without one answers to none.
    #[error("no configured key has the token's `kid`")]
    UnknownKid,
    /// No `kid`, where several keys are configured.
    #[error("the header has no `kid`, and there are several keys")]
    MissingKid,
    /// The signature is not the key's.
    #[error("the signature is invalid")]
    InvalidSignature,
    /// A payload that is no JSON object with each name once.
    #[error("the token's payload {0}")]
    MalformedPayload(JsonProblem),
    /// `exp` has passed, beyond the leeway for clock skew.
    #[error("the token has expired")]
    #[doc(alias = "exp")]
    Expired,
    /// `nbf` is to come.
    #[error("the token is not valid yet")]
    #[doc(alias = "nbf")]
    #[doc(alias = "clock skew")]
    NotYetValid,
    /// `iat` is to come.
    #[error("the token was issued in the future")]
    IssuedInFuture,
    /// `iss` is no configured issuer.
    #[error("the token's `iss` is no configured issuer")]
    UnknownIssuer,
    /// The key belongs to another issuer (RFC 8725 §3.8).
    #[error("the token's key belongs to another issuer")]
    KeyOfAnotherIssuer,
    /// `aud` has no configured audience.
    #[error("the token's `aud` has no configured audience")]
    WrongAudience,
    /// A claim is missing or malformed.
    #[error("the claim `{claim}` {problem}")]
    Claim {
        /// Its name in RFC 7519, or the setting that names it: `tenant_claim`, `tenants_claim`.
        claim: &'static str,
        /// What is wrong with it.
        problem: ClaimProblem,
    },
    /// The payload does not fit the type of
    /// [`with_payload`](crate::TokenVerifierBuilder::with_payload). The log names the field, at the level debug.
    #[error("the token's payload does not fit the application's type")]
    Payload,
    /// The issuer may not speak for a tenant that the token names.
    #[error("the token names a tenant that its issuer may not speak for")]
    TenantOfAnotherIssuer,
    /// The issuer's key set has not been fetched yet, or not for too long: nobody can tell whether the token is valid.
    #[error("the issuer's key set is not available")]
    KeysUnavailable,
    /// This machine's clock stands before 1970, so no time can be checked.
    #[error("failed to read the time: the system clock is before 1970")]
    Clock,
}

impl TokenError {
    /// Whether another key could have verified the token.
    pub(crate) const fn is_missing_key(self) -> bool {
        matches!(self, Self::UnknownKid | Self::KeysUnavailable)
    }
}

/// No key set of a token's issuer is available, so that nobody can tell whether the token is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the key set of a token's issuer is not available")]
pub struct KeysUnavailable;

/// What is wrong with a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClaimProblem {
    /// Required, and absent.
    Missing,
    /// Anything but a string.
    NotText,
    /// Anything but a string or an array of strings.
    NotTexts,
    /// Anything but an array of strings.
    NotList,
    /// Anything but an object, where its members' names are read.
    NotNames,
    /// Anything but an object of objects that each have an `id`, a string.
    NotIds,
    /// Anything but `true` or `false`.
    NotBool,
    /// Anything but a number.
    NotNumber,
    /// A number that is no time between the years 1970 and 9999.
    NotTime,
    /// A claim above it is no object.
    NotObject,
    /// A string outside the grammar of the name.
    Name(ParseError),
}

impl fmt::Display for ClaimProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "is missing",
            Self::NotText => "is no string",
            Self::NotTexts => "is no string and no array of strings",
            Self::NotList => "is no array of strings",
            Self::NotNames => "is no object",
            Self::NotIds => "is no object of objects with an `id`",
            Self::NotBool => "is neither `true` nor `false`",
            Self::NotNumber => "is no number",
            Self::NotTime => "is no time from 1970 to 9999",
            Self::NotObject => "stands under something that is no object",
            Self::Name(error) => return write!(f, "is malformed: {error}"),
        })
    }
}

/// Why a text is not the JSON that a token may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JsonProblem {
    /// No JSON.
    Syntax,
    /// JSON, but no object.
    NotObject,
    /// A name twice in one object: readers differ in which one they take (RFC 8725 §3.1).
    RepeatedName,
    /// More than 16 levels.
    TooDeep,
}

impl fmt::Display for JsonProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "is no JSON",
            Self::NotObject => "is no JSON object",
            Self::RepeatedName => "has a name twice",
            Self::TooDeep => "nests too deeply",
        })
    }
}
