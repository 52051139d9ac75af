//! The directory, read by a role that can only read.

use sqlx::{AssertSqlSafe, ConnectOptions};
use tenancy_core::directory::{Change, ChangeFeed, Directory, Member, TenantEntry, TenantStatus};
use tenancy_core::names::{Subject, TenantKey};
use tenancy_sqlx::{
    CreateError, CreationKey, DirectoryError, LifecycleError, NewTenant, PgChanges, PgDirectory, StrategyError,
    UpsertError,
};

use super::strategies::{member, serve, set_up};
use crate::postgres::support::every_strategy::every_strategy;
use crate::postgres::support::schema_server::run;
use crate::postgres::support::server::{TestDatabase, code};

fn acme() -> NewTenant {
    NewTenant::new("acme-row".parse().unwrap(), "row".parse().unwrap())
        .with_slug("acme".parse().unwrap())
        .with_member("alice".parse().unwrap())
        .with_domain("acme.example".parse().unwrap())
}

#[tokio::test]
async fn a_process_with_the_applications_url_alone_serves_and_follows_changes() {
    let database = TestDatabase::new().await;
    set_up(&database).await;
    let written = PgDirectory::open(database.administrator()).await.unwrap();
    written
        .allow_reading(&database.application_role().parse().unwrap())
        .await
        .unwrap();
    written.upsert(&acme()).await.unwrap();
    let id = "acme-row".parse().unwrap();
    written.set_status(&id, TenantStatus::Active).await.unwrap();

    let directory = PgDirectory::open_read_only(database.application()).await.unwrap();
    let mut changes = PgChanges::connect(database.application()).await.unwrap();
    let db = serve(&database).await;
    for key in [
        TenantKey::Id("acme-row".parse().unwrap()),
        TenantKey::Slug("acme".parse().unwrap()),
        TenantKey::Domain("acme.example".parse().unwrap()),
    ] {
        let entry = directory.find(&key).await.unwrap().unwrap();
        assert_eq!(entry.record().id.as_str(), "acme-row");
    }
    assert_eq!(directory.list().await.unwrap().len(), 1);
    let alice = Subject::from_static("alice");
    assert!(
        directory
            .is_member(&"acme-row".parse().unwrap(), &alice, None)
            .await
            .unwrap()
    );
    assert!(db.begin_read(&member("acme-row", "row")).await.is_ok());

    written
        .set_status(&"acme-row".parse().unwrap(), TenantStatus::Suspended)
        .await
        .unwrap();
    let change = changes.next().await.unwrap().unwrap();
    assert!(
        matches!(&change, Change::Tenant { id, .. } if id.as_str() == "acme-row"),
        "{change:?}"
    );
    let entry = directory
        .find_by_id(&"acme-row".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(entry.record().status, TenantStatus::Suspended);
}

#[tokio::test]
async fn a_reader_changes_nothing_by_any_way() {
    let database = TestDatabase::new().await;
    let written = PgDirectory::open(database.administrator()).await.unwrap();
    written.upsert(&acme()).await.unwrap();
    let role = database.application_role().parse().unwrap();
    written.allow_reading(&role).await.unwrap();
    let directory = PgDirectory::open_read_only(database.application()).await.unwrap();
    let id = "acme-row".parse().unwrap();
    let is_refused = |error: &DirectoryError| {
        assert!(matches!(error, DirectoryError::ReadOnly), "{error}");
        assert!(error.to_string().contains("opens it as the administrator"), "{error}");
    };
    match directory.set_status(&id, TenantStatus::Archived).await {
        Err(LifecycleError::Directory(error)) => is_refused(&error),
        other => panic!("{other:?}"),
    }
    match directory.upsert(&acme()).await {
        Err(UpsertError::Directory(error)) => is_refused(&error),
        other => panic!("{other:?}"),
    }
    is_refused(
        &directory
            .add_member(&id, &Member::new(Subject::from_static("eve")))
            .await
            .unwrap_err(),
    );
    is_refused(
        &directory
            .allow_reading(&"pg_monitor".parse().unwrap())
            .await
            .unwrap_err(),
    );
    let db = every_strategy(&database, database.row().open().await.unwrap()).await;
    match directory.create(&db, &acme(), &CreationKey::random()).await {
        Err(CreateError::Directory(error)) => is_refused(&error),
        other => panic!("{other:?}"),
    }
    // Nor by SQL: the role itself may not.
    let mut application = database.application().connect().await.unwrap();
    for sql in [
        "update tenancy_tenants set status = 'archived'",
        "insert into tenancy_members values ('acme-row', 'eve')",
        "delete from tenancy_domains",
        "truncate tenancy_members",
        "select creation_key from tenancy_tenants",
        "select * from tenancy_tombstones",
        "update _tenancy_migrations set success = false",
        "alter table tenancy_tenants add column mine text",
        "begin; lock table tenancy_tenants in share row exclusive mode",
    ] {
        let refused = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut application).await;
        assert_eq!(code(refused), "42501", "{sql}");
    }
}

#[tokio::test]
async fn a_directory_that_cannot_be_read_says_what_to_run() {
    let database = TestDatabase::new().await;
    let missing = PgDirectory::open_read_only(database.application()).await;
    assert!(matches!(missing, Err(StrategyError::DirectoryNotSetUp)), "{missing:?}");

    let written = PgDirectory::open(database.administrator()).await.unwrap();
    let refused = PgDirectory::open_read_only(database.application()).await;
    let Err(StrategyError::DirectoryUnreadable { role, grants }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(role, format!("\"{}\"", database.application_role()));
    // The statements that it names are enough, and can be run again.
    let mut administrator = database.connect().await;
    for _ in 0..2 {
        run(&mut administrator, grants.clone()).await;
        PgDirectory::open_read_only(database.application()).await.unwrap();
    }
    // One right less is too few.
    run(
        &mut administrator,
        format!("revoke select on tenancy_members from {role}"),
    )
    .await;
    let refused = PgDirectory::open_read_only(database.application()).await;
    assert!(
        matches!(refused, Err(StrategyError::DirectoryUnreadable { .. })),
        "{refused:?}"
    );
    written
        .allow_reading(&database.application_role().parse().unwrap())
        .await
        .unwrap();
    PgDirectory::open_read_only(database.application()).await.unwrap();
    for change in [
        "update _tenancy_migrations set success = false where version = 2",
        "update _tenancy_migrations set success = true, checksum = '' where version = 3",
        "delete from _tenancy_migrations where version >= 3",
    ] {
        run(&mut administrator, change).await;
        let refused = PgDirectory::open_read_only(database.application()).await;
        assert!(
            matches!(refused, Err(StrategyError::DirectoryNotSetUp)),
            "{change}: {refused:?}"
        );
    }
}

/// Two processes that start at once, and one that finds all as it should be.
#[tokio::test]
async fn rights_are_granted_once() {
    let database = TestDatabase::new().await;
    let (one, two) = (
        PgDirectory::open(database.administrator()).await.unwrap(),
        PgDirectory::open(database.administrator()).await.unwrap(),
    );
    let role = database.application_role().parse().unwrap();
    for _ in 0..3 {
        let (first, second) = tokio::join!(one.allow_reading(&role), two.allow_reading(&role));
        first.unwrap();
        second.unwrap();
        run(
            &mut database.connect().await,
            format!("revoke select on tenancy_domains from {role}"),
        )
        .await;
    }
    one.allow_reading(&role).await.unwrap();
    // A reader of the tables would wait for this lock, and so would a grant.
    let mut other = database.connect().await;
    run(&mut other, "begin; lock table tenancy_tenants in access exclusive mode").await;
    one.allow_reading(&role).await.unwrap();
    run(&mut other, "rollback").await;
}
