//! How a query's cost grows with the number of tenants, where each has a file of its own.
//!
//! Each transaction is another tenant's, in turns. So many files are kept open; asked in turns, each of more than
//! that was closed since it was asked last, which is the worst that can come.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::Sqlite;
use tempfile::TempDir;
use tenancy_core::directory::TenantRecord;
use tenancy_core::enforce::Admitted;
use tenancy_sqlx::{SqliteDatabaseStrategy, StrategyRegistry, TenantDb};

use super::member_of;
use super::sqlite::migration;
use crate::{Group, Row};

const OWN: &str = "create table notes (id integer primary key, body text not null);
    insert into notes values (5, 'five')";
const BY_KEY: &str = "select body from notes where id = 5";

/// What the strategy keeps open by default.
const OPEN: usize = 64;

/// A file takes some milliseconds to make.
pub(crate) fn group(most: usize) -> Group {
    let name = |number: usize| match number {
        1 => "files: 1".to_owned(),
        number if number <= OPEN => format!("files: {number}, all open"),
        number => format!("files: {number}, {OPEN} open"),
    };
    let numbers = [OPEN, most / 10];
    numbers
        .into_iter()
        .fold(Group::default().row(row(name(1), 1)), |group, number| {
            group.row(row(name(number), number)).against([name(1).as_str()], None)
        })
}

fn row(name: String, number: usize) -> Row {
    let open = async move || {
        let folder = tempfile::tempdir().unwrap();
        let files = SqliteDatabaseStrategy::builder(folder.path()).with_migrations(migration(OWN));
        let strategy = files.with_max_open(OPEN).open().await.unwrap();
        let db = TenantDb::new(StrategyRegistry::new().with(strategy).unwrap());
        let tenants = (0..number)
            .map(|place| TenantRecord::new(format!("t{place}").parse().unwrap(), "database".parse().unwrap()));
        let tenants: Vec<TenantRecord> = tenants.collect();
        let at_once = NonZeroUsize::new(4).unwrap();
        let summary = db.provision_all(tenants.iter().cloned(), at_once, |_| ()).await;
        assert!(summary.failed.is_empty(), "{summary:?}");
        let files = Files {
            db,
            members: tenants.into_iter().map(member_of).collect(),
            turn: AtomicUsize::new(0),
            _folder: folder,
        };
        for _ in 0..number.min(OPEN) {
            files.next().await;
        }
        files
    };
    Row::prepared(name, open, async |files: &Files| files.next().await)
}

struct Files {
    db: TenantDb<Sqlite>,
    members: Vec<Admitted>,
    turn: AtomicUsize,
    _folder: TempDir,
}

impl Files {
    async fn next(&self) {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let member = &self.members[turn % self.members.len()];
        let mut tx = self.db.begin_read(member).await.unwrap();
        sqlx::query(BY_KEY).fetch_one(&mut *tx).await.unwrap();
    }
}
