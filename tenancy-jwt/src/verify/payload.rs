//! Who the token is about, and which tenants it names.

use std::borrow::Cow;
use std::sync::Arc;

use tenancy_core::directory::Roles;
use tenancy_core::names::{KeyForm, Role, Subject, TenantKey};
use tenancy_core::request::{Actor, ClaimPath};

use crate::verify::json::{Json, Object};
use crate::verify::tenant_name::TenantName;
use crate::{ClaimProblem, TenantsShape, TokenError};

pub(crate) const fn refuse(claim: &'static str, problem: ClaimProblem) -> TokenError {
    TokenError::Claim { claim, problem }
}

pub(crate) fn subject(payload: &Object) -> Result<Subject, TokenError> {
    let sub = payload.get("sub").ok_or(refuse("sub", ClaimProblem::Missing))?;
    let sub = sub.as_text().ok_or(refuse("sub", ClaimProblem::NotText))?;
    Subject::parse(sub.as_bytes()).map_err(|error| refuse("sub", ClaimProblem::Name(error)))
}

/// The tenant that the token was issued for, where the claim is there.
pub(crate) fn tenant(
    payload: &Object,
    path: &ClaimPath,
    name: TenantName,
    form: KeyForm,
) -> Result<Option<TenantKey>, TokenError> {
    const CLAIM: &str = "tenant_claim";
    find(payload, path)
        .and_then(|claim| claim.map(|claim| key(claim, name, form)).transpose())
        .map_err(|problem| refuse(CLAIM, problem))
}

/// The tenants that the token lists. None, where the claim is absent.
pub(crate) fn tenants(
    payload: &Object,
    path: &ClaimPath,
    shape: TenantsShape,
    name: TenantName,
    form: KeyForm,
) -> Result<Vec<TenantKey>, TokenError> {
    let parse = |name: Cow<'_, str>| form.parse(name.as_bytes()).map_err(ClaimProblem::Name);
    find(payload, path)
        .and_then(|claim| match claim {
            None => Ok(Vec::new()),
            Some(claim) => shape.names(claim, name)?.into_iter().map(parse).collect(),
        })
        .map_err(|problem| refuse("tenants_claim", problem))
}

/// The subject's roles: a list of them, or one. None, where the claim is absent.
pub(crate) fn roles(payload: &Object, path: &ClaimPath) -> Result<Roles, TokenError> {
    const CLAIM: &str = "roles_claim";
    let roles = match find(payload, path).map_err(|problem| refuse(CLAIM, problem))? {
        None => return Ok(Roles::none()),
        Some(Json::List(list)) => list.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    let role = |role: &Json| {
        let role = role.as_text().ok_or(refuse(CLAIM, ClaimProblem::NotTexts))?;
        Role::parse(role.as_bytes()).map_err(|error| refuse(CLAIM, ClaimProblem::Name(error)))
    };
    roles.iter().map(role).collect()
}

/// Who acts in the subject's place (RFC 8693 §4.1), and reads. Earlier actors, which nest in the claim, are for information alone and
/// are not read.
pub(crate) fn actor(payload: &Object) -> Result<Option<Actor>, TokenError> {
    const CLAIM: &str = "act";
    let Some(act) = payload.get(CLAIM) else {
        return Ok(None);
    };
    let act = act.as_object().ok_or(refuse(CLAIM, ClaimProblem::NotNames))?;
    // Both are in logs, so what holds of a subject holds of an issuer that is not known from the configuration.
    let name = |name: &Json| {
        let name = name.as_text().ok_or(refuse(CLAIM, ClaimProblem::NotText))?;
        Subject::parse(name.as_bytes()).map_err(|error| refuse(CLAIM, ClaimProblem::Name(error)))
    };
    let sub = act.get("sub").ok_or(refuse(CLAIM, ClaimProblem::Missing))?;
    let actor = Actor::new(name(sub)?);
    match act.get("iss") {
        None => Ok(Some(actor)),
        Some(iss) => Ok(Some(actor.with_issuer(Arc::<str>::from(name(iss)?.as_str()).into()))),
    }
}

/// Whether the holder is named as staff of the platform. Not, where the claim is absent.
pub(crate) fn is_platform_staff(payload: &Object, path: &ClaimPath) -> Result<bool, TokenError> {
    const CLAIM: &str = "staff_claim";
    match find(payload, path).map_err(|problem| refuse(CLAIM, problem))? {
        None => Ok(false),
        Some(Json::Bool(is_staff)) => Ok(*is_staff),
        Some(_) => Err(refuse(CLAIM, ClaimProblem::NotBool)),
    }
}

fn key(claim: &Json, name: TenantName, form: KeyForm) -> Result<TenantKey, ClaimProblem> {
    let text = name.read(claim).ok_or(ClaimProblem::NotText)?;
    form.parse(text.as_bytes()).map_err(ClaimProblem::Name)
}

/// Walks down the path. What stands on the way must be an object; `null` is none.
fn find<'j>(payload: &'j Object, path: &ClaimPath) -> Result<Option<&'j Json>, ClaimProblem> {
    let mut object = payload;
    let mut names = path.names().peekable();
    while let Some(name) = names.next() {
        let Some(value) = object.get(name) else {
            return Ok(None);
        };
        if names.peek().is_none() {
            return Ok(Some(value));
        }
        object = value.as_object().ok_or(ClaimProblem::NotObject)?;
    }
    Ok(None)
}
