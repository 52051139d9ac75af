//! How a transaction enters a tenant's place.

use sqlx::PgConnection;

use crate::postgres::identifier::Literal;
use crate::{Binding, Mode};

/// What the session keeps prepared: a `SELECT` is the most expensive statement of a message that begins a transaction.
const PREPARE: &str = "prepare tenancy_enter (text, bigint, text, boolean, boolean) as \
    select tenancy_fence.tenancy_enter($1, $2, $3, $4, $5)";

/// What binds a transaction to its tenant, beside its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::postgres) enum Seal {
    /// The policies of the fence look for a seal: the strategy `row`.
    Sealed,
    /// The place alone decides.
    Unsealed,
}

/// The arguments of the function by which a transaction enters, as SQL.
#[derive(Clone)]
pub(in crate::postgres) struct Enter(String);

impl Enter {
    pub(in crate::postgres) fn new(binding: &Binding<'_>, seal: Seal) -> Self {
        Self(format!(
            "{}, {}, '{}', {}, {}",
            Literal(binding.id().as_str()),
            crate::fence::stored(binding.tenant().epoch),
            binding.purpose().as_str(),
            binding.mode() == Mode::ReadWrite,
            seal == Seal::Sealed,
        ))
    }

    /// The statement, which rests on what the session has prepared, or on nothing.
    pub(in crate::postgres) fn statement(&self, uses_prepared: bool) -> String {
        if uses_prepared {
            format!("execute tenancy_enter({})", self.0)
        } else {
            format!("select tenancy_fence.tenancy_enter({})", self.0)
        }
    }
}

/// Readies a new session of a fenced strategy.
pub(in crate::postgres) async fn prepare(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(PREPARE).execute(connection).await.map(drop)
}
