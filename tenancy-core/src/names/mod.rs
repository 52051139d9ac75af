//! The names of tenants, callers, fields and hosts: untrusted bytes are parsed once, into types that cannot be wrong.

mod host;
mod issuer;
mod key;
mod name;
mod parse;
mod reserved;
#[cfg(test)]
mod tests;
mod text;

pub use host::Domain;
pub(crate) use host::{Authority, Host, read_authority, split_at_byte, trim};
pub use issuer::Issuer;
pub use key::{KeyForm, TenantKey};
pub(crate) use name::is_token_byte;
pub use name::{
    ExternalId, FieldName, GrantId, PlacementName, ResolverName, Role, Slug, StrategyName, Subject, TenantId,
};
pub use parse::{ParseError, ParseProblem};
pub use reserved::ReservedNames;
