//! The fence of a SQLite file: the table of places, and a trigger that looks at it where a tenant is bound.

mod attempt;
mod install;
mod place;
mod refusal;

pub(in crate::sqlite) use attempt::begin;
pub(in crate::sqlite) use install::{create_trigger, enable, is_fenced, require};
pub(in crate::sqlite) use place::{change, read, read_all};
pub(in crate::sqlite) use refusal::FenceWatch;

use crate::Binding;

/// What binds a transaction to its tenant. On a connection that looks at the place or at the version the trigger reads the rest.
///
/// A tenant's id has neither quotes nor backslashes, and the statement takes no parameters.
pub(in crate::sqlite) fn bind(binding: &Binding<'_>) -> String {
    format!(
        "delete from temp.tenancy_bound; insert into temp.tenancy_bound values ('{}', {}, '{}')",
        binding.id(),
        crate::fence::stored(binding.tenant().epoch),
        binding.purpose().as_str(),
    )
}
