//! Which errors of the fleet are which failures, and how a tenant that failed is printed.

use serde_json::{Value, json};
use tenancy::names::TenantId;
use tenancy_sqlx::fleet::{FleetError, RunFailure};

use crate::output::{Failure, chain, printable};

impl From<FleetError> for Failure {
    fn from(error: FleetError) -> Self {
        let text = chain(&error);
        match error {
            FleetError::Directory(error) => error.into(),
            FleetError::Versions { source, .. } => Self::from(*source).saying(text),
            FleetError::SeveralStatements { .. } => {
                Self::new("several_statements", text).advise("write a migration for each of the statements")
            }
            FleetError::UnderWay { run } => Self::new("under_way", text)
                .run(format!("migrate status {run}"))
                .run(format!("migrate resume {run}")),
            FleetError::UnknownRun { .. } => Self::new("unknown_run", text).run("runs list"),
            FleetError::NothingToResume => Self::new("nothing_to_resume", text).run("migrate plan"),
            FleetError::Ended { .. } => Self::new("run_ended", text).run("migrate run"),
            FleetError::OtherMigrations { .. } => Self::new("other_migrations", text).run("migrate run"),
            FleetError::UnknownCanary { .. } | FleetError::UnknownTenant { .. } => {
                Self::new("unknown_tenant", text).run("tenant list")
            }
            FleetError::NoMigrations { .. } => {
                Self::new("no_migrations", text).advise("name the folder of its migrations in its table of the file")
            }
            FleetError::UnknownBaseline { .. } => {
                Self::usage(text).advise("name one strategy by `--strategy`, and the version of one of its migrations")
            }
            FleetError::Corrupt { .. } => Self::new("corrupt_directory", text).run("migrate run"),
            _ => Self::new("not_migrated", text).run("check"),
        }
    }
}

/// What failed, in one line. It has nothing of the tenant's data.
pub(super) fn text(failure: &RunFailure) -> String {
    let who = match &failure.tenant {
        Some(tenant) => format!("the tenant `{tenant}` of `{}`", failure.strategy),
        None => format!("the shared tables of `{}`", failure.strategy),
    };
    let at = failure
        .version
        .map_or(String::new(), |version| format!(" at the migration {version}"));
    printable(&format!("failed: {who}{at}: {}", failure.words))
}

pub(super) fn machine(failure: &RunFailure) -> Value {
    json!({
        "id": failure.tenant.as_ref().map(TenantId::as_str),
        "strategy": failure.strategy.as_str(),
        "version": failure.version,
        "sqlstate": failure.sqlstate,
        "message": failure.words,
    })
}
