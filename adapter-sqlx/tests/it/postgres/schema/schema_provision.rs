//! How tenants' schemas are made and migrated.

use futures_util::future::join_all;
use tenancy_sqlx::StrategyError;

use crate::postgres::support::schema_server::{
    NOTES, member, notes_of, open, options, provision_with_note, run, two_tenants,
};
use crate::postgres::support::server::{TestDatabase, code, migrations};

#[tokio::test]
async fn provisioning_again_runs_what_is_new() {
    let database = TestDatabase::new().await;
    let db = two_tenants(&database).await;
    db.provision(member("acme").tenant()).await.unwrap();
    assert_eq!(notes_of(&db, "acme").await, ["of acme"]);

    let stamp = "alter table notes add column stamp text not null default 'new'; create table tags (id int)";
    let (newer, _) = open(options(&database).with_migrations(migrations(&[NOTES, stamp]))).await;
    for _ in 0..2 {
        newer.provision(member("acme").tenant()).await.unwrap();
    }
    assert_eq!(notes_of(&newer, "acme").await, ["of acme"]);
    let mut tx = newer.begin(&member("acme")).await.unwrap();
    run(&mut tx, "select stamp from notes; insert into tags values (1)").await;
    drop(tx);
    // Each tenant's migrations are its own.
    let mut tx = newer.begin(&member("globex")).await.unwrap();
    let missing = sqlx::query("select stamp from notes").execute(&mut *tx).await;
    assert_eq!(code(missing), "42703");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_are_provisioned_at_once() {
    let database = TestDatabase::new().await;
    let (one, _) = open(options(&database)).await;
    let (other, _) = open(options(&database)).await;
    for round in 0..5 {
        let ids = [
            format!("same-{round}"),
            format!("same-{round}"),
            format!("other-{round}"),
        ];
        let members: Vec<_> = ids.iter().map(|id| member(id)).collect();
        let provisioned = members
            .iter()
            .flat_map(|member| [one.provision(member.tenant()), other.provision(member.tenant())]);
        for done in join_all(provisioned).await {
            done.unwrap();
        }
        for id in &ids[1..] {
            provision_with_note(&one, id).await;
            assert_eq!(notes_of(&other, id).await, [format!("of {id}")]);
        }
    }
}

#[tokio::test]
async fn a_right_that_a_migration_took_stays_taken() {
    let database = TestDatabase::new().await;
    let takes = format!("revoke delete on notes from {}", database.application_role());
    let (db, _) = open(options(&database).with_migrations(migrations(&[NOTES, takes.leak()]))).await;
    for _ in 0..2 {
        db.provision(member("acme").tenant()).await.unwrap();
        let mut tx = db.begin(&member("acme")).await.unwrap();
        assert_eq!(code(sqlx::query("delete from notes").execute(&mut *tx).await), "42501");
    }
}

#[tokio::test]
async fn tables_from_before_are_the_applications() {
    let database = TestDatabase::new().await;
    let sql = "create schema tenant_acme; create table tenant_acme.old (id serial)";
    run(&mut database.connect().await, sql).await;
    let (db, _) = open(options(&database)).await;
    provision_with_note(&db, "acme").await;
    let mut tx = db.begin(&member("acme")).await.unwrap();
    run(&mut tx, "insert into old default values; delete from old").await;
}

#[tokio::test]
async fn tenants_do_not_share_the_table_of_migrations() {
    let database = TestDatabase::new().await;
    let mut shared = migrations(&[NOTES]);
    shared.dangerous_set_table_name("public._sqlx_migrations");
    let opened = options(&database).with_migrations(shared).open().await;
    assert!(matches!(opened, Err(StrategyError::Other(_))));

    let mut named = migrations(&[NOTES]);
    named.dangerous_set_table_name("versions");
    let (db, _) = open(options(&database).with_migrations(named)).await;
    for id in ["acme", "globex"] {
        provision_with_note(&db, id).await;
        let mut tx = db.begin(&member(id)).await.unwrap();
        assert_eq!(
            code(sqlx::query("select * from versions").execute(&mut *tx).await),
            "42501"
        );
    }
}

const WIDEN: &str = "alter table notes alter column name type varchar(99), add column stamp int default 7";

/// A statement that was prepared before the migration would be refused.
#[tokio::test]
async fn a_migration_replaces_connections() {
    let database = TestDatabase::new().await;
    let (db, strategy) = open(options(&database).with_migrations(migrations(&[NOTES, WIDEN]))).await;
    // As an older version left it.
    let (older, _) = open(options(&database)).await;
    provision_with_note(&older, "acme").await;
    let columns = async |strategy: &str| {
        let mut tx = db.begin(&member("acme")).await.unwrap();
        let row = sqlx::query("select * from notes").fetch_one(&mut *tx).await;
        row.map(|row| sqlx::Row::columns(&row).len())
            .map_err(|error| format!("{strategy}: {error}"))
    };
    assert_eq!(columns("before").await, Ok(3));
    db.provision(member("acme").tenant()).await.unwrap();
    assert_eq!(columns("after").await, Ok(4));

    // Where it was another process, that is to be said.
    let sql = "alter table tenant_acme.notes add column more int";
    run(&mut database.connect().await, sql).await;
    assert!(columns("unsaid").await.is_err());
    strategy.refresh();
    assert_eq!(columns("said").await, Ok(5));
}

#[tokio::test]
async fn provisioning_that_changes_nothing_keeps_connections() {
    let database = TestDatabase::new().await;
    let db = two_tenants(&database).await;
    let backend = async || -> i32 {
        let mut tx = db.begin(&member("acme")).await.unwrap();
        let pid = sqlx::query_scalar("select pg_backend_pid()");
        pid.fetch_one(&mut *tx).await.unwrap()
    };
    let before = backend().await;
    for id in ["acme", "new"] {
        db.provision(member(id).tenant()).await.unwrap();
        assert_eq!(backend().await, before, "{id}");
    }
}

/// Tables that differ need statements that are prepared anew.
#[tokio::test]
async fn tenants_tables_may_differ() {
    let database = TestDatabase::new().await;
    for keeps_prepared in [true, false] {
        let options = options(&database);
        let options = if keeps_prepared {
            options
        } else {
            options.without_prepared_statements()
        };
        let (db, strategy) = open(options).await;
        for id in ["acme", "globex"] {
            provision_with_note(&db, id).await;
        }
        run(
            &mut database.connect().await,
            "alter table tenant_acme.notes add column stamp int",
        )
        .await;
        strategy.refresh();
        let mut failed = 0;
        for id in ["acme", "globex", "acme"] {
            let mut tx = db.begin(&member(id)).await.unwrap();
            let rows = sqlx::query("select * from notes").fetch_all(&mut *tx).await;
            failed += u32::from(rows.is_err());
        }
        assert_eq!(failed > 0, keeps_prepared);
        for id in ["acme", "globex"] {
            strategy.dangerously_drop_schema(&id.parse().unwrap()).await.unwrap();
        }
    }
}
