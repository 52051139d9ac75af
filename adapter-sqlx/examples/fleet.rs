//! All tenants are migrated when a service starts: `cargo run -p tenancy-sqlx --example fleet --features sqlite`.
//!
//! Run it twice: the first release makes a table for each tenant, the second one adds a column, and a third start finds nothing to do.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::Path;
use std::time::Duration;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use tenancy_core::directory::{TenantEntry, TenantStatus};
use tenancy_sqlx::fleet::{Canaries, Fleet, FleetOptions, FleetProgress, FleetReport, Stop};
use tenancy_sqlx::{NewTenant, SqliteDatabaseStrategy, SqliteDirectory, StrategyRegistry, TenantDb};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Most often `sqlx::migrate!()`.
const RELEASES: [&str; 2] = [
    "create table notes (body text not null)",
    "alter table notes add column is_draft integer not null default 0",
];

fn migrations(release: usize) -> Migrator {
    let one = |(sql, version): (&&'static str, i64)| {
        Migration::new(
            version,
            "notes".into(),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    };
    Migrator::with_migrations(RELEASES.iter().zip(1..).take(release).map(one).collect())
}

/// A service that starts: it opens what it serves from, migrates what is behind, and would serve then.
async fn start(folder: &Path, release: usize) -> Result<FleetReport, Error> {
    let files = SqliteDatabaseStrategy::builder(folder.join("tenants")).with_migrations(migrations(release));
    let db = TenantDb::new(StrategyRegistry::new().with(files.open().await?)?);
    let directory = SqliteDirectory::open(folder.join("directory.sqlite")).await?;
    for id in ["acme", "globex", "initech"] {
        let tenant = NewTenant::new(id.parse()?, "database".parse()?).with_status(TenantStatus::Active);
        if directory.find_by_id(&id.parse()?).await?.is_none() {
            db.provision(directory.upsert(&tenant).await?.record()).await?;
        }
    }
    let options = FleetOptions::new()
        .with_canaries(Canaries::Percent(2))
        .with_soak(Duration::from_millis(100))
        .with_jobs(NonZeroUsize::new(8).ok_or("not zero")?)
        .with_max_failures(NonZeroU64::new(5).ok_or("not zero")?);
    let fleet = Fleet::new(directory, &db)?;
    let plan = fleet.plan(&options, |_| {}).await?;
    println!("release {release}: {} tenants are behind", plan.behind());
    let report = fleet
        .join(&options, &Stop::new(), |progress| match progress {
            FleetProgress::Done(item, migrated) => println!("{:?} is at {:?}", item.tenant, migrated.to),
            FleetProgress::Failed { failure, .. } => eprintln!("{:?}: {}", failure.tenant, failure.words),
            _ => {}
        })
        .await?;
    db.close().await;
    Ok(report)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let folder = tempfile::tempdir()?;
    for release in [1, 2, 2] {
        let report = start(folder.path(), release).await?;
        if !report.is_complete() {
            return Err(format!("{} tenants have failed", report.failed).into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_release_migrates_what_is_behind() {
        let folder = tempfile::tempdir().unwrap();
        for (release, done) in [(1, 0), (2, 3), (2, 0)] {
            let report = start(folder.path(), release).await.unwrap();
            assert!(report.is_complete(), "{report:?}");
            assert_eq!(report.done, done);
        }
    }
}
