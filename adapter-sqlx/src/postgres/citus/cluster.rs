//! Whether both roles reach the cluster as it must be reached.

use sqlx::{PgConnection, Row};

use crate::StrategyError;
use crate::postgres::{PgFault, PgFinding};

/// The setting that sends what a session sets to the workers. Where a session begins with it, each message that begins a
/// transaction is sent to them whole, and refused.
pub(in crate::postgres) const PROPAGATION: (&str, &str) = ("citus.propagate_set_commands", "none");

const VERSION: &str = "select extversion from pg_catalog.pg_extension where extname = 'citus'";

/// Whether the server is the coordinator. Without the extension there is no such function.
const IS_COORDINATOR: &str = "select pg_catalog.citus_is_coordinator()";

/// Each active worker, and what came of a connection to it from the coordinator as the role that runs this.
const LOG_IN: &str =
    "select nodename::text, nodeport, success, result from pg_catalog.run_command_on_workers('select 1')";

/// What is wrong with the administrator's connection: the extension is missing, or this is a worker.
pub(in crate::postgres) async fn administrator_findings(
    administrator: &mut PgConnection,
) -> Result<Vec<PgFinding>, StrategyError> {
    let finding = no_coordinator("administrator", administrator).await?;
    Ok(finding.into_iter().collect())
}

/// What is wrong with the application's connection: the extension is missing, this is a worker, its session would send its settings to the workers,
/// or the coordinator cannot log in on a worker as the application, which each of its queries needs.
///
/// No statement is prepared: there may be a pooler between.
pub(in crate::postgres) async fn application_findings(
    application: &mut PgConnection,
) -> Result<Vec<PgFinding>, StrategyError> {
    if let Some(finding) = no_coordinator("application", application).await? {
        return Ok(vec![finding]);
    }
    let mut findings = Vec::new();
    let preset = "begin; reset all; show citus.propagate_set_commands; rollback";
    let preset: String = sqlx::raw_sql(preset).fetch_one(&mut *application).await?.try_get(0)?;
    if preset != PROPAGATION.1 {
        let object = format!("{} is {preset} on the application's connection", PROPAGATION.0);
        findings.push(PgFinding::new(PgFault::PropagationPreset, object, String::new()));
    }
    for row in sqlx::raw_sql(LOG_IN).fetch_all(application).await? {
        if !row.try_get::<bool, _>(2)? {
            let (host, port, answer): (String, i32, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(3)?);
            let object = format!("{host}:{port}, which answers: {answer}");
            findings.push(PgFinding::new(PgFault::WorkerUnreachable, object, String::new()));
        }
    }
    Ok(findings)
}

/// Whether the server is a worker of a cluster. On any other server there is no such question.
pub(in crate::postgres) async fn is_worker(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    Ok(has_extension(connection).await? && !is_coordinator(connection).await?)
}

/// Why this connection is to no coordinator.
async fn no_coordinator(who: &str, connection: &mut PgConnection) -> Result<Option<PgFinding>, StrategyError> {
    let finding = |fault, object: String, mend: &str| Ok(Some(PgFinding::new(fault, object, mend.to_owned())));
    if !has_extension(connection).await? {
        return finding(PgFault::ExtensionMissing, "citus".to_owned(), "create extension citus");
    }
    if !is_coordinator(connection).await? {
        return finding(PgFault::NotCoordinator, format!("the {who}'s connection"), "");
    }
    Ok(None)
}

async fn has_extension(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    Ok(sqlx::raw_sql(VERSION).fetch_optional(connection).await?.is_some())
}

async fn is_coordinator(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::raw_sql(IS_COORDINATOR).fetch_one(connection).await?.try_get(0)
}
