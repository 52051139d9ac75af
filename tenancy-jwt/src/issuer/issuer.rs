//! Whose tokens, and for whom they are (RFC 7519 §4.1.1, §4.1.3).

use std::sync::Arc;

use tenancy_core::names::TenantKey;

use crate::issuer::issuer_name::IssuerName;
use crate::verify::json::{Json, Object};
use crate::verify::payload::refuse;
use crate::{ClaimProblem, TokenError};

/// An issuer, and the tenants that it may speak for: all, where none are named.
#[derive(Debug)]
pub(crate) struct Issuer {
    pub(crate) name: IssuerName,
    pub(crate) tenants: Option<Arc<[TenantKey]>>,
}

impl Issuer {
    /// Refuses a token that names a tenant which its issuer may not speak for: one that it is not bound to,
    /// or, where it has a name for each tenant, any but the one in its name.
    pub(crate) fn check_tenants(
        &self,
        payload: &Object,
        tenant: Option<&TenantKey>,
        listed: &[TenantKey],
    ) -> Result<(), TokenError> {
        if self.name.is_template() {
            let tenant = tenant.ok_or(refuse("tenant_claim", ClaimProblem::Missing))?;
            let is_its_own = self.name.tenant_in(issuer_name(payload)?) == Some(tenant.as_str());
            if !is_its_own || listed.iter().any(|other| other != tenant) {
                return Err(TokenError::TenantOfAnotherIssuer);
            }
        }
        let may_name = |key| self.tenants.as_ref().is_none_or(|tenants| tenants.contains(key));
        if tenant.into_iter().chain(listed).all(may_name) {
            Ok(())
        } else {
            Err(TokenError::TenantOfAnotherIssuer)
        }
    }

    /// The tenants that a token of its is good for, whoever decides on membership. `None` for all.
    pub(crate) fn binds_to(&self, tenant: Option<&TenantKey>) -> Option<Arc<[TenantKey]>> {
        if self.name.is_template() {
            return Some(tenant.into_iter().cloned().collect());
        }
        self.tenants.clone()
    }
}

/// The configured issuer that the token names: a string, never one of several.
pub(crate) fn find_issuer<'i>(payload: &Object, issuers: &'i [Issuer]) -> Result<&'i Issuer, TokenError> {
    let iss = issuer_name(payload)?;
    issuers
        .iter()
        .find(|issuer| issuer.name.is(iss))
        .ok_or(TokenError::UnknownIssuer)
}

pub(crate) fn issuer_name(payload: &Object) -> Result<&str, TokenError> {
    let iss = payload.get("iss").ok_or(refuse("iss", ClaimProblem::Missing))?;
    iss.as_text().ok_or(refuse("iss", ClaimProblem::NotText))
}

pub(crate) fn check_audience(payload: &Object, audiences: &[String]) -> Result<(), TokenError> {
    let aud = payload.get("aud").ok_or(refuse("aud", ClaimProblem::Missing))?;
    let members = match aud {
        Json::List(members) => members.as_slice(),
        one => core::slice::from_ref(one),
    };
    let mut is_ours = false;
    for member in members {
        let member = member.as_text().ok_or(refuse("aud", ClaimProblem::NotTexts))?;
        is_ours |= audiences.iter().any(|audience| audience == member);
    }
    if is_ours {
        Ok(())
    } else {
        Err(TokenError::WrongAudience)
    }
}
