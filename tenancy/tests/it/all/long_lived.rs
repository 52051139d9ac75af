//! Connections that outlast their admission, in a service that is opened from a file.

use std::fs;
use std::time::Duration;

use axum::http::Request;
use tenancy::Sqlite;
use tenancy::directory::{TenantEntry as _, TenantStatus};
use tenancy::http::tenure;
use tokio::time::timeout;

use super::sqlite::file;
use super::support::{HEAD, add, folder, tenant, token};

/// By the change that the application publishes: it would be checked again in an hour.
#[tokio::test]
async fn an_open_connection_ends_when_its_tenant_is_suspended() {
    let folder = folder();
    fs::create_dir(folder.path().join("migrations")).unwrap();
    let opened = tenancy::open_text::<Sqlite>(file(), folder.path())
        .with_migrations("row", sqlx::migrate!("tests/migrations/sqlite-shared"))
        .await
        .unwrap();
    for (id, member) in [("acme", "alice"), ("globex", "bob")] {
        add(&opened.directory, &opened.db, &tenant(id, "row", member)).await;
    }
    let connect = async |id: &str, member: &str| {
        let request = Request::get("/")
            .header("x-tenant-id", id)
            .header("authorization", format!("Bearer {}", token(member)));
        let parts = request.body(()).unwrap().into_parts().0;
        let (parts, admission) = opened.tenancy.scoped().admit(parts).await;
        admission.scope.unwrap();
        tenure(&parts.extensions)
            .unwrap()
            .with_interval(Duration::from_secs(3600))
    };
    let (mut acme, mut globex) = (connect("acme", "alice").await, connect("globex", "bob").await);
    assert!(timeout(Duration::from_millis(50), acme.ended()).await.is_err());

    let id = "acme".parse().unwrap();
    let before = opened.directory.find_by_id(&id).await.unwrap().unwrap();
    opened.directory.set_status(&id, TenantStatus::Suspended).await.unwrap();
    let after = opened.directory.find_by_id(&id).await.unwrap().unwrap();
    assert_eq!(after.record().status, TenantStatus::Suspended);
    opened.changes.publish(after.change_from(Some(&before)));
    let ended = timeout(Duration::from_secs(30), acme.ended()).await.unwrap();
    assert_eq!(ended.code(), "forbidden");
    assert!(timeout(Duration::from_millis(50), globex.ended()).await.is_err());
    opened.close().await;
}

/// A backup of before the migrations was put back under a connection.
#[tokio::test]
async fn an_open_connection_ends_when_its_tenant_is_behind_the_file_s_minimum() {
    let folder = folder();
    let text = format!(
        "{HEAD}[directory]\nfile = \"directory.sqlite\"\n[strategies.database]\nfolder = \"tenants\"\nminimum_version = 1\n"
    );
    let opened = tenancy::open_text::<Sqlite>(text, folder.path())
        .with_migrations("database", sqlx::migrate!("tests/migrations/sqlite-tenant"))
        .await
        .unwrap();
    add(&opened.directory, &opened.db, &tenant("acme", "database", "alice")).await;
    let request = Request::get("/")
        .header("x-tenant-id", "acme")
        .header("authorization", format!("Bearer {}", token("alice")));
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let (parts, admission) = opened.tenancy.scoped().admit(parts).await;
    admission.scope.unwrap();
    let tenure = tenure(&parts.extensions).unwrap();
    assert_eq!(tenure.recheck().await, Ok(()));

    let file = fs::read_dir(folder.path().join("tenants")).unwrap();
    let file = file
        .map(|file| file.unwrap().path())
        .find(|file| file.extension().is_some_and(|end| end == "sqlite"));
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file.unwrap());
    let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
    sqlx::raw_sql("drop table tenancy_versions")
        .execute(&mut connection)
        .await
        .unwrap();
    let behind = tenure.recheck().await.unwrap_err();
    assert_eq!(
        (behind.cause(), behind.code()),
        (tenancy::enforce::Cause::TenantBehind, "unavailable")
    );
    opened.close().await;
}
