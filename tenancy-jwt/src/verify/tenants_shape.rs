use std::borrow::Cow;

use serde::Deserialize;

use crate::ClaimProblem;
use crate::verify::json::Json;
use crate::verify::tenant_name::TenantName;

/// How a token's claim lists the subject's tenants. Any other shape is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum TenantsShape {
    /// An array of names: `["acme", "globex"]`.
    #[default]
    Array,
    /// An object whose members have the names: `{"acme": {}, "globex": {}}`.
    Names,
    /// An object whose members each have the name as their `id`: `{"Acme Inc.": {"id": "acme"}}`.
    Ids,
}

impl TenantsShape {
    /// The names as the claim has them.
    pub(crate) fn names(self, claim: &Json, name: TenantName) -> Result<Vec<Cow<'_, str>>, ClaimProblem> {
        let names: Option<Vec<_>> = match (self, claim) {
            (Self::Array, Json::List(list)) => list.iter().map(|one| name.read(one)).collect(),
            (Self::Names, Json::Object(members)) => Some(members.keys().map(|name| name.as_str().into()).collect()),
            (Self::Ids, Json::Object(members)) => members.values().map(|member| id(member, name)).collect(),
            _ => None,
        };
        names.ok_or(match self {
            Self::Array => ClaimProblem::NotList,
            Self::Names => ClaimProblem::NotNames,
            Self::Ids => ClaimProblem::NotIds,
        })
    }
}

fn id(member: &Json, name: TenantName) -> Option<Cow<'_, str>> {
    name.read(member.as_object()?.get("id")?)
}
