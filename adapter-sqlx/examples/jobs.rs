//! Work without a request: a queue's worker, and a job for every active tenant.
//!
//! ```console
//! $ cargo run -p tenancy-sqlx --features sqlite --example jobs
//! ran `welcome` for acme
//! left out `welcome`: the tenant `globex` is suspended, and not active
//! nightly: acme has 1 note
//! nightly: initech has 0 notes
//! nightly: 2 done, 0 failed
//! ```

use std::error::Error;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{SqlSafeStr, Sqlite};
use tenancy_core::directory::{TenantEntry, TenantStatus};
use tenancy_core::enforce::{Admitted, JobRefused, admit_job};
use tenancy_core::names::{Subject, TenantId};
use tenancy_sqlx::{NewTenant, SqliteDatabaseStrategy, SqliteDirectory, StrategyRegistry, TenantDb, TransactionError};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    for line in work(folder.path()).await? {
        println!("{line}");
    }
    Ok(())
}

/// What the worker says.
async fn work(folder: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let (directory, db) = open(folder).await?;
    let mut said = Vec::new();
    // Out of a queue that each job was put into by its tenant's own transaction.
    for (tenant, job) in [("acme", "welcome"), ("globex", "welcome")] {
        said.push(run(&directory, &db, &tenant.parse()?, job).await?);
    }
    said.extend(nightly(&directory, &db).await?);
    Ok(said)
}

/// Runs one job, if its tenant is still active now.
async fn run(
    directory: &SqliteDirectory,
    db: &TenantDb<Sqlite>,
    tenant: &TenantId,
    job: &'static str,
) -> Result<String, Box<dyn Error>> {
    let tenant = match admit_job(directory, tenant, Subject::from_static(job)).await {
        Ok(tenant) => tenant,
        // The job is dropped, or enqueued again for later: a suspended tenant may be active tomorrow.
        Err(refused @ (JobRefused::NotActive { .. } | JobRefused::Unknown { .. })) => {
            return Ok(format!("left out `{job}`: {refused}"));
        }
        // Try again: the directory could not tell.
        Err(failed) => return Err(failed.into()),
    };
    let mut tx = db.begin(&tenant).await?;
    sqlx::query("insert into notes values ('welcome')")
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(format!("ran `{job}` for {}", tenant.id()))
}

/// Runs a job for every active tenant, two at a time.
async fn nightly(directory: &SqliteDirectory, db: &TenantDb<Sqlite>) -> Result<Vec<String>, Box<dyn Error>> {
    let counts = Arc::new(Mutex::new(Vec::new()));
    let (db, results) = (db.clone(), Arc::clone(&counts));
    let count = move |tenant: Admitted| {
        let (db, results) = (db.clone(), Arc::clone(&results));
        async move {
            // The scope is the tenant's.
            let mut tx = db.begin_read_current().await?;
            let number: i64 = sqlx::query_scalar("select count(*) from notes")
                .fetch_one(&mut *tx)
                .await?;
            let notes = if number == 1 { "note" } else { "notes" };
            let line = format!("nightly: {} has {number} {notes}", tenant.id());
            results.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            Ok::<_, NightlyError>(())
        }
    };
    let at_once = NonZeroUsize::new(2).ok_or("not zero")?;
    let summary = directory
        .for_each_active(&Subject::from_static("nightly"), at_once, count, |_| {})
        .await?;
    let mut said = counts.lock().unwrap_or_else(PoisonError::into_inner).clone();
    said.sort();
    said.push(format!("nightly: {} done, {} failed", summary.done, summary.failed));
    Ok(said)
}

#[derive(Debug, thiserror::Error)]
enum NightlyError {
    #[error("failed to reach the notes")]
    Transaction(#[from] TransactionError),
    #[error("failed to count the notes")]
    Query(#[from] sqlx::Error),
}

/// Three tenants, one of which is suspended.
async fn open(folder: &Path) -> Result<(SqliteDirectory, TenantDb<Sqlite>), Box<dyn Error>> {
    let notes = "create table notes (body text not null)".into_sql_str();
    let notes = Migration::new(1, "notes".into(), MigrationType::Simple, notes, false);
    let files = SqliteDatabaseStrategy::builder(folder.join("tenants"))
        .with_migrations(Migrator::with_migrations(vec![notes]))
        .open()
        .await?;
    let db = TenantDb::new(StrategyRegistry::new().with(files)?);
    let directory = SqliteDirectory::open(folder.join("directory.sqlite")).await?;
    for (id, status) in [
        ("acme", TenantStatus::Active),
        ("globex", TenantStatus::Suspended),
        ("initech", TenantStatus::Active),
    ] {
        let entry = directory
            .upsert(&NewTenant::new(id.parse()?, "database".parse()?))
            .await?;
        db.provision(entry.record()).await?;
        directory.set_status(&entry.record().id, TenantStatus::Active).await?;
        directory.set_status(&entry.record().id, status).await?;
    }
    Ok((directory, db))
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn it_says_what_the_page_says() {
        let folder = tempfile::tempdir().unwrap();
        let expected = include_str!("jobs.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("//! "));
        let expected: Vec<&str> = expected.skip_while(|line| !line.starts_with('$')).skip(1).collect();
        let said = super::work(folder.path()).await.unwrap();
        assert_eq!(said, expected.strip_suffix(&["```"]).unwrap());
    }
}
