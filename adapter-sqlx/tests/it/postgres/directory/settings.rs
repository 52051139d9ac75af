//! Changes of settings, told to other processes, and read by a role that can only read.

use serde_json::{Map, json};
use sqlx::ConnectOptions;
use tenancy_core::directory::{Change, TenantStatus};
use tenancy_core::names::TenantId;
use tenancy_sqlx::{DirectoryError, NewTenant, PgChanges, PgDirectory, SettingsError};

use super::changes::next;
use crate::postgres::support::server::TestDatabase;

fn acme() -> TenantId {
    "acme".parse().unwrap()
}

async fn set_up(database: &TestDatabase) -> PgDirectory {
    let directory = PgDirectory::open(database.administrator()).await.unwrap();
    let tenant = NewTenant::new(acme(), "row".parse().unwrap()).with_status(TenantStatus::Active);
    directory.upsert(&tenant).await.unwrap();
    directory
}

async fn set(directory: &PgDirectory, revision: u64, seats: u32) -> Result<u64, SettingsError> {
    let object = Map::from_iter([("seats".to_owned(), json!(seats))]);
    directory.compare_and_set_settings(&acme(), revision, &object).await
}

#[tokio::test]
async fn each_change_of_settings_is_told_as_one() {
    let database = TestDatabase::new().await;
    let directory = set_up(&database).await;
    let mut changes = PgChanges::connect(database.administrator()).await.unwrap();
    let of_settings = || Change::Settings { tenant: acme() };
    for revision in 0..3 {
        assert_eq!(
            set(&directory, revision, 1 + u32::try_from(revision).unwrap())
                .await
                .unwrap(),
            revision + 1
        );
        assert_eq!(next(&mut changes).await, of_settings());
    }
    // What changes nothing is not told: what comes next is of the tenant.
    assert_eq!(set(&directory, 3, 3).await.unwrap(), 3);
    set(&directory, 0, 9).await.unwrap_err();
    directory.set_status(&acme(), TenantStatus::Archived).await.unwrap();
    assert_eq!(next(&mut changes).await, "tenant acme\nslug acme".parse().unwrap());

    // By whichever way.
    let mut administrator = database.connect().await;
    for (sql, expected) in [
        ("update tenancy_settings set revision = 9", of_settings()),
        ("delete from tenancy_settings", of_settings()),
        ("insert into tenancy_settings values ('acme', 1, '{}')", of_settings()),
        ("truncate tenancy_settings", Change::Everything),
    ] {
        sqlx::raw_sql(sql).execute(&mut administrator).await.unwrap();
        assert_eq!(next(&mut changes).await, expected, "{sql}");
    }
}

#[tokio::test]
async fn settings_of_a_removed_tenant_go_with_it() {
    let database = TestDatabase::new().await;
    let directory = set_up(&database).await;
    set(&directory, 0, 1).await.unwrap();
    directory.set_status(&acme(), TenantStatus::Archived).await.unwrap();
    assert!(directory.remove(&acme()).await.unwrap());
    let mut administrator = database.connect().await;
    let left: i64 = sqlx::query_scalar("select count(*) from tenancy_settings")
        .fetch_one(&mut administrator)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_reader_reads_settings_and_changes_none() {
    let database = TestDatabase::new().await;
    let directory = set_up(&database).await;
    set(&directory, 0, 7).await.unwrap();
    let role = database.application_role().parse().unwrap();
    directory.allow_reading(&role).await.unwrap();
    let reader = PgDirectory::open_read_only(database.application()).await.unwrap();
    let stored = reader.settings(&acme()).await.unwrap().unwrap();
    assert_eq!((stored.object().get("seats"), stored.revision()), (Some(&json!(7)), 1));
    let refused = set(&reader, 1, 8).await.unwrap_err();
    assert!(
        matches!(refused, SettingsError::Directory(DirectoryError::ReadOnly)),
        "{refused:?}"
    );
    let mut application = database.application().connect().await.unwrap();
    let refused = sqlx::raw_sql("update tenancy_settings set revision = 2")
        .execute(&mut application)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("permission denied"), "{refused}");
}
