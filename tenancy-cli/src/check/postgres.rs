//! What is looked at on PostgreSQL.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::postgres::{PgListener, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Postgres};
use tenancy::Description;
use tenancy_sqlx::{PgReport, PgServer, PgSeverity};

use super::findings::{Checks, Finding, State, Verification};
use crate::output::Failure;
use crate::reach::connect;

/// How far the clocks may be apart. A token is valid for so long after it has expired, unless it is set otherwise.
const SKEW: Duration = Duration::from_secs(30);

/// How long a notification may take.
const NOTIFIED: Duration = Duration::from_secs(5);

/// Servers, roles, clocks, notifications.
pub(crate) async fn check(description: &Description<Postgres>, checks: &mut Checks) {
    let mut connections = Vec::new();
    let mut roles = Vec::new();
    let mut clocks = Vec::new();
    for (key, server) in description.servers() {
        // The strategy `database` connects to tenants' own databases; the application's URL only says how.
        let application = (key != "strategies.database").then(|| ("the application", server.application_options()));
        let administrator = server
            .administrator_options()
            .map(|options| ("the administrator", options));
        for (who, options) in application.into_iter().chain(administrator) {
            match connect(options).await {
                Ok(mut connection) => {
                    roles.extend(role(key, who, &mut connection).await);
                    clocks.extend(clock(key, &mut connection).await);
                    let _ = connection.close().await;
                }
                Err(error) => connections.push(
                    Finding::new("unreachable", format!("`{key}`: failed to connect as {who}: {error}"))
                        .advise("see that the server runs, and that the URL names it and the role's password"),
                ),
            }
        }
    }
    if !description.directory().has_administrator() {
        roles.push(
            Finding::new(
                "no_administrator",
                "the administrator's URL is not set: tenants can be read, not changed",
            )
            .advise(
                "set the variable, or write the file, that `administrator_url_env` or `administrator_url_file` names",
            ),
        );
    }
    clocks.dedup_by(|one, other| one.message == other.message);
    checks.add("connections", State::of(connections));
    checks.add("roles", State::of(roles));
    checks.add("clock", State::of(clocks));
    checks.add("notifications", State::of(notified(&description.directory()).await));
}

async fn role(key: &str, who: &str, connection: &mut PgConnection) -> Option<Finding> {
    let sql =
        "select current_user::text, rolsuper or rolbypassrls from pg_catalog.pg_roles where rolname = current_user";
    let (role, is_above): (String, bool) = sqlx::query_as(sql).fetch_one(connection).await.ok()?;
    if !is_above || who != "the application" {
        return None;
    }
    let message = format!("`{key}`: the application's role `{role}` is above row-level security: it sees every tenant");
    Some(Finding {
        is_unsafe: true,
        ..Finding::new("role_bypasses", message)
            .advise("connect the application as a role that is neither superuser nor has BYPASSRLS")
    })
}

async fn clock(key: &str, connection: &mut PgConnection) -> Option<Finding> {
    let sql = "select extract(epoch from pg_catalog.clock_timestamp())::float8";
    let asked = seconds(SystemTime::now());
    let there: f64 = sqlx::query_scalar(sql).fetch_one(connection).await.ok()?;
    let answered = seconds(SystemTime::now());
    // Somewhere between, it was read.
    let apart = (asked - there).max(there - answered).max(0.0);
    skew(key, apart)
}

fn seconds(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn skew(key: &str, apart: f64) -> Option<Finding> {
    (apart > SKEW.as_secs_f64()).then(|| {
        let message = format!("`{key}`: the clocks of this machine and of the database are {apart:.0} seconds apart");
        Finding::new("clock_skew", message).advise("let both follow a time server")
    })
}

/// Whether what one connection notifies reaches another, which is how caches learn of changes.
async fn notified(directory: &PgServer) -> Vec<Finding> {
    let options = directory.application_options();
    let channel = format!("tenancy_check_{}", uuid::Uuid::new_v4().simple());
    let round_trip = async {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(NOTIFIED)
            .connect_with(options.clone())
            .await?;
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen(&channel).await?;
        let mut other = sqlx::ConnectOptions::connect(options).await?;
        let notify = format!("notify {channel}");
        sqlx::raw_sql(AssertSqlSafe(notify)).execute(&mut other).await?;
        listener.recv().await?;
        other.close().await
    };
    match tokio::time::timeout(NOTIFIED, round_trip).await {
        Ok(Ok(())) => Vec::new(),
        Ok(Err(error)) => vec![lost(&format!("failed to listen: {}", crate::output::chain(&error)))],
        Err(_) => vec![lost("a notification did not arrive within 5 seconds")],
    }
}

fn lost(why: &str) -> Finding {
    let message = format!("{why}: caches learn of changes when their entries expire, and not before");
    Finding::new("notifications_lost", message)
        .advise("let the URL of the directory's reader lead to the server itself, and to no pooler")
}

/// The tables of the strategy `row`, from the catalog: as the administrator, who sees all of it, or as the application.
pub(crate) async fn verify(description: &Description<Postgres>) -> Result<Verification, Failure> {
    let Some(tables) = description.row_tables() else {
        return Ok(Verification {
            findings: Vec::new(),
            notes: vec![
                "the strategies of the file need no verification: each tenant has a place of its own".to_owned(),
            ],
        });
    };
    let application = description
        .servers()
        .into_iter()
        .find(|(key, _)| *key == "strategies.row");
    let application = application.map(|(_, server)| server);
    let options = description
        .row_administrator()
        .or(application.as_ref().map(PgServer::application_options));
    let options = options.ok_or_else(|| Failure::new("internal", "the strategy `row` has no server"))?;
    let unreachable =
        |error: String| Failure::new("server_unreachable", format!("failed to verify: {error}")).run("check");
    let mut connection = connect(options).await.map_err(unreachable)?;
    let report = if description.row_administrator().is_some() {
        tables.verify(&mut connection).await?
    } else {
        tables.verify_as_application(&mut connection).await?
    };
    let _ = connection.close().await;
    Ok(verification(&report))
}

fn verification(report: &PgReport) -> Verification {
    let mut findings: Vec<Finding> = report
        .findings()
        .iter()
        .map(|finding| {
            let message = format!(
                "{:?}: {}: {}",
                finding.fault(),
                finding.object(),
                finding.fault().risk()
            );
            Finding {
                mend: finding.mend().to_owned(),
                is_unsafe: finding.fault().severity() == PgSeverity::Unsafe,
                ..Finding::new(format!("{:?}", finding.fault()), message)
            }
        })
        .collect();
    findings.extend(report.shared_tables().iter().map(|table| {
        let message = format!("the application may write the table {table}, which every tenant reads");
        Finding::new("SharedTable", message)
            .advise("name it in `strategies.row.shared_tables`, or adopt it, or revoke the right")
    }));
    Verification {
        findings,
        notes: report.notes().iter().map(ToString::to_string).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_may_be_as_far_apart_as_a_token_allows() {
        assert!(skew("directory", 0.0).is_none() && skew("directory", 30.0).is_none());
        let found = skew("directory", 31.5).map(|finding| finding.message);
        assert_eq!(
            found.as_deref(),
            Some("`directory`: the clocks of this machine and of the database are 32 seconds apart")
        );
    }
}
