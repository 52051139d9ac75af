//! Faults that are planted, found, mended and taken back in one transaction, so that many share a database.

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

use crate::postgres::support::server::TestDatabase;
use crate::postgres::verify::verify::{guarded, schema};
use crate::postgres::verify::verify_faults::Planted;

/// Plants each fault: it leaks, what is expected is found and nothing else, and after its mends the database is clean
/// and does not leak.
pub(crate) async fn check_each(planted: &[Planted]) {
    let database = guarded().await;
    // It acts as each of the roles in turn, which only a superuser may.
    let mut connection = database.superuser().await;
    let mut failed = Vec::new();
    for planted in planted {
        let mut tx = connection.begin().await.unwrap();
        failed.extend(check(&database, &mut tx, planted).await);
        tx.rollback().await.unwrap();
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

async fn check(database: &TestDatabase, tx: &mut PgConnection, planted: &Planted) -> Vec<String> {
    let mut failed = Vec::new();
    let fault = planted.fault;
    let (planting, leak) = (database.named(fault), planted.leak.map(|leak| database.named(leak)));
    if leaks(database, tx, leak.as_deref()).await.unwrap_or_default() {
        failed.push(format!("leaks before `{fault}`"));
    }
    if let Err(error) = as_administrator(database, tx, &planting).await {
        return vec![format!("`{fault}` cannot be planted: {error}")];
    }
    let report = schema(database).verify(tx).await.unwrap();
    let found: Vec<_> = report
        .findings()
        .iter()
        .map(|one| (one.fault(), one.object().to_owned()))
        .collect();
    let named = |(fault, object): &(_, &str)| (*fault, database.named(object));
    let expected: Vec<_> = planted.found.iter().map(named).collect();
    if found != expected {
        failed.push(format!("{fault}: {report}"));
    }
    let leaking = leaks(database, tx, leak.as_deref()).await;
    if leak.is_some() && !matches!(leaking, Ok(true)) {
        failed.push(format!("`{fault}` does not leak: {leaking:?}"));
    }
    for finding in report.findings() {
        if let Err(error) = as_administrator(database, tx, finding.mend()).await {
            failed.push(format!("`{}` cannot be run: {error}", finding.mend()));
        }
    }
    if report.findings().iter().all(|finding| !finding.mend().is_empty()) {
        let report = schema(database).verify(tx).await.unwrap();
        if !report.is_clean() {
            failed.push(format!("after `{fault}` was mended: {report}"));
        }
        if leaks(database, tx, leak.as_deref()).await.unwrap_or_default() {
            failed.push(format!("mended `{fault}` leaks"));
        }
    }
    failed
}

/// As the administrator, and as a superuser where the administrator may not: what is about roles and the server.
async fn as_administrator(database: &TestDatabase, tx: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    let role = database.administrator_role();
    match attempt(tx, &format!("set local session authorization {role}; {sql}")).await {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42501") => attempt(tx, sql).await,
        done => done,
    }
}

async fn attempt(tx: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    let mut savepoint = tx.begin().await?;
    sqlx::raw_sql(AssertSqlSafe(format!(
        "{sql}; reset session authorization; set constraints all immediate"
    )))
    .execute(&mut *savepoint)
    .await?;
    savepoint.commit().await
}

/// Whether the application sees the row of `globex` in a transaction of `acme`.
async fn leaks(database: &TestDatabase, tx: &mut PgConnection, leak: Option<&str>) -> Result<bool, sqlx::Error> {
    let Some(leak) = leak else { return Ok(false) };
    let (before, query) = leak.rsplit_once("; ").unwrap_or(("", leak));
    let mut savepoint = tx.begin().await?;
    let role = database.application_role();
    let before = format!("set local session authorization {role}; set local app.tenant_id = 'acme'; {before}");
    sqlx::raw_sql(AssertSqlSafe(before)).execute(&mut *savepoint).await?;
    let rows = sqlx::raw_sql(AssertSqlSafe(query.to_owned()))
        .fetch_all(&mut *savepoint)
        .await?;
    savepoint.rollback().await?;
    Ok(rows
        .iter()
        .any(|row| row.get::<Option<&str>, _>(0) == Some("of globex")))
}
