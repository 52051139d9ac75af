//! Why tables cannot be adopted.

use std::fmt;

use tenancy_core::names::TenantId;
use thiserror::Error;

use super::columns::ORPHANS;
use crate::StrategyError;

/// Why tables cannot be adopted. Nothing is changed then.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AdoptError {
    /// Something needs a decision of yours first. All that does is listed, in the order of the declared tables.
    #[error("failed to adopt {object}: {reason}{}", Others(others))]
    Refused {
        /// The first table, key, foreign key or other object, as SQL spells it.
        object: String,
        /// Why not, and what to do about it.
        reason: String,
        /// The other objects, each with its reason.
        others: Box<[(String, String)]>,
    },
    /// The first tenant's id is not how a declared column spells a value.
    #[error("the id `{tenant}` is not how a tenants' column spells a value")]
    NotCanonical {
        /// The tenant.
        tenant: TenantId,
    },
    /// The connection's role does not provably see every row of a table, and would leave rows without a tenant.
    #[error("failed to adopt {table}: the role {role} does not provably see all of its rows")]
    AdministratorFiltered {
        /// The role that the connection acts as.
        role: String,
        /// The table.
        table: String,
    },
    /// Other sessions hold locks on the tables in every attempt.
    #[error("failed to lock the declared tables in {attempts} attempts: other sessions hold locks")]
    LocksHeld {
        /// How often it was tried.
        attempts: u32,
        /// The last attempt's error.
        source: sqlx::Error,
    },
    /// The transaction needs more locks than the server has room for: a lock for each table, index and sequence that
    /// is changed. Raise the server's `max_locks_per_transaction`.
    #[error("failed to adopt {tables} tables in one transaction: raise the server's `max_locks_per_transaction`")]
    TooManyLocks {
        /// How many tables are declared.
        tables: usize,
        /// What the database says.
        source: sqlx::Error,
    },
    /// The policies could not be applied, or the result could not be verified.
    #[error("failed to apply and verify the policies")]
    Policies(#[source] StrategyError),
    /// The database refused or could not be reached.
    #[error("failed to query the database")]
    Database(#[from] sqlx::Error),
}

impl AdoptError {
    /// Nothing if there are no refusals.
    pub(super) fn refused(refusals: Vec<(String, String)>) -> Option<Self> {
        let mut refusals = refusals.into_iter();
        let (object, reason) = refusals.next()?;
        Some(Self::Refused {
            object,
            reason,
            others: refusals.collect(),
        })
    }

    /// What the database refused because of the rows that are there, by name.
    pub(super) fn of_rows(error: sqlx::Error, tables: usize) -> Self {
        const LOCKS: &str = "53200";
        let Some(refused) = error.as_database_error() else {
            return Self::Database(error);
        };
        let on_table = |table: &str| refused.constraint().map(|name| format!("{name} on {table}"));
        let object = refused.table().and_then(on_table);
        let code = refused.code().unwrap_or_default().into_owned();
        if refused.constraint() == Some(ORPHANS) {
            let table = refused.table().unwrap_or_default().to_owned();
            return Self::one(
                table,
                "rows refer to no row that has a tenant: fill its column first, or delete these rows",
            );
        }
        match (&*code, object) {
            ("23503", Some(object)) => Self::one(object, "rows of one tenant refer to a row of another, or to none"),
            ("23505", Some(object)) => Self::one(object, "two rows of one tenant have the same key"),
            ("23514", Some(object)) => Self::one(
                object,
                "rows do not satisfy it with the first tenant's id: fill the column first, or drop it",
            ),
            ("54000", Some(object)) => Self::one(
                object,
                "a row is too long for it with the tenant's id: shorten what it holds, or make it a key of a hash",
            ),
            (LOCKS, _) => Self::TooManyLocks { tables, source: error },
            _ => Self::Database(error),
        }
    }

    pub(super) fn one(object: String, reason: &str) -> Self {
        Self::Refused {
            object,
            reason: reason.to_owned(),
            others: Box::default(),
        }
    }
}

impl From<StrategyError> for AdoptError {
    fn from(error: StrategyError) -> Self {
        match error {
            StrategyError::Database(error) => Self::Database(error),
            StrategyError::LocksHeld { attempts, source, .. } => match *source {
                StrategyError::Database(source) => Self::LocksHeld { attempts, source },
                other => Self::from(other),
            },
            other => Self::Policies(other),
        }
    }
}

/// The other refusals, each on a line of its own.
struct Others<'o>(&'o [(String, String)]);

impl fmt::Display for Others<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (object, reason) in self.0 {
            write!(f, "\n{object}: {reason}")?;
        }
        Ok(())
    }
}
