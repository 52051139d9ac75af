//! Good files for SQLite.

use std::fs;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;
use tenancy::Sqlite;
use tenancy::axum::{Payload, Tenancy, Tenant, problem};
use tenancy::directory::{Change, TenantEntry as _, TenantStatus};
use tenancy::names::TenantId;
use tenancy::sql::{ErrorKind, TenantDb};

use super::support::{HEAD, add, app_on_sqlite, folder, send, serves, tenant};

pub(super) fn file() -> String {
    format!(
        "{HEAD}
[directory]
file = \"directory.sqlite\"
[strategies.row]
file = \"shared.sqlite\"
tables = [{{ name = \"notes\", base_table = \"notes_rows\" }}]
[strategies.database]
folder = \"tenants\"
migrations = \"migrations\"
"
    )
}

#[tokio::test]
async fn a_tenant_that_is_over_its_limits_is_refused_and_others_are_served() {
    let folder = folder();
    fs::create_dir(folder.path().join("migrations")).unwrap();
    let text = format!("{}[limits]\nrequests_per_second = 1\n", file());
    let opened = tenancy::open_text::<Sqlite>(text, folder.path())
        .with_migrations("row", sqlx::migrate!("tests/migrations/sqlite-shared"))
        .await
        .unwrap();
    for (id, member) in [("acme", "alice"), ("globex", "bob")] {
        add(&opened.directory, &opened.db, &tenant(id, "row", member)).await;
    }
    let app = app_on_sqlite(&opened);
    let mut refused = None;
    for _ in 0..1000 {
        let (status, body) = send(&app, "GET", "acme", "alice", "").await;
        if status != StatusCode::OK {
            refused = Some((status, body));
            break;
        }
    }
    let (status, body) = refused.unwrap();
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert!(body.contains("\"rate_limited\""), "{body}");
    let (status, _) = send(&app, "GET", "globex", "bob", "").await;
    assert_eq!(status, StatusCode::OK);
    opened.close().await;
}

/// The answers to requests of acme's, until one is `expected`.
async fn until(app: &Router, expected: StatusCode) {
    for _ in 0..10_000 {
        if send(app, "GET", "acme", "alice", "").await.0 == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("no answer is {expected}");
}

#[tokio::test]
async fn a_tenant_has_the_limits_of_its_settings_without_a_restart() {
    let folder = folder();
    fs::create_dir(folder.path().join("migrations")).unwrap();
    let limits = "[limits]\nrequests_per_second = 1000000\nsettings_key = \"limits\"\n";
    let opened = tenancy::open_text::<Sqlite>(format!("{}{limits}", file()), folder.path())
        .with_migrations("row", sqlx::migrate!("tests/migrations/sqlite-shared"))
        .await
        .unwrap();
    add(&opened.directory, &opened.db, &tenant("acme", "row", "alice")).await;
    let app = app_on_sqlite(&opened);
    let acme: TenantId = "acme".parse().unwrap();
    let set = async |revision, limits: &str| {
        let serde_json::Value::Object(object) = serde_json::from_str(limits).unwrap() else {
            panic!("no object");
        };
        let set = opened.directory.compare_and_set_settings(&acme, revision, &object);
        set.await.unwrap();
        opened.changes.publish(Change::Settings { tenant: acme.clone() });
    };
    let strict = r#"{"limits": {"requests_per_second": 1, "burst": 1}}"#;
    for revision in [0, 2] {
        until(&app, StatusCode::OK).await;
        for _ in 0..100 {
            assert_eq!(send(&app, "GET", "acme", "alice", "").await.0, StatusCode::OK);
        }
        set(revision, strict).await;
        until(&app, StatusCode::TOO_MANY_REQUESTS).await;
        set(revision + 1, "{}").await;
    }
    opened.close().await;
}

#[tokio::test]
async fn a_file_is_opened_and_serves() {
    let folder = folder();
    let migrations = folder.path().join("migrations");
    fs::create_dir(&migrations).unwrap();
    fs::copy(
        "tests/migrations/sqlite-tenant/0001_notes.sql",
        migrations.join("0001_notes.sql"),
    )
    .unwrap();
    let path = folder.path().join("tenancy.toml");
    fs::write(&path, file()).unwrap();
    let opened = tenancy::open::<Sqlite>(&path)
        .with_migrations("row", sqlx::migrate!("tests/migrations/sqlite-shared"))
        .await
        .unwrap();
    for (id, strategy, member) in [
        ("acme", "row", "alice"),
        ("globex", "row", "bob"),
        ("initech", "database", "ines"),
    ] {
        add(&opened.directory, &opened.db, &tenant(id, strategy, member)).await;
    }
    let app = app_on_sqlite(&opened);
    serves(&app, &[("acme", "alice"), ("globex", "bob"), ("initech", "ines")]).await;

    // This process's caches are notified by the application, which changes the directory.
    let id = "acme".parse().unwrap();
    let before = opened.directory.find_by_id(&id).await.unwrap().unwrap();
    opened.directory.set_status(&id, TenantStatus::Suspended).await.unwrap();
    let after = opened.directory.find_by_id(&id).await.unwrap().unwrap();
    assert_eq!(after.record().status, TenantStatus::Suspended);
    opened.changes.publish(after.change_from(Some(&before)));
    let mut status = StatusCode::OK;
    for _ in 0..500 {
        status = send(&app, "GET", "acme", "alice", "").await.0;
        if status != StatusCode::OK {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(status, StatusCode::FORBIDDEN);
    opened.close().await;
}

/// Of two tenants, one is behind what the file requires. It is answered 503, and the other is served.
#[tokio::test]
async fn a_tenant_that_is_behind_is_refused_alone() {
    async fn begins(State(db): State<TenantDb<Sqlite>>, _: Tenant) -> Response {
        match db.begin_read_current().await {
            Ok(_) => StatusCode::OK.into_response(),
            Err(error) => {
                let kind = ErrorKind::of(&error);
                problem(kind.status(), kind.code(), kind.retry_after())
            }
        }
    }
    let folder = folder();
    let text = format!(
        "{HEAD}[directory]\nfile = \"directory.sqlite\"\n[strategies.database]\nfolder = \"tenants\"\nminimum_version = 1\n"
    );
    let opened = tenancy::open_text::<Sqlite>(text, folder.path())
        .with_migrations("database", sqlx::migrate!("tests/migrations/sqlite-tenant"))
        .await
        .unwrap();
    for (id, member) in [("acme", "alice"), ("globex", "bob")] {
        add(&opened.directory, &opened.db, &tenant(id, "database", member)).await;
    }
    let tenancy = Tenancy::from(opened.tenancy.clone());
    let app = Router::new().route("/notes", get(begins)).layer(tenancy.scoped());
    let app = app.with_state(opened.db.clone());
    assert_eq!(send(&app, "GET", "acme", "alice", "").await.0, StatusCode::OK);
    // As a file of before there were records.
    let file = folder.path().join("tenants/tenant-acme.sqlite");
    let mut file = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
    sqlx::raw_sql("delete from tenancy_versions")
        .execute(&mut file)
        .await
        .unwrap();
    let (status, body) = send(&app, "GET", "acme", "alice", "").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("\"tenant_updating\""), "{body}");
    assert_eq!(send(&app, "GET", "globex", "bob", "").await.0, StatusCode::OK);
    let record = opened
        .directory
        .find_by_id(&"acme".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    opened.db.provision(record.record()).await.unwrap();
    assert_eq!(send(&app, "GET", "acme", "alice", "").await.0, StatusCode::OK);
    opened.close().await;
}

/// On SQLite the application publishes what it has changed.
#[tokio::test]
async fn settings_follow_what_is_published() {
    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Plan {
        seats: u32,
    }
    let folder = folder();
    fs::create_dir(folder.path().join("migrations")).unwrap();
    let opened = tenancy::open_text::<Sqlite>(file(), folder.path())
        .with_migrations("row", sqlx::migrate!("tests/migrations/sqlite-shared"))
        .await
        .unwrap();
    add(&opened.directory, &opened.db, &tenant("acme", "row", "alice")).await;
    let settings = opened.settings::<Plan>().unwrap();
    let id: tenancy::names::TenantId = "acme".parse().unwrap();
    let acme = opened.directory.find_by_id(&id).await.unwrap().unwrap();
    let member = tenancy::enforce::Admitted::dangerously_assume(
        acme.record().clone(),
        tenancy::names::ResolverName::from_static("test"),
        "alice".parse().unwrap(),
    );
    assert_eq!(settings.of(&member).await.unwrap().seats, 0);
    let object = serde_json::Map::from_iter([("seats".to_owned(), 20.into())]);
    opened
        .directory
        .compare_and_set_settings(&id, 0, &object)
        .await
        .unwrap();
    opened
        .changes
        .publish(tenancy::directory::Change::Settings { tenant: id });
    let mut seats = 0;
    for _ in 0..3000 {
        seats = settings.of(&member).await.unwrap().seats;
        if seats == 20 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(seats, 20);
    opened.close().await;
}

/// What else the token says, in a type that code names.
#[tokio::test]
async fn tokens_have_a_payload() {
    #[derive(serde::Deserialize)]
    struct Issued {
        iss: String,
    }
    #[derive(serde::Deserialize)]
    struct Emailed {
        #[expect(dead_code, reason = "no token of the test has it")]
        email: String,
    }
    let folder = folder();
    let text = format!("{HEAD}[directory]\nfile = \"directory.sqlite\"\n[strategies.database]\nfolder = \"tenants\"\n");
    let open = || {
        tenancy::open_text::<Sqlite>(text.clone(), folder.path())
            .with_migrations("database", sqlx::migrate!("tests/migrations/sqlite-tenant"))
    };
    for (open, expected) in [
        (
            open().with_payload::<Issued>(),
            (StatusCode::OK, "https://issuer.example.com"),
        ),
        (
            open().with_payload::<Emailed>(),
            (StatusCode::UNAUTHORIZED, "invalid_token"),
        ),
        (open(), (StatusCode::INTERNAL_SERVER_ERROR, "internal")),
    ] {
        let opened = open.await.unwrap();
        let show = get(async |issued: Payload<Issued>| issued.iss.clone());
        let tenancy = Tenancy::from(opened.tenancy.clone());
        let app = Router::new().route("/notes", show).layer(tenancy.authenticated());
        let (status, body) = send(&app, "GET", "acme", "alice", "").await;
        assert_eq!(status, expected.0, "{body}");
        assert!(body.contains(expected.1), "{body}");
        opened.close().await;
    }
}

/// A worker has the same file, and needs neither issuers nor resolvers.
#[tokio::test]
async fn a_worker_opens_the_data_alone() {
    let folder = folder();
    let text = "[directory]\nfile = \"directory.sqlite\"\n[strategies.database]\nfolder = \"tenants\"\n";
    let data = tenancy::open_text::<Sqlite>(text, folder.path())
        .with_migrations("database", sqlx::migrate!("tests/migrations/sqlite-tenant"))
        .without_http()
        .await
        .unwrap();
    add(&data.directory, &data.db, &tenant("acme", "database", "alice")).await;
    assert_eq!(data.directory.list().await.unwrap().len(), 1);
    assert!(data.changes().await.unwrap().is_none());
    data.close().await;
}
