//! The application's tests.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Row, SqlSafeStr, Sqlite};
use tenancy_axum::testing::{Leak, LeakCheck, TestIssuer, TestTenant, collect, tenancy_of};
use tenancy_axum::{Tenancy, Tenant};
use tenancy_core::directory::{ClaimMembership, MemoryDirectory, MemoryEntry, TenantStatus};
use tenancy_core::enforce::{Admitted, Enforcer};
use tenancy_core::resolve::{ClaimResolver, ResolverChain};
use tenancy_sqlx::testing::{TestSqlite, Unrecorded, db_of, provisioned};
use tenancy_sqlx::{TenantDb, TenantTable, TenantTransaction, TransactionError};
use test_kit::app;
use tower::ServiceExt;

const NOTES: &str = "create table notes_rows (tenant_id text not null, id integer not null, body text not null,
    primary key (tenant_id, id))";

/// A database for one test. The folder goes when it is dropped.
async fn database() -> (TestSqlite, TenantDb<Sqlite>) {
    let sqlite = TestSqlite::new().unwrap();
    let notes = Migration::new(1, "notes".into(), MigrationType::Simple, NOTES.into_sql_str(), false);
    let row = sqlite
        .row()
        .with_migrations(Migrator::with_migrations(vec![notes]))
        .with_table(TenantTable::new("notes", "notes_rows").unwrap());
    let db = db_of(row.open().await.unwrap());
    (sqlite, db)
}

/// What is in the table that all tenants share.
async fn across(db: &TenantDb<Sqlite>) -> Result<TenantTransaction<Sqlite>, TransactionError> {
    let (who, why) = ("test".parse().unwrap(), "to look at what is there".parse().unwrap());
    db.dangerously_begin_across_tenants(&Unrecorded, who, why).await
}

fn request(method: Method, body: &'static str) -> Request<Body> {
    let request = Request::builder().method(method).uri("/notes");
    request.body(Body::from(body)).unwrap()
}

/// The whole application, as one member of one tenant.
#[tokio::test]
async fn an_editor_clears_the_notes_and_a_reader_does_not() {
    let (_folder, db) = database().await;
    let editor = TestTenant::new("acme").with_subject("alice").with_role("editor");
    let editors = app(&tenancy_of([editor]), db.clone());
    let readers = app(&tenancy_of([TestTenant::new("acme")]), db);
    for (app, method, status) in [
        (&editors, Method::POST, StatusCode::CREATED),
        (&readers, Method::DELETE, StatusCode::FORBIDDEN),
        (&readers, Method::GET, StatusCode::OK),
        (&editors, Method::DELETE, StatusCode::NO_CONTENT),
    ] {
        let answer = app.clone().oneshot(request(method.clone(), "hello")).await.unwrap();
        assert_eq!(answer.status(), status, "{method}");
    }
}

#[tokio::test]
async fn a_suspended_tenant_is_refused() {
    let (_folder, db) = database().await;
    let suspended = TestTenant::new("acme").with_status(TenantStatus::Suspended);
    let answer = app(&tenancy_of([suspended]), db)
        .oneshot(request(Method::GET, ""))
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
}

/// The application's own configuration of tokens, with an issuer that the test makes up.
#[tokio::test]
async fn tokens_decide_who_is_let_in() {
    let (_folder, db) = database().await;
    let issuer = TestIssuer::new("https://login.example", "notes");
    let chain = ResolverChain::new().then(ClaimResolver).unwrap();
    let acme = TestTenant::new("acme").record().clone();
    let directory = MemoryDirectory::new([MemoryEntry::new(acme)]).unwrap();
    let verifier = issuer.verifier().build().unwrap();
    let tenancy: Tenancy = Tenancy::builder(Enforcer::new(chain), verifier, directory)
        .with_authorizer(ClaimMembership)
        .build();
    let app = app(&tenancy, db);
    let token = || issuer.token("alice").with_tenant("acme");
    for (token, status) in [
        (token(), StatusCode::OK),
        (token().with_tenant("globex"), StatusCode::FORBIDDEN),
        (token().expired(), StatusCode::UNAUTHORIZED),
        (token().for_audience("billing"), StatusCode::UNAUTHORIZED),
        (token().unsigned(), StatusCode::UNAUTHORIZED),
    ] {
        let mut request = request(Method::GET, "");
        let bearer = format!("Bearer {}", token.sign());
        request.headers_mut().insert("authorization", bearer.parse().unwrap());
        assert_eq!(app.clone().oneshot(request).await.unwrap().status(), status);
    }
}

/// The check: notes are planted by the tenant's key in the table that all share, and read from there.
async fn check(app: impl FnOnce(&Tenancy, TenantDb<Sqlite>, Vec<Admitted>) -> Router) -> Result<(), Leak> {
    let (_folder, db) = database().await;
    let tenants = ["acme", "globex"].map(TestTenant::new);
    let mut admitted = Vec::new();
    for tenant in &tenants {
        admitted.push(provisioned(&db, tenant).await.unwrap());
    }
    let app = app(&tenancy_of(tenants.clone()), db.clone(), admitted);
    let read = Request::get("/notes").body(Bytes::new()).unwrap();
    let write = Request::post("/notes").body(Bytes::from_static(b"new")).unwrap();
    LeakCheck::new(tenants)
        .with_request(read)
        .with_request(write)
        .run(
            async |tenant, mark| {
                let mut tx = across(&db).await?;
                let sql = "insert into notes_rows (tenant_id, id, body) values (?, 1, ?)";
                sqlx::query(sql)
                    .bind(tenant.id().as_str())
                    .bind(mark.as_str())
                    .execute(&mut *tx)
                    .await?;
                Ok(tx.commit().await?)
            },
            async |request| Ok(collect::<Body>(app.clone().oneshot(request.map(Body::from)).await?).await?),
            async |tenant| {
                let mut tx = across(&db).await?;
                let sql = "select id || ' ' || body from notes_rows where tenant_id = ? order by id";
                let rows = sqlx::query(sql).bind(tenant.id().as_str()).fetch_all(&mut *tx).await?;
                let rows: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
                Ok(rows.join("\n").into())
            },
        )
        .await
}

#[tokio::test]
async fn the_application_leaks_nothing() {
    check(|tenancy, db, _| app(tenancy, db)).await.unwrap();
}

/// Faults that applications have had. The check finds each.
#[tokio::test]
async fn careless_applications_are_found() {
    // A query on a connection that sees every tenant.
    let sees_all = |tenancy: &Tenancy, db: TenantDb<Sqlite>, _| {
        let handler = async move |_: Tenant| {
            let mut tx = across(&db).await.unwrap();
            let rows = sqlx::query("select body from notes_rows")
                .fetch_all(&mut *tx)
                .await
                .unwrap();
            rows.iter().map(|row| row.get(0)).collect::<Vec<String>>().join("\n")
        };
        Router::new().route("/notes", get(handler)).layer(tenancy.scoped())
    };
    let leak = check(sees_all).await.unwrap_err();
    assert!(
        matches!(&leak, Leak::Answer { answered, of, .. } if answered == "acme" && of == "globex"),
        "{leak}"
    );

    // A bind that was forgotten: the capability of the first tenant is kept.
    let first = |tenancy: &Tenancy, db: TenantDb<Sqlite>, admitted: Vec<Admitted>| {
        let first = admitted.into_iter().next().unwrap();
        let handler = async move |_: Tenant| {
            let mut tx = db.begin_read(&first).await.unwrap();
            let rows = sqlx::query("select body from notes").fetch_all(&mut *tx).await.unwrap();
            rows.iter().map(|row| row.get(0)).collect::<Vec<String>>().join("\n")
        };
        Router::new().route("/notes", get(handler)).layer(tenancy.scoped())
    };
    let leak = check(first).await.unwrap_err();
    assert!(
        matches!(&leak, Leak::Answer { answered, of, .. } if answered == "globex" && of == "acme"),
        "{leak}"
    );

    // A cache whose key has no tenant.
    let cached = |tenancy: &Tenancy, db: TenantDb<Sqlite>, _| {
        let cache = Arc::new(Mutex::new(None::<String>));
        let handler = async move |tenant: Tenant| {
            if let Some(cached) = cache.lock().unwrap().clone() {
                return Response::builder()
                    .header("x-cache", "hit")
                    .body(Body::from(cached))
                    .unwrap();
            }
            let mut tx = db.begin_read(&tenant).await.unwrap();
            let rows = sqlx::query("select body from notes").fetch_all(&mut *tx).await.unwrap();
            let notes = rows.iter().map(|row| row.get(0)).collect::<Vec<String>>().join("\n");
            *cache.lock().unwrap() = Some(notes.clone());
            Response::new(Body::from(notes))
        };
        Router::new().route("/notes", get(handler)).layer(tenancy.scoped())
    };
    let leak = check(cached).await.unwrap_err();
    assert!(
        matches!(&leak, Leak::Answer { answered, of, .. } if answered == "globex" && of == "acme"),
        "{leak}"
    );

    // A write that reaches everyone's rows.
    let everyone = |tenancy: &Tenancy, db: TenantDb<Sqlite>, _| {
        let handler = async move |_: Tenant| {
            let mut tx = across(&db).await.unwrap();
            sqlx::query("update notes_rows set body = body || '!'")
                .execute(&mut *tx)
                .await
                .unwrap();
            tx.commit().await.unwrap();
        };
        Router::new().route("/notes", get(handler)).layer(tenancy.scoped())
    };
    let leak = check(everyone).await.unwrap_err();
    assert!(
        matches!(&leak, Leak::Changed { by, of, .. } if by == "acme" && of == "globex"),
        "{leak}"
    );
}
