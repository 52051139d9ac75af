//! A tenant's database: made once, by whoever comes first, and made whole after a crash.

use tenancy_sqlx::StrategyError;

use crate::database_server::{
    begin_error, databases, member, notes_of, open, options, provision_error, provision_with_note,
};
use crate::schema_server::{NOTES, run};
use crate::server::{TestDatabase, migrations};

#[tokio::test]
async fn doing_it_again_changes_nothing() {
    let database = TestDatabase::new().await;
    let (db, _) = open(options(&database));
    provision_with_note(&db, "acme").await;
    db.provision(member("acme").tenant()).await.unwrap();
    assert_eq!(notes_of(&db, "acme").await, ["of acme"]);
    assert_eq!(databases(&database).await, ["acme"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_at_once_make_one() {
    let database = TestDatabase::new().await;
    let ((one, _), (other, _)) = (open(options(&database)), open(options(&database)));
    for id in ["acme", "globex"] {
        let acme = member(id);
        let (one, other) = tokio::join!(one.provision(acme.tenant()), other.provision(acme.tenant()));
        one.unwrap();
        other.unwrap();
    }
    assert_eq!(databases(&database).await, ["acme", "globex"]);
    assert_eq!(notes_of(&one, "acme").await, [""; 0]);
}

/// What stands after each step, if the process ends there.
#[tokio::test]
async fn what_a_crash_left_is_made_whole() {
    let database = TestDatabase::new().await;
    let name = |id: &str| format!("\"{}{id}\"", database.prefix());
    let steps = |id: &str| {
        let name = name(id);
        [
            format!("create database {name} template template0"),
            format!("comment on database {name} is 'tenant {id}'; revoke all on database {name} from public"),
        ]
    };
    let mut administrator = database.connect().await;
    let (db, _) = open(options(&database));
    for (done, id) in (1..).zip(["acme", "globex"]) {
        for step in steps(id).into_iter().take(done) {
            run(&mut administrator, step).await;
        }
        if done == 2 {
            // The application is not let in before all is done.
            begin_error(&db, id).await;
        }
        provision_with_note(&db, id).await;
        assert_eq!(notes_of(&db, id).await, [format!("of {id}")]);
    }
    // Tables and rights are there, and only the door is closed still.
    provision_with_note(&db, "initech").await;
    let sql = format!(
        "revoke connect on database {} from {}",
        name("initech"),
        database.application_role()
    );
    run(&mut administrator, sql).await;
    let (db, _) = open(options(&database));
    begin_error(&db, "initech").await;
    db.provision(member("initech").tenant()).await.unwrap();
    assert_eq!(notes_of(&db, "initech").await, ["of initech"]);
}

#[tokio::test]
async fn a_failed_migration_leaves_nothing_and_lets_nobody_in() {
    let database = TestDatabase::new().await;
    let (db, _) = open(options(&database).with_migrations(migrations(&[NOTES, "select 1 / 0"])));
    let error = provision_error(&db, "acme").await;
    assert!(matches!(error, StrategyError::Migrate(_)), "{error:?}");
    let (db, _) = open(options(&database));
    begin_error(&db, "acme").await;
    provision_with_note(&db, "acme").await;
    assert_eq!(notes_of(&db, "acme").await, ["of acme"]);
}

#[tokio::test]
async fn anothers_database_is_refused() {
    let database = TestDatabase::new().await;
    // Gives databases to other roles.
    let mut superuser = database.superuser().await;
    let (db, strategy) = open(options(&database));
    let name = format!("\"{}acme\"", database.prefix());
    let (owner, administrator) = (database.application_role(), database.administrator_role());
    for sql in [
        format!("create database {name} template template0; "),
        format!("alter database {name} owner to {owner}"),
        format!("alter database {name} owner to {administrator}; comment on database {name} is 'tenant globex'"),
    ] {
        run(&mut superuser, sql.trim_end_matches("; ")).await;
        if sql.starts_with("create") {
            continue;
        }
        let error = provision_error(&db, "acme").await;
        assert!(matches!(error, StrategyError::Other(_)), "{error:?}");
        // What is not the tenant's is not removed with it.
        let error = strategy.dangerously_drop_database(member("acme").tenant()).await;
        assert!(matches!(error, Err(StrategyError::Other(_))), "{error:?}");
        assert_eq!(databases(&database).await, ["acme"]);
    }
}

/// Without a prefix an id can be the name of the administrator's own database.
#[tokio::test]
async fn the_administrators_database_is_no_tenants() {
    let database = TestDatabase::new().await;
    let own = database.administrator();
    let id = own.get_database().unwrap();
    let (db, strategy) = open(options(&database).with_prefix(""));
    let error = provision_error(&db, id).await;
    assert!(matches!(error, StrategyError::Other(_)), "{error:?}");
    let error = strategy.dangerously_drop_database(member(id).tenant()).await;
    assert!(matches!(error, Err(StrategyError::Other(_))), "{error:?}");
    let comment: Option<String> = sqlx::query_scalar(
        "select shobj_description(oid, 'pg_database') from pg_database where datname = current_database()",
    )
    .fetch_one(&mut database.connect().await)
    .await
    .unwrap();
    assert_eq!(comment, None);
}

#[tokio::test]
async fn migrations_that_come_later_run_and_are_seen() {
    let database = TestDatabase::new().await;
    let (db, _) = open(options(&database).with_max_connections(1));
    provision_with_note(&db, "acme").await;
    let all = "select * from notes";
    let columns = async |db: &tenancy_sqlx::TenantDb<sqlx::Postgres>| {
        let mut tx = db.begin_read(&member("acme")).await.unwrap();
        let row = sqlx::query(all).fetch_one(&mut *tx).await.unwrap();
        sqlx::Row::len(&row)
    };
    assert_eq!(columns(&db).await, 3);
    let more = migrations(&[
        NOTES,
        "alter table notes add column done boolean not null default false",
    ]);
    let (later, _) = open(options(&database).with_max_connections(1).with_migrations(more));
    assert_eq!(columns(&later).await, 3);
    later.provision(member("acme").tenant()).await.unwrap();
    assert_eq!(columns(&later).await, 4);
}

/// The administrator of all tests has `CREATEDB` and nothing else.
#[tokio::test]
async fn an_administrator_needs_not_be_a_superuser() {
    let database = TestDatabase::new().await;
    let (db, strategy) = open(options(&database));
    provision_with_note(&db, "acme").await;
    assert_eq!(notes_of(&db, "acme").await, ["of acme"]);
    strategy
        .dangerously_drop_database(member("acme").tenant())
        .await
        .unwrap();
    db.close().await;
    assert_eq!(databases(&database).await, [""; 0]);
    let mut administrator = database.connect().await;
    let rights = "select (rolsuper or rolbypassrls or rolcreaterole)::text from pg_roles where rolname = current_user";
    let more: String = sqlx::query_scalar(rights).fetch_one(&mut administrator).await.unwrap();
    assert_eq!(more, "false");
}
