//! The directory on PostgreSQL. What it shares with the one on SQLite is tested there too.

use sqlx::postgres::PgListener;
use sqlx::{ConnectOptions, PgConnection};
use tenancy_core::directory::{Directory, Member, TenantEntry, TenantStatus};
use tenancy_core::names::{Subject, TenantKey};
use tenancy_sqlx::{DirectoryError, NewTenant, PgDirectory, UpsertError};

use crate::postgres::support::server::{TestDatabase, code};

async fn open(database: &TestDatabase) -> PgDirectory {
    PgDirectory::open(database.administrator()).await.unwrap()
}

fn new(id: &str) -> NewTenant {
    NewTenant::new(id.parse().unwrap(), "row".parse().unwrap())
}

async fn found(directory: &PgDirectory, key: TenantKey) -> Option<String> {
    let entry = directory.find(&key).await.unwrap()?;
    Some(entry.record().id.to_string())
}

#[tokio::test]
async fn a_tenant_is_found_by_each_of_its_names() {
    let database = TestDatabase::new().await;
    let directory = open(&database).await;
    let acme = new("acme")
        .with_slug("shop".parse().unwrap())
        .with_external_id("org|Acme".parse().unwrap())
        .with_domain("acme.net".parse().unwrap())
        .with_domain("shop.acme.com".parse().unwrap())
        .with_name("Acme, Inc.'; drop table tenancy_tenants --");
    let entry = directory.upsert(&acme).await.unwrap();
    assert_eq!(entry.record().status, TenantStatus::Provisioning);
    assert_eq!(entry.domains().len(), 2);
    directory
        .upsert(&new("shop").with_slug("acme".parse().unwrap()))
        .await
        .unwrap();

    for (key, id) in [
        (TenantKey::Id("acme".parse().unwrap()), Some("acme")),
        (TenantKey::Slug("shop".parse().unwrap()), Some("acme")),
        (TenantKey::Slug("acme".parse().unwrap()), Some("shop")),
        (TenantKey::External("org|Acme".parse().unwrap()), Some("acme")),
        (TenantKey::External("org|acme".parse().unwrap()), None),
        (TenantKey::Domain("acme.net".parse().unwrap()), Some("acme")),
        (TenantKey::Domain("net".parse().unwrap()), None),
        (TenantKey::Id("globex".parse().unwrap()), None),
    ] {
        assert_eq!(found(&directory, key.clone()).await.as_deref(), id, "{key}");
    }
    assert_eq!(directory.list().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_tenant_goes_in_whole_or_not_at_all() {
    let database = TestDatabase::new().await;
    let directory = open(&database).await;
    let acme = new("acme").with_domain("acme.net".parse().unwrap());
    directory.upsert(&acme).await.unwrap();
    let thief = new("globex").with_domain("acme.net".parse().unwrap());
    let refused = directory.upsert_all(&[new("initech"), thief]).await.unwrap_err();
    assert_eq!(refused.index(), Some(1));
    assert!(matches!(refused.reason(), UpsertError::Conflict { .. }));
    assert!(matches!(
        directory.upsert(&new("www")).await,
        Err(UpsertError::Reserved { .. })
    ));
    assert_eq!(directory.list().await.unwrap().len(), 1);

    // What is not said stays: the status and the name. What is said replaces: slug and domains.
    let id = "acme".parse().unwrap();
    assert!(directory.set_status(&id, TenantStatus::Active).await.unwrap());
    assert!(directory.set_status(&id, TenantStatus::Suspended).await.unwrap());
    let again = directory
        .upsert(&new("acme").with_slug("shop".parse().unwrap()))
        .await
        .unwrap();
    assert_eq!(again.record().status, TenantStatus::Suspended);
    assert_eq!((again.record().slug.as_str(), again.domains()), ("shop", &[][..]));
}

#[tokio::test]
async fn a_name_that_a_tenant_gave_up_is_kept_for_it() {
    let database = TestDatabase::new().await;
    let directory = open(&database).await;
    let named = new("acme")
        .with_slug("shop".parse().unwrap())
        .with_external_id("org_1".parse().unwrap())
        .with_domain("acme.net".parse().unwrap());
    let claims = [
        new("other").with_slug("shop".parse().unwrap()),
        new("other").with_external_id("org_1".parse().unwrap()),
        new("other").with_domain("acme.net".parse().unwrap()),
    ];
    for _ in 0..2 {
        // Taken back, the second time.
        directory.upsert(&named).await.unwrap();
        directory.upsert(&new("acme")).await.unwrap();
        for claim in &claims {
            let taken = directory.upsert(claim).await;
            assert!(matches!(taken, Err(UpsertError::Quarantined { .. })), "{taken:?}");
        }
    }
    let key = TenantKey::Domain("acme.net".parse().unwrap());
    assert!(directory.dangerously_end_quarantine(&key).await.unwrap());
    directory.upsert(&claims[2]).await.unwrap();
    let over = directory.with_quarantine(std::time::Duration::ZERO);
    for claim in &claims {
        over.upsert(claim).await.unwrap();
    }
}

#[tokio::test]
async fn members_come_and_go() {
    let database = TestDatabase::new().await;
    let directory = open(&database).await;
    let (acme, alice) = ("acme".parse().unwrap(), Subject::from_static("alice"));
    directory.upsert(&new("acme")).await.unwrap();
    let member = Member::new(alice.clone());
    assert!(directory.add_member(&acme, &member).await.unwrap());
    assert!(!directory.add_member(&acme, &member).await.unwrap(), "nothing changes");
    assert!(directory.is_member(&acme, &alice, None).await.unwrap());
    assert!(directory.remove_member(&acme, &alice, None).await.unwrap());
    assert!(!directory.remove_member(&acme, &alice, None).await.unwrap());
    let unknown = directory.add_member(&"globex".parse().unwrap(), &member).await;
    assert!(matches!(unknown, Err(DirectoryError::UnknownTenant { .. })));
}

/// Waits until so many sessions wait for a lock. The connection must not be in a transaction, where the answer is
/// that of the first time.
pub(crate) async fn wait_for_waiters(connection: &mut PgConnection, count: i64) {
    let waiting = "select count(*) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'";
    for _ in 0..10_000 {
        let waits: i64 = sqlx::query_scalar(waiting).fetch_one(&mut *connection).await.unwrap();
        if waits >= count {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("nobody waits");
}

/// Writers wait for one another: what one has looked up stays true until it commits.
#[tokio::test]
async fn writers_do_not_overtake_each_other() {
    let database = TestDatabase::new().await;
    let directory = open(&database).await;
    let mut administrator = database.connect().await;
    let sql = "begin; insert into tenancy_tenants values ('first', 'wanted', null, 'First', 'active', 'row')";
    sqlx::raw_sql(sql).execute(&mut administrator).await.unwrap();
    let second = tokio::spawn(async move {
        directory
            .upsert(&new("second").with_slug("wanted".parse().unwrap()))
            .await
    });
    wait_for_waiters(&mut database.connect().await, 1).await;
    sqlx::raw_sql("commit").execute(&mut administrator).await.unwrap();
    let refused = second.await.unwrap();
    assert!(matches!(refused, Err(UpsertError::Conflict { .. })), "{refused:?}");
}

#[tokio::test]
async fn every_change_is_notified_when_it_is_committed() {
    let database = TestDatabase::new().await;
    let directory = open(&database).await;
    let mut listener = PgListener::connect_with(&{
        let options = sqlx::postgres::PgPoolOptions::new();
        options.connect_with(database.administrator()).await.unwrap()
    })
    .await
    .unwrap();
    listener.listen("tenancy_changes").await.unwrap();
    let acme = "acme".parse().unwrap();
    let mut notified = async |count: usize| {
        let mut payloads = Vec::new();
        for _ in 0..count {
            // Bounded, so that a change that is not notified fails the test.
            let payload = tokio::time::timeout(std::time::Duration::from_secs(10), listener.recv()).await;
            payloads.push(payload.expect("a change is notified").unwrap().payload().to_owned());
        }
        payloads
    };

    directory
        .upsert(&new("acme").with_domain("acme.net".parse().unwrap()))
        .await
        .unwrap();
    let (named, all) = ("tenant acme\nslug acme", "tenant acme\ndomain acme.net\nslug acme");
    assert_eq!(notified(2).await, [named, all]);
    directory.set_status(&acme, TenantStatus::Active).await.unwrap();
    assert_eq!(notified(1).await, [all]);
    directory
        .add_member(&acme, &Member::new(Subject::from_static("alice")))
        .await
        .unwrap();
    assert_eq!(notified(1).await, ["member acme alice"]);
    // Any session may change it, by any statement.
    let mut administrator = database.connect().await;
    for (sql, payloads) in [
        ("delete from tenancy_members", vec!["member acme alice"]),
        (
            "update tenancy_domains set domain = 'acme.com'",
            vec!["tenant acme\ndomain acme.com\ndomain acme.net\nslug acme"],
        ),
        ("truncate tenancy_members", vec!["everything"]),
        (
            "begin; update tenancy_tenants set name = 'x'; rollback; truncate tenancy_domains",
            vec!["everything"],
        ),
    ] {
        sqlx::raw_sql(sql).execute(&mut administrator).await.unwrap();
        assert_eq!(notified(payloads.len()).await, payloads, "{sql}");
    }
}

#[tokio::test]
async fn the_application_cannot_read_the_directory() {
    let database = TestDatabase::new().await;
    let directory = open(&database).await;
    directory.upsert(&new("acme")).await.unwrap();
    let mut application = database.application().connect().await.unwrap();
    for table in ["tenants", "domains", "members"] {
        let sql = sqlx::AssertSqlSafe(format!("select * from tenancy_{table}"));
        assert_eq!(
            code(sqlx::raw_sql(sql).execute(&mut application).await),
            "42501",
            "{table}"
        );
    }
}
