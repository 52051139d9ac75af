//! What is looked at on SQLite.

use sqlx::Sqlite;
use tenancy::{Description, OpenError};
use tenancy_sqlx::StrategyError;

use super::findings::{Checks, Finding, State, Verification};
use crate::output::{Failure, chain};
use crate::site::Site;

/// Files and folders.
pub(crate) fn check(description: &Description<Sqlite>, checks: &mut Checks) -> bool {
    let missing = description.paths().skip(1).filter(|(_, path)| !path.exists());
    let findings = missing.map(|(key, path)| {
        let message = format!("`{key}`: there is nothing at `{}`", path.display());
        Finding::new("not_set_up", message).run("init")
    });
    let findings: Vec<Finding> = findings.collect();
    let is_there = findings.is_empty();
    checks.add("files", State::of(findings));
    is_there
}

/// The strategies look at their tables when they are opened.
pub(crate) async fn verify(site: &Site<'_>) -> Result<Verification, Failure> {
    match site.open::<Sqlite>().without_http().serving_only().await {
        Ok(data) => {
            data.close().await;
            Ok(Verification::default())
        }
        Err(OpenError::Open(failures)) => {
            let found = failures.failures().iter().filter_map(|failure| {
                let error = failure.error().downcast_ref::<StrategyError>();
                match error {
                    Some(StrategyError::UnsafeSchema(schema)) => Some(Finding {
                        is_unsafe: true,
                        ..Finding::new("unsafe_schema", format!("`{}`: {}", failure.key(), chain(schema)))
                            .advise("change the tables by a migration")
                    }),
                    // It does not open, so nothing is known of its tables.
                    Some(StrategyError::FenceMismatch { .. }) => {
                        Some(Finding::new("fence_mismatch", failure.to_string()).run("fence status"))
                    }
                    _ => None,
                }
            });
            let findings: Vec<Finding> = found.collect();
            if findings.is_empty() {
                return Err(OpenError::Open(failures).into());
            }
            Ok(Verification {
                findings,
                notes: Vec::new(),
            })
        }
        Err(error) => Err(error.into()),
    }
}
