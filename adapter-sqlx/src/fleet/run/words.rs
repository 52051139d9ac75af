//! What is stored of an error.

use std::error::Error;

use crate::StrategyError;
use crate::fleet::report::RunFailure;
use tenancy_core::names::{StrategyName, TenantId};

/// How long stored words are at most.
const MAX: usize = 500;

/// What is stored of an error: what failed, and the database's code. The database's own message is left out, since it quotes values:
/// "invalid input syntax for type integer: …" has what a tenant has stored.
pub(in crate::fleet) fn failure(
    tenant: Option<&TenantId>,
    strategy: &StrategyName,
    error: &StrategyError,
) -> RunFailure {
    let mut words = Vec::new();
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    let mut sqlstate = None;
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<sqlx::Error>() {
            sqlstate = sqlstate_of(error);
            words.push(of_database(error, sqlstate.as_deref()));
            break;
        }
        let word = error.to_string();
        // A source that is shown through by its parent says the same.
        if let Some(sqlx::migrate::MigrateError::ExecuteMigration(..) | sqlx::migrate::MigrateError::Execute(_)) =
            error.downcast_ref()
        {
            // Its text has that of its source in it.
            next = error.source();
            continue;
        }
        if words.last() != Some(&word) {
            words.push(word);
        }
        next = error.source();
    }
    let mut words = words.join(": ");
    if let Some((end, _)) = words.char_indices().nth(MAX) {
        words.truncate(end);
    }
    RunFailure {
        tenant: tenant.cloned(),
        strategy: strategy.clone(),
        version: match error {
            StrategyError::Migration { version, .. } => Some(*version),
            _ => None,
        },
        sqlstate,
        words,
    }
}

/// What is stored of a migration that panicked. What it said may have anything in it.
pub(in crate::fleet) fn panicked(tenant: Option<&TenantId>, strategy: &StrategyName) -> RunFailure {
    RunFailure {
        tenant: tenant.cloned(),
        strategy: strategy.clone(),
        version: None,
        sqlstate: None,
        words: "the strategy panicked".to_owned(),
    }
}

fn sqlstate_of(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}

fn of_database(error: &sqlx::Error, sqlstate: Option<&str>) -> String {
    let Some(database) = error.as_database_error() else {
        return match error {
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => {
                "the connection to the database was lost".to_owned()
            }
            sqlx::Error::PoolTimedOut => "no connection to the database became free in time".to_owned(),
            _ => "the database could not be used".to_owned(),
        };
    };
    let mut words = match sqlstate {
        Some(code) => format!("the database refused it ({code})"),
        None => "the database refused it".to_owned(),
    };
    for (what, name) in [("table", database.table()), ("constraint", database.constraint())] {
        if let Some(name) = name {
            words.push_str(&format!(", {what} `{name}`"));
        }
    }
    words
}
