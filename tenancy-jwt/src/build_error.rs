use tenancy_core::names::ParseError;
use thiserror::Error;

use crate::limits::{MAX_CAPACITY, MAX_LEEWAY, MAX_TIME_TO_LIVE};

/// Why a verifier cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BuildVerifierError {
    /// No key.
    #[error("at least one key is required")]
    NoKey,
    /// Two keys of one `kid`.
    #[error("two keys have the `kid` `{kid}`")]
    RepeatedKid {
        /// The name that they share.
        kid: String,
    },
    /// Several keys, one of them without a `kid`.
    #[error("there are several keys, and one has no `kid`")]
    KeyWithoutKid,
    /// Secrets and public keys in one set: a public key could be taken for a secret.
    #[error("secrets and public keys cannot be used together")]
    MixedKeys,
    /// Several issuers, and a key that does not say whose it is.
    #[error("there are several issuers, and the key `{kid}` does not say whose it is")]
    KeyWithoutIssuer {
        /// The key's name.
        kid: String,
    },
    /// A key of an issuer that is not configured.
    #[error("the key `{kid}` is of an issuer that is not configured")]
    KeyOfUnknownIssuer {
        /// The key's name.
        kid: String,
    },
    /// An issuer that was told twice, with keys of its own or without, or is one of a template's, too.
    #[error("the issuer `{issuer}` is configured twice")]
    RepeatedIssuer {
        /// Its name.
        issuer: String,
    },
    /// No issuer, and not said that any will do.
    #[error("an issuer is required, or `dangerously_accept_any_issuer`")]
    NoIssuer,
    /// An issuer, and said that any will do.
    #[error("an issuer and `dangerously_accept_any_issuer` contradict each other")]
    AnyIssuer,
    /// No audience, and not said that any will do.
    #[error("an audience is required, or `dangerously_accept_any_audience`")]
    NoAudience,
    /// An audience, and said that any will do.
    #[error("an audience and `dangerously_accept_any_audience` contradict each other")]
    AnyAudience,
    /// A template of issuers without exactly one `{tenant}`, or with nothing before it.
    #[error("the template `{template}` needs `{{tenant}}` once, something before it, and no other brace")]
    IssuerTemplate {
        /// The template as it was given.
        template: String,
    },
    /// An issuer, audience or `typ` without a letter.
    #[error("an issuer, an audience or a `typ` is empty")]
    EmptyName,
    /// A leeway over 60 seconds.
    #[error("a leeway is at most {} seconds", MAX_LEEWAY.as_secs())]
    Leeway,
    /// A cache of tokens for none, or for more than a million.
    #[error("a cache of tokens keeps 1 to {MAX_CAPACITY}")]
    TokenCacheCapacity,
    /// A cache of tokens for less than a second, or for more than an hour.
    #[error("a cache of tokens keeps them for 1 to {} seconds", MAX_TIME_TO_LIVE.as_secs())]
    TokenCacheTimeToLive,
    /// The system gave no randomness for the secret of the cache of tokens.
    #[error("the system gave no randomness for the cache of tokens")]
    Random,
    /// A tenant that an issuer is bound to is none in the form of the tenant claim.
    #[error("an issuer is bound to the tenant `{tenant}`: {problem}")]
    IssuersTenant {
        /// The tenant as it was given.
        tenant: String,
        /// What is wrong with it.
        problem: ParseError,
    },
}
