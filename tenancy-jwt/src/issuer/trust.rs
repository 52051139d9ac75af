//! Which keys may speak for which issuers, and to whom.

use std::sync::Arc;

use tenancy_core::names::{KeyForm, TenantKey};

use crate::issuer::issuer::{Issuer, find_issuer};
use crate::issuer::issuer_name::IssuerName;
use crate::key::key_set::KeySet;
use crate::key::key_source::{KeySource, Source};
use crate::verify::json::{Json, Object};
use crate::{BuildVerifierError, TokenError, VerificationKey};

/// What stands for the tenant in an issuer's template.
const PLACEHOLDER: &str = "{tenant}";

/// Keys, and the issuers whose tokens they verify.
#[derive(Debug)]
pub(crate) struct Trust {
    pub(crate) keys: Source,
    /// Empty where any issuer is accepted.
    pub(crate) issuers: Vec<Issuer>,
    /// Empty where any audience is accepted.
    pub(crate) audiences: Vec<String>,
}

impl Trust {
    pub(crate) fn issuer_names(&self) -> impl Iterator<Item = &IssuerName> {
        self.issuers.iter().map(|issuer| &issuer.name)
    }

    /// The issuer that a payload names, which the key must speak for. The key has signed the payload.
    pub(crate) fn issuer(&self, payload: &Object, key: &VerificationKey) -> Result<Option<&Issuer>, TokenError> {
        let issuer = match self.issuers.as_slice() {
            [] => None,
            issuers => Some(find_issuer(payload, issuers)?),
        };
        let owns = |issuer: &Issuer| key.issuers().iter().any(|owner| owner == issuer.name.as_str());
        let is_anothers = !key.issuers().is_empty() && !issuer.is_none_or(owns);
        if is_anothers || !key.is_published_for(payload.get("iss").and_then(Json::as_text)) {
            return Err(TokenError::KeyOfAnotherIssuer);
        }
        Ok(issuer)
    }
}

/// What a [`Trust`] is told before it is built, less its keys.
#[derive(Debug, Default)]
pub(crate) struct Trusted {
    /// By name, with the tenants that each may speak for.
    pub(crate) issuers: Vec<(String, Option<Vec<String>>)>,
    /// Whether the names are templates, with `{tenant}` in them.
    pub(crate) per_tenant: bool,
    pub(crate) any_issuer: bool,
    pub(crate) audiences: Vec<String>,
    pub(crate) any_audience: bool,
}

impl Trusted {
    pub(crate) const fn is_empty(&self) -> bool {
        self.issuers.is_empty() && !self.any_issuer && self.audiences.is_empty() && !self.any_audience
    }

    pub(crate) fn build(self, keys: KeySource, form: KeyForm) -> Result<Trust, BuildVerifierError> {
        check_choice(
            self.issuers.is_empty(),
            self.any_issuer,
            BuildVerifierError::NoIssuer,
            BuildVerifierError::AnyIssuer,
        )?;
        check_choice(
            self.audiences.is_empty(),
            self.any_audience,
            BuildVerifierError::NoAudience,
            BuildVerifierError::AnyAudience,
        )?;
        let names = self.issuers.iter().map(|(name, _)| name);
        if names.chain(&self.audiences).any(String::is_empty) {
            return Err(BuildVerifierError::EmptyName);
        }
        let keys = Source::new(keys)?;
        if let Source::Fixed(keys) = &keys {
            check_owners(keys, &self.issuers)?;
        }
        warn_of_dangers(self.any_issuer, self.any_audience);
        let bind = |(name, tenants)| {
            Ok(Issuer {
                name: issuer_name(name, self.per_tenant)?,
                tenants: bind(tenants, form)?,
            })
        };
        Ok(Trust {
            keys,
            issuers: self.issuers.into_iter().map(bind).collect::<Result<_, _>>()?,
            audiences: self.audiences,
        })
    }
}

/// Exactly one of a list of names and the wish to have none.
fn check_choice(
    is_empty: bool,
    any: bool,
    missing: BuildVerifierError,
    contradiction: BuildVerifierError,
) -> Result<(), BuildVerifierError> {
    match (is_empty, any) {
        (true, false) => Err(missing),
        (false, true) => Err(contradiction),
        _ => Ok(()),
    }
}

/// Every key is some configured issuer's, and says whose where that is not plain.
fn check_owners(keys: &KeySet, issuers: &[(String, Option<Vec<String>>)]) -> Result<(), BuildVerifierError> {
    let kid = |key: &VerificationKey| key.kid().unwrap_or_default().to_owned();
    for key in keys.iter() {
        if key.issuers().is_empty() && issuers.len() > 1 {
            return Err(BuildVerifierError::KeyWithoutIssuer { kid: kid(key) });
        }
        let is_known = |owner: &String| issuers.iter().any(|(issuer, _)| issuer == owner);
        if !key.issuers().iter().all(is_known) {
            return Err(BuildVerifierError::KeyOfUnknownIssuer { kid: kid(key) });
        }
    }
    Ok(())
}

fn issuer_name(name: String, is_template: bool) -> Result<IssuerName, BuildVerifierError> {
    if is_template {
        IssuerName::template(&name, PLACEHOLDER).ok_or(BuildVerifierError::IssuerTemplate { template: name })
    } else {
        Ok(IssuerName::exact(name))
    }
}

fn bind(tenants: Option<Vec<String>>, form: KeyForm) -> Result<Option<Arc<[TenantKey]>>, BuildVerifierError> {
    let parse = |tenant: String| {
        form.parse(tenant.as_bytes())
            .map_err(|problem| BuildVerifierError::IssuersTenant { tenant, problem })
    };
    tenants
        .map(|tenants| tenants.into_iter().map(parse).collect::<Result<_, _>>())
        .transpose()
}

fn warn_of_dangers(any_issuer: bool, any_audience: bool) {
    if any_issuer {
        tracing::warn!("tokens of any issuer are accepted, if a key verifies them");
    }
    if any_audience {
        tracing::warn!("tokens for any audience are accepted, if a key verifies them");
    }
}
