//! Whose tokens, and for whom they are (RFC 7519 §4.1.1, §4.1.3).

use std::sync::Arc;

use tenancy_core::TenantKey;

use super::json::{Json, Object};
use super::payload::refuse;
use super::{ClaimProblem, TokenError};

/// An issuer, and the tenants that it may speak for: all, where none are named.
#[derive(Debug)]
pub(super) struct Issuer {
    pub(super) name: String,
    pub(super) tenants: Option<Arc<[TenantKey]>>,
}

impl Issuer {
    pub(super) fn may_name(&self, key: &TenantKey) -> bool {
        self.tenants.as_ref().is_none_or(|tenants| tenants.contains(key))
    }
}

/// The configured issuer that the token names: a string, never one of several.
pub(super) fn find_issuer<'i>(payload: &Object, issuers: &'i [Issuer]) -> Result<&'i Issuer, TokenError> {
    let iss = issuer_name(payload)?;
    issuers
        .iter()
        .find(|issuer| issuer.name == iss)
        .ok_or(TokenError::UnknownIssuer)
}

pub(super) fn issuer_name(payload: &Object) -> Result<&str, TokenError> {
    let iss = payload.get("iss").ok_or(refuse("iss", ClaimProblem::Missing))?;
    iss.as_text().ok_or(refuse("iss", ClaimProblem::NotText))
}

pub(super) fn check_audience(payload: &Object, audiences: &[String]) -> Result<(), TokenError> {
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
