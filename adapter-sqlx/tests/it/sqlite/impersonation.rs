//! What somebody who acts in a member's place may do on SQLite.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use sqlx::Sqlite;
use tempfile::{TempDir, tempdir};
use tenancy_core::context::sync_scope;
use tenancy_core::enforce::Standing;
use tenancy_core::names::Subject;
use tenancy_core::request::Actor;
use tenancy_sqlx::{ErrorKind, SqliteDatabaseStrategy, StrategyRegistry, TenantDb};

use crate::common::{bodies, migrations, record, row_options, run, texts};
use crate::staff::let_in_to_act;

async fn open(dir: &TempDir) -> TenantDb<Sqlite> {
    let own = SqliteDatabaseStrategy::builder(dir.path().join("tenants")).with_migrations(migrations(&[
        "create table notes (id text not null primary key, body text)",
    ]));
    let registry = StrategyRegistry::new()
        .with(row_options(dir).open().await.unwrap())
        .unwrap()
        .with(own.open().await.unwrap())
        .unwrap();
    TenantDb::new(registry)
}

#[tokio::test]
async fn who_acts_in_a_members_place_reads_by_every_strategy() {
    let dir = tempdir().unwrap();
    let db = open(&dir).await;
    for strategy in ["row", "database"] {
        let tenant = record("acme", strategy);
        db.provision(&tenant).await.unwrap();
        let actor = || Actor::new(Subject::from_static("support:carol"));
        let writes = let_in_to_act(tenant.clone(), actor().dangerously_let_write());
        let mut tx = db.begin(&writes).await.unwrap();
        run(&mut tx, "insert into notes (id, body) values ('1', 'hers')")
            .await
            .unwrap();
        tx.commit().await.unwrap();

        let acts = let_in_to_act(tenant, actor());
        assert_eq!((acts.standing(), acts.is_read_only()), (Standing::Impersonation, true));
        for sql in [
            "insert into notes (id) values ('9')",
            "update notes set body = 'x'",
            "delete from notes",
            "create table t (x)",
            "pragma query_only = off; delete from notes",
            "commit; begin immediate; delete from notes; commit",
        ] {
            for way in 0..3 {
                let mut tx = match way {
                    0 => db.begin(&acts).await.unwrap(),
                    1 => db.dangerously_begin_in_any_status(&acts).await.unwrap(),
                    _ => db.begin_read(&acts).await.unwrap(),
                };
                assert_eq!(texts(&mut tx, "select body from notes").await, ["hers"]);
                assert!(run(&mut tx, sql).await.is_err(), "{strategy}, {way}: {sql}");
                tx.commit().await.ok();
            }
            assert_eq!(bodies(&db, &writes).await, ["hers"], "{strategy}: {sql}");
        }
    }
}

/// It is the fault of the one who reads, and of the service where it has begun to read for a member.
#[tokio::test]
async fn a_write_of_one_who_reads_is_refused_as_theirs() {
    let dir = tempdir().unwrap();
    let db = open(&dir).await;
    for strategy in ["row", "database"] {
        let tenant = record("acme", strategy);
        db.provision(&tenant).await.unwrap();
        let actor = || Actor::new(Subject::from_static("support:carol"));
        let acts = let_in_to_act(tenant.clone(), actor());
        let writes = let_in_to_act(tenant, actor().dangerously_let_write());
        for sql in [
            "insert into notes (id) values ('9')",
            "update notes set body = 'x'",
            "delete from notes",
            "create table t (x)",
        ] {
            let mut tx = db.begin(&acts).await.unwrap();
            let error = run(&mut tx, sql).await.unwrap_err();
            tx.rollback().await.ok();
            let kind = sync_scope(acts.clone(), || ErrorKind::of(&error));
            assert_eq!(kind, ErrorKind::ReadOnly, "{strategy}: {sql}: {error}");
            assert_eq!(
                (kind.status(), kind.code(), kind.retry_after()),
                (403, "read_only", None)
            );

            let mut tx = db.begin_read(&writes).await.unwrap();
            let error = run(&mut tx, sql).await.unwrap_err();
            tx.rollback().await.ok();
            let kind = sync_scope(writes.clone(), || ErrorKind::of(&error));
            assert_eq!(kind, ErrorKind::Internal, "{strategy}: {sql}: {error}");
            assert_eq!(ErrorKind::of(&error), ErrorKind::Internal, "outside of any request");
        }
    }
}
