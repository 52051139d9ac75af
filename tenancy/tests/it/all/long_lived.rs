//! Connections that outlast their admission, in a service that is opened from a file.

use std::fs;
use std::time::Duration;

use axum::http::Request;
use tenancy::Sqlite;
use tenancy::directory::{TenantEntry as _, TenantStatus};
use tenancy::http::tenure;
use tokio::time::timeout;

use super::sqlite::file;
use super::support::{add, folder, tenant, token};

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
